"""Numbers that sort as strings do.

A sorted set's score is a double. To make string entries sort by their first bytes, rom 1.x read the
first seven bytes as a number in base 258 (a byte counts as itself plus one, a missing byte as zero)
and spread that number over the bit patterns of the doubles, whose order is the order of their bits.
The same numbers must come out here, or old and new entries would not sort together.
"""

from __future__ import annotations

import math
import struct
from functools import cache, lru_cache
from itertools import count
from operator import getitem

from rom.encoding.text import as_bytes

#: So many bytes of a string its score tells.
PREFIX_BYTES = 7
_BASE = 258
# The numbers begin where the normal doubles do: their bits, read as an integer.
_FIRST_NORMAL = 2**52
_bits, _double = struct.Struct('<Q').pack, struct.Struct('<d').unpack
# What a byte counts at each of the places, by byte.
_VALUES = tuple(
    tuple((byte + 1) * _BASE ** (PREFIX_BYTES - place) for byte in range(256))
    for place in range(1, PREFIX_BYTES + 1)
)
# Digits that tell every double apart: seventeen, and one more for those that are cut off.
_DIGITS = 18


@cache
def _worth(exponent: int) -> tuple[int, bytes]:
    """What one in the mantissa of a double with this exponent is worth, in decimal digits.

    As an integer with 64 binary places, and the form to write the digits in. There are 18
    exponents: seven bytes of 255 have the last.
    """
    places, enough = 1075 - exponent, 10 ** (_DIGITS - 1)
    power = next(n for n in count(300) if 10**n * _FIRST_NORMAL >> places >= enough)
    return (10**power << 64) >> places, b'%de-' + b'%d' % power


def prefix_score(value: str | bytes, after: bool = False) -> float:
    """The score of a string by its first seven bytes.

    Strings that differ there compare as their scores do; those that agree have one score.

    Args:
        value: the string.
        after: the first score above those of all strings that begin with it.

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
    """The score of a string's first seven bytes, as Redis reads it back; many strings share them.

    C's own way of writing so small a double takes four times as long: it counts in hundreds of
    digits, where here the exponents are few, and what they need is known.

    >>> float(written_prefix_score(b'abcdefg')) == prefix_score('abcdefgh')
    True
    """
    bits = sum(map(getitem, _VALUES, head)) + _FIRST_NORMAL
    worth, form = _worth(bits // _FIRST_NORMAL)
    mantissa = bits % _FIRST_NORMAL + _FIRST_NORMAL
    written: bytes = form % (mantissa * worth >> 64)
    return written


def nearest_double(number: int) -> float:
    """The double that stands for an integer of any size: past the largest, an infinity.

    >>> nearest_double(2**2000), nearest_double(-5)
    (inf, -5.0)
    """
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def write_score(score: float) -> bytes:
    """A score as Redis reads it back bit for bit.

    >>> write_score(1e22), write_score(0.1)
    (b'1e+22', b'0.1')
    """
    return repr(float(score)).encode('ascii')
