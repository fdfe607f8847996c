"""Filter expressions, such as `User.age >= 18`: pure data.

They are compiled by `rom._core.query.compile_expressions`.

A comparison makes a `Compare`, and ``& | ~`` combine expressions. ``and``, ``or``, ``not``, ``in``
and a chain such as ``1 < User.age < 5`` cannot be overloaded: Python tests the truth of one part
and drops the other, which would silently lose a condition. So the truth of an expression raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

from rom._core.encoding.text import show
from rom.exceptions import InvalidOperation, QueryError

Sign: TypeAlias = Literal[
    '==', '<', '<=', '>', '>=', 'between', 'in_', 'startswith', 'endswith', 'like', 'is_none',
    'contains', 'overlaps', 'contains all',
]  # fmt: skip


class Expression:
    """A condition on entities, for `Query.where`.

    Raises:
        InvalidOperation: it is used as a truth value.

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
            f'{show(self)} has no truth value outside a query; use & | ~ and parentheses for and, '
            'or, not; .between(a, b) for a <= column <= b; .in_([...]) for in'
        )


@dataclass(frozen=True, slots=True)
class Compare(Expression):
    """A comparison of a column with a value.

    Attributes:
        name: the column's name.
        sign: the comparison.
        value: the value; a tuple for 'between', 'in_', 'overlaps' and 'contains all'.
        column: the column itself, so that a query can refuse a column of another model.
    """

    name: str
    sign: Sign
    value: Any
    column: Any = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Joined(Expression):
    parts: tuple[Expression, ...]


class And(_Joined):
    """Conjunction: each part holds."""

    __slots__ = ()


class Or(_Joined):
    """Disjunction: at least one part holds."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """Negation: the part does not hold."""

    part: Expression

    def __invert__(self) -> Expression:
        return self.part


@dataclass(frozen=True, slots=True)
class Through(Expression):
    """A condition on the entities that a relation leads to: at least one of them matches.

    Attributes:
        relation: the column or list that declares the relation.
        inner: the condition on the other model.
    """

    relation: Any = field(compare=False)
    inner: Expression


def _parts(expression: Expression, kind: type[And | Or]) -> tuple[Expression, ...]:
    """Return the parts to join, so that a chain of one kind stays flat."""
    return expression.parts if isinstance(expression, kind) else (expression,)


class Comparable:
    """The comparisons of a column, each of which makes an expression."""

    name: str = ''

    # Columns are keys of dicts, so they hash by identity although == makes an expression.
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
        """Match values between two bounds, both included.

        Example::

            User.query.where(User.age.between(18, 65))
        """
        return self._compare('between', (low, high))

    def in_(self, values: Iterable[Any]) -> Expression:
        """Match any of several values; an empty collection matches nothing.

        Raises:
            QueryError: `values` is a string, or cannot be iterated.

        Example::

            User.query.where(User.city.in_(['Rome', 'Oslo']))
        """
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise QueryError(
                f'{self.name}.in_: expected a list of values, got {show(values)}; '
                f'use {self.name} == value for a single one'
            )
        return self._compare('in_', tuple(values))

    def startswith(self, beginning: str | bytes) -> Expression:
        """Match strings by their beginning; needs ``prefix=True``. See `Query.startswith`.

        Example::

            User.query.where(~User.name.startswith('A'))
        """
        return self._compare('startswith', beginning)

    def endswith(self, end: str | bytes) -> Expression:
        """Match strings by their end; needs ``suffix=True``. See `Query.endswith`.

        Example::

            User.query.where(User.email.endswith('@example.org'))
        """
        return self._compare('endswith', end)

    def like(self, pattern: str | bytes) -> Expression:
        """Match strings by a pattern; needs ``prefix=True``. See `Query.like`.

        Example::

            User.query.where(User.name.like('J*n!son'))
        """
        return self._compare('like', pattern)

    def is_none(self) -> Expression:
        """Match entities without an index entry of the column: no value, or an empty text.

        Its negation with ``~`` matches entities that have a value.

        Example::

            User.query.where(User.age.is_none())
        """
        return self._compare('is_none', None)
