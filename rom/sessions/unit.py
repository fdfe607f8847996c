"""The unit of work: what the two sessions have in common, which is all but the waiting.

Its methods are generators, as operations are. They yield `On(model, operation)`: carry this
out on the connection of that model. The sync session does so at once, the other one awaits it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from rom.changes import Change
from rom.exceptions import (
    CorruptRowError,
    EntityDeletedError,
    InvalidOperation,
    ORMError,
    QueryError,
)
from rom.model import Model
from rom.ops import commit as commits
from rom.ops import entities, queries
from rom.ops.requests import Operation
from rom.ops.rows import Row
from rom.ops.settle import settle
from rom.sessions.identity import IdentityMap

if TYPE_CHECKING:
    from rom.query import Query
    from rom.schema import Schema

M = TypeVar('M', bound=Model)
T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class On:
    """An operation, and the model on whose connection it runs."""

    model: type[Model]
    operation: Operation[Any]


Work: TypeAlias = Generator[On, Any, T]

# Entities in one trip when a query is iterated over.
STREAM_PAGE = 500


class UnitOfWork:
    """The identity map, and what is done with it."""

    is_async = False

    def __init__(self) -> None:
        self._identity = IdentityMap()

    # What needs no server, and is the same in both sessions.

    @property
    def known(self) -> dict[str, Model]:
        """The entities held until the next commit, by the key of their row."""
        return self._identity.known

    @property
    def wknown(self) -> Any:
        """All entities known, held weakly, by the key of their row."""
        return self._identity.wknown

    def add(self, entity: Model) -> None:
        """Have the session know an entity, and no other session.

        Example::

            session.add(user)
        """
        _check_entity(entity)
        previous = entity.__dict__.get('_session')
        if previous is not None and previous is not self:
            previous.forget(entity)
        entity._session = self  # type: ignore[assignment]
        self._identity.add(entity)

    def forget(self, entity: Model) -> None:
        """Know an entity no longer: the next commit leaves it out.

        Example::

            session.forget(user)
        """
        _check_entity(entity)
        self._identity.forget(entity)

    def rollback(self) -> None:
        """Forget all entities, and with them what was not saved.

        Example::

            session.rollback()
        """
        self._identity.forget_all()

    # Reading.

    def _get(self, model: Any, ids: Any = None) -> Work[Any]:
        if isinstance(model, (str, bytes)):
            return self._identity.find(str(model))
        if isinstance(ids, (list, tuple, set, frozenset, range)) or isinstance(ids, Iterator):
            return (yield from self._get_many(model, [_as_id(model, id) for id in ids]))
        id = _as_id(model, ids)
        known = self._identity.find(f'{model._namespace}:{id}')
        if known is not None:
            return known
        row = yield On(model, entities.load_one(model._schema, id))
        return None if row is None else self._adopt(model, row)

    def _get_many(self, model: type[M], ids: Sequence[int]) -> Work[list[M]]:
        known = {id: self._identity.find(f'{model._namespace}:{id}') for id in ids}
        missing = [id for id, entity in known.items() if entity is None]
        if missing:
            rows = yield from self._rows(model, entities.load(model._schema, missing))
            known |= {entity._id: entity for entity in self._adopt_all(model, rows)}
        return [entity for id in ids if (entity := known[id]) is not None]  # type: ignore[misc]

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
        column = model._columns[name]
        if isinstance(wanted, tuple) and not column.is_string:
            raise QueryError(
                f'{model.__name__}.{name} is unique, and a look-up of it takes a value or a list '
                'of values; for a range declare it with index=True too and pass _numeric=True'
            )
        several = isinstance(wanted, (list, tuple, set, frozenset))
        try:
            values = [column.encode(column.check(value)) for value in (wanted if several else [wanted])]
        except ORMError as error:
            raise QueryError(f'{model.__name__}.get_by: {error}') from None
        key = next(unique.key for unique in model._schema.uniques if unique.columns == (name,))
        rows = yield from self._rows(model, entities.load_unique(model._schema, key, values))
        found = self._adopt_all(model, rows)
        return found if several else (found[0] if found else None)

    def _all(self, query: Query[M]) -> Work[list[M]]:
        model: type[M] = query.model
        rows = yield from self._rows(model, queries.search(query))
        return self._results(query, rows)

    def _first(self, query: Query[M]) -> Work[M | None]:
        found = yield from self._all(query.first_only())
        return found[0] if found else None

    def _count(self, query: Query[M]) -> Work[int]:
        count: int = yield On(query.model, queries.count(query))
        return count

    def _page(self, query: Query[M], cursor: Any) -> Work[tuple[list[M], Any]]:
        """Some of a query's entities, and where to go on; None at the end."""
        model: type[M] = query.model
        rows, cursor = yield from self._rows(model, queries.page(query, cursor, STREAM_PAGE))
        return self._results(query, rows), cursor

    def _results(self, query: Query[M], rows: Sequence[Row]) -> list[M]:
        if query.selection is not None:
            return queries.selected(query, rows)
        return self._adopt_all(query.model, rows)

    def _rows(self, model: type[M], operation: Operation[Any]) -> Work[Any]:
        """Read rows; an error about one of them carries the entities of the others."""
        try:
            return (yield On(model, operation))
        except CorruptRowError as error:
            error.entities = self._adopt_all(model, error.entities)
            raise

    def _adopt(self, model: type[M], row: Row) -> M:
        """The entity of a row: the one that is known, or a new object."""
        known = self._identity.find(f'{model._namespace}:{row.id}')
        if known is not None:
            return known  # type: ignore[return-value]
        entity = model._from_row(row.id, row.stored)
        entity._session = self  # type: ignore[assignment]
        self._identity.add(entity)
        return entity

    def _adopt_all(self, model: type[M], rows: Iterable[Row]) -> list[M]:
        return [self._adopt(model, row) for row in rows]

    def _refresh(self, *objects: Any, force: bool = False) -> Work[None]:
        for entity in _flat(objects):
            if entity._new or (entity._modified and not force):
                raise InvalidOperation(
                    f'{entity._key} {"is new" if entity._new else "has changes that are not saved"}'
                    f', and cannot be refreshed; {"save it" if entity._new else "force=True"} '
                    f'{"first" if entity._new else "gives them up"}'
                )
            row = yield On(type(entity), entities.load_one(entity._schema, entity._id))
            if row is None:
                raise EntityDeletedError(
                    f'{entity._key} is gone: another writer deleted it',
                    entity._namespace,
                    entity._id,
                )
            entity._begin(row.id, row.stored)
            self._identity.add(entity)

    def _refresh_all(self, force: bool = False) -> Work[None]:
        yield from self._refresh(*(e for e in self._identity if not e._new), force=force)

    # Writing.

    def _flush(self, full: bool = False, all: bool = False, force: bool = False) -> Work[int]:
        chosen = [entity for entity in self._identity if all or entity._modified]
        return (yield from self._write(chosen, full, force))

    def _commit(self, full: bool = False, all: bool = False, force: bool = False) -> Work[int]:
        written = yield from self._flush(full, all, force)
        self._identity.release()
        return written

    def _save(
        self, *objects: Any, full: bool = False, all: bool = False, force: bool = False
    ) -> Work[int]:
        return (yield from self._write(list(_flat(objects)), full, force))

    def _delete(self, *objects: Any, force: bool = False) -> Work[None]:
        chosen = [entity for entity in _flat(objects) if not entity._deleted]
        for entity in chosen:
            if entity._new:
                raise InvalidOperation(
                    f'{entity._key} was never saved, so there is nothing to delete; '
                    'session.forget(entity) keeps the next commit from saving it'
                )
        for model, group in self._by_connection(chosen):
            changes = [
                Change(entity._schema, 'delete', entity._id, entity._stored, {}, {})
                for entity in group
            ]
            yield On(model, commits.commit(changes, os.urandom(12)))
            for entity in group:
                entity._deleted = True
                entity._changed.clear()
                self._identity.forget(entity)

    def take_ids_work(self, entity: Model) -> Work[None]:
        """Give ids to a new entity, and to the older new ones of its model."""
        yield from self._take_ids(type(entity), [entity])

    def _take_ids(self, model: type[Model], group: Sequence[Model]) -> Work[None]:
        """Give ids to new entities. Ids grow in the order of creation, so older ones get theirs too."""
        without = {id(entity) for entity in group if entity._id is None}
        waiting: dict[Schema, list[Model]] = {}
        pending = [e for e in self._identity.unsaved.values() if e._id is None]
        pending += [e for e in group if e._id is None and id(e) not in self._identity.unsaved]
        for entity in reversed(pending):
            if id(entity) in without or entity._schema in waiting:
                waiting.setdefault(entity._schema, []).append(entity)
        if not waiting:
            return
        counts = {schema: len(entities_) for schema, entities_ in waiting.items()}
        taken = yield On(model, entities.take_ids(counts))
        for schema, ids in taken.items():
            for entity, new_id in zip(reversed(waiting[schema]), ids, strict=True):
                entity._id = new_id
                self._identity.add(entity)

    def _write(self, chosen: Sequence[Model], full: bool, force: bool) -> Work[int]:
        written = 0
        for model, group in self._by_connection(chosen):
            yield from self._settle(model, group)
            if self._is_lone_insert(group):
                self._identity.add(group[0])
            else:
                yield from self._take_ids(model, group)
            written += yield from self._write_group(model, group, full, force)
        return written

    def _is_lone_insert(self, group: Sequence[Model]) -> bool:
        """One new entity, older than all others without an id: the script may give it its own."""
        if len(group) != 1 or group[0]._id is not None or group[0]._schema.needs_id_first:
            return False
        [entity] = group
        older = (e for e in self._identity.unsaved.values() if e._schema is entity._schema)
        return next(older, entity) is entity

    def _write_group(
        self, model: type[Model], group: Sequence[Model], full: bool, force: bool
    ) -> Work[int]:
        pairs = []
        for entity in group:
            if entity._deleted and not force:
                raise EntityDeletedError(
                    f'{entity._key} was deleted; save(force=True) writes it again',
                    entity._namespace,
                    entity._id,
                )
            change = entity._change(full, force)
            if change is not None:
                pairs.append((entity, change))
        if not pairs:
            return 0
        changes = [change for _, change in pairs]
        token = os.urandom(12)
        for entity, change in pairs:
            entity._attempt = (change, token)
        try:
            done = yield On(model, commits.commit(changes, token))
        except ORMError as error:
            if not isinstance(error, ConnectionError):
                for entity, _ in pairs:
                    entity._attempt = None
            raise
        for (entity, change), stored in zip(pairs, done.rows, strict=True):
            known_id = entity._id if entity._id is not None else done.id
            entity._saved(change, known_id, stored)
            self._identity.add(entity)
        return sum(_columns_written(change) for change in changes)

    def _settle(self, model: type[Model], group: Sequence[Model]) -> Work[None]:
        """Find out what became of commits whose answer was lost."""
        for entity in group:
            if entity._attempt is None:
                continue
            change, token = entity._attempt
            settled = yield On(model, settle(change, token))
            if settled is None:
                entity._attempt = None
            else:
                entity._saved(change, settled.id, settled.stored)
                self._identity.add(entity)

    def _by_connection(self, chosen: Iterable[Model]) -> Iterator[tuple[type[Model], list[Model]]]:
        """Entities that are on one connection, each once, in their order, and a model of theirs."""
        groups: dict[int, list[Model]] = {}
        for entity in {id(entity): entity for entity in chosen}.values():
            groups.setdefault(id(entity._connection), []).append(entity)
        for group in groups.values():
            yield type(group[0]), group


def _columns_written(change: Change) -> int:
    if change.kind == 'insert' or change.full or change.forced:
        return len(change.schema.columns)
    return len(change.wanted)


def _check_entity(entity: object) -> None:
    if not isinstance(entity, Model):
        raise ORMError(f'a session takes entities of models, not {entity!r}')


def _flat(objects: Iterable[Any]) -> Iterator[Any]:
    """Entities, and lists of them, as one row of entities."""
    for item in objects:
        if isinstance(item, (list, tuple, set, frozenset)):
            yield from _flat(item)
        else:
            _check_entity(item)
            yield item


def _as_id(model: type[Model], id: Any) -> int:
    try:
        number = int(id)
    except (TypeError, ValueError):
        number = -1
    if number < 0 or isinstance(id, bool):
        raise InvalidOperation(f'{model.__name__}.get: {id!r} is no id; an id is a number from 1 on')
    return number


def _offset_and_count(model: type[Model], limit: Any) -> tuple[int, int]:
    if not isinstance(limit, (tuple, list)) or len(limit) != 2:
        raise QueryError(
            f'{model.__name__}.get_by: _limit must be (offset, count), not {limit!r}'
        )
    offset, count = limit
    return offset, count
