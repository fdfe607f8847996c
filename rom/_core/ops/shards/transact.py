"""Transact: carry out changes in several partitions of a group, all or nothing.

A commit of one partition that changes no unique value is one round trip, as for other models. Any
other commit has up to four: see `rom._core.ops.shards.tries`. If another writer was faster with a
row, the changes are computed again from the fresh row, and tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from rom._core.encoding.text import as_text
from rom._core.ops.commits.commit import (
    MOST_TRIES,
    Committed,
    Guard,
    Referenced,
    retried_change,
)
from rom._core.ops.commits.commit_errors import error_of, same_row
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.commits.raw_commands import objection_of
from rom._core.ops.requests import Operation
from rom._core.ops.shards import patience as limits
from rom._core.ops.shards.patience import PATIENCE, Patience
from rom._core.ops.shards.transaction import Transaction
from rom._core.ops.shards.tries import Objection, Try
from rom._core.support.clock import learn_server_time
from rom._core.writes.planner import plan
from rom.exceptions import ServerError

_NO_GUARDS: Final[Mapping[int, Sequence[Guard]]] = MappingProxyType({})


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
            attempt = Try(transaction, guards, tell_gone, patience, also)
            try:
                yield from attempt.carry_out()
                return transaction.committed(tell_gone)
            except Objection as objection:
                yield from _answer(transaction, objection)
    finally:
        limits.end(transaction.token)
    raise _too_many_tries(transaction)


def guards_by_partition(
    transaction: Transaction, guards: Sequence[Guard]
) -> dict[int, list[Guard]]:
    """Return the guards that each partition of a transaction checks.

    Those of links are checked in all partitions; those of relations only where rows are written.
    """
    if not guards:
        return {}
    partitions = transaction.partitions
    tags = {partitions.tag(number): number for number in range(partitions.size)}
    found: dict[int, list[Guard]] = {}
    for guard in guards:
        number = tags.get(guard.key[: guard.key.find(b'}') + 1])
        if number is not None and (guard.is_links or number in transaction.places):
            found.setdefault(number, []).append(guard)
    transaction.include(found)
    return found


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
            attempt = Try(transaction, _NO_GUARDS, False, patience, also)
            try:
                yield from attempt.carry_out()
                return [b'ok', transaction.told or b''], attempt.batch
            except Objection as objection:
                if not _may_repeat(transaction, objection):
                    return [objection.status, *objection.details], attempt.batch
    finally:
        limits.end(transaction.token)
    raise _too_many_tries(transaction)


def _may_repeat(transaction: Transaction, objection: Objection) -> bool:
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


def _answer(transaction: Transaction, objection: Objection) -> Operation[None]:
    """Prepare the next try after an objection, or raise the error that it means."""
    if _may_repeat(transaction, objection):
        return
    status, details, number = objection.status, objection.details, objection.number
    if status == b'referenced':
        raise Referenced(f'{as_text(details[0])}: {as_text(details[1])} refers to it')
    if status == b'differs':
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
