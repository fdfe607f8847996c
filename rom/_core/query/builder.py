"""The builder half of Query: methods that return a copy with another clause, order or limit.

Each method checks its arguments, so that a query that exists can run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from rom._core.encoding.integers import ENDLESS
from rom._core.encoding.text import show, show_name
from rom._core.query.base import R_co
from rom._core.query.empty_filters import check_lookups
from rom._core.query.filter_methods import FilterMethods
from rom._core.query.ordering import all_ordered
from rom._core.query.search_methods import SearchMethods
from rom._core.query.sort_order import SortCursor
from rom._core.query.windows import within
from rom.exceptions import ArgumentError, QueryError

if TYPE_CHECKING:
    from typing import Self

# The default of `limit`'s second argument: its first one is the count then.
_ALONE: Final[Any] = object()
Q = TypeVar('Q', bound='QueryBuilder[Any]')


class QueryBuilder(FilterMethods[R_co], SearchMethods[R_co]):
    """The builder half of Query; every method returns a copy."""

    __slots__ = ()

    def order_by(self, *columns: str) -> Self:
        """Sort the results; the last call counts.

        Entities with equal values in the first column are sorted by the second, and so on; finally
        by id, in the direction of the last column. Entities without a value are last, in either
        direction.

        Args:
            *columns: their names, ``'-name'`` for the largest first; or ``'name:x'``, the number
                that a keygen names ``x``. The primary key needs no index.

        Raises:
            QueryError: no column, one twice, an unknown one, or one without any index.

        Warns:
            UserWarning: the index of a text column does not sort, so that rom reads all results
                and sorts them by the stored values.

        Example::

            User.query.order_by('city', '-age')
            User.query.order_by('-id').limit(0, 20)     # the newest
        """
        return self._with(orders=all_ordered(self.schema, columns))

    @overload
    def limit(self, count: int, /) -> Self: ...
    @overload
    def limit(self, offset: int, count: int) -> Self: ...
    def limit(self, offset: int, count: int = _ALONE) -> Self:
        """Skip the first results, and return at most so many; the last call counts.

        ``limit(count)`` keeps the number to skip, which `offset` sets. A slice sets both:
        ``query[20:30]`` is ``query.limit(20, 10)``.

        Args:
            offset: the number to skip; below 0 it is 0.
            count: the maximum number of results; below 1 it is 0.

        Raises:
            ArgumentError: an argument is not an int. It is also a TypeError.

        Example::

            User.query.order_by('-age').limit(20, 10)
        """
        method = 'limit(offset, count)'
        if count is _ALONE:
            return self._with(count=within(self.schema, method, offset))
        first = within(self.schema, method, offset)
        return self._with(offset=first, count=within(self.schema, method, count))

    def offset(self, offset: int) -> Self:
        """Skip the first results; the last call of this or of ``limit(offset, count)`` counts.

        Args:
            offset: the number to skip; below 0 it is 0.

        Raises:
            ArgumentError: the argument is not an int. It is also a TypeError.

        Example::

            User.query.order_by('-age').offset(20).limit(10)
        """
        return self._with(offset=within(self.schema, 'offset(offset)', offset))

    def replace(self, **parts: Any) -> Self:
        """Return the query with other parts, as in rom 1.x; None removes a part.

        Args:
            **parts: ``filters``, a query that has them; ``order_by``, a column's name or a list of
                names; ``limit``, an ``(offset, count)``; ``select``, a list of columns.

        Raises:
            ArgumentError: another name, or a value of another type. It is also a TypeError.
            QueryError: as for `order_by` and `select`; or ``filters`` is not a query of this
                model.

        Example::

            User.query.filter(age=42).replace(order_by='name', limit=(0, 10))
        """
        from rom._core.query.replaced_parts import PARTS

        query = self
        for name, value in parts.items():
            if name not in PARTS:
                raise ArgumentError(
                    f'replace() takes {", ".join(PARTS)}, not {show_name(name)}: for another '
                    'model, begin with its query'
                )
            query = PARTS[name](query, value)
        return query

    def load(self, *paths: str) -> Self:
        """Load relations with the results, in one more round trip for each step of a path.

        Args:
            *paths: names of relations, as ``'author'`` or ``'author.publisher'``.

        Raises:
            QueryError: no such relation.

        Example::

            Book.query.load('author.publisher')
        """
        for path in paths:
            first = path.split('.')[0] if isinstance(path, str) else path
            if first not in self.schema.loadable:
                raise QueryError(
                    f'{self.schema.name}.query.load({show(path)}): the model has no relation '
                    f'{show(first)}'
                )
        return self._with(loads=(*self.spec.loads, *paths))

    def with_expired(self) -> Self:
        """Include entities that have expired, until `util.expire` removes them.

        Call it before a filter by times in the past, which warns otherwise. It has no effect on a
        model without :class:`rom.ExpireAt`. Relations loaded with the results still leave out
        expired entities.

        Example::

            Login.query.with_expired().filter(user=ann).all()
        """
        return self._with(with_expired=True)

    def with_deleted(self) -> Self:
        """Include soft-deleted entities.

        It has no effect on a model without ``_soft_delete``. Relations loaded with the results
        still leave out soft-deleted entities.

        Raises:
            QueryError: a filter on a unique column without an index: deleted entities have no
                unique values.

        Example::

            User.query.with_deleted().filter(city='Oslo').all()
        """
        check_lookups(self.schema, self.spec.where.nodes)
        return self._with(with_deleted=True)

    def only_deleted(self) -> Self:
        """Keep only soft-deleted entities.

        Raises:
            QueryError: the model has no ``_soft_delete``.

        Example::

            User.query.only_deleted().order_by('-deleted_at')[:20].all()
        """
        name = self.schema.soft_delete
        if name is None:
            raise QueryError(
                f'{self.schema.name}.query.only_deleted(): the model has no _soft_delete, so that '
                'a delete leaves nothing behind'
            )
        return self.with_deleted().filter(**{name: (None, None)})

    def first_only(self) -> Self:
        """Return the query with only its first result."""
        return self.at_most(1)

    def at_most(self, most: int) -> Self:
        """Return the query with at most so many results."""
        count = self.spec.count
        return self._with(count=min(most, ENDLESS if count is None else count))

    def marked(self, mark: SortCursor | None) -> Self:
        """Return the query for the results after a sort position."""
        return self._with(mark=mark)

    def limitless(self) -> Self:
        """Return the query without its limit."""
        return self._with(offset=0, count=None)
