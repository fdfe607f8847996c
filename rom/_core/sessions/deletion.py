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

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rom._core.model import Model
from rom._core.model_registry import references_to
from rom._core.ops import load_rows
from rom._core.ops.commits import commit as commits
from rom._core.ops.commits.commit import Committed, Guard, Referenced
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.sessions import recently_deleted
from rom._core.sessions.arguments import flat, model_of
from rom._core.sessions.commit_recovery import let_go_of, settle_all
from rom._core.sessions.deletion_plan import (
    Consequences,
    Doomed,
    Place,
    expiry_of,
    on_delete_of,
)
from rom._core.sessions.flush import Writing
from rom._core.sessions.server_groups import servers_of
from rom._core.sessions.steps import RunOn, Work
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

MOST_LOOKS = 50
# The number of ids in one search for references.
PAGE = 200


class Manner(NamedTuple):
    """The options of a delete.

    Attributes:
        on_delete: apply the ``on_delete`` of relations to the entities that refer to a deleted one.
        hooks: call the hooks, also those of entities that a cascade deletes.
        is_shared: other processes may delete the same rows at once; only the one that deletes a
            row calls its hook.
    """

    on_delete: bool = True
    hooks: bool = True
    is_shared: bool = False


class Deleting(Writing):
    """The part of a session that deletes entities, with the consequences for others."""

    def _delete(self, *objects: Any, force: bool = False) -> Work[None]:
        once = {id(entity): entity for entity in flat(objects)}
        yield from settle_all(once.values(), force)
        chosen = [entity for entity in once.values() if not entity._deleted]
        for entity in chosen:
            if entity._new:
                raise InvalidOperation(
                    f'{entity._key} was never saved, so there is nothing to delete; '
                    'session.forget(entity) keeps the next commit from saving it'
                )
        told: dict[Place, Model] = {}
        for entity in chosen:
            told[type(entity), _id_of(entity)] = entity
            entity._before_delete()
        # A hook may have deleted one of the entities.
        doomed = {
            (type(entity), _id_of(entity)): Doomed(entity._stored, (), entity._seen_at)
            for entity in chosen
            if not entity._deleted
        }
        yield from self._remove(doomed, told, Manner())

    def _remove(
        self, chosen: Mapping[Place, Doomed], told: dict[Place, Model], manner: Manner
    ) -> Work[set[Place]]:
        """Delete rows; return those that were not already deleted by another writer.

        Args:
            chosen: the rows; one whose `rests_on` columns have changed is not deleted.
            told: the entities whose hook before a delete was called.
            manner: the options.

        Raises:
            RestrictError: a relation to one of them forbids it; nothing was deleted.
        """
        chosen = dict(chosen)
        defaults: dict[tuple[type[Model], str], Any] = {}
        for _ in range(MOST_LOOKS):
            if not chosen:
                return set()
            begun, found = elapsed(), Consequences(defaults, dict(chosen))
            if manner.on_delete:
                yield from self._look(found)
                found.check()
            if manner.hooks and self._tell(found, told, begun):
                continue
            unsaved = [e for e in defaults.values() if e is not None and e._new]
            yield from self._write(unsaved, False, False)
            try:
                gone = yield from self._carry_out(found, told, manner)
            except StaleEntityError:
                raise
            except DataRaceError as error:
                _leave_out(chosen, error)
                continue
            except (EntityDeletedError, Referenced):
                continue  # another writer changed a row that the search found
            self._after(found, told, manner, gone)
            return chosen.keys() - gone
        raise ServerError(
            f'{MOST_LOOKS} tries to delete {len(chosen)} entities each met new references to '
            'them; find out which program adds those without pause'
        )

    def _delete_all(self, query: Query[Any], blocksize: int) -> Work[int]:
        """Delete a query's results, a page at a time; ones deleted meanwhile are not found."""
        model_of(query)
        query, cursor, total = query.entities(), None, 0
        while True:
            block, cursor = yield from self._queries.block(query, cursor, blocksize)
            yield from self._delete(block)
            total += len(block)
            if cursor is None:
                return total

    def _look(self, found: Consequences) -> Work[None]:
        """Add the consequences of the rows to delete."""
        fresh = list(found.doomed)
        while fresh:
            by_model: dict[type[Model], list[int]] = {}
            for model, id in fresh:
                by_model.setdefault(model, []).append(id)
            fresh = []
            for model, ids in by_model.items():
                for start in range(0, len(ids), PAGE):
                    fresh += yield from self._look_at(model, ids[start : start + PAGE], found)

    def _look_at(
        self, model: type[Model], ids: list[int], found: Consequences
    ) -> Work[list[Place]]:
        """Find the entities that refer to these ids; return those that are to be deleted too."""
        fresh = []
        for referring, name in references_to(model):
            if on_delete_of(referring, name) == 'no action':
                continue
            query = referring.query.with_expired().filter(**{name: ids})
            rows: list[Row] = yield RunOn(referring, queries.search(query))
            if on_delete_of(referring, name) != 'cascade':  # which deletes expired ones as well
                found.expired |= yield from self._expired(referring, rows)
            members: dict[int, list[int]] = {id: [] for id in ids}
            for row in rows:
                id = row.refers(name)
                if id not in members:
                    continue  # in the index only: the row holds another value
                members[id].append(row.id)
                place = found.note(referring, name, row, id)
                if place is not None:
                    fresh.append(place)
            keys = referring._schema.keys
            found.guards += [
                (referring, Guard(keys.scores(name), id, keys.head, name, tuple(those)))
                for id, those in members.items()
            ]
        return fresh

    def _expired(self, model: type[Model], rows: Iterable[Row]) -> Work[set[Place]]:
        """Return the expired rows; ask the server only about rows with an expiry."""
        ids = [row.id for row in rows if row.stored.keys() & expiry_of(model)]
        if not ids:
            return set()
        living = yield RunOn(model, load_rows.load(model._schema, ids))
        return {(model, id) for id in ids} - {(model, row.id) for row in living}

    def _tell(self, found: Consequences, told: dict[Place, Model], begun: float) -> bool:
        """Call the hooks before a delete that were not called yet; an error stops the delete.

        Return whether there were any.
        """
        fresh = [place for place in found.doomed if place not in told and _has_hook(place[0])]
        for model, id in fresh:
            stored = dict(found.doomed[model, id].stored)
            entity = told[model, id] = self._loader.adopt(model, Row(id, stored), begun)
            entity._before_delete()
        return any(model._before_delete is not Model._before_delete for model, _ in fresh)

    def _carry_out(
        self, found: Consequences, told: Mapping[Place, Model], manner: Manner
    ) -> Work[set[Place]]:
        """Commit a delete and its consequences, one server at a time; return rows already gone."""
        gone: set[Place] = set()
        groups: dict[Hashable, list[tuple[type[Model], Change]]] = {}
        all_changes = found.changes()[::-1]
        models = [model for model, _ in (*all_changes, *found.guards)]
        servers = servers_of(models, self._connection)  # type: ignore[attr-defined]
        for model, change in all_changes:
            groups.setdefault(servers[model], []).append((model, change))
        for server, group in groups.items():
            guards = [guard for model, guard in found.guards if servers[model] == server]
            attempt = commits.attempt_of(
                [change for _, change in group], 'delete' if manner.hooks else 'expire'
            )
            held = self._held(group, told, attempt)
            done = yield from self._committed(group[0][0], attempt, guards, held)
            gone.update((group[at][0], _known_id(group[at][1].id)) for at in done.gone)
        return gone

    def _committed(
        self, model: type[Model], attempt: Attempt, guards: list[Guard], held: list[Model]
    ) -> Work[Committed]:
        """Carry out an attempt; remove it from its entities if nothing was written."""
        try:
            operation = commits.commit(attempt.changes, attempt, guards, tell_gone=True)
            done: Committed = yield RunOn(model, operation)
        except BaseException:
            let_go_of(attempt, held)
            raise
        return done

    def _held(
        self, group: list[tuple[type[Model], Change]], told: Mapping[Place, Model], attempt: Attempt
    ) -> list[Model]:
        """Give an attempt to the tracked entities, which keep it until its outcome is noted."""
        held = []
        for place, (model, change) in enumerate(group):
            entity = self._known_at((model, _known_id(change.id)), told)
            if entity is not None and entity._attempt is None:
                self._identity.hold((entity,))
                entity._attempt, entity._place = attempt, place
                held.append(entity)
        return held

    def _known_at(self, place: Place, told: Mapping[Place, Model]) -> Model | None:
        model, id = place
        return told.get(place) or self._identity.find(f'{model._namespace}:{id}')

    def _after(
        self, found: Consequences, told: dict[Place, Model], manner: Manner, gone: set[Place]
    ) -> None:
        """Mark the tracked entities as deleted or changed, then call the hooks."""
        to_tell = []
        for model, id in found.doomed:
            recently_deleted.note(f'{model._namespace}:{id}')
            entity = self._known_at((model, id), told)
            if entity is not None:
                entity._deleted = True
                self.forget(entity)
                if entity._session is not None and entity._session is not self:
                    entity._session.forget(entity)
                entity._attempt = None
                if manner.hooks and not (manner.is_shared and (model, id) in gone):
                    to_tell.append(entity)
        for (model, id), (_, values) in found.changed.items():
            entity = self._identity.find(f'{model._namespace}:{id}')
            if entity is not None:
                _set_references(entity, values)
                entity._attempt = None
        for entity in to_tell:
            entity._after_delete()


def _set_references(entity: Model, values: dict[str, Any]) -> None:
    """Take over references that the row has now; values that the program has set since stay."""
    past = dict(entity._stored)
    for name, value in values.items():
        if value is None:
            past.pop(name, None)
        else:
            past[name] = entity._columns[name].encode(value)
        if name not in entity._changed:
            entity._values[name] = value
    entity._stored = past


def _has_hook(model: type[Model]) -> bool:
    return (
        model._before_delete is not Model._before_delete
        or model._after_delete is not Model._after_delete
    )


def _leave_out(chosen: dict[Place, Doomed], error: DataRaceError) -> None:
    """Remove the row that the error is about from the chosen ones, if it must not be deleted."""
    for (model, id), doomed in list(chosen.items()):
        if doomed.rests_on and (model._namespace, id) == (error.namespace, error.id):
            del chosen[model, id]


def _id_of(entity: Model) -> int:
    return _known_id(entity._id)


def _known_id(id: int | None) -> int:
    assert id is not None
    return id
