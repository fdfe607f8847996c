"""Loading relations: one round trip for each step of a path, for any number of entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from rom._core.columns.links import ids_in
from rom._core.columns.relations import GivenId, NobodysId
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.search.selected_values import NOTHING_RELATED
from rom._core.sessions.loading import Loader
from rom._core.sessions.parts import SessionRef, Work, flat
from rom._core.support.clock import elapsed
from rom.exceptions import CorruptRowError, QueryError

if TYPE_CHECKING:
    from rom._core.query import Query
    from rom._core.schema import Schema


class RelationLoader:
    """The part of a session that loads the relations of entities."""

    __slots__ = ('_loader', '_session')

    def __init__(self, loader: Loader, session: SessionRef) -> None:
        self._loader = loader
        self._session = session

    def load(self, objects: Any, *paths: str) -> Work[None]:
        """Load relations of an entity, or of a list of them, by paths such as author.publisher."""
        yield from self.follow(flat([objects]), paths)

    def follow(self, found: list[Any], paths: Sequence[str]) -> Work[None]:
        """Load relations of entities."""
        for path in paths:
            yield from self._load_path(found, path.split('.'))

    def selected(self, query: Query[Any], rows: Sequence[Row]) -> Work[Mapping[str, Sequence[Any]]]:
        """Return the values of the selected columns that are relations, lists or unsafe columns.

        They are loaded through temporary entities that no session tracks, in one round trip for
        each relation.
        """
        selection, model = query.selection, query.model
        assert selection is not None
        schema: Schema = model._schema
        if not selection.decode or schema.plain.issuperset(selection.columns):
            return NOTHING_RELATED
        holders: list[Model] = [model._from_row(row.id, row.stored) for row in rows]
        session = self._session()
        for holder in holders:
            holder._session = session
        names = [name for name in selection.columns if name not in schema.plain]
        for name in names if holders else ():
            if name in schema.lists:
                yield from self._load_lists(model, holders, name)
            elif name in schema.relations:
                yield from self.load_references(holders, name)
        return {name: [getattr(holder, name) for holder in holders] for name in names}

    def _load_path(self, entities: Iterable[Model], names: Sequence[str]) -> Work[None]:
        """Load a path such as author, publisher: each step for all entities of the one before."""
        groups: dict[type[Model], list[Model]] = {}
        for entity in entities:
            groups.setdefault(type(entity), []).append(entity)
        found: list[Model] = []
        for model, group in groups.items():
            if names[0] in model._schema.lists:
                found += yield from self._load_lists(model, group, names[0])
            elif names[0] in model._schema.relations:
                found += yield from self.load_references(group, names[0])
            elif names[0] in model._schema.links:
                found += yield from self.load_links(group, names[0])
            else:
                raise QueryError(
                    f'{model.__name__} has no relation {show(names[0])} to load; it has '
                    f'{", ".join(model._schema.loadable) or "none"}'
                )
        if len(names) > 1 and found:
            yield from self._load_path({id(e): e for e in found}.values(), names[1:])

    def load_reference(self, entity: Model, together: Sequence[Model], name: str) -> Work[None]:
        """Load what an entity refers to, together with the same relation of its batch."""
        try:
            yield from self.load_references([entity, *together], name)
        except CorruptRowError:
            if name not in entity._values:
                yield from self.load_references([entity], name)

    def load_references(self, group: Sequence[Model], name: str) -> Work[list[Model]]:
        """Load the entities that a column of these entities refers to.

        A row that holds no id is skipped: reading its relation raises the error. If a target row
        is corrupt, the error is raised after all other targets are assigned.
        """
        column: Any = group[0]._columns[name]
        target: type[Model] = column.get_related_model()
        ids: dict[int, int] = {}
        for entity in group:
            raw, given = entity._stored.get(name), entity._values.get(name)
            if isinstance(given, GivenId):
                ids[id(entity)] = given.id
            elif raw is not None and name not in entity._values and raw.isdigit():
                ids[id(entity)] = int(raw)
        by_id: dict[int | None, Model] = {}
        failure = None
        if ids:
            wanted = list(dict.fromkeys(ids.values()))
            try:
                found = yield from self._loader.get_many(target, wanted)
            except CorruptRowError as error:
                failure = error
                met = (self._loader.find(target, id) for id in wanted)
                found = [one for one in met if one is not None]
            by_id = {one._id: one for one in found}
        for entity in group:
            if id(entity) not in ids:
                continue
            value: Any = by_id.get(ids[id(entity)])
            if value is None and isinstance(entity._values.get(name), GivenId):
                value = NobodysId(ids[id(entity)])  # the program set it, so a save must raise
            if failure is None or ids[id(entity)] in by_id:
                entity._values[name] = value
        if failure is not None:
            raise failure
        values = (entity._values.get(name) for entity in group)
        return [value for value in values if value is not None and not isinstance(value, GivenId)]

    def _load_lists(
        self, model: type[Model], group: Sequence[Model], name: str
    ) -> Work[list[Model]]:
        """Load the entities that refer to these ones."""
        one = model._schema.lists[name]
        other = one.get_related_model()
        column = one.referring_column(model)
        lists: dict[int | None, list[Any]] = {e._id: [] for e in group if e._id is not None}
        found: list[Any] = []
        if lists:
            query, begun = other.query.filter(**{column: list(lists)}), elapsed()
            rows = yield from self._loader.rows(other, queries.search(query), begun)
            # A row decides over an index that differs.
            held = [one.targets_in(row, column) for row in rows]
            held = [[id for id in ids if id in lists] for ids in held]
            rows = [row for row, ids in zip(rows, held, strict=True) if ids]
            found = self._loader.adopt_all(other, rows, begun)
            for entity, ids in zip(found, filter(None, held), strict=True):
                for id in ids:
                    lists[id].append(entity)
        for entity in group:
            entity._related = {**entity._related, name: lists.get(entity._id, [])}
        return found

    def load_links_of(self, entity: Model, together: Sequence[Model], name: str) -> Work[None]:
        """Load the entities that links lead to, together with the same links of its batch."""
        try:
            yield from self.load_links([entity, *together], name)
        except CorruptRowError:
            yield from self.load_links([entity], name)

    def load_links(self, group: Sequence[Model], name: str) -> Work[list[Model]]:
        """Load the entities that the links of these entities lead to, in one round trip."""
        column: Any = group[0]._columns[name]
        ids = {id(entity): ids_in(column.links_of(entity)) for entity in group}
        wanted = list(dict.fromkeys(chain.from_iterable(ids.values())))
        found: list[Model] = []
        if wanted:
            found = yield from self._loader.get_many(column.get_related_model(), wanted)
        by_id = {one._id: one for one in found}
        for entity in group:
            known = {**entity._related.get(name, {})}
            known |= {target: by_id.get(target) for target in ids[id(entity)]}
            entity._related = {**entity._related, name: known}
        return found

    def load_list(self, entity: Model, name: str) -> Work[list[Any]]:
        """Return the entities that refer to this one, always from the server."""
        yield from self._load_lists(type(entity), [entity], name)
        related = dict(entity._related)
        found: list[Any] = related.pop(name)
        entity._related = related
        return found
