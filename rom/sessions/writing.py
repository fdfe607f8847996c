"""The writing half of a session: from changed entities to commits."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rom.changes import Change
from rom.exceptions import EntityDeletedError, ORMError
from rom.model import Model
from rom.ops import commit as commits
from rom.ops import entities
from rom.sessions.known import flat
from rom.sessions.relating import Relating
from rom.sessions.settling import settle_all
from rom.sessions.work import On, Work

if TYPE_CHECKING:
    from rom.schema import Schema


class Writing(Relating):
    """Saves and commits."""

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
        return (yield from self._write(list(flat(objects)), full, force))

    def take_ids_work(self, entity: Model) -> Work[None]:
        """Give ids to a new entity, and to the older new ones of its model."""
        yield from self._take_ids(type(entity), [entity])

    def _take_ids(self, model: type[Model], group: Sequence[Model]) -> Work[None]:
        """Give ids to new entities, in the order of creation: older ones get theirs too."""
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
        chosen = with_referred(chosen)
        for entity in chosen:
            if entity._session is not self:
                self.add(entity)
        groups = list(by_connection(chosen))
        for model, group in groups:
            yield from settle_all(model, group)
            if not self._is_lone_insert(chosen):
                yield from self._take_ids(model, group)
        written = 0
        for model, group in groups:
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
            if entity._new:
                entity._before_insert()
            elif full or force or entity._modified:
                entity._before_update()
            change = entity._change(full, force)
            if change is None:
                entity._changed.clear()  # what was set is what was there
            else:
                pairs.append((entity, change))
        if not pairs:
            return 0
        changes = [change for _, change in pairs]
        done_key = new_done_key(changes)
        for entity, change in pairs:
            entity._attempt = (change, done_key)
        try:
            done = yield On(model, commits.commit(changes, done_key))
        except ORMError as error:
            if not isinstance(error, ConnectionError):
                for entity, _ in pairs:
                    entity._attempt = None
            raise
        for (entity, change), stored in zip(pairs, done.rows, strict=True):
            known_id = entity._id if entity._id is not None else done.id
            entity._saved(change, known_id, stored)
            self._identity.add(entity)
        for entity, change in pairs:
            if change.kind == 'insert':
                entity._after_insert()
            else:
                entity._after_update()
        return sum(_columns_written(change) for change in changes)


def by_connection(chosen: Iterable[Model]) -> Iterator[tuple[type[Model], list[Model]]]:
    """Entities that are on one connection, each once, in their order, and a model of theirs."""
    groups: dict[int, list[Model]] = {}
    for entity in {id(entity): entity for entity in chosen}.values():
        groups.setdefault(id(entity._connection), []).append(entity)
    for group in groups.values():
        yield type(group[0]), group


def with_referred(chosen: Iterable[Model]) -> list[Model]:
    """Entities, and before each the unsaved ones that it refers to."""
    ordered: dict[int, Model] = {}
    waiting: set[int] = set()

    def add(entity: Model) -> None:
        if id(entity) in ordered or id(entity) in waiting:
            return
        waiting.add(id(entity))
        for name in entity._schema.relations:
            target = entity._values.get(name)
            if target is not None and target._new and name in entity._changed:
                add(target)
        ordered[id(entity)] = entity

    for entity in chosen:
        add(entity)
    return list(ordered.values())


def _columns_written(change: Change) -> int:
    if change.kind == 'insert' or change.full or change.forced:
        return len(change.schema.columns)
    return len(change.wanted)


def new_done_key(changes: Sequence[Change]) -> bytes:
    """Where it is noted that this very commit was carried out."""
    return changes[0].schema.keys.done(secrets.token_hex(8).encode('ascii'))
