"""Repair: writes and removes entries and unique values, and changes no row.

A repair uses the script of all commits, as an update that writes no column. So the script checks
that the row is as it was in the diagnosis, and that unique values to be claimed are free.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from rom._core.columns import ExpireAt
from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.legacy_entries import listed_entries
from rom._core.encoding.wire import pack
from rom._core.indexing.entry_lists import Entries, Entry
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.hash_replies import fields_in
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.diagnosis import Fix
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.requests import Command, Operation, Script
from rom._core.ops.rows import Row
from rom._core.ops.shards.writing import commit
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Write
from rom.exceptions import (
    CorruptRowError,
    EntityDeletedError,
    InvalidColumnValue,
    ORMError,
    UniqueKeyViolation,
)

# Ids in one step, which takes Redis some milliseconds.
_STEP = 5000
# Milliseconds without a step after which another process may take over the work.
_HOLD = 60_000
# A bitmap of ids farther apart than this would be larger than the rows that it helps to find.
_SPARSE = 1000


def relive(schema: Schema, rows: int, highest: int, done: int, total: int) -> Job[bool]:
    """Make or repair the live bitmap.

    Args:
        schema: the schema of the model. A model that rom 1.x writes as well has no live bitmap.
        rows: the approximate number of rows.
        highest: the highest known id.
        done, total: the progress of the job, to which this part adds nothing.

    Returns:
        True if the model has a correct live bitmap now.
    """
    keys = schema.keys
    if schema.keep_index_data or highest > _SPARSE * (rows + _STEP):
        return False
    request = {
        'head': keys.head,
        'live': keys.live,
        'draft': keys.live_draft,
        'counter': keys.counter,
        'by': keys.live + b':by',
        'token': secrets.token_hex(8).encode('ascii'),
        'hold': b'%d' % _HOLD,
        'count': b'%d' % _STEP,
        'highest': b'%d' % highest,
    }
    first = b'0'
    while True:
        status, *rest = yield Script(
            'rebuild_live', keys.counter, pack({**request, 'first': first})
        )
        if status != b'more':
            return bool(status == b'done')
        first = rest[0]
        yield Progress(done, total)


# Errors that concern one row, so that the other rows can still be repaired.
_OF_ONE_ROW = (CorruptRowError, EntityDeletedError, InvalidColumnValue, UniqueKeyViolation)


@dataclass(slots=True)
class Surplus:
    """Entries and unique values that were found for a row, and that it does not imply."""

    entries: Entries = field(default_factory=dict)
    unique: list[Entry] = field(default_factory=list)


def repair_rows(
    schema: Schema, rows: Sequence[Row], surplus: dict[int, Surplus]
) -> Operation[list[ORMError]]:
    """Repair rows; return the errors of rows that could not be repaired."""
    changes = [_change(schema, row, surplus.get(row.id, Surplus())) for row in rows]
    if not changes:
        return []
    try:
        yield from commit(changes)
        return []
    except _OF_ONE_ROW:
        pass  # one row spoils the batch, so each is tried by itself
    failures: list[ORMError] = []
    for change in changes:
        try:
            yield from commit([change])
        except EntityDeletedError:
            yield from sweep(schema, _left_over(change))
        except _OF_ONE_ROW as error:
            failures.append(error)
    return failures


def repair_ids(
    schema: Schema, ids: Sequence[int], surplus: dict[int, Surplus]
) -> Operation[list[ORMError]]:
    """Read rows and repair them; remove the surplus of rows that do not exist."""
    failures: list[ORMError] = []
    try:
        rows = yield from load(schema, ids, with_expired=True)
    except CorruptRowError as error:
        failures.append(error)
        rows = error.entities
    there = {row.id for row in rows}
    for id in ids:
        if id not in there and id in surplus:
            gone = Row(id, {})
            yield from sweep(schema, _left_over(_change(schema, gone, surplus[id])))
    failures += yield from repair_rows(schema, rows, surplus)
    return failures


def repair_listed(schema: Schema, block_size: int) -> Operation[list[ORMError]]:
    """Remove the entries that early versions of rom 1.x listed for each row in a hash, and it."""
    failures: list[ORMError] = []
    key = schema.keys.listed
    kind = yield Command('TYPE', key)
    if kind not in (b'hash', 'hash'):
        return failures
    cursor = 0
    while True:
        position, found = yield Command('HSCAN', key, cursor, 'COUNT', block_size)
        lists = fields_in(found)
        surplus = {
            number: Surplus(listed_entries(schema.keys, text))
            for id, text in lists.items()
            if (number := read_digits(id)) is not None and number <= LARGEST_ID
        }
        failed = yield from repair_ids(schema, list(surplus), surplus)
        failures += failed
        if lists and not failed:
            yield Command('HDEL', key, *lists)
        cursor = int(position)
        if cursor == 0:
            return failures


def _change(schema: Schema, row: Row, surplus: Surplus) -> Change:
    # Expiry is decided by this process's clock. If that is wrong, the script objects, or a unique
    # value stays unclaimed until the next run.
    expiry = None if schema.expiry is None else schema.columns[schema.expiry]
    return Change(
        schema,
        'update',
        row.id,
        row.stored,
        {},
        {},
        full=True,
        stale=surplus.entries,
        freed=tuple(surplus.unique),
        expired=isinstance(expiry, ExpireAt) and expiry.is_past(row.stored.get(expiry.name)),
    )


def _left_over(change: Change) -> list[tuple[bytes, bytes, bytes]]:
    id = b'%d' % (change.id or 0)
    return [
        *((key, stem + id, id) for key, stem in change.stale),
        *((key, value, id) for key, value in change.freed),
    ]


def sweep(
    schema: Schema,
    entries: Sequence[tuple[bytes, bytes, bytes]],
    keys: Sequence[tuple[bytes, bytes]] = (),
) -> Operation[int]:
    """Remove entries (index, member, id), and keys (key, id), of deleted entities."""
    if not entries and not keys:
        return 0
    request = {'head': schema.keys.head, 'entries': entries, 'keys': keys}
    removed: int = yield Script('delete_orphans', schema.keys.counter, pack(request))
    return removed


def repair(schema: Schema, fixes: Sequence[Sequence[Fix]]) -> Operation[list[Sequence[bytes]]]:
    """Carry out fixes, each group of them all or nothing.

    Returns:
        The script's answer for each group: 'ok', or its objection.
    """
    if not fixes:
        return []
    together = yield from _written(schema, [fix for group in fixes for fix in group])
    if together[0] == b'ok' or len(fixes) == 1:
        return [together] * len(fixes)
    replies: list[Sequence[bytes]] = []
    for group in fixes:
        replies.append((yield from _written(schema, group)))
    return replies


def _written(schema: Schema, fixes: Sequence[Fix]) -> Operation[Sequence[bytes]]:
    batch = Batch()
    for fix in fixes:
        batch.add(_write(schema, fix))
    return (yield from Attempt(schema.keys.attempts).carry_out(batch.call))


def _write(schema: Schema, fix: Fix) -> Write:
    row = fix.row
    # `expired=True` lets the script write the entries of an expired row. The snapshot showed
    # whether it has expired, and the diagnosis claims no unique values for it then.
    change = Change(schema, 'update', row.id, row.stored, {}, {}, full=True, expired=True)
    return Write(
        change,
        expected={name: row.stored.get(name) for name in schema.names},
        new_values={},
        gone=fix.removed,
        come=fix.added,
        released=tuple(fix.released),
        claimed=tuple(fix.claimed),
    )
