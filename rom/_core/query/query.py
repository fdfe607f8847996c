"""The Query class: the methods that run a query through the current session.

A query is immutable: each method returns another one, so that a program can keep it and narrow it
down in several ways. Its frozen data is defined in `rom._core.query.spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from rom._core import session_context
from rom._core.encoding.text import show
from rom._core.query.base import R_co
from rom._core.query.nodes import AnyOf
from rom._core.query.query_aggregates import QueryAggregates
from rom._core.query.results import Factory, select_columns
from rom._core.query.windows import position, sliced
from rom.exceptions import InvalidOperation, QueryError

if TYPE_CHECKING:
    from typing import Self

    from rom._core.query.explanation import Explanation, Of
    from rom._core.query.results import Page, Scored

S = TypeVar('S')


class Query(QueryAggregates[R_co]):
    """A search for entities of one model.

    ``Model.query`` finds all of them, and each method narrows it down.

    Without `order_by`, results have the order of the index that drives the search. Where that index
    is of a number, a relation or a prefix, entities with equal values are in the order of their ids
    as text: 1, 10, 11, 2. Order by a column, or use `page`, which then sorts by id.

    Attributes:
        model: the class whose entities are searched.
        spec: the filters, the orders and the limit, frozen.

    Example::

        adults = User.query.filter(age=(18, None))
        adults.order_by('-age').limit(0, 10).all()
        adults.filter(city='Oslo').count()
    """

    __slots__ = ()

    @overload
    def select(
        self, *columns: str, include_pk: bool = False, decode: bool = True, ff: None = None
    ) -> Query[dict[str, Any]]: ...
    @overload
    def select(
        self,
        *columns: str,
        include_pk: bool = False,
        decode: bool = True,
        ff: Callable[[tuple[str, ...]], Callable[[list[Any]], S]],
    ) -> Query[S]: ...
    def select(
        self,
        *columns: str,
        include_pk: bool = False,
        decode: bool = True,
        ff: Factory | None = None,
    ) -> Query[Any]:
        """Return plain data of some columns instead of entities, which the session does not track.

        Args:
            *columns: their names. A column without a value gives None. A relation gives the
                entity, and a OneToMany the list of them, loaded for all results in one more round
                trip; the session tracks those. A ManyToMany gives the ids.
            include_pk: add the primary key, as the last one, unless it is among the columns.
            decode: return Python values; otherwise the stored text, and the id for a relation.
            ff: ``ff(columns)`` returns the function that is called with each result's list of
                values; default: dicts. Others are in `rom.query`.

        Raises:
            QueryError: no column, an unknown one, or one twice.

        Example::

            User.query.select('name', 'age').all()     # [{'name': 'Ann', 'age': 42}]
        """
        selection = select_columns(self.schema, columns, include_pk, decode, ff)
        return self._with(selection=selection)

    def with_scores(self) -> Query[Scored[R_co]]:
        """Return each result with its score, as a :class:`rom.query.Scored`.

        Raises:
            QueryError: the query has no `search`.

        Example::

            for article, score in Article.query.search('red shoe').limit(20).with_scores():
                print(f'{score:.2f}', article.title)
        """
        # A search for a text without words is a filter that matches nothing.
        if self.spec.search is None and AnyOf() not in self.spec.where.nodes:
            raise QueryError(
                f'{self.schema.name}.query.with_scores(): only a search gives scores; call '
                'search(...) first'
            )
        found: Query[Any] = self._with(with_scores=True)
        return found

    def entities(self) -> Query[Any]:
        """Return the query with entities as results, and without relations to load."""
        return self._with(selection=None, loads=(), with_scores=False)

    def all(self) -> list[R_co]:
        """Return the results.

        Raises:
            ServerUnavailable: the server did not reply.
            CorruptRowError: a row or an index holds data that rom does not write there; the
                error's ``entities`` are the other results.

        Example::

            User.query.filter(age=42).all()
        """
        return session_context.session().all(self)

    def execute(self) -> list[R_co]:
        """Return the results: another name of :meth:`all`."""
        return self.all()

    def first(self) -> R_co | None:
        """Return the first result, or None.

        Example::

            User.query.order_by('-age').first()
        """
        found: R_co | None = session_context.session().first(self)
        return found

    def get(self) -> R_co:
        """Return the only result.

        Raises:
            QueryError: the query has no result, or several.

        Example::

            User.query.filter(name='Ann', city='Oslo').get()
        """
        found: R_co = session_context.session().one(self)
        return found

    def ids(self) -> list[int]:
        """Return the ids of the results, in order, without adding entities to the session.

        Example::

            User.query.filter(city='Oslo').ids()     # [1, 5, 7]
        """
        return session_context.session().ids(self)

    def page(self, size: int, after: str | None = None, before: str | None = None) -> Page[R_co]:
        """Return one page of the results, with cursors for the next one and the one before.

        A cursor holds the position of a result, not a number of results. Therefore inserts and
        deletes between two pages neither skip nor repeat another result. Without `order_by`,
        results are in the order of their ids.

        A cursor is text that may be part of a URL. It holds the id and the values that the query
        sorts by, and is not encrypted.

        Args:
            size: the maximum number of results, 1 or more.
            after: the `next` of a page, for the page behind it; None: the first page.
            before: the `previous` of a page, for the page in front of it. It has fewer results,
                or none, if others were deleted.

        Raises:
            QueryError: a size below 1; an invalid cursor, one of another order, or two of them; a
                query with a limit, or one of `near` without an order.

        Example::

            page = User.query.order_by('city', '-age').page(20)
            page = User.query.order_by('city', '-age').page(20, after=page.next)
            page = User.query.order_by('city', '-age').page(20, before=page.previous)
        """
        found: Page[R_co] = session_context.session().page(self, size, after, before)
        return found

    def explain(self, run: bool = False, of: Of = 'all') -> Explanation:
        """Return the plan of the query: the size of each filter, the index that drives the search.

        ``print`` it for a tree of plain words; its attributes and ``as_dict()`` have the same as
        data. The query does not run unless *run* is true.

        Args:
            run: run the query too, and report each call with its time in milliseconds. The
                session does not track the entities, and no relations are loaded.
            of: the method to explain: ``'all'`` or ``'count'``; for `first`, explain
                ``limit(0, 1)``.

        Raises:
            QueryError: another method; or the ids of all entities cannot be listed.
            CorruptRowError: the key of an index or of a row holds another type of data.

        Example::

            print(User.query.filter(city='Oslo').order_by('-age').limit(0, 20).explain(run=True))
        """
        found: Explanation = session_context.session().explain(self, run, of)
        return found

    def iter_result(
        self, timeout: int = 30, pagesize: int = 100, no_hscan: bool = False
    ) -> Iterator[R_co]:
        """Iterate over the results, which are read in pages.

        Args:
            timeout: accepted for rom 1.x, which kept the results on the server for so many
                seconds. It is ignored: nothing is kept there, and a page may take any time.
            pagesize: the number of results to read at once.
            no_hscan: accepted for rom 1.x, where it chose the command that listed all entities.
                It is ignored.

        Raises:
            QueryError: a page size below 1.

        Example::

            for user in User.query.endswith(email='@example.org').iter_result(pagesize=1000):
                print(user.name)
        """
        return session_context.session().stream(self, pagesize)

    def cached_result(self, timeout: int) -> str:
        """Store the ids of the results on the server for a while, as a sorted set.

        Their scores are 0, 1, 2... in the order of the results. A limit is ignored, as in rom 1.x.
        Without results no key is made. Unlike other searches, this one writes to Redis.

        Args:
            timeout: seconds until the key expires, at least 1.

        Returns:
            The name of the key, a new one each time.

        Raises:
            QueryError: a timeout below 1, or a query without filters and orders.

        Example::

            key = User.query.order_by('-age').cached_result(30)
            User.get(User._connection.zrange(key, 0, 9))
        """
        return session_context.session().cached_result(self, timeout)

    def delete(self, blocksize: int = 100, hard: bool = False) -> int:
        """Delete the results, and apply the ``on_delete`` of the relations that refer to them.

        The results are read and deleted in blocks, each of them atomic. Blocks before an error
        stay deleted.

        Args:
            blocksize: the number of entities to delete at once.
            hard: remove the rows of a model with ``_soft_delete``, too.

        Returns:
            The number of deleted results, without the entities that a cascade deleted.

        Raises:
            RestrictError: a relation to an entity of a block forbids the delete.
            QueryError: a block size below 1.

        Example::

            User.query.filter(active=False).delete()
        """
        return session_context.session().delete_all(self, blocksize, hard)

    def update(self, /, _blocksize: int | None = None, **values: Any) -> int:
        """Set columns of the results to new values on the server, without loading entities.

        A value may be calculated from columns of the same row, with ``+ - * / // %``. If one of
        them has neither a value nor a default, the result has no value either. One commit writes
        all rows, and only rows that still match the query; after a conflict with another writer,
        rom repeats the search. The limit and the order count. No hook is called.

        Args:
            _blocksize: write in blocks of at most so many, each of them atomic: for more than some
                ten thousand results. Blocks before an error stay written.
            **values: new values by column; None removes the value.

        Returns:
            The number of matching entities, whether or not their values differed before.

        Raises:
            QueryError: no column, an unknown one, or one that cannot be set; a block size below 1.
            InvalidColumnValue: a value, or a calculated one, is not valid for its column.
            UniqueKeyViolation: another entity has a value of a unique column.
            CorruptRowError: a matching row, or a value to calculate with, is corrupt.
            ServerError: other writers changed the results again and again.

        Example::

            User.query.filter(city='Roma').update(score=User.score + 1, city='Rome')
        """
        return session_context.session().update_all(self, _blocksize, **values)

    def __iter__(self) -> Iterator[R_co]:
        """Iterate over the results, which are read in pages.

        Example::

            for user in User.query.order_by('name'):
                print(user.name)
        """
        return session_context.session().stream(self)

    @overload
    def __getitem__(self, place: SupportsIndex) -> R_co: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: Any) -> Any:
        """Return the result at an index, or the query for a slice of the results.

        A slice runs nothing: it is another query, which counts within the limit of this one. With
        an `AsyncSession`, await that query: ``await s.all(User.query[10:20])``.

        Raises:
            IndexError: there are not so many results.
            QueryError: a negative index, or a step; the message says what to use instead.
            ArgumentError: neither an int nor a slice of ints. It is also a TypeError.
            InvalidOperation: an index inside ``async with AsyncSession()``, where it cannot wait
                for the server.

        Example::

            oldest = User.query.order_by('-age')[0]
            User.query.order_by('-age')[10:20].all()
        """
        schema, spec = self.schema, self.spec
        if isinstance(place, slice):
            return type(self)(self.model, sliced(schema, spec, place))
        index = position(schema, spec, place)
        rest = type(self)(self.model, sliced(schema, spec, slice(index, None)))
        try:
            session = session_context.session()
        except InvalidOperation:
            raise InvalidOperation(
                f'{schema.name}.query[{index}] would block the event loop; inside an AsyncSession, '
                f'write `await s.first({show(self)}[{index}:])`, which is None where there are not '
                'so many results'
            ) from None
        found = session.first(rest)
        if found is None:
            raise IndexError(f'{schema.name}.query[{index}]: there are not so many results')
        return found
