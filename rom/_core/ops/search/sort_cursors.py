"""Places: the positions of rows in the orders of a query.

A mark holds the places of the last row of a page. The script gets them in the form that indexes and
rows have. Where results are sorted in this process, they are compared in this process as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rom._core.columns import Column
from rom._core.ops.rows import Row
from rom._core.query.nodes import Order, SortCursor, SortKey
from rom._core.query.string_filters import index_string
from rom._core.schema import Schema
from rom._core.writes.planner import entries_in
from rom.exceptions import InvalidColumnValue

#: Returns the value by which places are compared; None without a value, which sorts last.
Standing: TypeAlias = Callable[[SortKey], Any]


def columns_for(schema: Schema, orders: Sequence[Order]) -> tuple[str, ...]:
    """Return the columns whose values decide the place of a row."""
    names: dict[str, None] = {}
    for order in orders:
        column = _column(schema, order)
        own = schema.stored if column.keygen2 is not None else (column.source,)
        names |= dict.fromkeys(own)
    return tuple(names)


def sort_key_of(schema: Schema, order: Order, row: Row) -> SortKey:
    """Return the place of a row in an order."""
    if order.kind == 'id':
        return SortKey(None, None)
    column = _column(schema, order)
    source = column.source
    raw = None if ':' in order.column else row.stored.get(source)
    if raw is None and ':' not in order.column and source in schema.defaults:
        raw = schema.columns[source].encode(schema.defaults[source])
    if column.name == schema.primary:
        raw = b'%d' % row.id
    if order.kind != 'score':
        return SortKey(None, raw)
    index = schema.indexes[column.name]
    try:
        score = entries_in(schema, index, row.id, row.stored).get((order.key, b''))
    except InvalidColumnValue:
        score = None
    return SortKey(score, raw)


def sort_cursor_of(schema: Schema, orders: Sequence[Order], row: Row) -> SortCursor:
    """Return the mark behind a row."""
    return SortCursor(row.id, tuple(sort_key_of(schema, order, row) for order in orders))


def sort_cursor_as_map(schema: Schema, orders: Sequence[Order], mark: SortCursor) -> dict[str, Any]:
    """Return the map of a mark that the script reads; its id decides between equal places."""
    pairs = zip(orders, mark.places, strict=False)
    return {
        'id': b'%d' % mark.id,
        'places': [_sort_key_as_map(schema, order, place) for order, place in pairs],
    }


def _sort_key_as_map(schema: Schema, order: Order, place: SortKey) -> dict[str, bytes] | bool:
    if order.kind == 'text':
        value = standing(schema, order)(place)
        return {'value': value} if value else False
    if place.score is None:
        return False
    return {'score': place.score, 'value': place.raw or b''}


def standing(schema: Schema, order: Order) -> Standing:
    """Return the function that gives the places of an order a comparable value.

    A value that does not decode becomes None, and so sorts last.
    """
    column = _column(schema, order)
    if order.kind == 'text' or (order.kind == 'score' and column.traits.sorts):
        return _or_none(lambda place: index_string(column, column.decode(place.raw)))
    if order.kind == 'stored' and column.is_string:
        return lambda place: place.raw or None
    if order.kind == 'score' and not _is_plain(column, order):
        return lambda place: None if place.score is None else float(place.score)
    if column.is_relation or column.is_foreign:
        return _or_none(lambda place: int(place.raw))  # compares ids, and loads no entity
    if column.is_numeric:
        return _or_none(lambda place: column.decode(place.raw))
    return lambda place: place.raw


def _is_plain(column: Column[Any], order: Order) -> bool:
    """Return whether the index holds the column's own numbers, and not those of a keygen."""
    return ':' not in order.column and column.keygen is None and column.keygen2 is None


def _column(schema: Schema, order: Order) -> Column[Any]:
    return schema.columns[order.column.partition(':')[0]]


def _or_none(compared: Callable[[Any], Any]) -> Standing:
    """Return a `Standing` that gives None for values that are absent or do not decode.

    Sorting must not fail because of them: the error is raised when the row itself is read.
    """

    def tried(place: SortKey) -> Any:
        if not place.raw:
            return None
        try:
            return compared(place)
        except Exception:
            return None

    return tried
