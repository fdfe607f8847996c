"""The plan of a delete: the rows to delete or change, found before anything is written."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

from rom._core.columns.links import without
from rom._core.model import Model
from rom._core.ops.commits.commit import Guard
from rom._core.ops.rows import Row
from rom._core.writes.changes import Change, Instant
from rom.exceptions import RestrictError

#: A row, by its model and id.
RowRef: TypeAlias = tuple[type[Model], int]


class PendingDelete(NamedTuple):
    """A row to delete.

    Attributes:
        stored: its stored values, as far as known.
        depends_on: the columns on which the decision to delete it depends.
        seen_at: when it was read; None: just now.
    """

    stored: Mapping[str, bytes]
    depends_on: tuple[str, ...] = ()
    seen_at: float | None = None


class DeletionCollector:
    """Collects the rows that a delete concerns.

    Attributes:
        defaults: the values of ``set default`` relations that were needed, by column.
        deletes: the rows to delete.
        expired: the expired rows among those that refer to a deleted one.
        updates: the rows that lose a reference, with their stored and new values.
        restricting: the rows that forbid the delete, with the column and the id it refers to.
        guards: the rows that may refer to the deleted ids; the commit fails if there are others.
        now: the time of the soft deletes.
        is_hard: remove the rows of models with ``_soft_delete`` as well.
        crowded: columns with more links to deleted ids than one commit removes, with those ids.
        kept: the links of rows to delete that forbid it: the row, the column, the model of the
            linked entities and their ids.
    """

    def __init__(
        self,
        defaults: dict[tuple[type[Model], str], Any],
        deletes: dict[RowRef, PendingDelete],
        is_hard: bool,
    ) -> None:
        self.now = Instant()
        self.is_hard = is_hard
        self.defaults = defaults
        self.deletes = deletes
        self.expired: set[RowRef] = set()
        self.updates: dict[RowRef, tuple[dict[str, bytes], dict[str, Any]]] = {}
        self.restricting: list[tuple[RowRef, str, int]] = []
        self.guards: list[tuple[type[Model], Guard]] = []
        self.crowded: list[tuple[type[Model], str, list[int]]] = []
        self.kept: list[tuple[RowRef, str, type[Model], list[int]]] = []

    def add_reference(
        self, model: type[Model], name: str, row: Row, id: int, is_removed: bool = True
    ) -> RowRef | None:
        """Note that a row refers to a deleted one; return that row if it must be deleted too.

        Args:
            model: the model of the row.
            name: the column of the reference.
            row: the row.
            id: the id of the deleted row.
            is_removed: that row is removed, and not only soft-deleted.
        """
        ref = (model, row.id)
        if ref in self.deletes:
            if is_removed:
                self._clear(ref, name, row)
            return None
        on_delete = on_delete_of(model, name)
        may_forbid = on_delete == 'restrict' or model._columns[name].required
        if ref in self.expired and may_forbid:
            self.deletes[ref] = PendingDelete(row.stored, (name, *expiry_of(model)))
            return ref
        if on_delete == 'restrict':
            self.restricting.append((ref, name, id))
        elif on_delete == 'cascade':
            if self.marker_of(model) in row.stored:
                return None  # deleted before
            self.deletes[ref] = PendingDelete(row.stored, (name,))
            if is_removed:
                self._clear(ref, name, row)
            return ref
        else:
            _, wanted = self.updates.setdefault(ref, (row.stored, {}))
            wanted[name] = self._default(model, name) if on_delete == 'set default' else None
        return None

    def _clear(self, ref: RowRef, name: str, row: Row) -> None:
        """Remove the reference to a removed row from a row that is soft-deleted, and so stays."""
        if self.stays(ref) and not ref[0]._columns[name].required:
            self.updates.setdefault(ref, (row.stored, {}))[1][name] = None

    def stays(self, ref: RowRef) -> bool:
        """Return whether a row is there after the delete: it is kept, or soft-deleted."""
        return ref not in self.deletes or self.marker_of(ref[0]) is not None

    def marker_of(self, model: type[Model]) -> str | None:
        """Return the column that a delete of this model's rows sets; None: it removes them."""
        return None if self.is_hard else model._schema.soft_delete

    def add_links(
        self, model: type[Model], name: str, row: Row, ids: Collection[int], is_forced: bool = False
    ) -> list[int]:
        """Note that a row has links to deleted ids; return those ids.

        Args:
            model: the model of the row.
            name: the column of the links.
            row: the row.
            ids: the ids of the rows to delete.
            is_forced: remove the links whatever `on_delete` is.
        """
        ref, links = (model, row.id), _links_in(model, name, row)
        deleted = [id for id in links if id in ids]
        if not deleted or not self.stays(ref):
            return deleted
        is_leaving = ref in self.deletes or ref in self.expired
        if on_delete_of(model, name) == 'restrict' and not is_leaving and not is_forced:
            self.restricting.append((ref, name, deleted[0]))
            return deleted
        _, wanted = self.updates.setdefault(ref, (row.stored, {}))
        wanted[name] = without(wanted.get(name, links) or (), deleted) or None
        return deleted

    def keep_links(self, ref: RowRef, name: str, target: type[Model], row: Row) -> None:
        """Note the links of a row to delete, which forbid it unless their targets are deleted."""
        stored = {key: raw for key, raw in self.deletes[ref].stored.items() if key != name}
        if name in row.stored:
            stored[name] = row.stored[name]
        depends_on = (*self.deletes[ref].depends_on, name)
        self.deletes[ref] = self.deletes[ref]._replace(stored=stored, depends_on=depends_on)
        links = _links_in(ref[0], name, row)
        if links:
            self.kept.append((ref, name, target, list(links)))

    def _default(self, model: type[Model], name: str) -> Any:
        """Return the same default for all rows and searches: a function may make a new entity."""
        if (model, name) not in self.defaults:
            column: Any = model._columns[name]
            self.defaults[model, name] = column.plain_default()
        return self.defaults[model, name]

    def check(self) -> None:
        """Drop the changes of rows that are removed themselves.

        Raises:
            RestrictError: a row that is not deleted forbids it.
        """
        for ref in [ref for ref in self.updates if not self.stays(ref)]:
            del self.updates[ref]
        for ref, (stored, wanted) in self.updates.items():
            if ref in self.deletes:
                continue
            for name, default in wanted.items():
                if ref[0]._columns[name].is_links:
                    continue
                if default is not None and self._is_deleted(default):
                    wanted[name] = None
                if wanted[name] is None and ref[0]._columns[name].required:
                    self.restricting.append((ref, name, int(stored[name])))
        staying = [item for item in self.restricting if item[0] not in self.deletes]
        if staying:
            (model, id), name, target = staying[0]
            raise RestrictError(
                f'{model._namespace}:{id} refers to {target} in its column {name!r}, whose '
                f'on_delete is {on_delete_of(model, name)!r}; {len(staying)} such references, '
                'nothing was deleted. Delete those, or let them refer to another, first'
            )

        for row, name, linked, ids in self.kept:
            left = [other for other in ids if (linked, other) not in self.deletes]
            if left:
                raise RestrictError(
                    f'{row[0]._namespace}:{row[1]} has links to {len(left)} {linked.__name__} in '
                    f"its column {name!r}, whose reverse has on_delete='restrict'; nothing was "
                    'deleted. Remove those links first'
                )

    def _is_deleted(self, default: Model) -> bool:
        return default._deleted or (type(default), default._id) in self.deletes

    def _deletion(self, model: type[Model], id: int, pending: PendingDelete) -> Change:
        schema, name = model._schema, self.marker_of(model)
        stored, columns, seen_at = pending
        if name is None:
            return Change(schema, 'delete', id, stored, {}, {}, depends_on=columns, seen_at=seen_at)
        row, values = self.updates.get((model, id), (stored, {}))
        values = {**values, name: model._columns[name].at(self.now.utc)}
        stored = {**stored, **{name: row[name] for name in values if name in row}}
        wanted = _encoded(model, values)
        change = Change(schema, 'update', id, stored, wanted, values, seen_at=seen_at)
        return change._replace(depends_on=columns)

    def changes(self) -> list[tuple[type[Model], Change]]:
        """Return the changes to commit."""
        deletes = [
            (model, self._deletion(model, id, pending))
            for (model, id), pending in self.deletes.items()
        ]
        updates = []
        for (model, id), (stored, values) in self.updates.items():
            if (model, id) in self.deletes:
                continue  # in the change that soft-deletes the row
            wanted = _encoded(model, values)
            change = Change(model._schema, 'update', id, stored, wanted, values)
            if (model, id) in self.expired:
                change = change._replace(expired=True, depends_on=expiry_of(model))
            updates.append((model, change))
        return [*deletes, *updates]


def _encoded(model: type[Model], values: Mapping[str, Any]) -> dict[str, bytes | None]:
    """Return values as rows have them; None removes a column."""
    return {
        name: None if value is None else model._columns[name].encode(value)
        for name, value in values.items()
    }


def _links_in(model: type[Model], name: str, row: Row) -> tuple[int, ...]:
    column: Any = model._columns[name]
    raw, key = row.stored.get(name, b''), f'{model._namespace}:{row.id}'
    links: tuple[int, ...] = column.read_stored(raw, key)
    return links


def on_delete_of(model: type[Model], name: str) -> str:
    """Return the ``on_delete`` of a relation."""
    column: Any = model._columns[name]
    on_delete: str = column.on_delete
    return on_delete


def expiry_of(model: type[Model]) -> tuple[str, ...]:
    """Return the name of the column with a model's expiry in a tuple; without one, ()."""
    name = model._schema.expiry
    return () if name is None else (name,)
