"""Deleting: what a delete brings with it, found out first, then done in one commit.

Entities that refer to a deleted one are looked for, level by level: some are deleted too, some lose the
reference, some forbid it all. Another writer may add a reference between the look and the commit, so the
script checks that nobody refers to a deleted id but those that were found; otherwise the look begins
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

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
from rom.sessions.writing import Writing, by_connection, new_done_key

Place = tuple[type[Model], int]

MOST_LOOKS = 50
# Ids in one search for references.
PAGE = 200


@dataclass(slots=True)
class Consequences:
    """What a delete comes to.

    Attributes:
        doomed: the rows to delete, with the columns that the decision rests on.
        changed: the rows that lose a reference, with what they get instead.
        forbidden: the rows that forbid it, with the column.
        guards: who may refer to the deleted ids.
    """

    doomed: dict[Place, tuple[dict[str, bytes], tuple[str, ...]]] = field(default_factory=dict)
    changed: dict[Place, tuple[dict[str, bytes], dict[str, Any]]] = field(default_factory=dict)
    forbidden: list[tuple[Place, str, int]] = field(default_factory=list)
    guards: list[tuple[type[Model], Guard]] = field(default_factory=list)

    def note(self, model: type[Model], name: str, row: Row) -> Place | None:
        """Note that this row refers to a deleted one; returns it if it is now doomed itself."""
        place = (model, row.id)
        if place in self.doomed:
            return None
        column = model._columns[name]
        on_delete = getattr(column, 'on_delete')  # noqa: B009
        if on_delete == 'restrict':
            self.forbidden.append((place, name, int(row.stored[name])))
        elif on_delete == 'cascade':
            self.doomed[place] = (row.stored, (name,))
            return place
        else:
            default = column.default() if callable(column.default) else column.default
            _, wanted = self.changed.setdefault(place, (row.stored, {}))
            wanted[name] = default if on_delete == 'set default' else None
        return None

    def check(self) -> None:
        """Raise RestrictError if a row that stays forbids it."""
        staying = [item for item in self.forbidden if item[0] not in self.doomed]
        if staying:
            (model, id), name, target = staying[0]
            raise RestrictError(
                f'{model._namespace}:{id} refers to {target} in its column {name!r}, whose '
                f"on_delete is 'restrict'; {len(staying)} such references, nothing was deleted. "
                'Delete those, or let them refer to another, first'
            )

    def changes(self) -> list[tuple[type[Model], Change]]:
        """The changes to commit."""
        deletes = [
            (model, Change(model._schema, 'delete', id, stored, {}, {}, rests_on=columns))
            for (model, id), (stored, columns) in self.doomed.items()
        ]
        updates = []
        for place, (stored, values) in self.changed.items():
            if place in self.doomed:
                continue
            model, id = place
            wanted = {
                name: None if value is None else model._columns[name].encode(value)
                for name, value in values.items()
            }
            updates.append((model, Change(model._schema, 'update', id, stored, wanted, values)))
        return [*deletes, *updates]


class Deleting(Writing):
    """Deletes entities, and does to others what their relations say."""

    def _delete(self, *objects: Any, force: bool = False) -> Work[None]:
        chosen = [entity for entity in flat(objects) if not entity._deleted]
        for model, group in by_connection(chosen):
            yield from settle_all(model, group)
        for entity in chosen:
            if entity._new:
                raise InvalidOperation(
                    f'{entity._key} was never saved, so there is nothing to delete; '
                    'session.forget(entity) keeps the next commit from saving it'
                )
        for _ in range(MOST_LOOKS):
            found = yield from self._look(chosen)
            found.check()
            self._before(found, chosen)
            try:
                yield from self._carry_out(found)
            except (DataRaceError, EntityDeletedError, Referenced):
                continue  # another writer was there: what was found is no longer so
            self._after(found, chosen)
            return
        raise ServerError(
            f'{MOST_LOOKS} tries to delete {len(chosen)} entities each met new references to them; '
            'find out which program adds those without pause'
        )

    def _look(self, chosen: Iterable[Model]) -> Work[Consequences]:
        found = Consequences()
        for entity in chosen:
            assert entity._id is not None
            found.doomed[type(entity), entity._id] = (entity._stored, ())
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
            if referring._columns[name].on_delete == 'no action':
                continue
            query = referring.query.filter(**{name: ids})
            rows: list[Row] = yield On(referring, queries.search(query))
            key = referring._schema.keys.scores(name)
            members: dict[int, list[int]] = {id: [] for id in ids}
            for row in rows:
                members.setdefault(int(row.stored[name]), []).append(row.id)
                place = found.note(referring, name, row)
                if place is not None:
                    fresh.append(place)
            found.guards += [
                (referring, Guard(key, id, tuple(those))) for id, those in members.items()
            ]
        return fresh

    def _before(self, found: Consequences, chosen: Iterable[Model]) -> None:
        """Call the hooks of all that go; one that raises stops it all."""
        known = {(type(entity), entity._id): entity for entity in chosen}
        for (model, id), (stored, _) in found.doomed.items():
            if model._before_delete is not Model._before_delete:
                entity = known.get((model, id)) or self._adopt(model, Row(id, stored))
                entity._before_delete()

    def _carry_out(self, found: Consequences) -> Work[None]:
        groups: dict[int, list[tuple[type[Model], Change]]] = {}
        for model, change in reversed(found.changes()):
            groups.setdefault(id(model._connection), []).append((model, change))
        for group in groups.values():
            connection = id(group[0][0]._connection)
            guards = [guard for model, guard in found.guards if id(model._connection) == connection]
            changes = [change for _, change in group]
            yield On(group[0][0], commits.commit(changes, new_done_key(changes), guards))

    def _after(self, found: Consequences, chosen: Iterable[Model]) -> None:
        """Tell the entities that the session knows what has happened to them."""
        given = {(type(entity), entity._id): entity for entity in chosen}
        for model, id in found.doomed:
            entity = given.get((model, id)) or self._identity.find(f'{model._namespace}:{id}')
            if entity is not None:
                entity._deleted = True
                entity._changed.clear()
                self._identity.forget(entity)
                entity._after_delete()
        for (model, id), (_, values) in found.changed.items():
            entity = self._identity.find(f'{model._namespace}:{id}')
            if entity is None or (model, id) in found.doomed:
                continue
            for name, value in values.items():
                if value is None:
                    entity._stored.pop(name, None)
                else:
                    entity._stored[name] = model._columns[name].encode(value)
                if name not in entity._changed:
                    entity._values[name] = value
