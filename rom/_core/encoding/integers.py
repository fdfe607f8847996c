"""Parsing of untrusted integers: ids, page sizes, limits.

They arrive as ints, or as digits in a URL. Python's `int` accepts more than that (``'1_0'``, digits
of other scripts, 1.9), takes seconds to parse long input, and returns numbers beyond 64 bits.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import show
from rom.exceptions import InvalidOperation

#: The largest id that the server's counter can give.
LARGEST_ID: Final = 2**63 - 1
#: The largest count: Lua counts in doubles, which are exact up to here.
ENDLESS: Final = 2**52
_DIGITS = frozenset(b'0123456789')
_MOST_DIGITS = 20


def read_id(value: Any) -> int | None:
    """Return the id that an int, a whole float or decimal digits stand for, else None.

    Ids above the largest that the counter can give all become the same one, because no row has it.

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
    """Return the number that decimal digits stand for, or None where there is anything else.

    >>> read_digits('12'), read_digits(b'0'), read_digits('+1'), read_digits('')
    (12, 0, None, None)
    """
    raw = text.encode('utf-8', 'surrogatepass') if isinstance(text, str) else text
    if not raw or not _DIGITS.issuperset(raw):
        return None
    digits = raw.lstrip(b'0') or b'0'
    return int(digits) if len(digits) < _MOST_DIGITS else LARGEST_ID + 1


def read_count(value: Any, least: int = 1) -> int | None:
    """Return an int of at least `least`, capped at `ENDLESS`; None for anything else.

    >>> read_count(5), read_count(2**70) == ENDLESS, read_count(0), read_count(1.0)
    (5, True, None, None)
    """
    given = plain(value)
    return min(given, ENDLESS) if type(given) is int and given >= least else None


def check_count(
    where: str,
    value: Any,
    least: int = 1,
    *,
    error: type[Exception] = InvalidOperation,
    otherwise: str = '',
) -> int:
    """Return an int of at least `least`, capped at `ENDLESS`.

    Args:
        where: the call or the argument, for the error.
        value: the value of the argument.
        least: the smallest valid number.
        error: the class of the error.
        otherwise: other valid values, for the error; the caller has handled them.

    Raises:
        Exception: `error`, if the value is anything else.

    >>> check_count('batch', 5), check_count('offset', 0, 0)
    (5, 0)
    >>> check_count('limit', 0, otherwise=', or None for all')
    Traceback (most recent call last):
    rom.exceptions.InvalidOperation: limit: expected an int of at least 1, or None for all, got 0
    """
    count = read_count(value, least)
    if count is None:
        raise error(f'{where}: expected an int of at least {least}{otherwise}, got {show(value)}')
    return count
