"""Text sums: sums of the values that the script returns as texts.

It takes this process a tenth of a microsecond to add a value, and the script one. The sums are as
exact as those of the script. Where a text is not a plain number, the script must add.
"""

from __future__ import annotations

import decimal
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rom._core.query.aggregates import Aggregate, Facets


class UnusualTextError(Exception):
    """A text that the script must look at. Internal: `aggregates` catches it."""


def as_added(tally: Aggregate | Facets, reply: Sequence[Any]) -> Sequence[Any]:
    """Return a tally as the script makes it where it adds the values.

    Args:
        tally: the aggregate that was asked for.
        reply: the tally; with a fourth part, the texts of the values, separated by spaces.

    Raises:
        UnusualTextError: a text is not a plain number.

    >>> from rom._core.query.aggregates import Aggregate
    >>> as_added(Aggregate('age', b'age', 'integer'), [b'2', [], [], b'5 -7'])
    (b'2', [0, 1, 0, -2], ())
    """
    if tally.way not in ADDED or len(reply) != _WITH_TEXTS:
        return reply
    count, _, _, joined = reply
    texts = joined.split(b' ') if joined else []
    if len(texts) != int(count):
        raise UnusualTextError
    return count, added(tally.way, texts), ()


def added(way: str, texts: Sequence[bytes]) -> list[Any]:
    """Return the results of texts that are added in a way: see `lua/lib/tally.lua`.

    Raises:
        UnusualTextError: a text is not a plain number.

    >>> added('integer', [b'5', b'-7'])
    [0, 1, 0, -2]
    """
    characters, add = ADDED[way]
    if b''.join(texts).translate(None, characters):
        raise UnusualTextError
    try:
        return add(texts)
    except ValueError:
        raise UnusualTextError from None


def summed(way: str, numbers: Sequence[float]) -> list[Any]:
    """Return the results of numbers that are added in a way.

    Raises:
        UnusualTextError: integers so large that a score does not hold them, or infinities.

    >>> summed('integer', [5.0, -7.0])
    [0, 1, 0, -2]
    """
    if way == 'integer':
        if max(map(abs, numbers), default=0) >= _MOST_EXACT:
            raise UnusualTextError
        return [0, 1, 0, sum(map(int, numbers))]
    try:
        return _add_floats(numbers)
    except ValueError:
        raise UnusualTextError from None


def _add_integers(texts: Sequence[bytes]) -> list[int]:
    return [0, 1, 0, sum(map(int, texts))]


def _add_floats(texts: Sequence[bytes | float]) -> list[float]:
    """Return doubles whose sum is exactly that of numbers, or of their texts.

    Raises:
        ValueError: a text is beyond the doubles.
    """
    left = [*map(float, texts)]
    found: list[float] = []
    try:
        # Each further number is what rounding took from the sum of the others.
        while number := math.fsum(left):
            if not math.isfinite(number):
                raise ValueError
            found.append(number)
            left.append(-number)
    except OverflowError:
        if not all(map(math.isfinite, left)):
            raise ValueError from None
        return left[: len(texts)]
    return found


def _add_decimals(texts: Sequence[bytes]) -> list[int]:
    """Return the sum of the digits for each number of decimal places."""
    sums: defaultdict[int, int] = defaultdict(int)
    for text in texts:
        if b'E' in text:
            scale, number = _scaled(text)
        else:
            whole, _, part = text.partition(b'.')
            scale, number = len(part), int(whole + part)
        sums[scale] += number
    return [item for scale, number in sums.items() for item in (scale, 1, 0, number)]


def _scaled(text: bytes) -> tuple[int, int]:
    """Return the decimal places and the digits of a number with an exponent.

    Raises:
        ValueError: the text is not a number, or has too many digits.
    """
    try:
        sign, digits, exponent = decimal.Decimal(text.decode()).as_tuple()
    except decimal.InvalidOperation:
        raise ValueError from None
    if not isinstance(exponent, int) or abs(exponent) > _MOST_PLACES:
        raise ValueError
    number = int(decimal.Decimal((sign, digits, 0)))
    # A zero adds nothing, however small its exponent.
    return max(-exponent, 0) if number else 0, number * 10 ** max(exponent, 0)


_MOST_PLACES: Final = 1000
_MOST_EXACT: Final = 2**53  # all smaller integers are doubles
_WITH_TEXTS: Final = 4
# The characters of plain numbers, and the function that adds them.
ADDED: Final[dict[str, tuple[bytes, Callable[[Sequence[bytes]], list[Any]]]]] = {
    'integer': (b'0123456789-', _add_integers),
    'float': (b'0123456789-+.eE', _add_floats),
    'decimal': (b'0123456789-+.E', _add_decimals),
}
