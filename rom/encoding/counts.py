"""Whole numbers from the outside: ids, sizes of pages, limits.

They come as ints, and out of URLs as digits. Python's `int` reads more than that (``'1_0'``, digits
of other scripts, 1.9), takes seconds for some of it, and knows numbers that the server has none of.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from rom.encoding.plain import plain

#: The largest id that the server's counter can give.
LARGEST_ID: Final = 2**63 - 1
#: More than there is of anything. Lua counts in doubles, which are exact up to here.
ENDLESS: Final = 2**52
_DIGITS = frozenset(b'0123456789')
_MOST_DIGITS = 20


def read_id(value: Any) -> int | None:
    """Return the id that a value is, or None: an int, a whole float, or decimal digits.

    No row has an id that is larger than the counter can give, so all of those are one.

    >>> read_id(5), read_id('05'), read_id(b'5'), read_id(5.0), read_id(10**400) == LARGEST_ID + 1
    (5, 5, 5, 5, True)
    >>> read_id('1_0'), read_id(' 1'), read_id('\uff11'), read_id(1.9), read_id(-1), read_id(True)
    (None, None, None, None, None, None)
    """
    number = _whole(value)
    return None if number is None or number < 0 else min(number, LARGEST_ID + 1)


def _whole(value: Any) -> int | None:
    given = plain(value)
    if type(given) is int:
        return given
    if isinstance(given, (str, bytes)):
        return read_digits(given)
    if isinstance(given, float):
        return int(given) if given.is_integer() else None
    if isinstance(given, bool) or not hasattr(given, '__index__') or isinstance(given, type):
        return None
    return operator.index(given)


def read_digits(text: str | bytes) -> int | None:
    """Return the number that decimal digits are, and nothing else, or None.

    >>> read_digits('12'), read_digits(b'0'), read_digits('+1'), read_digits('')
    (12, 0, None, None)
    """
    raw = text.encode('utf-8', 'surrogatepass') if isinstance(text, str) else text
    if not raw or not _DIGITS.issuperset(raw):
        return None
    digits = raw.lstrip(b'0') or b'0'
    return int(digits) if len(digits) < _MOST_DIGITS else LARGEST_ID + 1


def read_count(value: Any, least: int = 1) -> int | None:
    """Return a count that is an int of at least so much, or None.

    >>> read_count(5), read_count(2**70) == ENDLESS, read_count(0), read_count(1.0)
    (5, True, None, None)
    """
    given = plain(value)
    return min(given, ENDLESS) if type(given) is int and given >= least else None
