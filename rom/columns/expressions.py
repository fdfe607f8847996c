"""Expressions: what `User.age >= 18` is. Pure data; `rom.query.expressions` says what it means.

A comparison makes a `Compare`, and ``& | ~`` put expressions together. The words ``and``, ``or``
and ``not``, a chain as in ``1 < User.age < 5``, and ``in`` cannot be had: Python asks for the truth
of one part, and drops it or the other. So an expression has no truth, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

from rom.encoding.text import show
from rom.exceptions import InvalidOperation, QueryError

Sign: TypeAlias = Literal[
    '==', '<', '<=', '>', '>=', 'between', 'in_', 'startswith', 'endswith', 'like', 'is_none'
]


class Expression:
    """What an entity must be like to be found: for `Query.where`.

    Raises:
        InvalidOperation: it is taken for true or false.

    Example::

        User.query.where((User.age >= 18) & ~(User.city == 'Rome'))
    """

    __slots__ = ()

    def __and__(self, other: Expression) -> Expression:
        if not isinstance(other, Expression):
            return NotImplemented
        return And((*_parts(self, And), *_parts(other, And)))

    def __or__(self, other: Expression) -> Expression:
        if not isinstance(other, Expression):
            return NotImplemented
        return Or((*_parts(self, Or), *_parts(other, Or)))

    def __invert__(self) -> Expression:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise InvalidOperation(
            f'{show(self)} is neither true nor false before a query has asked for it; use & | ~ '
            'and parentheses for and, or, not; .between(a, b) for a < column < b; .in_([...]) '
            'for in'
        )


@dataclass(frozen=True, slots=True)
class Compare(Expression):
    """A column, compared with a value.

    Attributes:
        name: the column's.
        sign: how.
        value: with what; a tuple for 'between' and 'in_'.
        column: the column itself, so that another model's is noticed.
    """

    name: str
    sign: Sign
    value: Any
    column: Any = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Joined(Expression):
    parts: tuple[Expression, ...]


class And(_Joined):
    """All of the parts hold."""

    __slots__ = ()


class Or(_Joined):
    """One of the parts holds."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """The part does not hold."""

    part: Expression

    def __invert__(self) -> Expression:
        return self.part


def _parts(expression: Expression, kind: type[And | Or]) -> tuple[Expression, ...]:
    """A long chain of one kind is flat."""
    return expression.parts if isinstance(expression, kind) else (expression,)


class Comparable:
    """What a column can be asked in an expression."""

    name: str = ''

    # Columns are keys and members like any object: two are never equal.
    __hash__ = object.__hash__

    def _compare(self, sign: Sign, value: Any) -> Expression:
        return Compare(self.name, sign, value, self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self._compare('==', other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return Not(self._compare('==', other))

    def __lt__(self, other: Any) -> Expression:
        return self._compare('<', other)

    def __le__(self, other: Any) -> Expression:
        return self._compare('<=', other)

    def __gt__(self, other: Any) -> Expression:
        return self._compare('>', other)

    def __ge__(self, other: Any) -> Expression:
        return self._compare('>=', other)

    def between(self, low: Any, high: Any) -> Expression:
        """The value lies between two, both included.

        Example::

            User.query.where(User.age.between(18, 65))
        """
        return self._compare('between', (low, high))

    def in_(self, values: Iterable[Any]) -> Expression:
        """The value is one of these; of none, if there are none.

        Raises:
            QueryError: no list or other collection.

        Example::

            User.query.where(User.city.in_(['Rome', 'Oslo']))
        """
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise QueryError(f'{self.name}.in_({show(values)}): takes a list of values')
        return self._compare('in_', tuple(values))

    def startswith(self, beginning: str | bytes) -> Expression:
        """As in `Query.startswith`: the column needs ``prefix=True``.

        Example::

            User.query.where(~User.name.startswith('A'))
        """
        return self._compare('startswith', beginning)

    def endswith(self, end: str | bytes) -> Expression:
        """As in `Query.endswith`: the column needs ``suffix=True``.

        Example::

            User.query.where(User.email.endswith('@example.org'))
        """
        return self._compare('endswith', end)

    def like(self, pattern: str | bytes) -> Expression:
        """As in `Query.like`: the column needs ``prefix=True``.

        Example::

            User.query.where(User.name.like('J*n!son'))
        """
        return self._compare('like', pattern)

    def is_none(self) -> Expression:
        """No value: the column's index has nothing of the entity.

        So it is, too, for a text that is empty. ``~`` of it finds those that have one.

        Example::

            User.query.where(User.age.is_none())
        """
        return self._compare('is_none', None)
