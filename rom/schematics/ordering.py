"""Ordering: filtered objects, sorted by Redis if indexes allow it, else in the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rom._core.ops.requests import Operation
from rom.schematics.conditions import Condition, unknown_field
from rom.schematics.exceptions import ClauseError
from rom.schematics.fields import Shape, shape_of
from rom.schematics.keys import Home
from rom.schematics.layers.indexed import IndexedLayer
from rom.schematics.reading import made_in_turn, search


def in_order(
    layer: IndexedLayer,
    home: Home,
    conditions: Sequence[Condition],
    orders: Sequence[str],
    offset: int,
    limit: int | None,
) -> Operation[list[Any]]:
    """Return the objects that meet all conditions, sorted, from `offset` up to `limit`.

    Raises:
        ValueError: an unknown field, or no field is given.
        StrictPerformanceException: all objects would have to be read.
    """
    _check(shape_of(home.model), orders, offset, limit)
    found = yield from layer.in_order(home, conditions, orders, offset, limit)
    if found is not None:
        return made_in_turn(layer, home, found)
    objects = yield from search(layer, home, conditions)
    for order in reversed(orders):
        name = order.removeprefix('-')
        there = [one for one in objects if one[name] is not None]
        there.sort(key=lambda one, name=name: one[name], reverse=order != name)  # type: ignore[misc]
        objects = there + [one for one in objects if one[name] is None]
    return objects[offset : None if limit is None else offset + limit]


def _check(shape: Shape, orders: Sequence[str], offset: int, limit: int | None) -> None:
    names = [order.removeprefix('-') for order in orders]
    if not names or len(set(names)) < len(names):
        raise ClauseError(
            f'{shape.model.__name__}.ordered(): expected one or more fields to sort by, each once'
        )
    for name in names:
        if name not in shape.fields:
            raise ClauseError(unknown_field(shape, name, ' to sort by'))
    if offset < 0 or (limit is not None and limit < 0):
        raise ClauseError(f'{shape.model.__name__}.ordered(): offset and limit must be at least 0')
