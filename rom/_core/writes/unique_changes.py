"""Unique values that a row has, and those that a change claims or releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entry
from rom._core.schema import Unique
from rom._core.writes.changes import Change, Raw
from rom._core.writes.decoded_row import TrackingMapping
from rom._core.writes.row_values import columns_read, lacks_default, values_after, values_before
from rom.exceptions import InvalidColumnValue


def unique_changes(change: Change, read: set[str]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the unique values to release and to claim; add their columns to `read`."""
    released, claimed = [], []
    concerned = [
        unique
        for unique in change.schema.uniques
        if change.kind != 'update' or change.full or _is_written(change, unique, read)
    ]
    outcome = change.outcome if concerned and change.kind != 'delete' else {}
    is_anew = change.full or change.forced or lacks_default(change)
    for unique in concerned:
        if unique.unless is not None:
            read.add(unique.unless)
        if unique.made_by is None:
            read.update(unique.columns)
            before, after = unique.claims(change.stored), unique.claims(outcome)
            old = (*before, *unique.leftovers(change.stored))
        else:
            before, after = _made_values(change, unique.made_by, read)
            if unique.unless is not None:
                before = () if unique.unless in change.stored else before
                after = () if unique.unless in outcome else after
            old = before
        released += [(unique.key, value) for value in old if value not in after]
        # Claim all forms again, because a row of rom 1.x has claimed only one of two equal forms.
        if before != after or is_anew:
            claimed += [(unique.key, value) for value in after]
    released += [value for value in change.freed if value not in claimed and value not in released]
    return tuple(released), tuple(claimed)


def _is_written(change: Change, unique: Unique, read: set[str]) -> bool:
    """Return whether an update writes a column of a unique value; add what it reads to `read`."""
    if unique.unless is not None and unique.unless in change.wanted:
        return True
    if unique.made_by is None:
        return not change.wanted.keys().isdisjoint(unique.columns)
    looked_at = columns_read(change, unique.made_by.unique_word)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def _made_values(
    change: Change, index: ColumnIndex, read: set[str]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the old and the new value of a unique IndexOnly; add their columns to `read`."""
    before, after = TrackingMapping(values_before(change)), TrackingMapping(values_after(change))
    old: tuple[bytes, ...] = ()
    new: tuple[bytes, ...] = ()
    if change.kind != 'insert':
        with suppress(InvalidColumnValue):  # a keygen, changed since, may fail on old values
            old = _made(index, before)
    if change.kind != 'delete':
        new = _made(index, after)
    read.update((before.read | after.read) & change.schema.in_rows)
    return old, new


def unique_values(unique: Unique, row: Raw, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the unique values of a row by one constraint."""
    made_by = unique.made_by
    if made_by is not None and unique.unless in row:
        return ()
    return unique.claims(row) if made_by is None else _made(made_by, TrackingMapping(values))


def _made(made_by: ColumnIndex, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    word = made_by.unique_word(values)
    return () if word is None else (word,)


def claims_of(uniques: Iterable[Unique], row: Raw, values: Mapping[str, Any]) -> list[Entry]:
    """Return the unique values that a row has, each with the key of its hash."""
    return [
        (unique.key, value) for unique in uniques for value in unique_values(unique, row, values)
    ]
