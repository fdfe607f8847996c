"""Deleting entities: first the search for all consequences, then one commit that carries them out.

The search finds the entities that refer to a deleted one, level by level. By the ``on_delete`` of
the relation, each of them is deleted too, loses the reference, or forbids the delete. Another
writer may add a reference between the search and the commit. So the commit script checks that only
the entities that were found refer to a deleted id; otherwise the search begins again.

The hooks before a delete are called once for each entity. Those of the given entities run before
the first search, because a hook may itself delete an entity that forbids the delete. After hooks
that may have changed something, the search begins again too.

An expired entity forbids no delete: where its relation would, it is deleted as well. Only the
server knows whether an entity has expired.
"""

from collections.abc import Hashable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from rom._core.model import Model
from rom._core.model_registry import references_to
from rom._core.ops.commits.commit import Committed, Guard, Referenced
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.shards import writing
from rom._core.ops.shards.placing import by_partition, located
from rom._core.sessions.deletion_plan import (
    DeletionCollector,
    PendingDelete,
    RowRef,
    on_delete_of,
)
from rom._core.sessions.hooks import call_hook, has_delete_hook
from rom._core.sessions.link_removal import collect_links, expired_among, unlink_crowd
from rom._core.sessions.partition_guards import check_is_beside, guards_in
from rom._core.sessions.parts import RunOn, SessionRef, Work, flat, model_of
from rom._core.sessions.soft_delete import is_left, note_marker, restore
from rom._core.sessions.write_order import servers_of
from rom._core.sessions.write_outcomes import note_deleted_key, release_attempt, settle_all
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change
from rom.exceptions import (
    DataRaceError,
    EntityDeletedError,
    InvalidOperation,
    ServerError,
    StaleEntityError,
)

if TYPE_CHECKING:
    from rom._core.ops.commits.attempts import Attempt
    from rom._core.query import Query
    from rom._core.sessions.flush import Flusher
    from rom._core.sessions.identity_map import IdentityMap
    from rom._core.sessions.loading import Loader
    from rom._core.sessions.query_runner import QueryRunner

#: The maximum number of searches, each of which met references that other writers have added.
MAX_SEARCHES = 50
#: The number of ids in one search for references.
PAGE = 200


class DeleteOptions(NamedTuple):
    """The options of a delete.

    Attributes:
        on_delete: apply the ``on_delete`` of relations to the entities that refer to a deleted one.
        hooks: call the hooks, also those of entities that a cascade deletes.
        is_shared: other processes may delete the same rows at once; only the one that deletes a
            row calls its hook.
        is_hard: remove the rows of models with ``_soft_delete``, too.
    """

    on_delete: bool = True
    hooks: bool = True
    is_shared: bool = False
    is_hard: bool = False


class Deleter:
    """The part of a session that deletes entities, with the consequences for others.

    Args:
        identity: the identity map of the session.
        loader: makes entities of the rows whose hooks are called.
        queries: finds the results of a query to delete.
        flusher: saves new entities that relations get as their default.
        session: the session.
        connection: the client of the session, if it has its own.
    """

    __slots__ = ('_connection', '_flusher', '_identity', '_loader', '_queries', '_session')

    def __init__(
        self,
        identity: 'IdentityMap',
        loader: 'Loader',
        queries: 'QueryRunner',
        flusher: 'Flusher',
        session: SessionRef,
        connection: Any,
    ) -> None:
        self._identity = identity
        self._loader = loader
        self._queries = queries
        self._flusher = flusher
        self._session = session
        self._connection = connection

    def delete(self, *objects: Any, force: bool = False, hard: bool = False) -> Work[None]:
        """Delete entities, or lists of them, in one commit for each server."""
        once = {id(entity): entity for entity in flat(objects)}
        yield from settle_all(once.values(), force)
        chosen = [entity for entity in once.values() if is_left(entity, hard)]
        for entity in chosen:
            if entity._new:
                raise InvalidOperation(
                    f'{entity._key} was never saved, so there is nothing to delete; '
                    'session.forget(entity) keeps the next commit from saving it'
                )
        hooked: dict[RowRef, Model] = {}
        for entity in chosen:
            hooked[type(entity), _id_of(entity)] = entity
            call_hook(entity, '_before_delete')
        # A hook may have deleted one of the entities.
        deletes = {
            (type(entity), _id_of(entity)): PendingDelete(entity._stored, (), entity._seen_at)
            for entity in chosen
            if is_left(entity, hard)
        }
        yield from self.remove(deletes, hooked, DeleteOptions(is_hard=hard))

    def remove(
        self,
        chosen: Mapping[RowRef, PendingDelete],
        hooked: dict[RowRef, Model],
        options: DeleteOptions,
    ) -> Work[set[RowRef]]:
        """Delete rows; return those that were not already deleted by another writer.

        Args:
            chosen: the rows; one whose `depends_on` columns have changed is not deleted.
            hooked: the entities whose hook before a delete was called.
            options: the consequences to apply.

        Raises:
            RestrictError: a relation to one of them forbids it; nothing was deleted.
        """
        chosen = dict(chosen)
        defaults: dict[tuple[type[Model], str], Any] = {}
        for _ in range(MAX_SEARCHES):
            if not chosen:
                return set()
            begun, found = elapsed(), DeletionCollector(defaults, dict(chosen), options.is_hard)
            if options.on_delete:
                yield from self._collect(found)
                found.check()
            else:
                yield from self._collect_links(found)
            if options.hooks and self._call_hooks_before(found, hooked, begun):
                continue
            if found.crowded:
                yield from unlink_crowd(found.crowded)
                continue
            unsaved = [e for e in defaults.values() if e is not None and e._new]
            yield from self._flusher.write(unsaved, False, False)
            try:
                gone = yield from self._write(found, hooked, options)
            except StaleEntityError:
                raise
            except DataRaceError as error:
                _leave_out(chosen, error, found)
                continue
            except EntityDeletedError as error:
                _leave_out(chosen, error, found)
                continue  # another writer deleted a row that the search found
            except Referenced:
                continue  # another writer changed a row that the search found
            self._note_done(found, hooked, options, gone)
            return chosen.keys() - gone
        raise ServerError(
            f'{MAX_SEARCHES} tries to delete {len(chosen)} entities each met new references to '
            'them; find out which program adds those without pause'
        )

    def restore(self, *objects: Any) -> Work[None]:
        """Restore soft-deleted entities, or lists of them, in one commit for each server."""
        yield from restore(self._flusher, self._session(), flat(objects))

    def delete_all(self, query: 'Query[Any]', blocksize: int, hard: bool = False) -> Work[int]:
        """Delete a query's results, a page at a time; ones deleted meanwhile are not found."""
        model_of(query)
        query, cursor, total = query.entities().for_writes(), None, 0
        while True:
            block, cursor = yield from self._queries.block(query, cursor, blocksize)
            for group in by_partition(query.schema, block, attrgetter('_id')):
                yield from self.delete(group, hard=hard)
            total += len(block)
            if cursor is None:
                return total

    def _collect(self, found: DeletionCollector) -> Work[None]:
        """Add the consequences of the rows to delete."""
        fresh = list(found.deletes)
        while fresh:
            by_model: dict[type[Model], list[int]] = {}
            for model, id in fresh:
                by_model.setdefault(model, []).append(id)
            fresh = []
            for model, ids in by_model.items():
                for start in range(0, len(ids), PAGE):
                    fresh += yield from self._collect_referring(
                        model, ids[start : start + PAGE], found
                    )

    def _collect_links(self, found: DeletionCollector) -> Work[None]:
        """Add the links to the rows to delete, which are removed in any case."""
        by_model: dict[type[Model], list[int]] = {}
        for model, id in found.deletes:
            by_model.setdefault(model, []).append(id)
        for model, ids in by_model.items():
            for start in range(0, len(ids), PAGE):
                page = ids[start : start + PAGE]
                yield from collect_links(model, page, found, is_forced=True)

    def _collect_referring(
        self, model: type[Model], ids: list[int], found: DeletionCollector
    ) -> Work[list[RowRef]]:
        """Find the entities that refer to these ids; return those that are to be deleted too."""
        fresh: list[RowRef] = []
        is_soft = found.marker_of(model) is not None
        for referring, name in references_to(model):
            if on_delete_of(referring, name) == 'no action':
                continue
            check_is_beside(referring, name, model)
            query = referring.query.with_expired().with_deleted().filter(**{name: ids})
            rows: list[Row] = yield RunOn(referring, queries.search(query))
            if on_delete_of(referring, name) != 'cascade':  # which deletes expired ones as well
                found.expired |= yield from expired_among(referring, rows)
            members: dict[int, list[int]] = {id: [] for id in ids}
            for row in rows:
                id = row.refers(name)
                if id not in members:
                    continue  # in the index only: the row holds another value
                members[id].append(row.id)
                if is_soft and referring._schema.soft_delete in row.stored:
                    continue  # it stays as it is, and refers to a row that stays
                ref = found.add_reference(referring, name, row, id, not is_soft)
                if ref is not None:
                    fresh.append(ref)
            keys = referring._schema.keys
            index, field = keys.scores(name), keys.stored_name(name)
            found.guards += [
                (referring, Guard(index, id, keys.head, field, tuple(those)))
                for id, those in members.items()
            ]
        yield from collect_links(model, ids, found)
        return fresh

    def _call_hooks_before(
        self, found: DeletionCollector, hooked: dict[RowRef, Model], begun: float
    ) -> bool:
        """Call the hooks before a delete that were not called yet; an error stops the delete.

        Return whether there were any.
        """
        fresh = [ref for ref in found.deletes if ref not in hooked and has_delete_hook(ref[0])]
        for model, id in fresh:
            stored = dict(found.deletes[model, id].stored)
            entity = hooked[model, id] = self._loader.adopt(model, Row(id, stored), begun)
            call_hook(entity, '_before_delete')
        return any(model._before_delete is not Model._before_delete for model, _ in fresh)

    def _write(
        self, found: DeletionCollector, hooked: Mapping[RowRef, Model], options: DeleteOptions
    ) -> Work[set[RowRef]]:
        """Commit a delete and its consequences, one server at a time; return rows already gone."""
        gone: set[RowRef] = set()
        groups: dict[Hashable, list[tuple[type[Model], Change]]] = {}
        all_changes = found.changes()[::-1]
        models = [model for model, _ in (*all_changes, *found.guards)]
        servers = servers_of(models, self._connection)
        for model, change in all_changes:
            groups.setdefault(servers[model], []).append((model, change))
        for server, group in groups.items():
            changes = located([change for _, change in group])
            here = [item for item in found.guards if servers[item[0]] == server]
            guards = guards_in(here, changes)
            attempt = writing.attempt_of(changes, 'delete' if options.hooks else 'expire')
            held = self._give_attempt(group, hooked, attempt)
            done = yield from self._committed(group[0][0], attempt, guards, held)
            gone.update((group[at][0], _known_id(group[at][1].id)) for at in done.gone)
        return gone

    def _committed(
        self, model: type[Model], attempt: 'Attempt', guards: list[Guard], held: list[Model]
    ) -> Work[Committed]:
        """Carry out an attempt; remove it from its entities if nothing was written."""
        try:
            operation = writing.commit(attempt.changes, attempt, guards, tell_gone=True)
            done: Committed = yield RunOn(model, operation)
        except BaseException:
            release_attempt(attempt, held)
            raise
        return done

    def _give_attempt(
        self,
        group: list[tuple[type[Model], Change]],
        hooked: Mapping[RowRef, Model],
        attempt: 'Attempt',
    ) -> list[Model]:
        """Give an attempt to the tracked entities, which keep it until its outcome is noted."""
        held = []
        for place, (model, change) in enumerate(group):
            entity = self._tracked((model, _known_id(change.id)), hooked)
            if entity is not None and entity._attempt is None:
                self._identity.hold((entity,))
                entity._attempt, entity._place = attempt, place
                held.append(entity)
        return held

    def _tracked(self, ref: RowRef, hooked: Mapping[RowRef, Model]) -> Model | None:
        model, id = ref
        return hooked.get(ref) or self._identity.find(f'{model._namespace}:{id}')

    def _note_done(
        self,
        found: DeletionCollector,
        hooked: dict[RowRef, Model],
        options: DeleteOptions,
        gone: set[RowRef],
    ) -> None:
        """Mark the tracked entities as deleted or changed, then call the hooks."""
        session, to_call = self._session(), []
        for model, id in found.deletes:
            note_deleted_key(f'{model._namespace}:{id}')
            entity = self._tracked((model, id), hooked)
            if entity is not None:
                entity._deleted = True
                note_marker(entity, found.marker_of(model), found.now)
                session.forget(entity)
                if entity._session is not None and entity._session is not session:
                    entity._session.forget(entity)
                entity._attempt = None
                if options.hooks and not (options.is_shared and (model, id) in gone):
                    to_call.append(entity)
        for (model, id), (_, values) in found.updates.items():
            entity = self._identity.find(f'{model._namespace}:{id}')
            if entity is not None:
                _set_references(entity, values)
                entity._attempt = None
        for entity in to_call:
            call_hook(entity, '_after_delete')


def _set_references(entity: Model, values: dict[str, Any]) -> None:
    """Take over references that the row has now; values that the program has set since stay."""
    past = dict(entity._stored)
    for name, value in values.items():
        before = past.pop(name, None)
        if value is not None:
            past[name] = entity._columns[name].encode(value)
        if name in entity._schema.links:
            entity._rebase_links(name, before, past.get(name))
        elif name not in entity._changed:
            entity._values[name] = value
    entity._stored = past


def _leave_out(
    chosen: dict[RowRef, PendingDelete],
    error: DataRaceError | EntityDeletedError,
    found: DeletionCollector,
) -> None:
    """Remove the row that the error is about from the chosen ones, if it must not be deleted.

    A soft delete finds its row deleted already, in one way or the other.
    """
    for (model, id), pending in list(chosen.items()):
        is_soft = found.marker_of(model) is not None
        if (pending.depends_on or is_soft) and (model._namespace, id) == (
            error.namespace,
            error.id,
        ):
            del chosen[model, id]


def _id_of(entity: Model) -> int:
    return _known_id(entity._id)


def _known_id(id: int | None) -> int:
    assert id is not None
    return id
