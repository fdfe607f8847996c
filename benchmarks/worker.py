"""The process in which one peer lives: takes orders as lines of JSON, and answers each with one.

    python -P worker.py PEER

It runs in the peer's own environment, so that timings are taken around the peer's own calls, with
nothing of ours in between. The checkout comes last on the path: in an environment that has a `rom`
of its own, that one is imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

if __name__ == '__main__':
    sys.path.append(str(Path(__file__).resolve().parents[1]))

import redis

from benchmarks import data
from benchmarks.operations import BY_NAME, OPERATIONS, SMALL_SET
from benchmarks.peers.base import Clock, Peer

CHECKED = 100  # entities of a bulk that are compared with the data
READINGS = 5  # of the same entities in a round; of writes there is one
READING_SECONDS = 0.5  # after which none is begun


class WrongAnswer(Exception):
    """A peer gave something other than what the data say."""


class Worker:
    """Carries out orders with one peer.

    Args:
        peer: the peer.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._scores: dict[int, float] = {}  # of those of the small set that were changed
        self._next = 0  # the number of the next user to be added to the small set

    def perform(self, order: dict[str, Any]) -> Any:
        """Carry out one order: what it says is in the docstring of the method that it names."""
        action: Callable[..., Any] = getattr(self, 'do_' + order.pop('do'))
        self.peer.forget()
        gc.collect()
        return action(**order)

    def do_use(self, socket: str, db: int) -> None:
        """Work on this database from now on."""
        self.peer.use(socket, db)

    def do_load(self, size: int) -> int:
        """Write a large set; returns the nanoseconds that it took."""
        clock = Clock()
        with clock:
            self.peer.load(data.users(0, size))
        return clock.ns

    def do_create(self, count: int, check: bool = False) -> dict[str, Any]:
        """Write the first of a small set, all at once, into an empty database."""
        users = list(data.users(0, count))
        clock = Clock()
        with counted_trips(check) as trips:
            self.peer.create(users, clock)
        self._scores, self._next = {}, count
        if check:
            self._check_some(count)
        return {'ns': [clock.ns], 'trips': trips()}

    def do_change(self, count: int, check: bool = False) -> dict[str, Any]:
        """Change some of a small set, all at once."""
        clock = Clock()
        users = [data.changed(user, count) for user in data.users(0, count)]
        self.peer.change(users, clock)
        self._scores |= {user.number: user.score for user in users}
        if check:
            self._check_some(count)
        return {'ns': [clock.ns], 'trips': None}

    def do_get_many(self, count: int, check: bool = False) -> dict[str, Any]:
        """Read some of a small set, all at once."""
        return self._read(self.peer.get_many, count, check)

    def do_read_many(self, count: int, check: bool = False) -> dict[str, Any]:
        """The same, and read the columns."""
        return self._read(self.peer.read_many, count, check)

    def _read(self, read: Callable[..., Any], count: int, check: bool) -> dict[str, Any]:
        numbers = self._some(count)
        if check:
            with counted_trips(True) as trips:
                entities = read(numbers, Clock())
            self._compare(numbers, entities)
            return {'ns': [], 'trips': trips()}
        readings = _in_time(range(READINGS), READING_SECONDS)
        return {'ns': [self._time_of(read, numbers) for _ in readings], 'trips': None}

    def _time_of(self, read: Callable[..., Any], numbers: list[int]) -> int:
        """The nanoseconds of one reading by a peer that knows nothing of those before."""
        self.peer.forget()
        gc.collect()
        clock = Clock()
        read(numbers, clock)
        return clock.ns

    def do_get_by(self, count: int, check: bool = False) -> dict[str, Any]:
        """Look up users of a small set by their addresses, one by one."""
        users = [data.user(number) for number in self._some(count)]
        return self._calls(
            lambda at, clock: self.peer.get_by(users[at].email, clock),
            [user.number for user in users],
            check,
        )

    def do_get_one(self, count: int, check: bool = False) -> dict[str, Any]:
        """Read users of a small set, one by one."""
        numbers = self._some(count)
        return self._calls(lambda at, clock: self.peer.get_one(numbers[at], clock), numbers, check)

    def do_save_one(self, count: int, check: bool = False) -> dict[str, Any]:
        """Add users to a small set, one by one."""
        users = list(data.users(self._next, self._next + count))
        done = self._calls(lambda at, clock: self.peer.save_one(users[at], clock), users, False)
        self._next += count
        if check:
            numbers = [user.number for user in users[: CHECKED // 10]]
            self._compare(numbers, self.peer.get_many(numbers, Clock()))
            with counted_trips(True) as trips:
                self.peer.save_one(data.user(self._next), Clock())
            self._next += 1
            done['trips'] = trips()
        return done

    def _calls(
        self, call: Callable[[int, Clock], Any], of: list[Any], check: bool, seconds: float = 1.0
    ) -> dict[str, Any]:
        """Time calls one by one, as long as there is time; one at least."""
        times: list[int] = []
        first_trips = None
        if check:
            self._compare(of[:1], [call(0, Clock())])
        for at in _in_time(range(len(of)), seconds):
            self.peer.forget()
            clock = Clock()
            with counted_trips(check and at == 0) as trips:
                entity = call(at, clock)
            first_trips = trips() if at == 0 else first_trips
            times.append(clock.ns)
            if check:
                self._compare([of[at]], [entity])
            del entity
        return {'ns': times, 'trips': first_trips}

    def do_query(
        self,
        name: str,
        questions: list[dict[str, Any]],
        most: int,
        seconds: float,
        check: bool = False,
    ) -> dict[str, Any]:
        """Ask a large set, question by question and over again, as long as there is time."""
        query = getattr(self.peer, name)
        times: list[int] = []
        answers: list[Any] = []
        first_trips = None
        for at in _in_time(range(most), seconds):
            self.peer.forget()
            clock = Clock()
            with counted_trips(check and at == 0) as trips, clock:
                found = query(**questions[at % len(questions)])
            first_trips = trips() if at == 0 else first_trips
            times.append(clock.ns)
            if at < len(questions):
                answers.append(self._answer(name, found))
            del found
        return {'ns': times, 'trips': first_trips, 'answers': answers}

    # Checks.

    def _answer(self, query: str, found: Any) -> Any:
        """What was found, as `Questions.objection` takes it."""
        if BY_NAME[query].of_entities:
            return [self.peer.number(entity) for entity in found]
        return found

    def _some(self, count: int) -> list[int]:
        """The numbers of some users of the small set, as written last."""
        return random.Random(count).sample(range(min(SMALL_SET, self._next)), count)

    def _check_some(self, count: int) -> None:
        numbers = list(range(0, count, max(count // CHECKED, 1)))
        self.peer.forget()
        self._compare(numbers, self.peer.get_many(numbers, Clock()))

    def _compare(self, numbers: list[int], entities: Any) -> None:
        found = [(self.peer.number(e), *self.peer.values(e)) for e in entities]
        for number, row in zip(numbers, found, strict=True):
            right = data.user(number)
            right = right._replace(score=self._scores.get(number, right.score))
            if row != tuple(right):
                raise WrongAnswer(f'{row} instead of {right}')


def _in_time(numbers: range, seconds: float) -> Iterator[int]:
    """Numbers, as long as there is time; one at least."""
    deadline = time.monotonic() + seconds
    for number in numbers:
        yield number
        if time.monotonic() > deadline:
            return


@contextmanager
def counted_trips(wanted: bool) -> Iterator[Callable[[], int | None]]:
    """Counts how often the client library sends something, if that is wanted; not to connect.

    Where it is not wanted nothing is touched: a class that is changed is slower for a while.
    """
    if not wanted:
        yield lambda: None
        return
    connection: Any = redis.connection.AbstractConnection
    send, connect = connection.send_packed_command, connection.connect
    count = connecting = 0

    def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += not connecting
        return send(*args, **kwargs)

    def uncounted(*args: Any, **kwargs: Any) -> Any:
        nonlocal connecting
        connecting += 1
        try:
            return connect(*args, **kwargs)
        finally:
            connecting -= 1

    connection.send_packed_command, connection.connect = counting, uncounted
    try:
        yield lambda: count
    finally:
        connection.send_packed_command, connection.connect = send, connect


def lacking(name: str, peer: Peer) -> dict[str, str]:
    """Operations that a peer lacks, or that are of others only, and why."""
    others = {
        operation.name: 'stores no models of schematics'
        for operation in OPERATIONS
        if operation.of and name not in operation.of
    }
    return {**peer.cannot, **others}


def main() -> None:
    """Serve orders until there are no more."""
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    module = importlib.import_module(f'benchmarks.peers.{sys.argv[1]}')
    worker = Worker(module.Implementation())
    print(json.dumps({'cannot': lacking(sys.argv[1], worker.peer)}), file=answers)
    for line in sys.stdin:
        try:
            reply = {'done': worker.perform(json.loads(line))}
        except Exception as error:
            reply = {'failed': repr(error), 'trace': traceback.format_exc()}
        print(json.dumps(reply), file=answers)


if __name__ == '__main__':
    main()
