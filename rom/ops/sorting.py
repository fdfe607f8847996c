"""Sorting here, by what the rows hold, where no index on the server does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from rom.ops.places import place_of, standing
from rom.ops.rows import Row
from rom.query.plan import Direction, Mark, Order, Place
from rom.schema import Schema

#: A row's id, and what it is compared by in each order.
_Entry: TypeAlias = tuple[int, tuple[Any, ...]]


def sort_ids(
    schema: Schema,
    orders: Sequence[Order],
    rows: Iterable[Row],
    mark: Mark | None = None,
    direction: Direction | None = None,
) -> list[bytes]:
    """The ids of rows, sorted as `order_by` says; those behind the mark, if there is one.

    Args:
        schema: the model's.
        orders: what the rows are sorted by.
        rows: in any order.
        mark: leave out what comes before it.
        direction: of the ids, for what no order tells apart; None: that of the last order.
    """
    places = {row.id: tuple(place_of(schema, order, row) for order in orders) for row in rows}
    chosen = [_chosen(order, level, places.values()) for level, order in enumerate(orders)]
    standings = [standing(schema, order) for order in chosen]

    def entry_of(id: int, those: Sequence[Place]) -> _Entry:
        return id, tuple(told(place) for told, place in zip(standings, those, strict=True))

    by_id = sorted(places.items(), reverse=direction == 'down')
    entries = [entry_of(id, those) for id, those in by_id]
    for level in range(len(orders) - 1, -1, -1):
        is_last = level == len(orders) - 1 and direction is None
        entries = _sorted_by(entries, level, orders[level].reverse, is_last)
    if mark is not None and mark.places:
        limit = entry_of(mark.id, mark.places[: len(orders)])
        entries = [entry for entry in entries if _is_behind(entry, limit, orders, direction)]
    return [b'%d' % id for id, _ in entries]


def _chosen(order: Order, level: int, places: Iterable[tuple[Place, ...]]) -> Order:
    """Where no row has a number in an index that need not exist, what is stored counts."""
    if order.or_stored and all(those[level].score is None for those in places):
        return order._replace(kind='stored')
    return order


def _sorted_by(entries: list[_Entry], level: int, reverse: bool, is_last: bool) -> list[_Entry]:
    """Sorted by one order; what it leaves equal stays as it is, or goes by id in its direction."""
    present = [entry for entry in entries if entry[1][level] is not None]
    missing = [entry for entry in entries if entry[1][level] is None]
    if is_last and reverse:
        present.reverse()
    present.sort(key=lambda entry: entry[1][level], reverse=reverse)
    return [*present, *missing]


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
