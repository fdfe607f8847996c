"""The reading half of a session: from rows to entities.

Functions import rarely used modules where they need them, so that importing rom takes less time.
"""

from __future__ import annotations

import uuid
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from rom._core.encoding.integers import LARGEST_ID, read_count, read_id
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops import load_rows
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.time_slices import TURN, rest, turns
from rom._core.query.unique_filters import unique_key, unique_values
from rom._core.sessions.base import Known, flat
from rom._core.sessions.commit_recovery import settle_all
from rom._core.sessions.steps import On, Work
from rom._core.support.clock import elapsed
from rom.exceptions import (
    ArgumentError,
    CorruptRowError,
    EntityDeletedError,
    InvalidOperation,
    ORMError,
    QueryError,
)

if TYPE_CHECKING:
    from rom._core.query import Query
    from rom._core.query.explanation import Explanation, Of
    from rom._core.query.page import Page

M = TypeVar('M', bound=Model)
R = TypeVar('R')

# The number of entities in one round trip when a program iterates over a query.
STREAM_PAGE = 500


def model_of(query: Any) -> Any:
    """Return the model of a query.

    Raises:
        ArgumentError: the argument is not a query.
    """
    from rom._core.query import Query

    if not isinstance(query, Query):
        raise ArgumentError(
            f'the session was given {show(query)}: expected a query, as User.query.filter(age=42)'
        )
    return query.model


class Reading(Known):
    """The part of a session that gets entities by id, runs queries and refreshes."""

    _begun = 0.0  # when the rows read last were requested

    def _get(self, model: Any, ids: Any = None) -> Work[Any]:
        if isinstance(model, (str, bytes)):
            return self._identity.find(str(model))
        if isinstance(ids, (list, tuple, set, frozenset, range, Iterator)):
            asked = [
                id if type(id) is int and 0 <= id <= LARGEST_ID else _as_id(model, id) for id in ids
            ]
            return (yield from self._get_many(model, asked))
        id = _as_id(model, ids)
        known = self._find(model, id)
        if known is not None:
            return known
        row = yield from self._rows(model, load_rows.load_one(model._schema, id))
        return None if row is None else self._adopt(model, row)

    def _find(self, model: type[Model], id: int) -> Model | None:
        """Return the tracked entity, unless only the server can tell whether it has expired."""
        known = self._identity.find(f'{model._namespace}:{id}')
        return None if known is not None and known._seems_expired else known

    def _get_many(self, model: type[M], ids: Sequence[int]) -> Work[list[M]]:
        known: dict[int, Any] = dict.fromkeys(ids)
        if not self._identity.is_empty:
            known = {id: self._find(model, id) for id in known}
        missing = [id for id, entity in known.items() if entity is None]
        if missing:
            make = partial(self._adopt_each, model, begun=elapsed())
            adopted: list[M] = yield On(model, load_rows.load(model._schema, missing, make=make))
            _put_together(adopted)
            if len(adopted) == len(ids):
                return adopted  # each id was given once, and none was tracked
            known |= {id: entity for entity in adopted if (id := entity.id) is not None}
        return [entity for id in ids if (entity := known[id]) is not None]

    def _get_by(self, model: type[M], /, **value: Any) -> Work[Any]:
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
        return (yield from self._all(query))

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
        key = unique_key(model._schema, name)
        rows = yield from self._rows(model, load_rows.load_unique(model._schema, key, values))
        found: list[M] = self._adopt_all(model, rows)
        return found if several else (found[0] if found else None)

    def _all(self, query: Query[R]) -> Work[list[R]]:
        model: type[Any] = model_of(query)
        rows, _ = yield from self._rows(model, queries.find(query))
        return (yield from self._results(query, rows))

    def _first(self, query: Query[R]) -> Work[R | None]:
        row = yield from self._rows(model_of(query), queries.first_row(query))
        found = yield from self._results(query, [] if row is None else [row])
        return found[0] if found else None

    def _count(self, query: Query[R]) -> Work[int]:
        count: int = yield On(model_of(query), queries.count(query))
        return count

    def _exists(self, query: Query[Any]) -> Work[bool]:
        exists: bool = yield On(model_of(query), queries.exists(query))
        return exists

    def _ids(self, query: Query[Any]) -> Work[list[int]]:
        ids: list[int] = yield On(model_of(query), queries.ids(query))
        return ids

    def _sum(self, query: Query[Any], column: str) -> Work[Any]:
        from rom._core.ops.search import aggregates

        return (yield On(model_of(query), aggregates.total(query, column)))

    def _avg(self, query: Query[Any], column: str) -> Work[Any]:
        from rom._core.ops.search import aggregates

        return (yield On(model_of(query), aggregates.average(query, column)))

    def _extreme(self, query: Query[Any], method: Literal['min', 'max'], column: str) -> Work[Any]:
        from rom._core.ops.search import aggregates

        return (yield On(model_of(query), aggregates.extreme(query, method, column)))

    def _facets(self, query: Query[Any], column: str) -> Work[Counter[Any]]:
        from rom._core.ops.search import aggregates

        counts: Counter[Any] = yield On(model_of(query), aggregates.facets(query, column))
        return counts

    def _explain(self, query: Query[Any], run: bool, of: Of) -> Work[Explanation]:
        from rom._core.ops.search import explain

        found: Explanation = yield from self._rows(model_of(query), explain.explain(query, run, of))
        return found

    def _one(self, query: Query[R]) -> Work[R]:
        model_of(query)
        found = yield from self._all(query.at_most(2))
        if len(found) != 1:
            raise QueryError(
                f'{query.schema.name}: {"several entities" if found else "no entity"} found where '
                f'exactly one was asked for; first() takes {"the first" if found else "None"} '
                f'instead: {show(query)}'
            )
        return found[0]

    def _cached_result(self, query: Query[Any], timeout: int) -> Work[str]:
        model = model_of(query)
        where = f'{query.schema.name}.query.cached_result({show(timeout)})'
        if not query.asked.where.nodes and not query.asked.orders:
            raise QueryError(f'{where}: the query has neither a filter nor an order; add one')
        seconds = read_count(timeout)
        if seconds is None:
            raise QueryError(f'{where}: the timeout must be 1 second at least, as an int')
        key = query.schema.keys.cached(uuid.uuid4().hex.encode())
        yield On(model, queries.cache(query, key, seconds))
        return key.decode()

    def _page(self, query: Query[R], size: int, after: str | None) -> Work[Page[R]]:
        from rom._core.ops.search import pagination
        from rom._core.query.page import Page

        model: type[Any] = model_of(query)
        rows, following = yield from self._rows(model, pagination.page(query, size, after))
        return Page(tuple((yield from self._results(query, rows))), following)

    def _block(
        self, query: Query[R], cursor: Any, pagesize: int = STREAM_PAGE
    ) -> Work[tuple[list[R], Any]]:
        """Return a page of a query's entities, and the cursor of the next; None at the end.

        The entities are held weakly.
        """
        model: type[Any] = model_of(query)
        size = read_count(pagesize)
        if size is None:
            where, shown = f'{query.schema.name}.query', show(pagesize)
            raise QueryError(f'{where}: {shown} results at once make no sense; take 1 or more')
        rows, cursor = yield from self._rows(model, queries.block(query, cursor, size))
        return (yield from self._results(query, rows, weakly=True)), cursor

    def _pass_over(self, query: Query[Any], block: list[Any]) -> None:
        """Release the entities of a page after the program has iterated over them."""
        if query.selection is None:
            self._leave_hosts(self._identity.let_go(block))

    def _results(self, query: Query[R], rows: Sequence[Row], weakly: bool = False) -> Work[list[R]]:
        if query.selection is not None:
            related = yield from self._selected_relations(query, rows)
            if len(rows) <= TURN:
                return queries.selected(query, rows, related)
            values: list[R] = yield On(query.model, queries.select(query, rows, related))
            return values
        begun, found = self._begun, []
        for some in turns(rows):
            found += self._adopt_each(query.model, some, weakly, begun)
            if len(rows) > TURN:
                yield On(query.model, rest())
        _put_together(found)
        if query.asked.loads:
            yield from self._follow(found, query.asked.loads)
        return found

    def _follow(self, found: list[Any], paths: Sequence[str]) -> Work[None]:
        """Load these relations of entities; a subclass implements it."""
        raise NotImplementedError

    def _selected_relations(
        self, query: Query[Any], rows: Sequence[Row]
    ) -> Work[Mapping[str, Sequence[Any]]]:
        """Load the relations among the selected columns; a subclass implements it."""
        raise NotImplementedError

    def _rows(self, model: type[M], operation: Operation[Any]) -> Work[Any]:
        """Read rows; a CorruptRowError carries the entities of the other rows."""
        begun = elapsed()
        try:
            return (yield On(model, operation))
        except CorruptRowError as error:
            self._begun = begun
            error.entities = self._adopt_all(model, error.entities)
            raise
        finally:
            # For the caller, which adopts these rows next. It yields nothing until then, so that no
            # other task can overwrite the time.
            self._begun = begun

    def _adopt(self, model: type[M], row: Row) -> M:
        """Return the entity of a row: the tracked one, or a new object."""
        [entity] = self._adopt_each(model, (row,))
        return entity

    def _adopt_each(
        self,
        model: type[M],
        rows: Iterable[Row],
        weakly: bool = False,
        begun: float | None = None,
    ) -> list[M]:
        begun = self._begun if begun is None else begun
        found: list[Any] = self._identity.adopt(model, rows, self, begun, weakly)
        return found

    def _adopt_all(self, model: type[M], rows: Iterable[Row]) -> list[M]:
        found = self._adopt_each(model, rows)
        _put_together(found)
        return found

    def _refresh(self, *objects: Any, force: bool = False) -> Work[None]:
        once = list({id(entity): entity for entity in flat(objects)}.values())
        yield from settle_all(once, force)
        models: dict[type[Model], list[Model]] = {}
        for entity in once:
            _check_refreshable(entity, force)
            models.setdefault(type(entity), []).append(entity)
        broken: CorruptRowError | None = None
        gone: list[Model] = []
        for model, group in models.items():
            try:
                rows = yield from self._rows_again(model, group)
            except CorruptRowError as error:
                broken, rows = error, list(error.entities)
                error.entities = []
            else:
                there = {row.id for row in rows}
                gone += [entity for entity in group if entity._id not in there]
            self._begin_again(group, rows)
        if gone:
            raise _are_gone(gone) from broken
        if broken is not None:
            raise broken

    def _rows_again(self, model: type[Model], group: Sequence[Model]) -> Work[list[Row]]:
        if len(group) == 1:
            row = yield On(model, load_rows.load_one(model._schema, group[0]._id))  # type: ignore[arg-type]
            return [] if row is None else [row]
        ids = [id for entity in group if (id := entity._id) is not None]
        rows: list[Row] = yield On(model, load_rows.load(model._schema, list(dict.fromkeys(ids))))
        return rows

    def _begin_again(self, group: Sequence[Model], rows: Iterable[Row]) -> None:
        """Reset entities to their rows, without the changes of the program."""
        seen_at, by_id = elapsed(), {row.id: row for row in rows}
        for entity in group:
            row = by_id.get(entity._id)  # type: ignore[arg-type]
            if row is not None:
                entity._begin(row.id, row.stored, seen_at)
                self._identity.add(entity)

    def _refresh_all(self, force: bool = False) -> Work[None]:
        yield from self._refresh(*(e for e in self._identity if not e._new), force=force)


def _are_gone(gone: Sequence[Model]) -> EntityDeletedError:
    named = ', '.join(entity._key for entity in gone[:5])
    more = f' and {len(gone) - 5} more' if len(gone) > 5 else ''
    return EntityDeletedError(
        f'{named}{more}: gone, for another writer deleted it, or it has expired. What else was '
        'asked for was refreshed',
        gone[0]._namespace,
        gone[0]._id,
    )


def _check_refreshable(entity: Model, force: bool) -> None:
    if entity._new or (entity._modified and not force):
        raise InvalidOperation(
            f'{entity._key} {"is new" if entity._new else "has changes that are not saved"}'
            f', and cannot be refreshed; {"save it" if entity._new else "force=True"} '
            f'{"first" if entity._new else "gives them up"}'
        )


def _put_together(found: Sequence[Model]) -> None:
    """Note which entities were found together, so that they load a relation together."""
    if len(found) > 1 and found[0]._schema.relations:
        batch: list[weakref.ref[Model]] = [weakref.ref(entity) for entity in found]
        for entity in found:
            entity._batch = batch


def _as_id(model: type[Model], id: Any) -> int:
    number = read_id(id)
    if number is None:
        where = getattr(model, '__name__', show(model))
        raise InvalidOperation(
            f'{where}.get: expected an id, an integer of 1 or more, got {show(id)}'
        )
    return number


def _offset_and_count(model: type[Model], limit: Any) -> tuple[int, int]:
    if not isinstance(limit, (tuple, list)) or len(limit) != 2:
        raise QueryError(
            f'{model.__name__}.get_by: _limit must be (offset, count), not {show(limit)}'
        )
    offset, count = limit
    return offset, count
