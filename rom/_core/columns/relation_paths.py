"""Relation paths: the attribute of a relation on its model, such as `User.team`.

A path compares as its column does, and leads on to the columns of the other model: the expression
``User.team.name == 'x'`` is about the teams of users. Both parts of a path have names that may
collide: ``User.team.name`` is the column `name` of the other model, where that has one. Any other
attribute is that of the relation itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from rom._core.columns.arithmetic import Arithmetic, Computable
from rom._core.columns.expressions import And, Comparable, Expression, Not, Through
from rom._core.encoding.text import show_names
from rom._core.model_registry import MODELS
from rom.exceptions import QueryError

N = TypeVar('N')
T_co = TypeVar('T_co', covariant=True)


class RelatedColumn(Computable):
    """A column of a related model, as ``User.team.name``: its comparisons make expressions.

    It has the comparisons of the column: ``== != < <= > >=``, ``between``, ``in_``,
    ``startswith``, ``endswith``, ``like``, ``is_none``, ``contains``, ``overlaps`` and
    ``contains_all``. See :class:`rom.Column`.

    Example::

        User.query.where((User.team.name == 'Red') & (User.team.company.city == 'Oslo'))
    """

    __slots__ = ('_column', '_steps')

    def __init__(self, column: Any, steps: tuple[Any, ...] = ()) -> None:
        self._column = column
        self._steps = steps

    def _through(self, inner: Any) -> Any:
        """Return an expression on the column as one on the model where the path begins."""
        if isinstance(inner, Not):
            return ~self._through(inner.part)
        for relation in reversed(self._steps):
            inner = Through(relation, inner)
        return inner

    def _compare(self, method: str, *values: Any) -> Expression:
        compare = getattr(self._column, method, None)
        if compare is None:
            self._refuse(method)
        found: Expression = self._through(compare(*values))
        return found

    def _operand(self) -> Any:
        if self._steps or _is_list(self._column):
            raise QueryError(f'{self!r}: an update calculates with columns of the model itself')
        return self._column

    def _refuse(self, method: str) -> NoReturn:
        raise QueryError(f'{self!r}.{method}: a {type(self._column).__name__} has no such method')

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return self._compare('__eq__', other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return self._compare('__ne__', other)

    def __hash__(self) -> int:
        return hash((self._steps, self._column))

    def __lt__(self, other: Any) -> Expression:
        return self._compare('__lt__', other)

    def __le__(self, other: Any) -> Expression:
        return self._compare('__le__', other)

    def __gt__(self, other: Any) -> Expression:
        return self._compare('__gt__', other)

    def __ge__(self, other: Any) -> Expression:
        return self._compare('__ge__', other)

    def between(self, low: Any, high: Any) -> Expression:
        """Match values between two bounds, both included."""
        return self._compare('between', low, high)

    def in_(self, values: Iterable[Any]) -> Expression:
        """Match any of several values."""
        return self._compare('in_', values)

    def startswith(self, beginning: str | bytes) -> Expression:
        """Match strings by their beginning."""
        return self._compare('startswith', beginning)

    def endswith(self, end: str | bytes) -> Expression:
        """Match strings by their end."""
        return self._compare('endswith', end)

    def like(self, pattern: str | bytes) -> Expression:
        """Match strings by a pattern."""
        return self._compare('like', pattern)

    def is_none(self) -> Expression:
        """Match related entities without a value; see also `RelationPath.is_none`."""
        return self._compare('is_none')

    def contains(self, element: Any) -> Expression:
        """Match collections and links with an element."""
        return self._compare('contains', element)

    def overlaps(self, *elements: Any) -> Expression:
        """Match collections and links with any of these elements."""
        return self._compare('overlaps', *elements)

    def contains_all(self, *elements: Any) -> Expression:
        """Match collections and links with all of these elements."""
        return self._compare('contains_all', *elements)

    def __repr__(self) -> str:
        return '.'.join(one.name for one in (*self._steps, self._column))

    if TYPE_CHECKING:  # a checker does not know whether the column is a relation

        def __getattr__(self, name: str) -> RelatedColumn: ...
    else:

        def __getattr__(self, name: str) -> Any:
            if name.startswith('__'):
                raise AttributeError(name)
            raise AttributeError(
                f'{self!r}.{name}: {self._column.name} is not a relation, so no path leads on'
            )


class RelationPath(RelatedColumn, Generic[T_co]):
    """A relation of a model, as ``User.team`` or ``User.team.company``.

    Example::

        User.query.where(User.team == red)
        User.query.where(User.team.name == 'Red')
        Author.query.where(Author.books.title.startswith('A') & ~Author.prizes.is_none())
    """

    __slots__ = ()

    if TYPE_CHECKING:
        __hash__ = object.__hash__

        def __eq__(self: RelationPath[N], other: N | int) -> Expression: ...  # type: ignore[override]
        def __ne__(self: RelationPath[N], other: N | int) -> Expression: ...  # type: ignore[override]
        def in_(self: RelationPath[N | None], values: Iterable[N | int]) -> Expression: ...

    def is_none(self) -> Expression:
        """Match entities without a related one."""
        if not _is_list(self._column):
            return super().is_none()
        found: Expression = self._through(Not(Through(self._column, And(()))))
        return found

    def get_related_model(self) -> Any:
        """Return the model that the relation leads to.

        Raises:
            ORMError: no model of that name is defined yet.
        """
        return self._column.get_related_model()

    def add(self, *targets: Any) -> Arithmetic:
        """Return the links of each row with these, for `Query.update`; see `ManyToMany.add`."""
        found: Arithmetic = self._operand().add(*targets)
        return found

    def remove(self, *targets: Any) -> Arithmetic:
        """Return the links of each row without these; see `ManyToMany.remove`."""
        found: Arithmetic = self._operand().remove(*targets)
        return found

    def _compare(self, method: str, *values: Any) -> Expression:
        if _is_list(self._column):
            raise QueryError(
                f'{self!r}: a list of entities is not compared; compare a column of them, such as '
                f'their id, or write filter({self._column.name}=...)'
            )
        found: Expression = super()._compare(method, *values)
        return found

    if not TYPE_CHECKING:

        @property
        def __class__(self):
            """The class of the relation, so that `isinstance` takes a path for its relation."""
            return type(self._column)

        @property
        def __doc__(self):
            """The docstring of the relation."""
            return self._column.__doc__

        def __getattr__(self, name: str) -> Any:
            if not name.startswith('_'):
                found = _related_attribute(self._column, name)
                if found is not None:
                    return _path(found, (*self._steps, self._column))
            try:
                return getattr(self._column, name)
            except AttributeError:
                raise AttributeError(_unknown(self, name)) from None


def path_of(relation: Any) -> Any:
    """Return the path that begins with a column or list; the same one at each call."""
    known = vars(relation)
    if '_path' not in known:
        known['_path'] = RelationPath(relation)
    return known['_path']


def relation_in(path: Any) -> Any:
    """Return the column or list at the end of a path; anything else as it is."""
    return path._column if type(path) is RelationPath else path


def _is_list(relation: Any) -> bool:
    return not isinstance(relation, Comparable)


def _related_attribute(relation: Any, name: str) -> Any:
    """Return the column or list of the other model with this name; None without one."""
    schema = getattr(MODELS.get(relation.ftable), '_schema', None)
    if schema is None:
        return None
    return schema.columns.get(name, schema.lists.get(name))


def _path(found: Any, steps: tuple[Any, ...]) -> RelatedColumn:
    is_relation = _is_list(found) or found.is_relation or found.is_links
    return (RelationPath if is_relation else RelatedColumn)(found, steps)


def _unknown(path: RelationPath[Any], name: str) -> str:
    schema = getattr(MODELS.get(path._column.ftable), '_schema', None)
    if schema is None:
        return f'{path!r}.{name}: the model {path._column.ftable!r} is not defined yet'
    known = show_names([*schema.columns, *schema.lists])
    return f'{path!r}.{name}: {schema.name} has no column {name!r}; it has {known}'
