"""Numbers that sort as strings do.

A sorted set's score is a double. To make string entries sort by their first bytes, rom 1.x read the
first seven bytes as a number in base 258 (a byte counts as itself plus one, a missing byte as zero)
and spread that number over the bit patterns of the doubles, whose order is the order of their bits.
The same numbers must come out here, or old and new entries would not sort together.
"""

from __future__ import annotations

import math

from rom.encoding.text import as_bytes

_BYTES = 7
_BASE = 258
_MANTISSA = 2**52
_LOWEST_EXPONENT = -1074


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
    head = as_bytes(value)[:_BYTES]
    number = 0
    for byte in head:
        number = number * _BASE + byte + 1
    number = (number + after) * _BASE ** (_BYTES - len(head))
    exponent, mantissa = divmod(number, _MANTISSA)
    return float((_MANTISSA + mantissa) * 2.0 ** (exponent + _LOWEST_EXPONENT))


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
