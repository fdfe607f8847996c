"""Compilation of `near` to a node of a plan."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from rom._core.encoding.integers import check_count
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import LATITUDES, LONGITUDES
from rom._core.encoding.text import show, show_names
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import Near
from rom._core.schema import Schema
from rom.exceptions import ArgumentError, QueryError

T = TypeVar('T')

# The largest count that the server reads; no index has more entries.
_MOST = 2**31 - 1
UNITS = ALLOWED_DIST = ('m', 'km', 'mi', 'ft')  # the second is its name in rom 1.x


def nearby(
    schema: Schema, name: str, lon: float, lat: float, radius: float, unit: str, count: int | None
) -> Near:
    """Return the node for `near(...)`.

    Raises:
        ArgumentError: no such geo index or unit.
        QueryError: a value that is not valid there.
    """
    where = f'{schema.name}.query.near({show(name)})'
    place = schema.places.get(name) if isinstance(name, str) else None
    if place is None:
        has = show_names(schema.places) or 'none'
        raise ArgumentError(f'{where}: the model has no geo index of that name; it has {has}')
    if not isinstance(unit, str) or unit not in UNITS:
        units = ', '.join(map(repr, UNITS))
        raise ArgumentError(f'{where}: the unit must be one of {units}, not {show(unit)}')
    most = count
    if count is not None:
        every = ', or None for all'
        most = check_count(f'{where}: count', count, error=QueryError, otherwise=every)
    return Near(
        place.key,
        _within(where, 'lon', lon, LONGITUDES),
        _within(where, 'lat', lat, LATITUDES),
        _within(where, 'radius', radius, (0, math.inf)),
        unit,
        None if most is None else min(most, _MOST),
        FilterLabel(name, 'near', (lon, lat, radius, unit, count)),
    )


def one_of(name: str, value: T | None, other: str, same: T | None) -> T | None:
    """Return the value of an argument that has two names.

    Raises:
        ArgumentError: both are given.
    >>> one_of('distance', None, 'radius', 5)
    5
    """
    if value is not None and same is not None:
        raise ArgumentError(f'near(): {name} and {other} are the same: give one of them')
    return same if value is None else value


def _within(where: str, what: str, value: Any, bounds: tuple[float, float]) -> bytes:
    try:
        number = float(plain(value))
    except Exception:
        raise QueryError(f'{where}: {what} must be a number, not {show(value)}') from None
    low, high = bounds
    if not low <= number <= high or math.isinf(number):
        raise QueryError(f'{where}: {what} must be between {low} and {high}')
    return repr(number).encode('ascii')
