"""Query: what is asked of a model, put together clause by clause, and the ways to its answer.

A query never changes: each method returns another one, so that one can be kept and narrowed down in
several ways. What it holds is in `rom._core.query.spec`, frozen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rom._core import session_context
from rom._core.query.builder import Narrowing, R_co

if TYPE_CHECKING:
    from rom._core.query.explanation import Explanation, Of
    from rom._core.query.page import Page


class Query(Narrowing[R_co]):
    """A search for entities of one model.

    ``Model.query`` finds all of them, and each method narrows it down.

    Without `order_by`, results come in whatever order the index has that drives the search. Where a
    number, a relation or a prefix is filtered, that is ids as text within equal values: 1, 10, 11,
    2. Order by a column, or use `page`, which is in the order of ids.

    Attributes:
        model: whose entities are searched.
        asked: what for.

    Example::

        adults = User.query.filter(age=(18, None))
        adults.order_by('-age').limit(0, 10).all()
        adults.filter(city='Oslo').count()
    """

    __slots__ = ()

    def all(self) -> list[R_co]:
        """The results.

        Raises:
            ServerUnavailable: no answer.
            CorruptRowError: a row or an index holds what rom would not have written there; its
                ``entities`` are the others.

        Example::

            User.query.filter(age=42).all()
        """
        return session_context.session().all(self)

    def execute(self) -> list[R_co]:
        """The results: another name of :meth:`all`."""
        return self.all()

    def first(self) -> R_co | None:
        """The first result, or None.

        Example::

            User.query.order_by('-age').first()
        """
        return session_context.session().first(self)

    def count(self) -> int:
        """How many entities there are, whatever the limit.

        Only where there is neither a filter nor an order, the limit counts, as in rom 1.x:
        ``User.query.limit(20, 10).count()`` is the length of that page.

        Example::

            User.query.filter(age=(18, None)).count()
        """
        return session_context.session().count(self)

    def exists(self) -> bool:
        """Whether there is any result.

        Example::

            User.query.filter(email='ann@example.org').exists()
        """
        return session_context.session().exists(self)

    def get(self) -> R_co:
        """The only result.

        Raises:
            QueryError: there is none, or there are several.

        Example::

            User.query.filter(name='Ann', city='Oslo').get()
        """
        return session_context.session().one(self)

    def ids(self) -> list[int]:
        """The ids of the results, in order. The session does not get to know the entities.

        Example::

            User.query.filter(city='Oslo').ids()     # [1, 5, 7]
        """
        return session_context.session().ids(self)

    def sum(self, column: str) -> Any:
        """The sum of an Integer, Float or Decimal column, added up on the server; no index needed.

        It is exact: an int of any size, a Decimal with all its digits, a float as ``math.fsum``
        gives it (past the largest one, an infinity). Entities without a value are left out. The
        limit does not count.

        Returns:
            An int, float or Decimal, as the column has; 0 if there is nothing to add.

        Raises:
            QueryError: another kind of column; or decimals so far apart (1E+999999 and 0.1) that
                no sum of theirs is exact.
            CorruptRowError: a stored value is no number.

        Example::

            Order.query.filter(paid=False).sum('amount')
        """
        return session_context.session().sum(self, column)

    def avg(self, column: str) -> Any:
        """The mean of an Integer, Float or Decimal column, worked out as :meth:`sum` is.

        Returns:
            A float, the nearest one; of a Decimal column a Decimal, rounded as the program's
            decimal context says. None if no entity has a value.

        Raises:
            QueryError, CorruptRowError: as for :meth:`sum`.

        Example::

            User.query.filter(city='Oslo').avg('age')
        """
        return session_context.session().avg(self, column)

    def min(self, column: str) -> Any:
        """The smallest value of a column, as ``order_by`` sorts it; of a relation, the id.

        The limit does not count.

        Raises:
            QueryError: no index sorts the column by its value; says which to declare.
            CorruptRowError: the stored value does not decode.

        Returns:
            The value; None if no entity has one. An empty string counts as none.

        Example::

            User.query.filter(city='Oslo').min('created_at')
        """
        return session_context.session().min(self, column)

    def max(self, column: str) -> Any:
        """The largest value of a column; otherwise as :meth:`min`.

        Example::

            User.query.filter(city='Oslo').max('created_at')
        """
        return session_context.session().max(self, column)

    def facets(self, column: str) -> Counter[Any]:
        """How many entities have each value of a column, counted on the server; no index needed.

        Returns:
            Value to count, the most frequent first. Entities without a value count under None;
            a relation's values are ids. The limit does not count.

        Raises:
            QueryError: the values are no keys of a dict (Json), or in no row (IndexOnly).
            CorruptRowError: a stored value does not decode.

        Example::

            User.query.filter(age=(18, None)).facets('city')     # Counter({'Oslo': 3, 'Rome': 1})
        """
        return session_context.session().facets(self, column)

    def page(self, size: int, after: str | None = None) -> Page[R_co]:
        """Some of the results, and a cursor for the next ones.

        A cursor says where the last result stood, not how many there were before. So whatever is
        inserted and deleted between two pages, no other result is left out, and none comes twice.
        Without `order_by`, results are in the order of their ids.

        A cursor is text that may stand in a URL. It holds the id and the values that the query
        sorts by, for all to see.

        Args:
            size: so many at most.
            after: the `next` of the page before; None: the first page.

        Raises:
            QueryError: a size below 1; a cursor that is none, or that of another order; a query
                with a limit, or one of `near` without an order.

        Example::

            page = User.query.order_by('city', '-age').page(20)
            page = User.query.order_by('city', '-age').page(20, after=page.next)
        """
        return session_context.session().page(self, size, after)

    def explain(self, run: bool = False, of: Of = 'all') -> Explanation:
        """How the server answers: how many each filter has, which one drives, what is walked.

        ``print`` it for a tree of plain words; its attributes and ``as_dict()`` have the same as
        data. Nothing is searched, unless *run* says so.

        Args:
            run: answer the query, too, and tell what happened, with times in milliseconds. The
                session does not get to know the entities, and nothing that they refer to loads.
            of: the method that is explained: ``'all'`` or ``'count'``; for `first`, explain
                ``limit(0, 1)``.

        Raises:
            QueryError: another method; or all entities cannot be listed.
            CorruptRowError: a key that should be an index is none, or one of a row holds no row.

        Example::

            print(User.query.filter(city='Oslo').order_by('-age').limit(0, 20).explain(run=True))
        """
        return session_context.session().explain(self, run, of)

    def iter_result(
        self, timeout: int = 30, pagesize: int = 100, no_hscan: bool = False
    ) -> Iterator[R_co]:
        """The results one by one, read in pages.

        Args:
            timeout: for programs written for rom 1.x, where the results were kept on the server
                for so many seconds. Nothing is kept there now, and a page may take any time.
            pagesize: so many are read at once.
            no_hscan: for programs written for rom 1.x, where it chose the command that listed all
                entities. It makes no difference.

        Raises:
            QueryError: a page of less than one.

        Example::

            for user in User.query.endswith(email='@example.org').iter_result(pagesize=1000):
                print(user.name)
        """
        return session_context.session().stream(self, pagesize)

    def cached_result(self, timeout: int) -> str:
        """Keep the ids of the results on the server for a while, as a sorted set.

        Their scores are 0, 1, 2... in the order of the results. A limit is ignored, as in rom 1.x.
        Without any result there is no key. It is the one query that writes.

        Args:
            timeout: seconds until the key goes, 1 at least.

        Returns:
            The name of the key, a new one each time.

        Raises:
            QueryError: a shorter timeout, or a query without any filter and order.

        Example::

            key = User.query.order_by('-age').cached_result(30)
            User.get(User._connection.zrange(key, 0, 9))
        """
        return session_context.session().cached_result(self, timeout)

    def delete(self, blocksize: int = 100) -> int:
        """Delete the results, and do to what refers to them what its ``on_delete`` says.

        They are read and deleted in blocks, each all or nothing: an error leaves those before
        deleted.

        Args:
            blocksize: so many are deleted at once.

        Returns:
            How many were deleted, without those that others brought with them.

        Raises:
            RestrictError: something refers to one of a block, and forbids it.
            QueryError: a block of less than one.

        Example::

            User.query.filter(active=False).delete()
        """
        return session_context.session().delete_all(self, blocksize)

    def update(self, /, _blocksize: int | None = None, **values: Any) -> int:
        """Give columns of the results new values, where they are.

        A value may be calculated from columns of the same row, with ``+ - * / // %``. Where one of
        them has no value and no default, nothing comes of it either. All is written in one commit,
        to rows that match the query at that very moment; where another writer was faster, it looks
        again. The limit and the order count. No hook is called.

        Args:
            _blocksize: write in blocks of so many at most, each all or nothing: for more than some
                ten thousand results. An error leaves those before written.
            **values: new values by column, None to remove one.

        Returns:
            How many entities the query found and gave the values, whatever they had before.

        Raises:
            QueryError: no column, an unknown one, or one that cannot be set; a block of less
                than one.
            InvalidColumnValue: a value, or what comes of a calculation, is none for its column.
            UniqueKeyViolation: a value must be unique, and is not.
            CorruptRowError: a row found, or a value to calculate with, is none of rom's.
            ServerError: other writers changed the results again and again.

        Example::

            User.query.filter(city='Roma').update(score=User.score + 1, city='Rome')
        """
        return session_context.session().update_all(self, _blocksize, **values)

    def __iter__(self) -> Iterator[R_co]:
        """The results one by one, read in pages.

        Example::

            for user in User.query.order_by('name'):
                print(user.name)
        """
        return session_context.session().stream(self)
