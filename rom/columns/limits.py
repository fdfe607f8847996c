"""Limits: how large single values may be.

Reading decimal digits takes time that grows with the square of their number, which is why Python
reads no more than 4,300 of them by default (`sys.set_int_max_str_digits`). The same holds here for
all digits that come from outside or are stored, whichever library reads them.
"""

from __future__ import annotations

import decimal
from typing import Any, Final

#: So many digits an Integer or a Decimal has at most.
MOST_DIGITS: Final = 4300
#: Behind the digits of a Decimal come a sign, a point and an exponent.
_AROUND = 30
_PAST: Final = 10**MOST_DIGITS
#: So deep a Json may be: lists and dicts within one another.
MOST_DEPTH: Final = 200


def has_few_digits(number: int) -> bool:
    """Return whether an int has few enough digits.

    >>> has_few_digits(10**4299), has_few_digits(-(10**4300))
    (True, False)
    """
    return -_PAST < number < _PAST


def check_digits(raw: str | bytes) -> None:
    """Raise unless a text of digits is short enough to be read.

    Raises:
        ValueError: it is too long.

    >>> check_digits('9' * 4300)
    """
    if len(raw) > MOST_DIGITS + _AROUND:
        raise ValueError(f'{len(raw)} characters; a number has {MOST_DIGITS} digits at most')


def digits_of(number: decimal.Decimal) -> int:
    """Return how many digits a Decimal has, zeros that an exponent stands for left out.

    >>> digits_of(decimal.Decimal('1.50')), digits_of(decimal.Decimal('1E+999'))
    (3, 1)
    """
    return len(number.as_tuple().digits)


def depth_of(value: Any, most: int) -> int:
    """Return how deep lists and dicts lie in one another; of those past the most, one more.

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
