"""The values of a row before a change, and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rom._core.writes.changes import Change
from rom._core.writes.decoded_row import BareValues, RowValues, TrackingMapping
from rom.exceptions import InvalidColumnValue


def lacks_default(change: Change) -> bool:
    """Return whether the row lacks a column whose default may be in an index.

    The index has the default since the first reindex after its declaration, which rom does not know
    here. So the write removes the entries that the row implies with the default and without it. And
    it adds all new entries, even those that may exist.
    """
    defaults = change.schema.indexed_defaults
    return not change.stored.keys() >= defaults.keys()


def values_before(change: Change) -> Mapping[str, Any]:
    """Return the values as stored; before a delete, one that does not decode is None."""
    lenient = change.forced or change.kind == 'delete'
    return RowValues(change.schema, change.stored, _id_of(change), lenient)


def bare_values(change: Change) -> TrackingMapping:
    """Return the values of the row without defaults, as before a default was declared."""
    lenient = change.forced or change.kind == 'delete'
    known = _id_of(change)
    return TrackingMapping(BareValues(change.schema, change.stored, known, lenient))


def values_after(change: Change) -> Mapping[str, Any]:
    """Return the values that the row has once the change is carried out."""
    known = {**change.values, **_id_of(change)}
    return RowValues(change.schema, change.stored, known, change.forced, change.wanted)


def _id_of(change: Change) -> dict[str, int]:
    id, schema = change.id, change.schema
    if id is None:
        return {}
    return {schema.primary: id if schema.part is None else schema.seen_id(id)}


def columns_read(change: Change, makes: Callable[[Mapping[str, Any]], object]) -> set[str]:
    """Return the columns that a function reads of a row, before an update.

    Only a run of a keygen tells which columns it reads. A value that does not decode raises later,
    where the write depends on it.
    """
    seen = TrackingMapping(RowValues(change.schema, change.stored, _id_of(change), lenient=True))
    with suppress(InvalidColumnValue):
        makes(seen)
    return seen.read
