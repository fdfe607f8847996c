"""Running queries: results as entities or values, numbers about them, pages and blocks.

Functions import rarely used modules where they need them, so that importing rom takes less time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rom._core.encoding.integers import check_count
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops import load_rows
from rom._core.ops.rows import Row
from rom._core.ops.search import native_counts, queries, selected_values
from rom._core.ops.search.native_reads import native_find
from rom._core.ops.time_slices import TURN, rest, turns
from rom._core.query.results import Scored
from rom._core.query.unique_values import unique_key, unique_values
from rom._core.sessions.loading import Loader, note_batch
from rom._core.sessions.parts import RunOn, Work, model_of
from rom._core.sessions.related_filters import Lookup, resolved
from rom._core.support.clock import elapsed
from rom.exceptions import ORMError, QueryError

if TYPE_CHECKING:
    from rom._core.query import Query
    from rom._core.query.explanation import Explanation, Of
    from rom._core.query.results import Page
    from rom._core.sessions.identity_map import IdentityMap
    from rom._core.sessions.relation_loading import RelationLoader

M = TypeVar('M', bound=Model)
R = TypeVar('R')

#: The number of entities in one round trip when a program iterates over a query.
STREAM_PAGE = 500


class QueryRunner:
    """The part of a session that runs queries.

    Args:
        identity: the identity map of the session.
        loader: makes entities of rows.
        relations: loads the entities that relations refer to.
        is_async: whether the session is awaited.
    """

    __slots__ = ('_identity', '_is_async', '_loader', '_relations')

    def __init__(
        self, identity: IdentityMap, loader: Loader, relations: RelationLoader, is_async: bool
    ) -> None:
        self._identity = identity
        self._loader = loader
        self._relations = relations
        self._is_async = is_async

    def get_by(self, model: type[M], /, **value: Any) -> Work[Any]:
        """Return entities by one indexed column: one by a unique value, or a list."""
        limit = value.pop('_limit', None)
        numeric = value.pop('_numeric', False)
        if len(value) != 1:
            raise QueryError(
                f'{model.__name__}.get_by takes exactly one column, not {len(value)}; '
                f'for several, use {model.__name__}.query.filter(...)'
            )
        [(name, wanted)] = value.items()
        column = model._columns.get(name)
        if column is not None and column.unique and not numeric:
            return (yield from self._get_by_unique(model, name, wanted))
        query = model.query.filter(**value)
        if limit is not None:
            query = query.limit(*_offset_and_count(model, limit))
        return (yield from self.all(query))

    def _get_by_unique(self, model: type[M], name: str, wanted: Any) -> Work[M | list[M] | None]:
        column: Any = model._columns[name]
        if isinstance(wanted, tuple):
            raise QueryError(
                f'{model.__name__}.{name} is unique, and a look-up of it takes a value or a list '
                'of values, and no tuple; for a range of numbers declare it with index=True too, '
                'and pass _numeric=True'
            )
        several = isinstance(wanted, (list, set, frozenset))
        try:
            asked = wanted if several else [wanted]
            values = unique_values(column, asked)
        except ORMError as error:
            raise QueryError(f'{model.__name__}.get_by: {error}') from None
        schema, key, begun = model._schema, unique_key(model._schema, name), elapsed()
        operation = load_rows.load_unique(schema, key, values)
        native = None  # only tasks of an event loop share a connection
        if self._is_async and not several:
            native = load_rows.load_by_value(schema, name, key, values[0])
        rows = yield from self._loader.rows(model, operation, begun, native)
        found: list[M] = self._loader.adopt_all(model, rows, begun)
        return found if several else (found[0] if found else None)

    def all(self, query: Query[R]) -> Work[list[R]]:
        """Return a query's results."""
        model, begun = model_of(query), elapsed()
        query = yield from resolved(query)
        scores: queries.Scores = {}
        operation, nearby = queries.find(query, scores=scores), native_find(query, scores)
        rows, _ = yield from self._loader.rows(model, operation, begun, nearby=nearby)
        return (yield from self._results(query, rows, begun, scores))

    def first(self, query: Query[R]) -> Work[R | None]:
        """Return a query's first result, or None."""
        model, begun = model_of(query), elapsed()
        query = yield from resolved(query)
        scores: queries.Scores = {}
        operation = queries.first_row(query, scores=scores)
        row = yield from self._loader.rows(model, operation, begun)
        found = yield from self._results(query, [] if row is None else [row], begun, scores)
        return found[0] if found else None

    def count(self, query: Query[R]) -> Work[int]:
        """Return the number of a query's results."""
        model, query = model_of(query), (yield from resolved(query))
        count: int = yield RunOn(model, native_counts.count(query))
        return count

    def exists(self, query: Query[Any]) -> Work[bool]:
        """Return whether a query has any result."""
        model, query = model_of(query), (yield from resolved(query))
        exists: bool = yield RunOn(model, queries.exists(query))
        return exists

    def ids(self, query: Query[Any]) -> Work[list[int]]:
        """Return the ids of a query's results, in order."""
        model, query = model_of(query), (yield from resolved(query))
        ids: list[int] = yield RunOn(model, queries.ids(query))
        return ids

    def sum(self, query: Query[Any], column: str) -> Work[Any]:
        """Return the sum of a column over the results."""
        from rom._core.ops.search import aggregates, native_sums

        model, query = model_of(query), (yield from resolved(query))
        nearby = native_sums.native_total(query, column)
        return (yield RunOn(model, aggregates.total(query, column), nearby=nearby))

    def avg(self, query: Query[Any], column: str) -> Work[Any]:
        """Return the mean of a column over the results."""
        from rom._core.ops.search import aggregates, native_sums

        model, query = model_of(query), (yield from resolved(query))
        nearby = native_sums.native_average(query, column)
        return (yield RunOn(model, aggregates.average(query, column), nearby=nearby))

    def extreme(self, query: Query[Any], method: Literal['min', 'max'], column: str) -> Work[Any]:
        """Return the smallest or largest value of a column over the results."""
        from rom._core.ops.search import aggregates

        model, query = model_of(query), (yield from resolved(query))
        return (yield RunOn(model, aggregates.extreme(query, method, column)))

    def facets(self, query: Query[Any], columns: tuple[str, ...]) -> Work[Any]:
        """Count the results by the value of a column, or of each of several ones."""
        from rom._core.ops.search import facets

        model, query = model_of(query), (yield from resolved(query))
        if len(columns) == 1:
            return (yield RunOn(model, facets.facets(query, columns[0])))
        return (yield RunOn(model, facets.facets_of_several(query, columns)))

    def histogram(self, query: Query[Any], column: str, bounds: Sequence[Any]) -> Work[list[int]]:
        """Count the results in each interval of a column."""
        from rom._core.ops.search import histogram

        model, query = model_of(query), (yield from resolved(query))
        counts: list[int] = yield RunOn(model, histogram.histogram(query, column, bounds))
        return counts

    def explain(self, query: Query[Any], run: bool, of: Of) -> Work[Explanation]:
        """Return the plan of a query, and run it if asked."""
        model_of(query)
        lookups: list[Lookup] = []
        query = yield from resolved(query, lookups)
        return (yield from self._explained(query, run, of, lookups))

    def _explained(
        self, query: Query[Any], run: bool, of: Of, lookups: Sequence[Lookup]
    ) -> Work[Explanation]:
        """Return the plan of a query, with those of the searches for related rows."""
        from rom._core.ops.search import explain
        from rom._core.query.explanation import Related

        operation = explain.explain(query, run, of)
        found: Explanation = yield from self._loader.rows(query.model, operation, elapsed())
        related: list[Related] = []
        for one in lookups:
            inner = yield from self._explained(one.query, run, 'all', one.inner)
            related.append(Related(one.relation, one.way, one.found, inner))
        return replace(found, related=tuple(related))

    def one(self, query: Query[R]) -> Work[R]:
        """Return a query's only result; raise QueryError for none or several."""
        model_of(query)
        found = yield from self.all(query.at_most(2))
        if len(found) != 1:
            raise QueryError(
                f'{query.schema.name}: {"several entities" if found else "no entity"} found where '
                f'exactly one was asked for; first() takes {"the first" if found else "None"} '
                f'instead: {show(query)}'
            )
        return found[0]

    def cached_result(self, query: Query[Any], timeout: int) -> Work[str]:
        """Store the ids of a query's results for a while; return the key."""
        model = model_of(query)
        where = f'{query.schema.name}.query.cached_result({show(timeout)})'
        if not query.spec.where.nodes and not query.spec.orders:
            raise QueryError(f'{where}: the query has neither a filter nor an order; add one')
        seconds = check_count(f'{where}: the timeout in seconds', timeout, error=QueryError)
        query = yield from resolved(query)
        token = uuid.uuid4()
        schema = query.schema
        if schema.placement is not None:  # a random partition, so that all nodes have some
            schema = schema.at(token.int % schema.placement.group.partitions)
        key = schema.keys.cached(token.hex.encode())
        yield RunOn(model, queries.cache(query, key, seconds))
        return key.decode()

    def page(
        self, query: Query[R], size: int, after: str | None, before: str | None
    ) -> Work[Page[R]]:
        """Return one page of a query's results, with the cursors of its neighbours."""
        from rom._core.ops.search import pagination
        from rom._core.query.results import Page

        model, begun = model_of(query), elapsed()
        query = yield from resolved(query)
        scores: queries.Scores = {}
        operation = pagination.page(query, size, after, before, scores=scores)
        rows, following, previous = yield from self._loader.rows(model, operation, begun)
        results = yield from self._results(query, rows, begun, scores)
        return Page(tuple(results), following, previous)

    def block(
        self, query: Query[R], cursor: Any, pagesize: int = STREAM_PAGE
    ) -> Work[tuple[list[R], Any]]:
        """Return a page of a query's entities, and the cursor of the next; None at the end.

        The entities are held weakly.
        """
        model = model_of(query)
        size = check_count(f'{query.schema.name}.query: pagesize', pagesize, error=QueryError)
        begun = elapsed()
        scores: queries.Scores = {}
        waiting: dict[int, Any] = {}
        if cursor is None:
            query = yield from resolved(query)
        else:  # the query as it was resolved for the first page
            query, cursor, waiting = cursor
        operation = queries.block(query, cursor, size, scores=scores)
        rows, cursor = yield from self._loader.rows(model, operation, begun)
        if query.schema.placement is not None and query.selection is None:
            returned = {row.id for row in rows}
            rows = yield from self._as_known(query, rows, waiting, begun)
            fresh = [row for row in cursor.fresh if row.id not in returned] if cursor else []
            made = self._loader.adopt_each(model, fresh, begun, weakly=True)
            waiting.update((row.id, one) for row, one in zip(fresh, made, strict=True))
        results = yield from self._results(query, rows, begun, scores, weakly=True)
        return results, None if cursor is None else (query, cursor, waiting)

    def _as_known(
        self, query: Query[Any], rows: Sequence[Row], waiting: dict[int, Any], begun: float
    ) -> Work[list[Row]]:
        """Return the rows of a page as they are now, as far as this session has written them.

        A query over partitions reads the first rows of each, and some wait for a later page. The
        session may write such a row meanwhile. It is read again if the session has forgotten its
        entity, as after a rollback.

        Args:
            query: the query.
            rows: the rows of the page.
            waiting: the entities of rows that were read for an earlier page, by id; those of this
                page are removed.
            begun: when the page was asked for.
        """
        model, known, lost = query.model, {row.id: row for row in rows}, []
        for id in waiting.keys() & known.keys():
            entity = waiting.pop(id)
            is_tracked = self._identity.find(f'{model._namespace}:{id}') is entity
            if not is_tracked:
                lost.append(id)
            elif entity._deleted:
                del known[id]
            else:
                known[id] = Row(id, entity._stored)
        if lost:
            spec = query.spec
            operation = load_rows.load(
                query.schema, lost, spec.with_expired, with_deleted=spec.with_deleted
            )
            again = yield from self._loader.rows(model, operation, begun)
            for id in lost:
                del known[id]
            known |= {row.id: row for row in again}
        return [known[row.id] for row in rows if row.id in known]

    def release(self, query: Query[Any], block: list[Any]) -> None:
        """Release the entities of a page after the program has iterated over them."""
        if query.selection is None:
            if query.spec.with_scores:
                block = [scored.result for scored in block]
            self._identity.leave_hosts(self._identity.let_go(block))

    def _results(
        self,
        query: Query[R],
        rows: Sequence[Row],
        begun: float,
        scores: queries.Scores,
        weakly: bool = False,
    ) -> Work[list[R]]:
        """Return the entities of rows, or their selected values; with scores, if asked."""
        found: list[Any] = yield from self._plain_results(query, rows, begun, weakly)
        if query.spec.with_scores:
            pairs = zip(rows, found, strict=True)
            return [Scored(result, scores.get(row.id)) for row, result in pairs]  # type: ignore[misc]
        return found

    def _plain_results(
        self, query: Query[R], rows: Sequence[Row], begun: float, weakly: bool
    ) -> Work[list[R]]:
        """Return the entities of rows, or their selected values."""
        if query.selection is not None:
            related = yield from self._relations.selected(query, rows)
            if len(rows) <= TURN:
                return selected_values.selected(query, rows, related)
            values: list[R] = yield RunOn(query.model, selected_values.select(query, rows, related))
            return values
        found: list[Any] = []
        if len(rows) <= TURN:
            found = self._loader.adopt_each(query.model, rows, begun, weakly)
        else:
            for some in turns(rows):
                found += self._loader.adopt_each(query.model, some, begun, weakly)
                yield RunOn(query.model, rest())
        note_batch(found)
        if query.spec.loads:
            yield from self._relations.follow(found, query.spec.loads)
        return found


def _offset_and_count(model: type[Model], limit: Any) -> tuple[int, int]:
    if not isinstance(limit, (tuple, list)) or len(limit) != 2:
        raise QueryError(
            f'{model.__name__}.get_by: _limit must be (offset, count), not {show(limit)}'
        )
    offset, count = limit
    return offset, count
