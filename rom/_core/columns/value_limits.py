"""Limits on the size of single values.

The time to parse decimal digits grows with the square of their number, so Python parses at most
4,300 by default (`sys.set_int_max_str_digits`). rom has the same limit for all digits from outside
and from rows, whichever library parses them.
"""

from __future__ import annotations

import decimal
from typing import Any, Final

#: The most digits of an Integer or a Decimal.
MOST_DIGITS: Final = 4300
#: Room for the sign, the point and the exponent of a Decimal.
_AROUND = 30
_PAST: Final = 10**MOST_DIGITS
#: The deepest nesting of lists and dicts in a Json column.
MOST_DEPTH: Final = 200


def has_few_digits(number: int) -> bool:
    """Return whether an int has at most `MOST_DIGITS` digits.

    >>> has_few_digits(10**4299), has_few_digits(-(10**4300))
    (True, False)
    """
    return -_PAST < number < _PAST


def check_digits(raw: str | bytes) -> None:
    """Raise unless a text of digits is short enough to parse.

    Raises:
        ValueError: the text is too long.

    >>> check_digits('9' * 4300)
    """
    if len(raw) > MOST_DIGITS + _AROUND:
        raise ValueError(f'expected at most {MOST_DIGITS} digits, got {len(raw)} characters')


def digits_of(number: decimal.Decimal) -> int:
    """Return the number of digits of a Decimal, without the zeros that its exponent stands for.

    >>> digits_of(decimal.Decimal('1.50')), digits_of(decimal.Decimal('1E+999'))
    (3, 1)
    """
    return len(number.as_tuple().digits)


def depth_of(value: Any, most: int) -> int:
    """Return how deep lists and dicts are nested; `most` + 1 for all that are deeper than `most`.

    >>> depth_of({'a': [1, []]}, 10), depth_of([[[[]]]], 2)
    (3, 3)
    """
    depth, level = 0, [value]
    while level and depth <= most:
        inner: list[Any] = []
        depth += 1
        for one in level:
            inner += one.values() if isinstance(one, dict) else one
        level = [one for one in inner if isinstance(one, (dict, list, tuple))]
    return depth
