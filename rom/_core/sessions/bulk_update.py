"""Bulk updates of the results of a query, and of the one entity with a unique value.

They make no entities of the changed rows, and call no hooks. Tracked entities take over the new
values, except in columns that the program has set: those are unsaved changes, and saving them
raises the error for a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rom._core.columns.relations import GivenId
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops import load_rows
from rom._core.ops.rows import Row
from rom._core.schema import INDEX_DATA, Unique
from rom._core.sessions.flush import Flusher, unknown_id_error
from rom._core.sessions.parts import SessionRef, Work, model_of
from rom._core.sessions.related_filters import resolved
from rom._core.sessions.write_order import can_check, check_links_of
from rom._core.sessions.write_outcomes import settle_all
from rom._core.support.clock import elapsed
from rom.exceptions import ORMError, QueryError, UniqueKeyViolation

if TYPE_CHECKING:
    from rom._core.query import Query
    from rom._core.query.assignments import Assignments
    from rom._core.sessions.identity_map import IdentityMap
    from rom._core.sessions.loading import Loader

M = TypeVar('M', bound=Model)

#: Each search that finds nothing was followed by a conflict with an entity that was deleted again.
MAX_SEARCHES = 50
#: Rows of a block that is one commit for each partition.
_ONE_BLOCK = 2**31


class BulkUpdater:
    """The part of a session that updates rows in bulk, and updates or creates one entity.

    Args:
        identity: the identity map of the session.
        loader: reads rows, and makes entities of them.
        flusher: saves entities that are created.
        session: the session.
    """

    __slots__ = ('_flusher', '_identity', '_loader', '_session')

    def __init__(
        self, identity: IdentityMap, loader: Loader, flusher: Flusher, session: SessionRef
    ) -> None:
        self._identity = identity
        self._loader = loader
        self._flusher = flusher
        self._session = session

    def update_all(
        self, query: Query[Any], blocksize: int | None, values: Mapping[str, Any]
    ) -> Work[int]:
        """Set columns of a query's results to new values; return the number of rows."""
        from rom._core.ops import bulk_update
        from rom._core.query.assignments import assigned

        model: type[Any] = model_of(query)
        where = f'{query.schema.name}.query.update()'
        is_size = isinstance(blocksize, int) and not isinstance(blocksize, bool) and blocksize > 0
        if blocksize is not None and not is_size:
            raise QueryError(f'{where}: _blocksize must be 1 at least, not {show(blocksize)}')
        if (placement := query.schema.placement) is not None:
            for name in values.keys() & {*placement.deciders}:
                raise QueryError(
                    f'{where}: {name} decides the partition of a row, and cannot change; save '
                    'copies with the new value, and delete the entities'
                )
            blocksize = blocksize or _ONE_BLOCK
        query = query.entities()
        assignments = yield from self._referring(model, assigned(query.schema, where, values))
        yield from self._settle_known(model)
        query = yield from resolved(query)
        if blocksize is None:
            operation = bulk_update.update(query, assignments)
            rows = yield from self._loader.rows(model, operation, elapsed())
            self._pass_on(model, assignments, rows)
            return len(rows)
        blocks, total = bulk_update.Blocks(query, assignments, blocksize), 0
        while not blocks.is_done:
            rows = yield from self._loader.rows(model, blocks.next(), elapsed())
            self._pass_on(model, assignments, rows)
            total += len(rows)
        return total

    def get_or_create(
        self, model: type[M], defaults: Mapping[str, Any] | None, values: dict[str, Any]
    ) -> Work[tuple[M, bool]]:
        """Return the entity with a unique value, or a new one, and whether it is new."""
        from rom._core.query.unique_lookup import argument, check_others, sought

        schema, where = model._schema, f'{model.__name__}.get_or_create()'
        defaults = argument(schema, 'defaults', defaults, values)
        unique, value = sought(schema, where, values)
        check_others(schema, where, 'defaults', defaults or {}, unique)
        made = {**(defaults or {}), **values}

        def look() -> Work[M | None]:
            begun, operation = elapsed(), load_rows.load_unique(schema, unique.key, value)
            rows = yield from self._loader.rows(model, operation, begun)
            return self._loader.adopt(model, rows[0], begun) if rows else None

        return (yield from self._found_or_made(model, look, lambda: made, unique, value))

    def upsert(
        self,
        model: type[M],
        values: Mapping[str, Any] | None,
        create: Mapping[str, Any] | None,
        by: dict[str, Any],
    ) -> Work[tuple[M, bool]]:
        """Update the entity with a unique value, or create it; return whether it is new."""
        from rom._core.ops import bulk_update
        from rom._core.query.assignments import assigned
        from rom._core.query.unique_lookup import argument, check_others, sought

        schema, where = model._schema, f'{model.__name__}.upsert()'
        values = argument(schema, 'values', values, by) or {}
        create = argument(schema, 'create', create, by)
        unique, value = sought(schema, where, by)
        assignments = assigned(schema, where, values)
        check_others(schema, where, 'values', values, unique)
        check_others(schema, where, 'create', create or {}, unique)
        given = {**(create or {}), **by}
        assignments = yield from self._referring(model, assignments)
        yield from self._settle_known(model)

        def look() -> Work[M | None]:
            begun, operation = elapsed(), bulk_update.update_unique(assignments, unique, value)
            row = yield from self._loader.rows(model, operation, begun)
            if row is None:
                return None
            self._pass_on(model, assignments, [row])
            return self._loader.adopt(model, row, begun)

        def made() -> dict[str, Any]:
            return {**assignments.of_new(given), **given}

        return (yield from self._found_or_made(model, look, made, unique, value))

    def _found_or_made(
        self,
        model: type[M],
        look: Callable[[], Work[M | None]],
        made: Callable[[], Mapping[str, Any]],
        unique: Unique,
        value: tuple[bytes, ...],
    ) -> Work[tuple[M, bool]]:
        looks_left = MAX_SEARCHES
        while True:
            looks_left -= 1
            found = yield from look()
            if found is not None:
                return found, False
            entity = yield from self._create(model, made(), unique, value, looks_left > 0)
            if entity is not None:
                return entity, True

    def _create(
        self,
        model: type[M],
        values: Mapping[str, Any],
        unique: Unique,
        value: tuple[bytes, ...],
        is_look_left: bool,
    ) -> Work[M | None]:
        """Create and save one entity, and nothing else; return None to search again.

        An entity that could not be saved is forgotten, so that the next commit does not try again.
        """
        entity = model(**values)
        session = self._session()
        session.add(entity)
        try:
            yield from self._flusher.write([entity], False, False)
        except BaseException as error:
            if entity._new:
                session.forget(entity)
            if not is_look_left or not _is_about(error, entity, unique, value):
                raise
            return None
        return entity

    def _referring(self, model: type[Model], assignments: Assignments) -> Work[Assignments]:
        """Replace ids in assignments by their entities, so that no relation gets an unknown id.

        Raises:
            InvalidColumnValue: no entity has an id.
        """
        values = dict(assignments.values)
        for name in model._schema.links:
            if name in values and self._session()._connection is None:
                check_links_of(model, model._columns[name])
        for name, value in assignments.values.items():
            if type(value) is not GivenId:
                continue
            column: Any = model._columns[name]
            found: list[Model] = yield from self._loader.get_many(
                column.get_related_model(), [value.id]
            )
            if not found:
                raise unknown_id_error(model, name, value)
            [values[name]] = found
        own = self._session()._connection
        given = [name for name in model._schema.relations if values.get(name) is not None]
        checked = (name for name in given if can_check(model, name, own))
        return replace(assignments, values=values, references=tuple(checked))

    def _settle_known(self, model: type[Model]) -> Work[None]:
        """Settle commits in doubt of tracked entities, before their stored values change again."""
        lost = [e for e in self._identity if type(e) is model and e._attempt is not None]
        yield from settle_all(lost)

    def _pass_on(self, model: type[Model], assignments: Assignments, rows: Iterable[Row]) -> None:
        """Pass the new values of rows on to their tracked entities."""
        for row in rows:
            entity = self._identity.find(f'{model._namespace}:{row.id}')
            if entity is not None:
                _take_over(entity, assignments.values, row.stored)


def _take_over(entity: Model, values: Mapping[str, Any], stored: Mapping[str, bytes]) -> None:
    """Take over new values of columns; those that the program has set keep their old state."""
    own = {*entity._changed, *entity._mutated()}
    past, seen = dict(entity._stored), dict(entity._seen)
    for name in (*values, INDEX_DATA):
        if name in own and name in entity._schema.links:
            entity._rebase_links(name, past.get(name), stored.get(name))
        elif name in own:
            continue
        past.pop(name, None)
        if name in stored:
            past[name] = stored[name]
        if name not in own:
            entity._values.pop(name, None)
        seen.pop(name, None)
        if isinstance(values.get(name), Model):
            entity._values[name] = values[name]
    entity._stored, entity._seen = past, seen


def _is_about(
    error: BaseException, entity: Model, unique: Unique, value: tuple[bytes, ...]
) -> bool:
    """Return whether the error is about the value looked up, not one that a hook has set."""
    if not isinstance(error, UniqueKeyViolation):
        return False
    if (error.namespace, error.columns) != (entity._namespace, unique.columns):
        return False
    try:
        encoded = entity._encoded(unique.columns)
    except ORMError:
        return False
    return unique.claims({name: raw for name, raw in encoded.items() if raw is not None}) == value
