"""Transact: carry out changes in several partitions of a group, all or nothing.

A commit of one partition that changes no unique value is one round trip, as for other models. Any
other commit has up to four:

1. *Claim* the new unique values in the directory, read the entries of those that are given up, and
   *prepare* the other partitions: check everything, keep the request, and lock its rows.
2. *Commit* in the partition of the coordinator. This call decides.
3. *Apply* what is prepared, and *release* the values that were given up.
4. *Finish*: the coordinator forgets the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, count
from types import MappingProxyType
from typing import Any, Final

from rom._core.encoding.text import as_text
from rom._core.ops.commits.attempts import Attempt, settle_doubtful
from rom._core.ops.commits.commit import (
    MOST_TRIES,
    CommitRequest,
    Committed,
    Guard,
    Referenced,
    retried_change,
)
from rom._core.ops.commits.commit_errors import error_of, same_row
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.requests import Command, Operation, Pipeline, Rest, Script
from rom._core.ops.shards import patience as limits
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
from rom._core.ops.shards.patience import PATIENCE, Patience
from rom._core.ops.shards.resolve import resolve
from rom._core.ops.shards.transaction import Transaction
from rom._core.support.clock import learn_server_time
from rom._core.writes.planner import plan
from rom.exceptions import ORMError, ServerError, ServerUnavailable

_NO_GUARDS: Final[Mapping[int, Sequence[Guard]]] = MappingProxyType({})


class _Waited(ServerUnavailable):
    """A transaction waited too long for another one."""


class _Objection(Exception):
    """A script objected, and nothing was written."""

    def __init__(self, number: int, reply: Sequence[bytes]) -> None:
        super().__init__(number, reply)
        self.number = number
        self.status, *self.details = reply


def transact(
    transaction: Transaction,
    guards: Mapping[int, Sequence[Guard]] = _NO_GUARDS,
    tell_gone: bool = False,
    patience: Patience = PATIENCE,
    also: Mapping[str, Any] | None = None,
) -> Operation[Committed]:
    """Carry out the changes of a transaction, all or nothing.

    Args:
        transaction: the transaction. The schemas of its changes have the keys of their partition,
            and the ids are its own. An insert without an id must be the only change of its
            partition. A transaction that is in doubt is settled first, and not carried out twice.
        guards: conditions on the entities that refer to the ids that are deleted, by partition.
        tell_gone: also return the deletes that another writer was faster with.
        patience: how long to wait for other transactions.
        also: steps to take in the coordinator's part, as for `rom._core.ops.commits.commit`.

    Returns:
        The id that was taken, and the rows in the order of the changes.

    Raises:
        UniqueKeyViolation, DataRaceError, EntityDeletedError, CorruptRowError: nothing was written.
        Referenced: a guard does not hold.
        Differs: a check of the steps does not hold.
        InvalidOperation: the commit is too large, moves a unique value between partitions, or links
            to a model that is not in the group.
        InvalidColumnValue: a new link leads to a row that does not exist.
        InDoubtError: it is too late to tell whether an earlier try was carried out.
        ServerUnavailable: nothing was written, or the attempt is in doubt.
    """
    if transaction.is_in_doubt and (yield from transaction.settle()):
        return transaction.committed(tell_gone)
    try:
        for _ in range(MOST_TRIES):
            attempt = _Try(transaction, guards, tell_gone, patience, also)
            try:
                yield from attempt.carry_out()
                return transaction.committed(tell_gone)
            except _Objection as objection:
                yield from _answer(transaction, objection)
    finally:
        limits.end(transaction.token)
    raise _too_many_tries(transaction)


def transact_with(
    transaction: Transaction, also: Mapping[str, Any], patience: Patience = PATIENCE
) -> Operation[tuple[list[bytes], Batch]]:
    """Carry out the changes and further steps of the coordinator, in one commit.

    Args:
        transaction: as for `transact`.
        also: the steps, as `rom._core.ops.commits.raw_commands.as_map` returns them.
        patience: as for `transact`.

    Returns:
        The reply of the script that decides, which may be an objection; and what was written.

    Raises:
        ORMError: as for `transact`, but for objections to rows.
    """
    try:
        for _ in range(MOST_TRIES):
            attempt = _Try(transaction, _NO_GUARDS, False, patience, also)
            try:
                yield from attempt.carry_out()
                return [b'ok', transaction.told or b''], attempt.batch
            except _Objection as objection:
                if not _may_repeat(transaction, objection):
                    return [objection.status, *objection.details], attempt.batch
    finally:
        limits.end(transaction.token)
    raise _too_many_tries(transaction)


def _may_repeat(transaction: Transaction, objection: _Objection) -> bool:
    """Return whether the next try may succeed although no row has changed; prepare for it."""
    if objection.status == b'late':
        notes = transaction.partitions.notes(objection.number)
        learn_server_time(notes, int(objection.details[0]))
    elif objection.status == b'epoch':
        transaction.tells_ages = True
    return objection.status in (b'void', b'late', b'epoch')


def _too_many_tries(transaction: Transaction) -> ServerError:
    return ServerError(
        f'{MOST_TRIES} tries to write to partition {transaction.coordinator} each met a new change '
        'of another writer; find out which program writes its rows without pause'
    )


def _answer(transaction: Transaction, objection: _Objection) -> Operation[None]:
    """Prepare the next try after an objection, or raise the error that it means."""
    if _may_repeat(transaction, objection):
        return
    status, details, number = objection.status, objection.details, objection.number
    if status == b'referenced':
        raise Referenced(f'{as_text(details[0])}: {as_text(details[1])} refers to it')
    if status == b'differs':
        from rom._core.ops.commits.raw_commands import objection_of

        raise objection_of(status, details[0])
    # A partition may look at rows that links of another one lead to.
    all_places = range(len(transaction.changes))
    places = all_places if status == b'missing' else transaction.places[number]
    writes = [plan(transaction.changes[place]) for place in places]
    at = same_row(writes, status, details)
    retried = yield from retried_change(transaction.changes[places[at]], status, details)
    if retried is None:
        raise error_of(writes[at], status, details)
    transaction.changes[places[at]] = retried


class _Try:
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
            _Objection: a script objected; nothing was written, and nothing is left.
            ORMError, or any other: nothing was written, or the transaction is in doubt.
        """
        transaction = self._transaction
        yield from settle_doubtful(transaction._head)
        transaction.begin()
        self._make_scripts()
        try:
            yield from self._prepare()
            reply = yield from self._decide()
        except (_Objection, ORMError) as error:
            if not (yield from self._was_carried_out(error)):
                raise
        except BaseException:
            transaction.note_doubt()
            raise
        else:
            if reply[0] != b'ok':
                yield from transaction.undo()
                raise _Objection(transaction.coordinator, reply)
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
        if isinstance(error, ServerUnavailable) and not isinstance(error, _Waited):
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
            raise _Waited(
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
            _Objection: the script objected.
        """
        raise NotImplementedError

    def resolutions(self, attempt: _Try, reply: Any, tries: int) -> list[Operation[bool]]:
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
            raise _Objection(self._number, reply)
        return reply[0] == b'ok'

    def resolutions(self, attempt: _Try, reply: list[bytes], tries: int) -> list[Operation[bool]]:
        return [attempt.resolve_intent(self._number, reply, tries)]


class _Claims(_Step):
    """Claims the values of one directory."""

    def __init__(self, partitions: Partitions, claims: list[Claim], token: bytes) -> None:
        self._partitions, self._claims, self._token = partitions, claims, token

    def ask(self) -> Script:
        return claim_script(self._partitions, self._claims, self._token)

    def takes(self, reply: list[Any]) -> bool:
        return bool(reply[0] == b'ok')

    def resolutions(self, attempt: _Try, reply: list[Any], tries: int) -> list[Operation[bool]]:
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
