"""Geohashes: the score by which Redis sorts a point, computed as GEOADD does.

Longitude and latitude are each cut into 2**26 steps, and the bits of the two numbers are
interleaved. So points near each other mostly have scores near each other. Because rom computes the
score, it writes a point by ZADD, like all other index entries.
"""

from __future__ import annotations

BITS = 26
STEPS = 1 << BITS
LONGITUDES = (-180.0, 180.0)
#: The range of the Mercator projection; Redis rejects latitudes outside it.
LATITUDES = (-85.05112878, 85.05112878)


def geo_score(longitude: float, latitude: float) -> bytes:
    """Return the score of a point in a geo index, as digits.

    >>> geo_score(10.0, 50.0)
    b'3666804695560495'
    """
    across, up = _step(longitude, LONGITUDES), _step(latitude, LATITUDES)
    return b'%d' % (spread_bits(up) | spread_bits(across) << 1)


def _step(degrees: float, bounds: tuple[float, float]) -> int:
    low, high = bounds
    return int((degrees - low) / (high - low) * STEPS)


_MASKS = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def spread_bits(bits: int) -> int:
    """Return the bits of a number with a zero before each.

    >>> bin(spread_bits(0b111))
    '0b10101'
    """
    return int(f'{bits:b}', 4)  # binary digits, read as digits of base 4


def gather_bits(bits: int) -> int:
    """Return every other bit of a number, from the last one on: the inverse of `spread_bits`.

    >>> bin(gather_bits(0b10101))
    '0b111'
    """
    bits &= _MASKS[-1][1]
    for place in range(len(_MASKS) - 1, -1, -1):
        mask = _MASKS[place - 1][1] if place else 0x00000000FFFFFFFF
        bits = (bits | bits >> _MASKS[place][0]) & mask
    return bits
