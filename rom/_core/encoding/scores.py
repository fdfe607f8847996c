"""Scores: doubles that sort as strings do, and the text of a double.

The score in a sorted set is a double. To sort strings by their first bytes, rom 1.x read the first
seven bytes as a number in base 258: a byte counts as itself plus one, a missing byte as zero. It
took that number, from the smallest normal double on, as the bits of a double, because positive
doubles sort as their bits do. rom 2 must compute the same scores, or the entries of both versions
would not sort together.
"""

from __future__ import annotations

import math
import struct
from functools import cache, lru_cache
from itertools import count
from operator import getitem

from rom._core.encoding.text import as_bytes

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


#: The number of leading bytes of a string that its score covers.
PREFIX_BYTES = 7
_BASE = 258
# The bits of the smallest normal double, as an integer: the score of an empty string in rom 1.x.
_FIRST_NORMAL = 2**52
_bits, _double = struct.Struct('<Q').pack, struct.Struct('<d').unpack
# The value of a byte at each of the seven positions, by byte.
_VALUES = tuple(
    tuple((byte + 1) * _BASE ** (PREFIX_BYTES - place) for byte in range(256))
    for place in range(1, PREFIX_BYTES + 1)
)
# Seventeen digits identify a double; one more, because the digits are cut off and not rounded.
_DIGITS = 18


@cache
def _worth(exponent: int) -> tuple[int, bytes]:
    """Return the value of the lowest bit of a double with this exponent, in decimal digits.

    The first part is an integer with 64 binary places; the second is the format of the digits. Only
    18 exponents occur: seven bytes of 255 have the last.
    """
    places, enough = 1075 - exponent, 10 ** (_DIGITS - 1)
    power = next(n for n in count(300) if 10**n * _FIRST_NORMAL >> places >= enough)
    return (10**power << 64) >> places, b'%de-' + b'%d' % power


def prefix_score(value: str | bytes, after: bool = False) -> float:
    """Return the score of a string by its first seven bytes.

    Strings that differ there compare as their scores do; the others have the same score.

    Args:
        value: the string.
        after: return the first score above those of all strings that begin with `value`.

    >>> prefix_score('a') < prefix_score('aa') < prefix_score('b')
    True
    >>> prefix_score('abcdefgh') == prefix_score('abcdefgz')
    True
    >>> prefix_score('az') < prefix_score('a', after=True) <= prefix_score('b')
    True
    """
    head = as_bytes(value)[:PREFIX_BYTES]
    number = sum(map(getitem, _VALUES, head)) + after * _BASE ** (PREFIX_BYTES - len(head))
    score: float = _double(_bits(number + _FIRST_NORMAL))[0]
    return score


@lru_cache(maxsize=65_536)
def written_prefix_score(head: bytes) -> bytes:
    """Return the score of the first seven bytes of a string, as text that Redis reads.

    Integer arithmetic is four times as fast as `repr`, which needs hundreds of digits for so small
    a double. It is possible because only 18 exponents occur. The cache helps because many strings
    begin with the same bytes.

    >>> float(written_prefix_score(b'abcdefg')) == prefix_score('abcdefgh')
    True
    """
    bits = sum(map(getitem, _VALUES, head)) + _FIRST_NORMAL
    worth, form = _worth(bits // _FIRST_NORMAL)
    mantissa = bits % _FIRST_NORMAL + _FIRST_NORMAL
    written: bytes = form % (mantissa * worth >> 64)
    return written


def nearest_double(number: int) -> float:
    """Return the double nearest to an integer of any size; an infinity beyond the largest double.

    >>> nearest_double(2**2000), nearest_double(-5)
    (inf, -5.0)
    """
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def write_score(score: float) -> bytes:
    """Return a score as text that Redis reads back bit for bit.

    >>> write_score(1e22), write_score(0.1)
    (b'1e+22', b'0.1')
    """
    return repr(float(score)).encode('ascii')
