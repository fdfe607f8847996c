"""Row of a migration: the stored values of an entity, which the steps read and change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rom._core.columns import Column, ForeignModel
from rom._core.encoding.text import show, show_names
from rom._core.migrations.former import Bytes
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import CorruptRowError, InvalidColumnValue, InvalidOperation


class MigrationRow:
    """Row that a migration changes: values by the name of their column.

    ``row['age']`` is the value, or None without one; defaults do not count. ``row['age'] = 42`` and
    ``del row['age']`` change it, and ``'age' in row`` says whether there is a value. A relation is
    the id of the entity.

    A column that the model does not declare can be read and deleted if the migration names it in
    ``was``. A column of ``was`` that is still declared is read with its former type, until a step
    assigns a value.

    Attributes:
        id: the id of the entity.
    """

    __slots__ = ('_exact', '_schema', '_seen', '_was', 'id', 'reads', 'stored', 'values')

    def __init__(
        self, schema: Schema, was: Mapping[str, Column[Any]], id: int, stored: Mapping[str, bytes]
    ) -> None:
        self.id = id
        self.stored = stored
        self.reads: set[str] = set()
        # The values that were assigned, and those read that may have changed in place.
        self.values: dict[str, Any] = {}
        # Stored forms of assigned values that were copied from other columns.
        self._exact: dict[str, bytes] = {}
        # Stored forms of the values that may have changed in place, when they were read.
        self._seen: dict[str, bytes] = {}
        self._schema, self._was = schema, was

    @property
    def key(self) -> str:
        """The key of the row in Redis."""
        return f'{self._schema.keys.namespace}:{self.id}'

    def __repr__(self) -> str:
        return f'<row {self.key}>'

    def __contains__(self, name: str) -> bool:
        return self[name] is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the columns that have a value."""
        return (name for name in self._schema.stored if name in self)

    def __getitem__(self, name: str) -> Any:
        if name in self.values:
            value, column = self.values[name], self._schema.columns[name]
            is_reference = column.is_relation or column.is_foreign
            return getattr(value, '_id', value) if is_reference else value
        if name == self._schema.primary:
            return self.id
        raw = self.raw(name)
        return None if raw is None else self._decoded(name, raw)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or `default` without one."""
        value = self[name]
        return default if value is None else value

    def raw(self, name: str) -> bytes | None:
        """Return the bytes that a column has, as the steps have left it; None without a value."""
        if name not in self._schema.in_rows:
            self._refuse(name)
        self.reads.add(name)
        if name in self.values:
            value = self.values[name]
            return None if value is None else self._encoded(name, value)
        return self.stored.get(name)

    def is_declared(self, name: str) -> bool:
        """Return whether the model declares a column."""
        return not isinstance(self._schema.columns.get(name), Bytes)

    def is_valid(self, name: str, raw: bytes) -> bool:
        """Return whether a declared column decodes these bytes."""
        try:
            self._schema.columns[name].read_stored(raw, self.key)
        except CorruptRowError:
            return False
        return True

    def assign_stored(self, name: str, raw: bytes) -> None:
        """Give a column stored bytes, those of another column, as they are.

        Raises:
            CorruptRowError: the column does not decode them.
        """
        column = self._settable(name)
        self.values[name] = column.read_stored(raw, self.key)
        if not column.is_mutable:
            self._exact[name] = raw

    def _decoded(self, name: str, raw: bytes) -> Any:
        declared = self._schema.columns[name]
        column = self._was.get(name, declared)
        value = column.read_stored(raw, self.key)
        if column.is_relation or column.is_foreign:
            return value._id
        if column.is_mutable and column is declared:
            self.values[name], self._seen[name] = value, column.encode(value)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        if value is None:
            del self[name]
            return
        column = self._settable(name)
        if isinstance(column, Bytes):
            self._refuse(name, 'cannot be assigned, because the model does not declare it')
        self._forget_form(name)
        # The object of a ForeignModel is not looked up.
        self.values[name] = (
            column.id_of(value) if isinstance(column, ForeignModel) else column.take(value)
        )

    def __delitem__(self, name: str) -> None:
        if self._settable(name).required:
            raise InvalidOperation(
                f'{self._schema.name}.{name} is required, and cannot be removed; assign a value'
            )
        self._forget_form(name)
        self.values[name] = None

    def _forget_form(self, name: str) -> None:
        self._exact.pop(name, None)
        self._seen.pop(name, None)

    def _settable(self, name: str) -> Column[Any]:
        if name not in self._schema.in_rows:
            self._refuse(name)
        if name == self._schema.primary:
            self._refuse(name, 'is the primary key, which never changes')
        return self._schema.columns[name]

    def _refuse(self, name: str, why: str = '') -> None:
        known = show_names(self._schema.stored)
        why = why or (
            f'is no stored column of the model or of the migration (was=...); there are {known}'
        )
        raise InvalidColumnValue(f'{self._schema.name}: {show(name)} {why}')

    def change(self, is_expired: bool = False) -> Change | None:
        """Return the change of the row, or None if its values are the stored ones.

        It is made on the condition that no column has changed that a step has read or written.
        """
        schema, stored = self._schema, self.stored
        wanted: dict[str, bytes | None] = {}
        for name, value in self.values.items():
            raw = None if value is None else self._encoded(name, value)
            is_as_read = raw is not None and raw == self._seen.get(name)
            if raw != stored.get(name) and not is_as_read:
                wanted[name] = raw
        if not wanted:
            return None
        values = {name: self.values[name] for name in wanted}
        depends_on = tuple(self.reads)
        return Change(
            schema, 'update', self.id, stored, wanted, values,
            depends_on=depends_on, expired=is_expired, checks_links=True,
        )  # fmt: skip

    def _encoded(self, name: str, value: Any) -> bytes:
        if name in self._exact:
            return self._exact[name]
        column = self._schema.columns[name]
        if column.is_mutable:
            value = column.check(value)  # it may have changed in place
        return column.encode(value)
