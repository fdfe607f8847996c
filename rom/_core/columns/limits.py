"""Limit: a bound of the values or the length of a column, which is one of its validators."""

import operator
from collections.abc import Callable
from typing import Any, Final, NamedTuple


class _Sign(NamedTuple):
    holds: Callable[[Any, Any], Any]
    words: str


#: The signs of limits, as pydantic and annotated-types call them.
SIGNS: Final = {
    'ge': _Sign(operator.ge, 'at least'),
    'gt': _Sign(operator.gt, 'more than'),
    'le': _Sign(operator.le, 'at most'),
    'lt': _Sign(operator.lt, 'less than'),
    'multiple_of': _Sign(lambda value, bound: value % bound == 0, 'a multiple of'),
    'min_length': _Sign(lambda value, bound: len(value) >= bound, 'a length of at least'),
    'max_length': _Sign(lambda value, bound: len(value) <= bound, 'a length of at most'),
}


class Limit(NamedTuple):
    """A validator that compares a value with a bound.

    Attributes:
        sign: a key of SIGNS.
        bound: the bound.

    >>> Limit('ge', 0)(5)
    >>> Limit('min_length', 3)('ab')
    Traceback (most recent call last):
    ValueError: expected a length of at least 3
    """

    sign: str
    bound: Any

    def __call__(self, value: Any) -> None:
        if not SIGNS[self.sign].holds(value, self.bound):
            raise ValueError(f'expected {SIGNS[self.sign].words} {self.bound}')
