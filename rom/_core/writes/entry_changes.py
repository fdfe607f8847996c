"""Index entries that a row implies, and those that a change adds or removes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entries
from rom._core.schema import Index, Schema
from rom._core.writes.changes import Change, Raw
from rom._core.writes.decoded_row import RowValues, TrackingMapping
from rom._core.writes.row_values import (
    bare_values,
    columns_read,
    lacks_default,
    values_after,
    values_before,
)
from rom.exceptions import InvalidColumnValue


def entry_changes(change: Change, indexes: Sequence[Index]) -> tuple[Entries, Entries, set[str]]:
    """Return old entries, new entries and the columns they depend on, of an existing row.

    Of an update, only indexes count whose entries may change.
    """
    old: Entries = {}
    new: Entries = {}
    read: set[str] = set()
    if not indexes:
        return old, new, read
    before, after = values_before(change), values_after(change)
    bare = bare_values(change) if lacks_default(change) else None
    is_part = change.kind == 'update' and not change.full
    for index in indexes:
        if is_part and not _is_concerned(change, index, read):
            continue
        # Other indexes read only their own column, so there is nothing to track.
        noting = (
            [TrackingMapping(before), TrackingMapping(after)] if index.depends_on_others else []
        )
        seen_before, seen_after = noting or (before, after)
        if bare is not None:
            old.update(old_entries(index, bare))
        old.update(old_entries(index, seen_before))
        if change.kind != 'delete':
            new.update(index.entries(seen_after))
        read = read.union(index.own, *(seen.read for seen in noting))
    if bare is not None:
        read |= bare.read
    # Ignore names that are not stored columns; a keygen may ask for any name.
    return old, new, read & change.schema.in_rows


def _is_concerned(change: Change, index: Index, read: set[str]) -> bool:
    """Return whether an update writes a column that the index depends on.

    Adds the columns that a keygen reads to `read`, so that they are compared in any case: which
    columns it reads may depend on their values, and another writer may have changed those.
    """
    if not index.depends_on_others:
        return not index.own.isdisjoint(change.wanted)
    looked_at = index.own | columns_read(change, index.entries)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def old_entries(index: Index, values: Mapping[str, Any]) -> Entries:
    """Return the entries of old values; none where the keygen, changed since, fails on them."""
    try:
        return index.entries(values)
    except InvalidColumnValue:
        return {}


def implied_entries(indexes: Sequence[Index], values: Mapping[str, Any]) -> Entries:
    found: Entries = {}
    for index in indexes:
        found.update(index.entries(TrackingMapping(values) if index.depends_on_others else values))
    return found


def score_in(schema: Schema, index: ColumnIndex, id: int, stored: Raw, key: bytes) -> bytes | None:
    """Return the score of a row in a sorted set of its index; None: it has no entry there.

    Raises:
        InvalidColumnValue: the keygen failed.
    """
    values = RowValues(schema, stored, {schema.primary: schema.seen_id(id)}, lenient=True)
    if index.is_number and key == index.numbers_key:  # the only entry: nothing else to find
        value = values[index.source]
        return None if value is None else index.number_score(value)
    return index.entries(values).get((key, b''))


def entries_of(schema: Schema, stored: Raw) -> Entries:
    """Return all index entries that a row implies.

    Raises:
        CorruptRowError: a value does not decode.
    """
    return implied_entries(schema.every_index, RowValues(schema, stored, {}, lenient=False))
