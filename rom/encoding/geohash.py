"""Geohashes: the number by which Redis sorts a point, worked out as GEOADD does.

Longitude and latitude are each cut into 2**26 steps, and the bits of the two numbers are put
together in turn, so that points which are near each other mostly have numbers that are. As it is
known here, a point is written by ZADD, beside all other entries.
"""

from __future__ import annotations

STEPS = 1 << 26
LONGITUDES = (-180.0, 180.0)
#: What the Mercator projection covers; Redis takes no other.
LATITUDES = (-85.05112878, 85.05112878)


def geo_score(longitude: float, latitude: float) -> bytes:
    """The score of a point in a geo index, as digits.

    >>> geo_score(10.0, 50.0)
    b'3666804695560495'
    """
    across, up = _step(longitude, LONGITUDES), _step(latitude, LATITUDES)
    return b'%d' % (_spread(up) | _spread(across) << 1)


def _step(degrees: float, bounds: tuple[float, float]) -> int:
    low, high = bounds
    return int((degrees - low) / (high - low) * STEPS)


def _spread(bits: int) -> int:
    """The bits of a number with a zero before each."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        bits = (bits | bits << shift) & mask
    return bits
