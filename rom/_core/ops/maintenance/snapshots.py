"""Snapshots: rows and their index entries, read at one moment.

The entries that a row implies are computed in this process, so the row is read first. The script
that then reads the entries checks that the row has not changed since; if it has, it is read again.
So a writer in between causes no false finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rom._core.encoding.integers import read_digits
from rom._core.encoding.text import as_text
from rom._core.encoding.wire import pack
from rom._core.indexing.entry_lists import Entries
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.keyspace import Maker
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.rows import Row
from rom._core.schema import Schema, Unique
from rom._core.writes.decoded_row import RowValues, TrackingMapping
from rom.exceptions import CorruptRowError, InvalidColumnValue

#: A unique value: the key of its hash, and the value.
Claim = tuple[bytes, bytes]


@dataclass(slots=True)
class Implied:
    """Entries and unique values that a row implies.

    Attributes:
        entries: the entries of each index.
        claims: the unique values, each with its constraint.
        unsure: the indexes and constraints whose entries are unknown, because of the faults.
        faults: the faults of the row, as texts for findings.
    """

    entries: list[tuple[Maker, Entries]] = field(default_factory=list)
    claims: dict[Claim, Unique] = field(default_factory=dict)
    unsure: list[Maker] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def implied_in(schema: Schema, row: Row) -> Implied:
    """Return the entries and unique values that a row implies."""
    found = Implied()
    values = RowValues(schema, row.stored, {schema.primary: row.id}, lenient=False)
    corrupt = _corrupt_columns(schema, row, found)
    for index in schema.every_index:
        try:
            noting = TrackingMapping(values) if index.depends_on_others else values
            found.entries.append((index, index.entries(noting)))
        except CorruptRowError:
            found.unsure.append(index)
        except InvalidColumnValue as error:
            found.unsure.append(index)
            found.faults.append(str(error))
    claims: tuple[bytes, ...]
    for unique in schema.uniques:
        made_by = unique.made_by
        try:
            if made_by is not None:
                word = made_by.unique_word(TrackingMapping(values))
                claims = () if word is None else (word,)
            elif corrupt.isdisjoint(unique.columns):
                claims = unique.claims(row.stored)
            else:
                found.unsure.append(unique)
                continue
        except CorruptRowError:
            found.unsure.append(unique)
        except InvalidColumnValue as error:
            found.unsure.append(unique)
            found.faults.append(str(error))
        else:
            for value in claims:
                found.claims[unique.key, value] = unique
    return found


def _corrupt_columns(schema: Schema, row: Row, found: Implied) -> set[str]:
    key = as_text(schema.keys.row(row.id))
    corrupt: set[str] = set()
    for name, raw in row.stored.items():
        column = schema.columns.get(name)
        if column is None:
            continue
        try:
            column.read_stored(raw, key)
        except CorruptRowError as error:
            corrupt.add(name)
            found.faults.append(str(error))
    own = row.stored.get(schema.primary)
    if own is not None and own != b'%d' % row.id:
        found.faults.append(
            f'{key}, column {schema.primary!r}: it says {own[:80]!r}, which is not the id of the '
            f'row: HSET {key} {schema.primary} {row.id} puts it right, if the key is what is meant'
        )
    return corrupt


# Each further try means that another writer has changed the row, and so written its entries, too.
MOST_TRIES = 50
# Entries that one call of the script reads, which takes Redis some milliseconds.
MOST_MEMBERS = 5000

#: An entry, as (index, member); for a unique value, the member is the value.
Member = tuple[bytes, bytes]
#: Entries that may be wrong, each with the index or constraint that makes those of its key.
Suspects = Mapping[Member, Maker]
#: An id, the row that was read, and the entries to read.
SnapshotRequest = tuple[bytes, Row | None, list[Member]]


@dataclass(slots=True)
class RowSnapshot:
    """Snapshot of one id.

    Attributes:
        id: the id, in the form that entries have; it need not be a valid one.
        row: the row; None without one.
        is_readable: True if the key of the row holds a hash or nothing.
        implied: the entries and unique values that the row implies.
        states: the state of each entry: its score, '' in a set, or the holder of a unique value;
            None for an absent entry; 0 where the key holds another type.
        expired: True if the row has expired.
        bit: the bit of the id in the live bitmap; -1 without a bitmap.
        counter: the value of the id counter.
    """

    id: bytes
    row: Row | None
    is_readable: bool
    implied: Implied
    states: dict[Member, Any]
    expired: bool
    bit: int
    counter: bytes | None


def number_of(id: bytes) -> int | None:
    """Return an id as a number; None if it does not have the form that rom writes.

    >>> number_of(b'7'), number_of(b'07'), number_of(b'x')
    (7, None, None)
    """
    number = read_digits(id)
    return number if number is not None and b'%d' % number == id else None


def read_snapshots(
    schema: Schema,
    ids: Sequence[bytes],
    suspects: Mapping[bytes, Suspects],
    together: bool = False,
) -> Operation[dict[bytes, RowSnapshot]]:
    """Take snapshots of rows, with the entries that they imply and with suspects.

    Args:
        schema: the schema of the model.
        ids: the ids of the rows.
        suspects: further entries to read, by id.
        together: read all ids at the same moment, and not only each by itself.

    Returns:
        The snapshots by id. A row that is written without pause may be left out.
    """
    seen: dict[bytes, RowSnapshot] = {}
    waiting = list(dict.fromkeys(ids))
    for _ in range(MOST_TRIES):
        if not waiting:
            break
        snapshots = yield from _read_once(schema, waiting, suspects, together)
        waiting = [id for id in waiting if id not in snapshots]
        if together and waiting:
            waiting = list(dict.fromkeys(ids))
        else:
            seen |= snapshots
    return seen


def _read_once(
    schema: Schema, ids: Sequence[bytes], suspects: Mapping[bytes, Suspects], together: bool
) -> Operation[dict[bytes, RowSnapshot]]:
    rows = yield from _rows(schema, ids)
    implied = {id: implied_in(schema, rows[id]) if id in rows else Implied() for id in ids}
    members = {id: _members(id, implied[id], suspects.get(id, {})) for id in ids}
    asked = [(id, rows.get(id), members[id]) for id in ids]
    replies = yield from _verified(schema, [asked] if together else list(_shared_out(asked)))
    snapshots: dict[bytes, RowSnapshot] = {}
    for id, (counter, (status, *rest)) in zip(ids, replies, strict=True):
        if status == b'changed':
            continue
        expired, bit, *states = rest or (0, -1)
        snapshots[id] = RowSnapshot(
            id,
            rows.get(id),
            status == b'same',
            implied[id],
            dict(zip(members[id], states, strict=status == b'same')),
            bool(expired),
            bit,
            counter,
        )
    return snapshots


def _rows(schema: Schema, ids: Sequence[bytes]) -> Operation[dict[bytes, Row]]:
    numbers = [number for id in ids if (number := number_of(id)) is not None]
    if not numbers:
        return {}
    try:
        rows = yield from load(schema, numbers, with_expired=True)
    except CorruptRowError as error:
        rows = error.entities  # the readable rows; the script finds out which ids have none
    return {b'%d' % row.id: row for row in rows}


def _members(id: bytes, implied: Implied, suspects: Suspects) -> list[Member]:
    of_row = [(key, stem + id) for _, entries in implied.entries for key, stem in entries]
    return list(dict.fromkeys([*of_row, *implied.claims, *suspects]))


def _shared_out(asked: Iterable[SnapshotRequest]) -> Iterator[list[SnapshotRequest]]:
    """Yield blocks for one call of the script each, small enough not to block Redis for long."""
    block: list[SnapshotRequest] = []
    size = 0
    for one in asked:
        if block and size + len(one[2]) > MOST_MEMBERS:
            yield block
            block, size = [], 0
        block.append(one)
        size += len(one[2])
    if block:
        yield block


def _verified(
    schema: Schema, blocks: Sequence[Sequence[SnapshotRequest]]
) -> Operation[list[tuple[bytes | None, Any]]]:
    """Return for each row the counter and the state of the row, at the same moment."""
    scripts = tuple(_script(schema, block) for block in blocks)
    replies = (yield Pipeline(scripts)) if len(scripts) > 1 else [(yield scripts[0])]
    return [(counter, row) for counter, *rows in replies for row in rows]


def _script(schema: Schema, asked: Sequence[SnapshotRequest]) -> Script:
    keys = schema.keys
    request: dict[str, Any] = {
        'head': keys.head,
        'live': keys.live,
        'counter': keys.counter,
        'fields': schema.fields,
        'rows': [
            [id, _expected(schema, row), [part for member in members for part in member]]
            for id, row, members in asked
        ],
    }
    if schema.expiry_field is not None:
        request['expiry'] = schema.expiry_field
    return Script('snapshot_rows', keys.counter, pack(request))


def _expected(schema: Schema, row: Row | None) -> list[bytes | bool] | bool:
    if row is None:
        return False
    return [row.stored.get(name, False) for name in schema.names]
