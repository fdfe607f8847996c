"""Sorting here, by what the rows hold, where no index on the server does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rom.columns import Column
from rom.ops.rows import Row
from rom.query.plan import Order
from rom.query.strings import index_string
from rom.schema import Schema


def sort_ids(schema: Schema, order: Order, rows: Iterable[Row]) -> list[bytes]:
    """The ids of rows, sorted as `order_by` says: equal ones by id, those without a value last."""
    place = _place_of(schema.columns[order.column], order)
    present: list[tuple[Any, int]] = []
    missing: list[int] = []
    for row in rows:
        key = place(row.stored.get(order.column))
        if key is None:
            missing.append(row.id)
        else:
            present.append((key, row.id))
    present.sort(reverse=order.reverse)
    return [b'%d' % id for id in (*(id for _, id in present), *sorted(missing))]


def _place_of(column: Column[Any], order: Order) -> Callable[[bytes | None], Any]:
    """What a stored value is sorted by; None for one that has no place."""
    if order.kind == 'text':

        def as_indexed(raw: bytes | None) -> Any:
            return index_string(column, column.decode(raw)) if raw else None

        return _or_none(as_indexed)
    if column.is_string:
        return lambda raw: raw or None
    if column.is_numeric:
        return _or_none(lambda raw: None if raw is None else column.decode(raw))
    return lambda raw: raw


def _or_none(place: Callable[[bytes | None], Any]) -> Callable[[bytes | None], Any]:
    """What does not decode has no place; who reads the value is told what is wrong with it."""

    def tried(raw: bytes | None) -> Any:
        try:
            return place(raw)
        except Exception:
            return None

    return tried
