"""Client sort: sorts results by the values of their rows, where no index on the server can."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.sort_cursors import sort_key_of, standing
from rom._core.ops.time_slices import TURN, rest, turns
from rom._core.query.nodes import Direction, Order, SortCursor, SortKey
from rom._core.schema import Schema

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
    by_id = yield from _sorted(list(places), int, direction == 'down', is_shared)
    for ids in turns(by_id):
        entries += [entry_of(id, places[id]) for id in ids]
        if is_shared:
            yield from rest()
    for level in range(len(orders) - 1, -1, -1):
        is_last = level == len(orders) - 1 and direction is None
        entries = yield from _sorted_by(entries, level, orders[level].reverse, is_last, is_shared)
    if mark is not None and mark.places:
        limit = entry_of(mark.id, mark.places[: len(orders)])
        entries = [entry for entry in entries if _is_behind(entry, limit, orders, direction)]
    return [b'%d' % id for id, _ in entries]


def _chosen(order: Order, level: int, places: Iterable[tuple[SortKey, ...]]) -> Order:
    """Return the order by stored values, where its index is optional and no row has a score."""
    if order.or_stored and all(those[level].score is None for those in places):
        return order._replace(kind='stored')
    return order


def _sorted_by(
    entries: list[_Entry], level: int, reverse: bool, is_last: bool, is_shared: bool
) -> Operation[list[_Entry]]:
    """Sort by one order. Equal entries stay as they are, or by id in the last order's direction."""
    present = [entry for entry in entries if entry[1][level] is not None]
    missing = [entry for entry in entries if entry[1][level] is None]
    if is_last and reverse:
        present.reverse()
    found = yield from _sorted(present, lambda entry: entry[1][level], reverse, is_shared)
    return [*found, *missing]


def _sorted(
    items: list[T], key: Callable[[T], Any], reverse: bool, is_shared: bool
) -> Operation[list[T]]:
    """Sort items, stably, in turns: one built-in sort could block an event loop for seconds."""
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
                return own is None
        elif own != other:
            return bool((own > other) != order.reverse)
    if direction is None:
        is_reverse = bool(orders) and orders[-1].reverse and entry[1][-1] is not None
    else:
        is_reverse = direction == 'down'
    return (entry[0] > limit[0]) != is_reverse if entry[0] != limit[0] else False
