"""Deleting: what a delete brings with it, found out first, then done in one commit.

Entities that refer to a deleted one are looked for, level by level: some are deleted too, some lose
the reference, some forbid it all. Another writer may add a reference between the look and the
commit, so the script checks that nobody refers to a deleted id but those that were found; otherwise
the look begins again.

The hooks before a delete are called once for each entity, those of the entities given before the
first look: a hook may itself delete what stands in the way. After hooks that may have changed
something, the look begins again too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rom.changes import Change
from rom.exceptions import (
    DataRaceError,
    EntityDeletedError,
    InvalidOperation,
    RestrictError,
    ServerError,
)
from rom.model import Model
from rom.ops import commit as commits
from rom.ops import queries
from rom.ops.commit import Guard, Referenced
from rom.ops.rows import Row
from rom.registry import references_to
from rom.sessions.known import flat
from rom.sessions.settling import settle_all
from rom.sessions.work import On, Work
from rom.sessions.writing import Writing, by_connection

if TYPE_CHECKING:
    from rom.query import Query

Place = tuple[type[Model], int]

MOST_LOOKS = 50
# Ids in one search for references.
PAGE = 200


@dataclass(slots=True)
class Consequences:
    """What a delete comes to.

    Attributes:
        defaults: what references are set to, by column, once it was asked for.
        doomed: the rows to delete, with the columns that the decision rests on.
        changed: the rows that lose a reference, with what they get instead.
        forbidden: the rows that forbid it, with the column and the id.
        guards: who may refer to the deleted ids.
    """

    defaults: dict[tuple[type[Model], str], Any]
    doomed: dict[Place, tuple[dict[str, bytes], tuple[str, ...]]] = field(default_factory=dict)
    changed: dict[Place, tuple[dict[str, bytes], dict[str, Any]]] = field(default_factory=dict)
    forbidden: list[tuple[Place, str, int]] = field(default_factory=list)
    guards: list[tuple[type[Model], Guard]] = field(default_factory=list)

    def note(self, model: type[Model], name: str, row: Row, id: int) -> Place | None:
        """Note that this row refers to a deleted one; returns it if it is now doomed itself."""
        place = (model, row.id)
        if place in self.doomed:
            return None
        on_delete = _on_delete(model, name)
        if on_delete == 'restrict':
            self.forbidden.append((place, name, id))
        elif on_delete == 'cascade':
            self.doomed[place] = (row.stored, (name,))
            return place
        else:
            _, wanted = self.changed.setdefault(place, (row.stored, {}))
            wanted[name] = self._default(model, name) if on_delete == 'set default' else None
        return None

    def _default(self, model: type[Model], name: str) -> Any:
        """The same for all rows and looks: a function may make a new entity each time."""
        if (model, name) not in self.defaults:
            column: Any = model._columns[name]
            self.defaults[model, name] = column.plain_default()
        return self.defaults[model, name]

    def check(self) -> None:
        """Drop what concerns rows that go themselves.

        Raises:
            RestrictError: a row that stays forbids it.
        """
        for place in self.changed.keys() & self.doomed.keys():
            del self.changed[place]
        for place, (stored, wanted) in self.changed.items():
            for name, default in wanted.items():
                if default is not None and self._goes(default):
                    wanted[name] = None
                if wanted[name] is None and place[0]._columns[name].required:
                    self.forbidden.append((place, name, int(stored[name])))
        staying = [item for item in self.forbidden if item[0] not in self.doomed]
        if staying:
            (model, id), name, target = staying[0]
            raise RestrictError(
                f'{model._namespace}:{id} refers to {target} in its column {name!r}, whose '
                f'on_delete is {_on_delete(model, name)!r}; {len(staying)} such references, '
                'nothing was deleted. Delete those, or let them refer to another, first'
            )

    def _goes(self, default: Model) -> bool:
        return default._deleted or (type(default), default._id) in self.doomed

    def changes(self) -> list[tuple[type[Model], Change]]:
        """The changes to commit."""
        deletes = [
            (model, Change(model._schema, 'delete', id, stored, {}, {}, rests_on=columns))
            for (model, id), (stored, columns) in self.doomed.items()
        ]
        updates = []
        for (model, id), (stored, values) in self.changed.items():
            wanted = {
                name: None if value is None else model._columns[name].encode(value)
                for name, value in values.items()
            }
            updates.append((model, Change(model._schema, 'update', id, stored, wanted, values)))
        return [*deletes, *updates]


def _on_delete(model: type[Model], name: str) -> str:
    column: Any = model._columns[name]
    on_delete: str = column.on_delete
    return on_delete


class Deleting(Writing):
    """Deletes entities, and does to others what their relations say."""

    def _delete(self, *objects: Any, force: bool = False) -> Work[None]:
        once = {id(entity): entity for entity in flat(objects)}
        chosen = [entity for entity in once.values() if not entity._deleted]
        for model, group in by_connection(chosen):
            yield from settle_all(model, group)
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
        chosen = [entity for entity in chosen if not entity._deleted]  # a hook may have done so
        defaults: dict[tuple[type[Model], str], Any] = {}
        for _ in range(MOST_LOOKS if chosen else 0):
            found = yield from self._look(chosen, Consequences(defaults))
            found.check()
            if self._tell(found, told):
                continue
            unsaved = [e for e in defaults.values() if e is not None and e._new]
            yield from self._write(unsaved, False, False)
            try:
                yield from self._carry_out(found)
            except (DataRaceError, EntityDeletedError, Referenced):
                continue  # another writer was there: what was found is no longer so
            self._after(found, told)
            return
        if chosen:
            raise ServerError(
                f'{MOST_LOOKS} tries to delete {len(chosen)} entities each met new references to '
                'them; find out which program adds those without pause'
            )

    def _delete_all(self, query: Query[Any], blocksize: int) -> Work[int]:
        """Delete a query's results, a page at a time. What goes meanwhile does not come up."""
        query, cursor, total = query.entities(), None, 0
        while True:
            block, cursor = yield from self._block(query, cursor, blocksize)
            yield from self._delete(block)
            total += len(block)
            if cursor is None:
                return total

    def _look(self, chosen: Iterable[Model], found: Consequences) -> Work[Consequences]:
        for entity in chosen:
            found.doomed[type(entity), _id_of(entity)] = (entity._stored, ())
        fresh = list(found.doomed)
        while fresh:
            by_model: dict[type[Model], list[int]] = {}
            for model, id in fresh:
                by_model.setdefault(model, []).append(id)
            fresh = []
            for model, ids in by_model.items():
                for start in range(0, len(ids), PAGE):
                    fresh += yield from self._look_at(model, ids[start : start + PAGE], found)
        return found

    def _look_at(
        self, model: type[Model], ids: list[int], found: Consequences
    ) -> Work[list[Place]]:
        """Who refers to these ids; returns those that are doomed by it."""
        fresh = []
        for referring, name in references_to(model):
            if _on_delete(referring, name) == 'no action':
                continue
            query = referring.query.filter(**{name: ids})
            rows: list[Row] = yield On(referring, queries.search(query))
            members: dict[int, list[int]] = {id: [] for id in ids}
            for row in rows:
                id = row.refers(name)
                if id not in members:
                    continue  # the index says so, and the row does not
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

    def _tell(self, found: Consequences, told: dict[Place, Model]) -> bool:
        """Call the hooks of those that go too; one that raises stops it all.

        Returns whether there were any.
        """
        fresh = [place for place in found.doomed if place not in told and _has_hook(place[0])]
        for model, id in fresh:
            stored, _ = found.doomed[model, id]
            entity = told[model, id] = self._adopt(model, Row(id, stored))
            entity._before_delete()
        return any(model._before_delete is not Model._before_delete for model, _ in fresh)

    def _carry_out(self, found: Consequences) -> Work[None]:
        groups: dict[int, list[tuple[type[Model], Change]]] = {}
        for model, change in reversed(found.changes()):
            groups.setdefault(id(model._connection), []).append((model, change))
        for group in groups.values():
            connection = id(group[0][0]._connection)
            guards = [guard for model, guard in found.guards if id(model._connection) == connection]
            changes = [change for _, change in group]
            done_key = commits.new_done_key(changes[0].schema)
            yield On(group[0][0], commits.commit(changes, done_key, guards))

    def _after(self, found: Consequences, told: dict[Place, Model]) -> None:
        """Tell the entities that the session knows what happened to them, then call the hooks."""
        gone = []
        for model, id in found.doomed:
            entity = told.get((model, id)) or self._identity.find(f'{model._namespace}:{id}')
            if entity is not None:
                entity._deleted = True
                self._identity.forget(entity)
                gone.append(entity)
        for (model, id), (_, values) in found.changed.items():
            entity = self._identity.find(f'{model._namespace}:{id}')
            if entity is not None:
                _set_references(entity, values)
        for entity in gone:
            entity._after_delete()


def _set_references(entity: Model, values: dict[str, Any]) -> None:
    """An entity's references were changed in its row. What a program has set since stays."""
    for name, value in values.items():
        if value is None:
            entity._stored.pop(name, None)
        else:
            entity._stored[name] = entity._columns[name].encode(value)
        if name not in entity._changed:
            entity._values[name] = value


def _has_hook(model: type[Model]) -> bool:
    return (
        model._before_delete is not Model._before_delete
        or model._after_delete is not Model._after_delete
    )


def _id_of(entity: Model) -> int:
    assert entity._id is not None
    return entity._id
