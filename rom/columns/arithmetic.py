"""Arithmetic: what `User.score + 1` is. Pure data, worked out on what a row holds.

Python's operators make a tree of a column, a number, another column. It is no value: it becomes one
for each row that `Query.update` or `Model.upsert` writes. It cannot be searched, and has no truth.
"""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from rom.encoding.plain import plain
from rom.encoding.text import show
from rom.exceptions import InvalidOperation

OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    '+': operator.add,
    '-': operator.sub,
    '*': operator.mul,
    '/': operator.truediv,
    '//': operator.floordiv,
    '%': operator.mod,
}

# Sums and products of decimals are kept digit by digit, as the columns keep them. A quotient may
# have no end, and gets the digits that the program's own context says.
_EXACT: Final = decimal.Context(prec=5000)


class Computable:
    """What can be calculated with: a column, and what came of doing so."""

    __slots__ = ()

    #: With a scalar of numpy on the left, numpy leaves the operator to this class.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Arithmetic:
        return _made('+', self, other)

    def __radd__(self, other: Any) -> Arithmetic:
        return _made('+', other, self)

    def __sub__(self, other: Any) -> Arithmetic:
        return _made('-', self, other)

    def __rsub__(self, other: Any) -> Arithmetic:
        return _made('-', other, self)

    def __mul__(self, other: Any) -> Arithmetic:
        return _made('*', self, other)

    def __rmul__(self, other: Any) -> Arithmetic:
        return _made('*', other, self)

    def __truediv__(self, other: Any) -> Arithmetic:
        return _made('/', self, other)

    def __rtruediv__(self, other: Any) -> Arithmetic:
        return _made('/', other, self)

    def __floordiv__(self, other: Any) -> Arithmetic:
        return _made('//', self, other)

    def __rfloordiv__(self, other: Any) -> Arithmetic:
        return _made('//', other, self)

    def __mod__(self, other: Any) -> Arithmetic:
        return _made('%', self, other)

    def __rmod__(self, other: Any) -> Arithmetic:
        return _made('%', other, self)

    def __neg__(self) -> Arithmetic:
        return _made('-', 0, self)


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic(Computable):
    """A calculation with columns: for `Query.update` and `Model.upsert`.

    Attributes:
        sign: one of OPERATORS.
        left: a column, another calculation, or a value.
        right: the same.

    Raises:
        InvalidOperation: it is compared, or taken for true or false.

    Example::

        User.query.update(score=User.score * 2 + User.bonus)
    """

    sign: str
    left: Any
    right: Any

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f'({shown(self.left)} {self.sign} {shown(self.right)})'

    def __bool__(self) -> NoReturn:
        raise self._not_searched()

    def __eq__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def __ne__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def __lt__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def __le__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def __gt__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def __ge__(self, other: object) -> NoReturn:
        raise self._not_searched()

    def _not_searched(self) -> InvalidOperation:
        return InvalidOperation(
            f'{show(self)} is worked out when a row is written, and can neither be compared nor be '
            'searched for; compare a column with a value, as in User.score >= 5'
        )


def columns_in(expression: Any) -> Iterator[Any]:
    """The columns that a value is calculated from; none of what is no calculation."""
    waiting = [expression]
    while waiting:  # no recursion: a sum may be longer than Python's stack is deep
        part = waiting.pop()
        if isinstance(part, Arithmetic):
            waiting += (part.right, part.left)
        elif isinstance(part, Computable):
            yield part


def evaluate(expression: Any, value_of: Callable[[Any], Any]) -> Any:
    """What a calculation comes to; None where a column in it has no value.

    Args:
        expression: a calculation, a column, or a value.
        value_of: gives a column's value.

    Raises:
        TypeError, ValueError, ArithmeticError: Python finds that these values do not go together.
    """
    values: list[Any] = []
    waiting: list[tuple[Any, bool]] = [(expression, False)]
    while waiting:
        part, is_ready = waiting.pop()
        if is_ready:
            right, left = values.pop(), values.pop()
            values.append(_calculated(part.sign, left, right))
        elif isinstance(part, Arithmetic):
            waiting += ((part, True), (part.right, False), (part.left, False))
        else:
            values.append(value_of(part) if isinstance(part, Computable) else part)
    return values[0]


def _calculated(sign: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if sign == '/':
        return left / right
    with decimal.localcontext(_EXACT):
        return OPERATORS[sign](left, right)


def _made(sign: str, left: Any, right: Any) -> Arithmetic:
    if left is None or right is None:
        raise InvalidOperation(
            f'{shown(left)} {sign} {shown(right)}: None is no value to calculate with'
        )
    # A scalar of numpy would have its own arithmetic, which overflows, take the place of Python's.
    return Arithmetic(sign, plain(left), plain(right))


def shown(part: Any) -> str:
    """A calculation, or a part of one, for a message: a column is its name."""
    is_column = isinstance(part, Computable) and not isinstance(part, Arithmetic)
    return getattr(part, 'name', '') if is_column else show(part)
