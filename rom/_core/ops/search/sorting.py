"""Sorting: the positions of rows in the orders of a query, and results sorted in this process.

A mark holds the places of the last row of a page. The script gets them in the form that indexes and
rows have. Where results are sorted in this process, they are compared in this process as well.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from rom._core.columns import Column
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.time_slices import TURN, rest, turns
from rom._core.query.sort_order import Direction, Order, SortCursor, SortKey, Tie
from rom._core.query.string_filters import index_string
from rom._core.schema import Schema
from rom._core.writes.entry_changes import score_in
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
        score = score_in(schema, index, row.id, row.stored, order.key)
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
    if order.kind == 'text':
        return _or_none(lambda place: index_string(column, column.decode(place.raw)))
    if order.kind == 'score':
        return _SCORED[order.tie]
    if column.is_string:
        return lambda place: place.raw or None
    if column.is_relation or column.is_foreign:
        return _or_none(lambda place: int(place.raw))  # compares ids, and loads no entity
    if column.is_numeric:
        return _or_none(lambda place: column.decode(place.raw))
    return lambda place: place.raw


def _column(schema: Schema, order: Order) -> Column[Any]:
    return schema.columns[order.column.partition(':')[0]]


def _scored(compared: Callable[[float, bytes], Any]) -> Standing:
    """Return a `Standing` for an index: a place without an entry sorts last."""

    def told(place: SortKey) -> Any:
        return None if place.score is None else compared(float(place.score), place.raw or b'')

    return told


# The same comparison as that of `tie_of` in lua/lib/groups.lua. Python's own would differ: it tells
# decimals apart that have one double, and lower-cases letters beyond ASCII.
_SCORED: Final[Mapping[Tie, Standing]] = {
    'id': _scored(lambda score, raw: score),
    'integer': _scored(lambda score, raw: (score, int(raw or b'0'))),
    'text': _scored(lambda score, raw: (score, raw)),
    'text_ci': _scored(lambda score, raw: (score, raw.lower())),
}


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


T = TypeVar('T')

# Items that are sorted in one turn, which takes some milliseconds.
_RUN = 5000

#: A row's id, and the value by which each order compares it.
_Entry: TypeAlias = tuple[int, tuple[Any, ...]]


def sort_ids(
    schema: Schema,
    orders: Sequence[Order],
    rows: Sequence[Row],
    mark: SortCursor | None = None,
    direction: Direction | None = None,
) -> Operation[list[bytes]]:
    """Return the ids of rows, sorted by the orders; only those behind the mark, if there is one.

    In an event loop, other tasks run in between.

    Args:
        schema: the schema of the model.
        orders: the orders to sort by.
        rows: the rows, in any order.
        mark: leave out rows up to this place.
        direction: direction of the ids of rows that are equal in all orders; None: that of the last
            order.
    """
    is_shared = len(rows) > TURN and (yield from rest())
    places: dict[int, tuple[SortKey, ...]] = {}
    for some in turns(rows):
        places |= {
            row.id: tuple(sort_key_of(schema, order, row) for order in orders) for row in some
        }
        if is_shared:
            yield from rest()
    chosen = [_chosen(order, level, places.values()) for level, order in enumerate(orders)]
    standings = [standing(schema, order) for order in chosen]

    def entry_of(id: int, those: Sequence[SortKey]) -> _Entry:
        return id, tuple(told(place) for told, place in zip(standings, those, strict=True))

    entries: list[_Entry] = []
    by_id = yield from sorted_in_turns(list(places), int, direction == 'down', is_shared)
    for ids in turns(by_id):
        entries += [entry_of(id, places[id]) for id in ids]
        if is_shared:
            yield from rest()
    for level in range(len(orders) - 1, -1, -1):
        is_last = level == len(orders) - 1 and direction is None
        entries = yield from _sorted_by(entries, level, orders[level], is_last, is_shared)
    if mark is not None and mark.places:
        limit = entry_of(mark.id, mark.places[: len(orders)])
        entries = [entry for entry in entries if _is_behind(entry, limit, orders, direction)]
    return [b'%d' % id for id, _ in entries]


def merge_rows(
    schema: Schema,
    orders: Sequence[Order],
    runs: Sequence[Sequence[Row]],
    direction: Direction | None,
    most: int | None,
) -> Operation[list[Row]]:
    """Return the first rows of several sorted runs, in the order of all.

    It looks at the first row of each run, and at one more for each row that it returns.

    Args:
        schema: the schema of the model.
        orders: the orders by which each run is sorted.
        runs: rows of different ids.
        direction: as for `sort_ids`.
        most: the most rows to return; None: all.
    """
    if any(order.or_stored for order in orders):  # all rows decide how these compare
        rows = [row for run in runs for row in run]
        known = {b'%d' % row.id: row for row in rows}
        ids = yield from sort_ids(schema, orders, rows, None, direction)
        return [known[id] for id in ids[:most]]
    standings = [standing(schema, order) for order in orders]

    def place_of(row: Row) -> _Place:
        keys = [sort_key_of(schema, order, row) for order in orders]
        told = tuple(told(key) for told, key in zip(standings, keys, strict=True))
        return _Place((row.id, told), orders, direction)

    merged = islice(heapq.merge(*runs, key=place_of), most)
    found: list[Row] = []
    while some := list(islice(merged, TURN)):
        found += some
        if len(some) == TURN:
            yield from rest()
    return found


class _Place:
    """The place of a row among others, by which it is compared."""

    __slots__ = ('_direction', '_entry', '_orders')

    def __init__(self, entry: _Entry, orders: Sequence[Order], direction: Direction | None) -> None:
        self._entry, self._orders, self._direction = entry, orders, direction

    def __lt__(self, other: _Place) -> bool:
        return _is_behind(other._entry, self._entry, self._orders, self._direction)


def _chosen(order: Order, level: int, places: Iterable[tuple[SortKey, ...]]) -> Order:
    """Return the order by stored values, where its index is optional and no row has a score."""
    if order.or_stored and all(those[level].score is None for those in places):
        return order._replace(kind='stored')
    return order


def _sorted_by(
    entries: list[_Entry], level: int, order: Order, is_last: bool, is_shared: bool
) -> Operation[list[_Entry]]:
    """Sort by one order. Equal entries stay as they are, or by id in the last order's direction."""
    present = [entry for entry in entries if entry[1][level] is not None]
    missing = [entry for entry in entries if entry[1][level] is None]
    if is_last and order.reverse:
        present.reverse()
    if is_last and order.absent_first:
        missing.reverse()
    found = yield from sorted_in_turns(
        present, lambda entry: entry[1][level], order.reverse, is_shared
    )
    return [*missing, *found] if order.absent_first else [*found, *missing]


def sorted_in_turns(
    items: list[T], key: Callable[[T], Any], reverse: bool, is_shared: bool
) -> Operation[list[T]]:
    """Sort items, stably, in turns: one built-in sort could block an event loop for seconds.

    Args:
        items: the items; a short list is sorted in place.
        key: the value by which an item is compared.
        reverse: whether the greatest come first.
        is_shared: whether there are other tasks, as `rest` returns.
    """
    if not is_shared or len(items) <= _RUN:
        items.sort(key=key, reverse=reverse)
        return items
    runs: list[list[T]] = []
    for some in turns(items, _RUN):
        runs.append(sorted(some, key=key, reverse=reverse))
        yield from rest()
    merged: Iterator[T] = heapq.merge(*runs, key=key, reverse=reverse)
    found: list[T] = []
    while some := list(islice(merged, TURN)):
        found += some
        yield from rest()
    return found


def _is_behind(
    entry: _Entry, limit: _Entry, orders: Sequence[Order], direction: Direction | None
) -> bool:
    for own, other, order in zip(entry[1], limit[1], orders, strict=True):
        if own is None or other is None:
            if own is not other:
                return (own is None) != order.absent_first
        elif own != other:
            return bool((own > other) != order.reverse)
    if direction is None:
        last = orders[-1] if orders else None
        is_reverse = last is not None and (
            last.absent_first if entry[1][-1] is None else last.reverse
        )
    else:
        is_reverse = direction == 'down'
    return (entry[0] > limit[0]) != is_reverse if entry[0] != limit[0] else False
