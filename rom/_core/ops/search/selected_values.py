"""Selected values: the results of a query with `select`, made of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.time_slices import rest, turns
from rom._core.query.query import Query
from rom._core.writes.decoded_row import read_absent

R = TypeVar('R')

#: The values of related entities, if no such column is selected.
NOTHING_RELATED: Final[Mapping[str, Sequence[Any]]] = MappingProxyType({})


def selected(
    query: Query[R], rows: Sequence[Row], related: Mapping[str, Sequence[Any]] = NOTHING_RELATED
) -> list[R]:
    """Return the selected values of each row, as the query's factory makes them. Pure.

    Args:
        query: the query.
        rows: the results.
        related: the values of each row by column, for columns that are not stored in the row.

    Raises:
        CorruptRowError: a value does not decode.
    """
    selection = query.selection
    assert selection is not None
    make = selection.factory(selection.columns)
    return [make(_values(query, row, place, related)) for place, row in enumerate(rows)]


def select(
    query: Query[R], rows: Sequence[Row], related: Mapping[str, Sequence[Any]]
) -> Operation[list[R]]:
    """Return the same as `selected`; lets other tasks of an event loop run in between."""
    selection = query.selection
    assert selection is not None
    make = selection.factory(selection.columns)
    results: list[R] = []
    for places in turns(range(len(rows))):
        results += [make(_values(query, rows[place], place, related)) for place in places]
        yield from rest()
    return results


def _values(
    query: Query[Any], row: Row, place: int, related: Mapping[str, Sequence[Any]]
) -> list[Any]:
    """Return the selected values of a row."""
    selection, schema = query.selection, query.schema
    assert selection is not None
    values: list[Any] = []
    for name in selection.columns:
        if name in related:
            values.append(related[name][place])
            continue
        raw, column = row.stored.get(name), schema.columns.get(name)
        if name == schema.primary:
            values.append(row.id if selection.decode else str(row.id))
        elif column is None:
            values.append(None)  # a OneToMany stores nothing in the row
        elif raw is None:
            values.append(read_absent(column) if selection.decode else None)
        elif selection.decode:
            values.append(column.read_stored(raw, f'{schema.keys.namespace}:{row.id}'))
        else:
            values.append(raw.decode('utf-8', 'surrogateescape'))
    return values
