"""The writing half of a session: from changed entities to commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any

from rom._core.columns.relations import GivenId
from rom._core.encoding.integers import check_count
from rom._core.model import Model
from rom._core.ops import id_counters
from rom._core.ops.shards import writing
from rom._core.ops.shards.placing import located, seen_after
from rom._core.sessions.hooks import (
    AFTER,
    call_hook_after,
    call_hooks_before,
    deleted_error,
    has_insert_hook,
    have_hooks,
)
from rom._core.sessions.id_partitions import by_id_partition
from rom._core.sessions.parts import RunOn, SessionRef, Work, flat
from rom._core.sessions.unwritten_warning import warn_after_empty_commit, warn_before_commit
from rom._core.sessions.write_order import (
    by_connection,
    check_links,
    references_of,
    with_referred,
)
from rom._core.sessions.write_outcomes import (
    check_rows_are_there,
    columns_written,
    forget_deleted_keys,
    is_any_deleted,
    refuse_to_wait,
    release_attempt,
    settle_all,
)
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change, Instant
from rom.exceptions import InvalidColumnValue

if TYPE_CHECKING:
    from rom._core.ops.commits.attempts import Attempt
    from rom._core.ops.commits.commit import Committed
    from rom._core.schema import Schema
    from rom._core.sessions.identity_map import IdentityMap
    from rom._core.sessions.relation_loading import RelationLoader


class Flusher:
    """The part of a session that saves and commits.

    Args:
        identity: the identity map of the session.
        relations: looks up entities that relations refer to by id.
        session: the session.
        is_async: whether the session is awaited.
    """

    __slots__ = ('_identity', '_is_async', '_relations', '_session')

    def __init__(
        self,
        identity: IdentityMap,
        relations: RelationLoader,
        session: SessionRef,
        is_async: bool,
    ) -> None:
        self._identity = identity
        self._relations = relations
        self._session = session
        self._is_async = is_async

    def flush(
        self, full: bool = False, all: bool = False, force: bool = False, batch: int | None = None
    ) -> Work[int]:
        """Write all changes; return the number of written columns."""
        session = self._session()
        warn_before_commit(session)
        written = yield from self._write_all(full, all, force, batch)
        if not written:
            warn_after_empty_commit(session)
        return written

    def _write_all(self, full: bool, all: bool, force: bool, batch: int | None) -> Work[int]:
        chosen = list(self._identity) if all else self._identity.modified
        if all and is_any_deleted() and not (full or force):
            yield from check_rows_are_there(chosen)
        if batch is None:
            return (yield from self.write(chosen, full, force, is_commit=True))
        size = check_count('commit(batch=...)', batch)
        written, met = 0, set[int]()
        while chosen:
            for start in range(0, len(chosen), size):
                block = chosen[start : start + size]
                # An earlier batch also writes the new entities that its own refer to.
                block = [entity for entity in block if all or entity._modified]
                written += yield from self.write(block, full, force)
            met.update(map(id, chosen))
            # Entities that hooks have made or changed meanwhile are part of the commit.
            chosen = [entity for entity in self._identity.modified if id(entity) not in met]
        return written

    def commit(
        self, full: bool = False, all: bool = False, force: bool = False, batch: int | None = None
    ) -> Work[int]:
        """Write all changes, then hold entities only weakly."""
        written = yield from self.flush(full, all, force, batch)
        self._identity.leave_hosts(self._identity.release())
        return written

    def save(
        self, *objects: Any, full: bool = False, all: bool = False, force: bool = False
    ) -> Work[int]:
        """Write the changes of these entities, or of lists of them."""
        chosen = flat(objects)
        if is_any_deleted() and not (full or force):
            yield from check_rows_are_there(chosen)
        return (yield from self.write(chosen, full, force))

    def take_ids(self, entity: Model) -> Work[None]:
        """Give ids to a new entity, and to the older new ones of its model."""
        yield from self._take_ids(type(entity), [entity])

    def _take_ids(self, model: type[Model], group: Sequence[Model]) -> Work[None]:
        """Give ids to new entities and to older ones, in the order of creation."""
        without = {id(entity) for entity in group if entity._id is None}
        if not without:
            return
        waiting: dict[Schema, list[Model]] = {}
        pending: list[Model] = []
        left = len(without)
        for entity in list(self._identity.unsaved.values()):
            if not left:
                break  # all others are newer: a batch must not look through the next ones
            is_asked_for = id(entity) in without
            left -= is_asked_for
            # Leave out entities that another task is writing now: that write gives them their ids.
            if is_asked_for or (entity._id is None and entity._attempt is None):
                pending.append(entity)
        pending += [e for e in group if e._id is None and id(e) not in self._identity.unsaved]
        for entity in reversed(pending):
            if id(entity) in without or entity._schema in waiting:
                waiting.setdefault(entity._schema, []).append(entity)
        if not waiting:
            return
        if any(schema.placement for schema in waiting):
            waiting = by_id_partition(waiting, group)
        counts = {schema: len(entities_) for schema, entities_ in waiting.items()}
        taken = yield RunOn(model, id_counters.take_ids(counts))
        for schema, ids in taken.items():
            numbered = waiting[schema][::-1]
            if schema.part is not None:
                ids = map(schema.part.global_id, ids)
            for entity, new_id in zip(numbered, ids, strict=True):
                if entity._id is None:  # another task may have set it meanwhile
                    entity._id = new_id
            self._identity.add_numbered(numbered)

    def write(
        self, chosen: Sequence[Model], full: bool, force: bool, is_commit: bool = False
    ) -> Work[int]:
        """Write entities, in one commit for each server; return the number of written columns.

        Args:
            chosen: the entities; those without changes are left out.
            full: write every column.
            force: overwrite the changes of other writers.
            is_commit: write all entities that hooks make or change, too.
        """
        chosen, written = yield from self._prepared(chosen, full, force, is_commit)
        groups = list(by_connection(chosen))
        if not self._is_lone_insert(chosen):
            for model, group in groups:
                yield from self._take_ids(model, group)
        # Encode everything before sending anything: a value that fails to encode for the second
        # server must stop the write on the first one.
        now = Instant()
        own = self._session()._connection
        ready = [(model, *_changes(group, full, force, now, own)) for model, group in groups]
        check_links(chosen, own)
        for model, concerned, changes in ready:
            if changes:
                attempt = writing.attempt_of(changes)
                # A generator that has ended has no frame, even after an interrupt. So the
                # attempt can tell whether it still runs.
                attempt.thread = None if self._is_async else get_ident()
                attempt.writer = self._write_group(model, concerned, changes, attempt)
                written += yield from attempt.writer
        return written

    def _prepared(
        self, chosen: Sequence[Model], full: bool, force: bool, is_commit: bool
    ) -> Work[tuple[list[Model], int]]:
        """Return the entities to write, each after those it refers to; call their hooks first.

        A hook may refer to new entities, which are then written too, and have hooks of their own.
        A commit also writes all other entities that a hook makes or changes. The second result is
        the number of columns written by earlier attempts that were in doubt.
        """
        ready: dict[int, Model] = {}
        identity, session = self._identity, self._session()
        may_refer, written = False, 0
        while True:
            chosen = with_referred(chosen)
            fresh = [entity for entity in chosen if id(entity) not in ready]
            if not fresh:
                if may_refer and have_hooks(chosen):  # hooks may have set relations to ids
                    yield from self._look_up(chosen)
                return chosen, written
            for entity in fresh:
                ready[id(entity)] = entity
                own = entity._session
                is_ours = own is session or own._identity is identity
                if not is_ours or entity._is_detached or identity.has_strays:
                    session.add(entity)
                if entity._schema.refers:
                    may_refer = True
            if may_refer:
                yield from self._look_up(fresh)
            lost = [entity for entity in fresh if entity._attempt is not None]
            if lost:
                written += yield from settle_all(lost, force)
                gone = {id(entity) for entity in lost if entity._deleted and not entity._changed}
                fresh = [entity for entity in fresh if id(entity) not in gone]
                chosen = [entity for entity in chosen if id(entity) not in gone]
            if self._is_async:  # a hook may read the id, and cannot await one
                for model, group in by_connection([e for e in fresh if has_insert_hook(e)]):
                    yield from self._take_ids(model, group)
            call_hooks_before(fresh, full, force)
            if is_commit and have_hooks(fresh):
                more = [entity for entity in identity.modified if id(entity) not in ready]
                chosen = [*chosen, *more]
            elif not may_refer:
                return chosen, written

    def _look_up(self, chosen: Iterable[Model]) -> Work[None]:
        """Load the entities of relations that were set to an id.

        Raises:
            InvalidColumnValue: no entity has the id.
        """
        groups: dict[tuple[type[Model], str], list[Model]] = {}
        for entity in chosen:
            for name in entity._unseen if entity._schema.relations else ():
                groups.setdefault((type(entity), name), []).append(entity)
        for (model, name), group in groups.items():
            yield from self._relations.load_references(group, name)
            for entity in group:
                value = entity._values.get(name)
                if isinstance(value, GivenId):
                    raise unknown_id_error(model, name, value)

    def _is_lone_insert(self, group: Sequence[Model]) -> bool:
        """Return whether the commit script can give the id: to one new entity, the oldest one.

        Ids follow the order of creation, so an older new entity must get its id first.
        """
        if len(group) != 1 or group[0]._id is not None or group[0]._schema.needs_id_first:
            return False
        [entity] = group
        for name in entity._schema.relations:
            if entity._values.get(name) is entity:
                return False
        for name in entity._schema.links:
            if entity in (entity._values.get(name) or ()):
                return False
        if entity._schema.placement is not None:
            return True  # ids of several partitions have no order of creation
        for other in self._identity.unsaved.values():
            if other._schema is entity._schema:
                return other is entity
        return True

    def _write_group(
        self,
        model: type[Model],
        concerned: list[Model],
        changes: list[Change],
        attempt: Attempt,
    ) -> Work[int]:
        for entity in concerned:
            if entity._attempt is not None:  # begun by another write after `_prepared`
                refuse_to_wait(entity)
        more = self._identity.hold(concerned)
        for place, entity in enumerate(concerned):
            entity._attempt, entity._place = attempt, place
        try:
            done = yield RunOn(model, writing.commit(changes, attempt))
        except BaseException:
            if release_attempt(attempt, concerned):
                self._identity.let_loose(more)
            raise
        self._note_saved(concerned, changes, attempt, done)
        return sum([columns_written(change) for change in changes])

    def _note_saved(
        self, saved: list[Model], changes: list[Change], attempt: Attempt, done: Committed
    ) -> None:
        """Mark entities as saved; after an interrupt here, they still have their attempt."""
        others, now = [], elapsed()
        for entity, change, stored in zip(saved, changes, done.rows, strict=True):
            if entity._attempt is attempt:
                known_id = change.id or done.id
                assert known_id is not None
                if change.schema.part is not None:
                    known_id, stored = seen_after(change, known_id, stored)
                entity._saved(change, known_id, stored, now)
            else:
                others.append(entity)  # another task has marked it already
        self._identity.add_numbered(saved)
        if is_any_deleted():
            forget_deleted_keys(f'{entity._namespace}:{entity._id}' for entity in saved)
        for entity in saved:
            if entity._attempt is attempt:
                entity._attempt = None
        if len(saved) > 1 and not have_hooks(saved, AFTER):
            return
        for entity, change in zip(saved, changes, strict=True):
            if not others or entity not in others:
                call_hook_after(entity, change)


def unknown_id_error(model: type[Model], name: str, given: GivenId) -> InvalidColumnValue:
    """Return the error for a relation that was set to an id without an entity."""
    column: Any = model._columns[name]
    return InvalidColumnValue(
        f'{model.__name__}.{name}: {given.id}: no {column.ftable} has this id; set another, or None'
    )


def _changes(
    group: Iterable[Model], full: bool, force: bool, now: Instant, own: Any
) -> tuple[list[Model], list[Change]]:
    """Return the entities that have something to write, and their changes."""
    concerned, changes = [], []
    for entity in group:
        if entity._deleted and not force:  # a hook may have deleted it
            raise deleted_error(entity)
        change = entity._change(full, force, now)
        if change is not None:
            if change.schema.relations:
                names = references_of(type(entity), change, own)
                change = change._replace(references=names) if names else change
            concerned.append(entity)
            changes.append(change)
    return concerned, located(changes)
