"""Arithmetic on columns, such as `User.score + 1`: an expression tree, evaluated for each row.

Python's operators build a tree of columns and numbers. `Query.update` and `Model.upsert` evaluate
it for each row that they write. It cannot be used in a filter, compared, or tested for truth.
"""

from __future__ import annotations

import decimal
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from rom._core.columns.links import united, without
from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import show
from rom.exceptions import InvalidOperation

OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    '+': operator.add,
    '-': operator.sub,
    '*': operator.mul,
    '/': operator.truediv,
    '//': operator.floordiv,
    '%': operator.mod,
    # The links of a row on the left, a tuple of ids on the right.
    '|': united,
    'without': without,
}

# Sums and products of decimals keep all digits, as Decimal columns do. A quotient may have
# infinitely many digits, so it uses the precision of the program's own decimal context.
_EXACT: Final = decimal.Context(prec=5000)


class Computable:
    """Operand of arithmetic: a column, or a calculation with columns."""

    __slots__ = ()

    #: Makes numpy leave the operator to this class where a numpy scalar is on the left.
    __array_ufunc__ = None

    def _operand(self) -> Any:
        """Return the operand as calculations keep it."""
        return self

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
        right: a column, another calculation, or a value.

    Raises:
        InvalidOperation: it is compared, or used as a truth value.

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
            f'{show(self)} is evaluated when a row is written, so it cannot be compared or used in '
            'a filter. Compare a column with a value, as in User.score >= 5'
        )


def columns_in(expression: Any) -> Iterator[Any]:
    """Yield the columns that a calculation uses; nothing for a plain value."""
    waiting = [expression]
    while waiting:  # a loop, because a long sum would exceed Python's recursion limit
        part = waiting.pop()
        if isinstance(part, Arithmetic):
            waiting += (part.right, part.left)
        elif isinstance(part, Computable):
            yield part


def evaluate(expression: Any, value_of: Callable[[Any], Any]) -> Any:
    """Return the result of a calculation, or None where a column in it has no value.

    Args:
        expression: a calculation, a column, or a value.
        value_of: returns the value of a column.

    Raises:
        TypeError, ValueError, ArithmeticError: Python cannot calculate with these values.
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
            f'{shown(left)} {sign} {shown(right)}: expected a column or a number, got None'
        )
    # Convert numpy scalars, because their arithmetic overflows where Python's does not.
    return Arithmetic(sign, _as_kept(left), _as_kept(right))


def _as_kept(part: Any) -> Any:
    return part._operand() if isinstance(part, Computable) else plain(part)


def shown(part: Any) -> str:
    """Return a calculation, or a part of one, for a message; a column is shown by its name."""
    is_column = isinstance(part, Computable) and not isinstance(part, Arithmetic)
    return getattr(part, 'name', '') if is_column else show(part)
