"""Geo search: the places within a distance of a point, read from an index of any size in pieces.

A geo index is a sorted set of geohash scores. Each two bits of a score name a quarter of the map, a
quarter of that quarter, and so on. So a square of the map is a range of scores. The squares that
the circle touches are counted, and quartered where they have too many places for one command. The
distances are computed in this process, by the formula that Redis uses.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from rom._core.encoding.scores import BITS, LATITUDES, LONGITUDES, STEPS, gather_bits, spread_bits
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.query.nodes import Near

EARTH_RADIUS: Final = 6372797.560856  # meters; the constant of Redis
METERS: Final = {'m': 1.0, 'km': 1000.0, 'mi': 1609.34, 'ft': 0.3048}
# Places that one command reads; squares that one round trip counts; squares that one reads.
_READ, _COUNTED, _READ_AT_ONCE = 2000, 500, 8
# Tolerance for rounding in the distance of a square: a factor, and meters.
_SLACK, _LEAST_SLACK = 1.001, 1.0


class Square(NamedTuple):
    """A square of the map.

    Attributes:
        level: how often the map was quartered.
        across, up: the position among the squares of that level, counted from the south-west.
    """

    level: int
    across: int
    up: int

    @property
    def quarters(self) -> 'Iterator[Square]':
        for across in (0, 1):
            for up in (0, 1):
                yield Square(self.level + 1, 2 * self.across + across, 2 * self.up + up)

    @property
    def bounds(self) -> tuple[bytes, bytes]:
        """The range of the square's scores, as ZCOUNT reads it."""
        shift = 2 * (BITS - self.level)
        first = spread_bits(self.up) | spread_bits(self.across) << 1
        return b'%d' % (first << shift), b'(%d' % (first + 1 << shift)

    def distance(self, lon: float, lat: float) -> float:
        """Return the distance of a point from the square, in meters; 0 inside it."""
        west, east = _edges(self.across, self.level, LONGITUDES)
        south, north = _edges(self.up, self.level, LATITUDES)
        if west <= lon <= east:
            return distance(lon, lat, lon, min(max(lat, south), north))
        # The nearest point is on a meridian that bounds the square: at one of its ends, or at the
        # foot of the perpendicular from the point, if that lies between the ends.
        nearest = []
        for edge in (west, east):
            turn = math.cos(math.radians(edge - lon))
            up, out = math.sin(math.radians(lat)), math.cos(math.radians(lat)) * turn
            foot = math.degrees(math.atan2(up, out))
            feet = (south, north, foot) if south <= foot <= north else (south, north)
            nearest += [distance(lon, lat, edge, other) for other in feet]
        return min(nearest)


def _edges(place: int, level: int, bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    step = (high - low) / (1 << level)
    return low + place * step, low + (place + 1) * step


def distance(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Return the distance between two points along a great circle, in meters."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    across = math.sin((math.radians(other_lon) - math.radians(lon)) / 2)
    if across == 0:
        return EARTH_RADIUS * abs(other_phi - phi)
    up = math.sin((other_phi - phi) / 2)
    chord = up * up + math.cos(phi) * math.cos(other_phi) * across * across
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(chord, 1.0)))


def point_of(score: int) -> tuple[float, float]:
    """Return the longitude and the latitude of a score of a geo index.

    >>> point_of(3666804695560495)
    (10.000002086162567, 49.999999571721304)
    """
    steps = gather_bits(score >> 1), gather_bits(score)
    lon, lat = (
        low + (step + 0.5) / STEPS * (high - low)
        for step, (low, high) in zip(steps, (LONGITUDES, LATITUDES), strict=True)
    )
    return lon, lat


class Around:
    """Search for the places of one `near` filter.

    Args:
        node: the filter, with its point and radius.
    """

    def __init__(self, node: Near) -> None:
        self._node = node
        self._lon, self._lat = float(node.lon), float(node.lat)
        self._radius = float(node.radius) * METERS[node.unit]
        #: The distance of each id, in meters; filled by `look`.
        self.distances: dict[bytes, float] = {}

    def look(self) -> Operation[None]:
        """Find all places within the radius."""
        squares = [Square(0, 0, 0)]
        while squares:
            some, squares = squares[-_COUNTED:], squares[:-_COUNTED]
            counts = yield Pipeline(
                tuple(Command('ZCOUNT', self._node.key, *square.bounds) for square in some)
            )
            small: list[Square] = []
            for square, count in zip(some, counts, strict=True):
                if count > _READ and square.level < BITS:
                    squares += filter(self._touches, square.quarters)
                elif count:
                    small.append(square)
            yield from self._read(small)

    def _touches(self, square: Square) -> bool:
        return square.distance(self._lon, self._lat) <= self._radius * _SLACK + _LEAST_SLACK

    def _read(self, squares: Sequence[Square]) -> Operation[None]:
        for at in range(0, len(squares), _READ_AT_ONCE):
            some = squares[at : at + _READ_AT_ONCE]
            for found in (yield Pipeline(tuple(self._reading(square) for square in some))):
                self._measure(found)

    def _reading(self, square: Square) -> Command:
        return Command('ZRANGEBYSCORE', self._node.key, *square.bounds, 'WITHSCORES')

    def _measure(self, found: Sequence[bytes]) -> None:
        # RESP2 returns members and scores in turn, RESP3 returns pairs.
        pairs = found if found and isinstance(found[0], (list, tuple)) else None
        each = pairs or zip(found[::2], found[1::2], strict=True)
        for id, score in each:
            lon, lat = point_of(int(float(score)))
            meters = distance(self._lon, self._lat, lon, lat)
            if meters <= self._radius:
                self.distances[id] = meters

    def nearest(self, ids: Collection[bytes]) -> list[bytes]:
        """Return those of the ids that are places, nearest first, up to the filter's count."""
        far = self.distances
        places = sorted((id for id in far if id in ids), key=lambda id: (far[id], int(id)))
        return places[: self._node.count]
