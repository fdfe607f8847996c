"""The methods of Query whose result is a figure of the entities, computed by the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, overload

from rom._core import session_context
from rom._core.query.base import R_co
from rom._core.query.builder import QueryBuilder


class QueryAggregates(QueryBuilder[R_co]):
    """The counting half of Query; each method calls the current session."""

    __slots__ = ()

    def count(self) -> int:
        """Return the number of matching entities, whatever the limit.

        The limit counts only in a query without filters and orders, as in rom 1.x:
        ``User.query.limit(20, 10).count()`` is the length of that page.

        Example::

            User.query.filter(age=(18, None)).count()
        """
        return session_context.session().count(self)

    def exists(self) -> bool:
        """Return whether there is any result.

        Example::

            User.query.filter(email='ann@example.org').exists()
        """
        return session_context.session().exists(self)

    def sum(self, column: str) -> Any:
        """Return the sum of an Integer, Float or Decimal column, added up on the server.

        It needs no index and is exact: an int of any size, a Decimal with all its digits, a float
        as ``math.fsum`` returns it (beyond the largest float, an infinity). Entities without a
        value are left out. The limit is ignored.

        Returns:
            An int, float or Decimal, like the column's values; 0 if there is nothing to add.

        Raises:
            QueryError: the column is of another type; or its decimals are so far apart
                (1E+999999 and 0.1) that no sum is exact.
            CorruptRowError: a stored value is not a number.

        Example::

            Order.query.filter(paid=False).sum('amount')
        """
        return session_context.session().sum(self, column)

    def avg(self, column: str) -> Any:
        """Return the mean of an Integer, Float or Decimal column, computed like :meth:`sum`.

        Returns:
            The nearest float; for a Decimal column a Decimal, rounded by the current decimal
            context. None if no entity has a value.

        Raises:
            QueryError, CorruptRowError: as for :meth:`sum`.

        Example::

            User.query.filter(city='Oslo').avg('age')
        """
        return session_context.session().avg(self, column)

    def min(self, column: str) -> Any:
        """Return the smallest value of a column, in the order of ``order_by``.

        The limit is ignored.

        Raises:
            QueryError: no index sorts the column by value; the message says which to declare.
            CorruptRowError: the stored value does not decode.

        Returns:
            The value, which is an id for a relation; None if no entity has a value. An empty
            string does not count as a value.

        Example::

            User.query.filter(city='Oslo').min('created_at')
        """
        return session_context.session().min(self, column)

    def max(self, column: str) -> Any:
        """Return the largest value of a column; otherwise like :meth:`min`.

        Example::

            User.query.filter(city='Oslo').max('created_at')
        """
        return session_context.session().max(self, column)

    @overload
    def facets(self, column: str, /) -> Counter[Any]: ...
    @overload
    def facets(self, column: str, other: str, /, *more: str) -> dict[str, Counter[Any]]: ...
    def facets(self, column: str, /, *more: str) -> Any:
        """Count the entities that have each value of a column, on the server; no index needed.

        Several columns are counted together, as fast as the slowest one: each row is read once.

        Args:
            column: the name of a column.
            *more: further names; 16 columns at most.

        Returns:
            The count by value, the most frequent first. Entities without a value count under
            None; the values of a relation are ids. The limit is ignored. For several columns, a
            dict of such counts by column.

        Raises:
            QueryError: the values are not hashable (Json), or not stored in rows (IndexOnly); or a
                column is named twice.
            CorruptRowError: a stored value does not decode.

        Example::

            User.query.filter(age=(18, None)).facets('city')     # Counter({'Oslo': 3, 'Rome': 1})
            User.query.facets('city', 'state')['state']          # Counter({'active': 4})
        """
        return session_context.session().facets(self, column, *more)

    def histogram(self, column: str, bounds: Sequence[Any]) -> list[int]:
        """Count the entities in each interval of a number, date or time, on the server.

        It needs no index. Entities without a value, and NaN, are in no interval. The limit is
        ignored.

        Args:
            column: the name of an Integer, Float, Decimal, DateTime, Date or Time column, or of
                one that can be added up.
            bounds: 2 to 1,000 values of the column, ascending; None as the first or the last one
                leaves that end open. An interval includes its lower bound, not its upper one.

        Returns:
            The number of entities between each bound and the next one, so one less than bounds.

        Raises:
            QueryError: the column is of another type; or the bounds do not ascend, or are not
                valid for it.
            CorruptRowError: a stored value does not decode.

        Example::

            Product.query.histogram('price', [0, 10, 100, None])     # [12, 40, 3]
        """
        return session_context.session().histogram(self, column, bounds)
