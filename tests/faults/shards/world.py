"""The server of a schedule: carries out requests, keeps late ones, lets notes expire."""

import random
from collections import Counter
from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar

import redis

from rom._core.drivers.commands import command_of
from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack, unpack_list
from rom._core.ops.requests import NO_TRIP, Command, Destination, Pipeline, Script
from rom._core.ops.shards.partitions import Entry
from rom._core.ops.shards.patience import Patience
from rom._core.ops.shards.transaction import Transaction

T = TypeVar('T')
One = Command | Script
# Longer than any note lives, in seconds.
AGES = 1000
_WITH_AGE = {'shard_commit', 'shard_prepare'}


class Chances(NamedTuple):
    """The probability of each fault, before one request."""

    kill: float = 0.0
    late: float = 0.0
    no_reply: float = 0.0
    twice: float = 0.0
    error: float = 0.0
    expiry: float = 0.0

    @classmethod
    def drawn(cls, luck: random.Random) -> 'Chances':
        """Some faults, in some schedules many of them."""
        return cls(
            luck.choice((0, 0.01, 0.05)),
            luck.choice((0, 0.03)),
            luck.choice((0, 0.03)),
            luck.choice((0, 0.1)),
            luck.choice((0, 0.02)),
            luck.choice((0, 0.02, 0.1)),
        )


class Luck(Patience):
    """Waits no time, and declares others dead at random."""

    tries = 12

    def __init__(self, luck: random.Random, eagerness: float) -> None:
        self._luck, self._eagerness = luck, eagerness

    def may_fence(self, own: bytes, other: Entry, now: int, tries: int) -> bool:
        return self._luck.random() < self._eagerness


class World:
    """One server, and the requests that are still on their way to it."""

    def __init__(self, connection: redis.Redis, luck: random.Random, chances: Chances) -> None:
        self.connection, self.luck, self.chances = connection, luck, chances
        self.late: list[One] = []
        self.dead: set[bytes] = set()
        self.transactions: list[Transaction] = []
        self.met = Counter[str]()
        self.is_calm = False

    def run(self, request: One) -> Any:
        """Carry out a request, as the driver of a program would."""
        if isinstance(request, Script):
            self.met[request.name] += 1
            request = self._aged(request)
        try:
            return self.connection.execute_command(*command_of(request))
        except redis.exceptions.NoScriptError:
            assert isinstance(request, Script)
            self.connection.script_load(loaded(request.name, request.parts).source)
            return self.connection.execute_command(*command_of(request))

    def _aged(self, script: Script) -> Script:
        """A request of a transaction with a note that expired is as old as that."""
        if script.name not in _WITH_AGE or token_of(script.key) not in self.dead:
            return script
        is_of_one_row = bool(script.parts and script.parts & {'lone_insert', 'lone_update'})
        request = unpack_list(script.request) if is_of_one_row else unpack(script.request)
        request[0 if is_of_one_row else 'at'] -= AGES
        return script._replace(request=pack(request))

    def straight(self, operation: Generator[Any, Any, T]) -> T:
        """Carry out an operation without faults."""
        try:
            request = next(operation)
            while True:
                request = operation.send(self.all_of(request))
        except StopIteration as end:
            result: T = end.value
            return result

    def all_of(self, request: Any) -> Any:
        """Carry out all requests of a trip."""
        if isinstance(request, Pipeline):
            return [self.run(one) for one in request.requests]
        if isinstance(request, Destination):
            return self.connection
        return None if isinstance(request, NO_TRIP) else self.run(request)

    def meet_late(self) -> None:
        """Carry out some of the requests that are on their way."""
        while self.late and self.luck.random() < 0.15:
            self.run(self.late.pop(self.luck.randrange(len(self.late))))
            self.met['late'] += 1

    def meet_all_late(self) -> None:
        """Carry out all requests that are on their way, again and again."""
        for request in self.late:
            self.run(request)

    def expire(self) -> None:
        """Let a note expire, perhaps: its transaction is older than any note lives."""
        if self.luck.random() >= self.chances.expiry:
            return
        notes = list(self.connection.scan_iter(b'*:done:*', 1000))
        mortal = sorted(note for note in notes if self.connection.ttl(note) > 0)
        if mortal:
            note = self.luck.choice(mortal)
            self.connection.delete(note)
            self.dead.add(token_of(note))
            self.met['expired'] += 1
            for transaction in self.transactions:
                if transaction.token == token_of(note):
                    transaction.begun -= AGES


def token_of(note: bytes) -> bytes:
    """The token in the key of a note."""
    return note.rpartition(b':done:')[2]


def key_of(request: One) -> bytes:
    """A key of the partition that a request goes to."""
    if isinstance(request, Script):
        return request.key
    key = request.args[1]
    assert isinstance(key, bytes)
    return key
