"""Tries: a transaction is carried out under one token, in up to four trips.

1. *Claim* the new unique values in the directory, read the entries of those that are given up, and
   *prepare* the other partitions: check everything, keep the request, and lock its rows.
2. *Commit* in the partition of the coordinator. This call decides.
3. *Apply* what is prepared, and *release* the values that were given up.
4. *Finish*: the coordinator forgets the transaction.

Between them is a barrier. With `durable=`, the next trip waits until replicas have the last one: so
a failover loses a commit as a whole, or nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any

from rom._core.ops.commits.attempts import Attempt, settle_doubtful
from rom._core.ops.commits.commit import CommitRequest, Guard
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.requests import Barrier, Command, Operation, Pipeline, Rest, Script, Unwritten
from rom._core.ops.shards.directory import (
    Claim,
    by_directory,
    changes_of,
    claim_script,
    resolve_claim,
)
from rom._core.ops.shards.entries import Value, read_entry
from rom._core.ops.shards.linked_rows import linked_rows
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.partitions import Entry, Partitions, local_keys
from rom._core.ops.shards.patience import Patience
from rom._core.ops.shards.resolve import resolve
from rom._core.ops.shards.transaction import Transaction
from rom.exceptions import ORMError, ServerUnavailable


class Objection(Exception):
    """A script objected, and nothing was written. Internal: `transact` catches it.

    Attributes:
        number: the partition of the script.
        status: the kind of the objection.
        details: the rest of the reply.
    """

    def __init__(self, number: int, reply: Sequence[bytes]) -> None:
        super().__init__(number, reply)
        self.number = number
        self.status, *self.details = reply


class Try:
    """One try to carry out a transaction, under one token."""

    def __init__(
        self,
        transaction: Transaction,
        guards: Mapping[int, Sequence[Guard]],
        tell_gone: bool,
        patience: Patience,
        also: Mapping[str, Any] | None = None,
    ) -> None:
        self._transaction = transaction
        self._partitions = transaction.partitions
        self._patience = patience
        self._scripts: dict[int, Script] = {}
        linked = linked_rows(transaction.changes)
        transaction.include(linked)
        self._requests = {
            number: CommitRequest(
                transaction.part(number), guards.get(number, ()), tell_gone,
                also if number == transaction.coordinator else None,
                linked=linked.get(number, {}),
            )
            for number in transaction.places
        }  # fmt: skip

    @property
    def batch(self) -> Batch:
        """The writes of the coordinator's partition."""
        return self._requests[self._transaction.coordinator].batch

    def carry_out(self) -> Operation[None]:
        """Carry it out.

        Raises:
            Objection: a script objected; nothing was written, and nothing is left.
            ORMError, or any other: nothing was written, or the transaction is in doubt.
        """
        transaction = self._transaction
        yield from settle_doubtful(transaction._head)
        transaction.begin()
        self._make_scripts()
        try:
            yield from self._prepare()
            if transaction.others or transaction.directory.claims:
                yield Barrier()
            reply = yield from self._decide()
        except (Objection, ORMError) as error:
            if not (yield from self._was_carried_out(error)):
                raise
        except BaseException:
            transaction.note_doubt()
            raise
        else:
            if reply[0] != b'ok':
                yield from transaction.undo()
                raise Objection(transaction.coordinator, reply)
        yield from transaction.finish()

    def _make_scripts(self) -> None:
        """Make the requests of all partitions, at one moment, and what they claim."""
        transaction = self._transaction
        batches = {}
        for number, request in self._requests.items():
            script = request(transaction.attempt_in(number), self._shard(number))
            name = 'shard_commit' if number == transaction.coordinator else 'shard_prepare'
            self._scripts[number] = script._replace(name=name)
            transaction.outcomes[number] = request.outcomes
            batches[number] = request.batch
        schemas = {change.schema: None for change in transaction.changes}
        local = frozenset().union(*map(local_keys, schemas))
        transaction.directory = changes_of(self._partitions, batches, local, transaction.part)

    def _shard(self, number: int) -> dict[str, Any]:
        """Return the map `shard` of the request for a partition."""
        transaction = self._transaction
        token = transaction.token
        if number != transaction.coordinator:
            head, coordinator = self._partitions.head(number), b'%d' % transaction.coordinator
            return {'head': head, 'token': token, 'coordinator': coordinator}
        shard = {'intents': self._partitions.intents(number)}
        if not transaction.others:
            return shard
        others = b' '.join(b'%d' % other for other in transaction.others)
        unfinished = self._partitions.unfinished(number)
        return {**shard, 'unfinished': unfinished, 'token': token, 'others': others}

    def _was_carried_out(self, error: Exception) -> Operation[bool]:
        """Return whether it was carried out after all; if it is certain that not, undo it."""
        transaction = self._transaction
        if isinstance(error, ServerUnavailable) and not isinstance(error, Unwritten):
            # Do not wait for that server again: a client that meets the rest undoes it.
            transaction.note_doubt()
            return False
        if transaction.is_in_doubt:
            try:
                if (yield from Attempt.settle(transaction)):
                    return True
            except ORMError:
                transaction.note_doubt()
                return False
        yield from transaction.undo()
        return False

    def _prepare(self) -> Operation[None]:
        """Claim, read and prepare everything, in as many trips as others are met."""
        transaction = self._transaction
        steps: list[_Step] = [_Prepare(n, self._scripts[n]) for n in transaction.others]
        groups = by_directory(self._partitions, transaction.directory.claims.values())
        steps += [_Claims(self._partitions, claims, transaction.token) for claims in groups]
        entries = transaction.directory.given_up
        steps += [_Read(self._partitions, value, entries) for value in entries]
        for tries in count():
            if not steps:
                return
            self._check(tries)
            replies = yield Pipeline(tuple(step.ask() for step in steps))
            pairs = list(zip(steps, replies, strict=True))
            steps = [step for step, reply in pairs if not step.takes(reply)]
            left = [pair for pair in pairs if pair[0] in steps]
            found = [step.resolutions(self, reply, tries) for step, reply in left]
            if not all((yield from lockstep([*chain.from_iterable(found)]))):
                yield Rest(self._patience.pause(tries))

    def resolve_intent(self, number: int, reply: list[bytes], tries: int) -> Operation[bool]:
        """Find out about the transaction that locks a row; return False if it is not decided."""
        intent = self._partitions.entry(reply[2], self._partitions.intents(number))
        own = self._transaction.token
        fence = self._patience.may_fence(own, intent, int(reply[3]), tries)
        return (yield from resolve(self._partitions, number, intent, fence))

    def resolve_claim(self, claim: Claim, raw: bytes, now: int, tries: int) -> Operation[bool]:
        """Find out whether a value with an entry is free; return False if it is not decided."""
        own = self._transaction.token
        return (
            yield from resolve_claim(self._partitions, claim, raw, now, own, self._patience, tries)
        )

    def _check(self, tries: int) -> None:
        """Raise an error if the transaction has waited too long."""
        if tries >= self._patience.tries:
            raise Unwritten(
                'other commits over several partitions lock the same rows or unique values, and '
                'are not decided; nothing was written. Try again'
            )

    def _decide(self) -> Operation[list[bytes]]:
        """Commit in the partition of the coordinator, and return the script's answer."""
        coordinator = self._transaction.coordinator
        for tries in count():
            self._check(tries)
            reply = yield from self._transaction.decide(self._scripts[coordinator])
            if reply[0] != b'locked':
                return reply
            if not (yield from self.resolve_intent(coordinator, reply, tries)):
                yield Rest(self._patience.pause(tries))
        raise AssertionError


class _Step:
    """A request of the first trip."""

    def ask(self) -> Command | Script:
        """Return the request."""
        raise NotImplementedError

    def takes(self, reply: Any) -> bool:
        """Return whether the reply completes the step.

        Raises:
            Objection: the script objected.
        """
        raise NotImplementedError

    def resolutions(self, attempt: Try, reply: Any, tries: int) -> list[Operation[bool]]:
        """Return operations that find out what it has met; False: that is not decided."""
        raise NotImplementedError


class _Prepare(_Step):
    """Prepares a partition."""

    def __init__(self, number: int, script: Script) -> None:
        self._number, self._script = number, script

    def ask(self) -> Script:
        return self._script

    def takes(self, reply: list[bytes]) -> bool:
        if reply[0] not in (b'ok', b'locked'):
            raise Objection(self._number, reply)
        return reply[0] == b'ok'

    def resolutions(self, attempt: Try, reply: list[bytes], tries: int) -> list[Operation[bool]]:
        return [attempt.resolve_intent(self._number, reply, tries)]


class _Claims(_Step):
    """Claims the values of one directory."""

    def __init__(self, partitions: Partitions, claims: list[Claim], token: bytes) -> None:
        self._partitions, self._claims, self._token = partitions, claims, token

    def ask(self) -> Script:
        return claim_script(self._partitions, self._claims, self._token)

    def takes(self, reply: list[Any]) -> bool:
        return bool(reply[0] == b'ok')

    def resolutions(self, attempt: Try, reply: list[Any], tries: int) -> list[Operation[bool]]:
        _, now, taken = reply
        return [
            attempt.resolve_claim(self._claims[int(position) - 1], raw, int(now), tries)
            for position, raw in zip(taken[::2], taken[1::2], strict=True)
        ]


class _Read(_Step):
    """Reads the entry of a value that is given up."""

    def __init__(
        self, partitions: Partitions, value: Value, entries: dict[Value, Entry | None]
    ) -> None:
        self._partitions, self._value, self._entries = partitions, value, entries

    def ask(self) -> Command:
        return read_entry(self._partitions, self._value)

    def takes(self, reply: bytes | None) -> bool:
        if reply is not None:  # a malformed one is met now, before anything is decided
            key = self._partitions.directory(self._value.name, self._value.value)
            self._entries[self._value] = self._partitions.entry(reply, key)
        return True
