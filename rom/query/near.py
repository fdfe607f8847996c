"""Near: what a search around a point means, as a node of a plan."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from rom.encoding.geohash import LATITUDES, LONGITUDES
from rom.exceptions import QueryError
from rom.query.plan import Near
from rom.query.said import Said
from rom.schema import Schema

T = TypeVar('T')

UNITS = ALLOWED_DIST = ('m', 'km', 'mi', 'ft')  # the second is its name in rom 1.x


def nearby(
    schema: Schema, name: str, lon: float, lat: float, radius: float, unit: str, count: int | None
) -> Near:
    """The node for `near(...)`.

    Raises:
        ValueError: no such geo index or unit.
        QueryError: a value that makes no sense there.
    """
    where = f'{schema.name}.query.near({name!r}, {lon!r}, {lat!r}, {radius!r}, {unit!r})'
    place = schema.places.get(name)
    if place is None:
        has = ', '.join(schema.places) or 'none'
        raise ValueError(f'{where}: the model has no geo index {name!r}; it has {has}')
    if unit not in UNITS:
        raise ValueError(f'{where}: the unit must be one of {", ".join(map(repr, UNITS))}')
    if count is not None and (not isinstance(count, int) or count < 1):
        raise QueryError(f'{where}: count must be 1 or more, or None for all, not {count!r}')
    return Near(
        place.key,
        _within(where, 'lon', lon, LONGITUDES),
        _within(where, 'lat', lat, LATITUDES),
        _within(where, 'radius', radius, (0, math.inf)),
        unit,
        count,
        Said(name, 'near', (lon, lat, radius, unit, count)),
    )


def one_of(name: str, value: T | None, other: str, same: T | None) -> T | None:
    """The value of an argument that has two names.

    Raises:
        TypeError: both are given.

    >>> one_of('distance', None, 'radius', 5)
    5
    """
    if value is not None and same is not None:
        raise TypeError(f'near(): {name} and {other} are the same: give one of them')
    return same if value is None else value


def _within(where: str, what: str, value: Any, bounds: tuple[float, float]) -> bytes:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise QueryError(f'{where}: {what} must be a number, not {value!r}') from None
    low, high = bounds
    if not low <= number <= high or math.isinf(number):
        raise QueryError(f'{where}: {what} must be between {low} and {high}')
    return repr(number).encode('ascii')
