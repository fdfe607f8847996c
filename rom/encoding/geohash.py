"""Geohashes: the score by which Redis sorts a point, computed as GEOADD does.

Longitude and latitude are each cut into 2**26 steps, and the bits of the two numbers are
interleaved. So points near each other mostly have scores near each other. Because rom computes the
score, it writes a point by ZADD, like all other index entries.
"""

from __future__ import annotations

STEPS = 1 << 26
LONGITUDES = (-180.0, 180.0)
#: The range of the Mercator projection; Redis rejects latitudes outside it.
LATITUDES = (-85.05112878, 85.05112878)


def geo_score(longitude: float, latitude: float) -> bytes:
    """Return the score of a point in a geo index, as digits.

    >>> geo_score(10.0, 50.0)
    b'3666804695560495'
    """
    across, up = _step(longitude, LONGITUDES), _step(latitude, LATITUDES)
    return b'%d' % (_spread(up) | _spread(across) << 1)


def _step(degrees: float, bounds: tuple[float, float]) -> int:
    low, high = bounds
    return int((degrees - low) / (high - low) * STEPS)


def _spread(bits: int) -> int:
    """Return the bits of a number with a zero before each."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        bits = (bits | bits << shift) & mask
    return bits
