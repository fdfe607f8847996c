"""AsyncSessionQueries: the methods of AsyncSession that read."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rom._core.model import Model
from rom._core.sessions.base import SessionBase
from rom._core.sessions.parts import Work
from rom._core.sessions.query_runner import STREAM_PAGE

if TYPE_CHECKING:
    from rom._core.query import Query
    from rom._core.query.explanation import Explanation, Of
    from rom._core.query.results import Page

M = TypeVar('M', bound=Model)
R = TypeVar('R')
T = TypeVar('T')


class AsyncSessionQueries(SessionBase):
    """The reading half of AsyncSession, which runs the operations."""

    if TYPE_CHECKING:

        async def _run(self, work: Work[T], reads: bool = True) -> T: ...

    @overload
    async def get(self, model: str) -> Model | None: ...
    @overload
    async def get(  # type: ignore[overload-overlap]
        self, model: type[M], ids: int | str
    ) -> M | None: ...
    @overload
    async def get(self, model: type[M], ids: Iterable[int | str]) -> list[M]: ...
    async def get(self, model: Any, ids: Any = None) -> Any:
        """Return an entity by id or None, or a list of those that exist.

        With only the key of a row, return its entity if the session tracks it.

        Example::

            await s.get(User, 1)
        """
        return await self._run(self._loader.get(model, ids))

    async def get_by(self, model: type[M], /, **value: Any) -> Any:
        """Return entities by one indexed column: see :meth:`rom.Model.get_by`.

        Example::

            await s.get_by(User, email='ann@example.org')
        """
        return await self._run(self._queries.get_by(model, **value))

    async def all(self, query: Query[R]) -> list[R]:
        """Return a query's results.

        Example::

            await s.all(User.query.filter(age=42))
        """
        return await self._run(self._queries.all(query))

    async def first(self, query: Query[R]) -> R | None:
        """Return a query's first result, or None.

        Example::

            await s.first(User.query.order_by('-age'))
        """
        work = self._queries.first(query)
        return await self._run(work)

    async def count(self, query: Query[R]) -> int:
        """Return the number of a query's results.

        Example::

            await s.count(User.query.filter(age=42))
        """
        return await self._run(self._queries.count(query))

    async def exists(self, query: Query[Any]) -> bool:
        """Return whether a query has any result.

        Example::

            await s.exists(User.query.filter(age=42))
        """
        return await self._run(self._queries.exists(query))

    async def one(self, query: Query[R]) -> R:
        """Return a query's only result.

        Raises:
            QueryError: the query has no result, or several.

        Example::

            await s.one(User.query.filter(name='Ann', city='Oslo'))
        """
        work = self._queries.one(query)
        return await self._run(work)

    async def ids(self, query: Query[Any]) -> list[int]:
        """Return the ids of a query's results, in order.

        Example::

            await s.ids(User.query.order_by('-age'))
        """
        return await self._run(self._queries.ids(query))

    async def sum(self, query: Query[Any], column: str) -> Any:
        """Return the sum of a column over the results: see :meth:`rom.Query.sum`.

        Example::

            await s.sum(User.query.filter(city='Oslo'), 'age')
        """
        return await self._run(self._queries.sum(query, column))

    async def avg(self, query: Query[Any], column: str) -> Any:
        """Return the mean of a column over the results: see :meth:`rom.Query.avg`.

        Example::

            await s.avg(User.query.filter(city='Oslo'), 'age')
        """
        return await self._run(self._queries.avg(query, column))

    async def min(self, query: Query[Any], column: str) -> Any:
        """Return the smallest value of a column over the results: see :meth:`rom.Query.min`.

        Example::

            await s.min(User.query.filter(city='Oslo'), 'age')
        """
        return await self._run(self._queries.extreme(query, 'min', column))

    async def max(self, query: Query[Any], column: str) -> Any:
        """Return the largest value of a column over the results: see :meth:`rom.Query.max`.

        Example::

            await s.max(User.query.filter(city='Oslo'), 'age')
        """
        return await self._run(self._queries.extreme(query, 'max', column))

    @overload
    async def facets(self, query: Query[Any], column: str, /) -> Counter[Any]: ...
    @overload
    async def facets(
        self, query: Query[Any], column: str, other: str, /, *more: str
    ) -> dict[str, Counter[Any]]: ...
    async def facets(self, query: Query[Any], column: str, /, *more: str) -> Any:
        """Count a query's results by the values of columns: see :meth:`rom.Query.facets`.

        Example::

            await s.facets(User.query.filter(age=(18, None)), 'city')
        """
        return await self._run(self._queries.facets(query, (column, *more)))

    async def histogram(self, query: Query[Any], column: str, bounds: Sequence[Any]) -> list[int]:
        """Count a query's results in intervals of a column: see :meth:`rom.Query.histogram`.

        Example::

            await s.histogram(User.query, 'age', [0, 18, 65, None])
        """
        return await self._run(self._queries.histogram(query, column, bounds))

    async def page(
        self, query: Query[R], size: int, after: str | None = None, before: str | None = None
    ) -> Page[R]:
        """Return one page of a query's results, with cursors: see :meth:`rom.Query.page`.

        Example::

            await s.page(User.query.order_by('city', '-age'), 20)
        """
        return await self._run(self._queries.page(query, size, after, before))

    async def explain(self, query: Query[Any], run: bool = False, of: Of = 'all') -> Explanation:
        """Return the plan of a query, and run it if asked: see :meth:`rom.Query.explain`.

        Example::

            print(await session.explain(User.query.filter(city='Oslo')))
        """
        return await self._run(self._queries.explain(query, run, of))

    async def cached_result(self, query: Query[Any], timeout: int) -> str:
        """Store the ids of a query's results for a while: see :meth:`rom.Query.cached_result`.

        Example::

            key = await s.cached_result(User.query.order_by('-age'), 30)
        """
        return await self._run(self._queries.cached_result(query, timeout))

    async def stream(self, query: Query[R], pagesize: int = STREAM_PAGE) -> AsyncIterator[R]:
        """Iterate over a query's results, which are read in pages.

        Args:
            query: the query to run.
            pagesize: the number of results to read at once.

        Example::

            async for user in s.stream(User.query):
                print(user.name)
        """
        cursor = None
        while True:
            block, cursor = await self._run(self._queries.block(query, cursor, pagesize))
            for result in block:
                yield result
            self._queries.release(query, block)
            if cursor is None:
                return

    async def load(self, objects: Any, *paths: str) -> None:
        """Load relations of entities, in one round trip for each step of a path.

        Args:
            objects: an entity, or a list of them.
            *paths: names of relations, as ``'author'`` or ``'author.publisher'``.

        Raises:
            QueryError: no such relation.

        Example::

            await s.load(books, 'author.publisher')
        """
        await self._run(self._relations.load(objects, *paths))
