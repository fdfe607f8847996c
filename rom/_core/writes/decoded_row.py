"""Row values: a row as a mapping of Python values, decoded on access; and which ones were read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rom._core.columns import Column
from rom._core.schema import Schema
from rom._core.writes.changes import NOTHING, Raw
from rom.exceptions import CorruptRowError


class RowValues(Mapping[str, Any]):
    """The Python values of a row: the known ones, and the others decoded on access.

    A column that the row lacks has its default, if that is constant.
    """

    __slots__ = ('_known', '_lenient', '_raw', '_schema', '_written')

    def __init__(
        self,
        schema: Schema,
        raw: Raw,
        known: Mapping[str, Any],
        lenient: bool,
        written: Mapping[str, bytes | None] = NOTHING,
    ) -> None:
        self._schema = schema
        self._raw = raw
        self._known = known
        self._lenient = lenient
        self._written = written  # takes precedence over `raw`

    def __getitem__(self, name: str) -> Any:
        # A relation is always a Reference, loaded or not, because entries depend on the id only.
        if name in self._known and name not in self._schema.references:
            value = self._known[name]
            return self._absent(name) if value is None else value
        column = self._schema.columns[name]
        raw = self._written[name] if name in self._written else self._raw.get(name)
        if raw is None:
            return self._absent(name)
        try:
            value = column.read_stored(raw, self)
            if self._schema.part is not None and name == self._schema.primary:
                return self._schema.part.global_id(value)
            return value
        except CorruptRowError:
            if self._lenient:
                return None
            raise

    def _absent(self, name: str) -> Any:
        return self._schema.indexed_defaults.get(name)

    @property
    def _key(self) -> str:
        """Key of the row for messages; the namespace where the row has no id yet."""
        id = self._known.get(self._schema.primary)
        namespace = self._schema.seen_namespace
        return namespace if id is None else f'{namespace}:{id}'

    def __iter__(self) -> Iterator[str]:
        return iter(self._schema.columns)

    def __len__(self) -> int:
        return len(self._schema.columns)


class BareValues(RowValues):
    """The values of a row without defaults, as for a model that declares none."""

    __slots__ = ()

    def _absent(self, name: str) -> None:
        return None


class TrackingMapping(Mapping[str, Any]):
    """The values of a row, with a record of the columns that were read.

    The entries of a keygen that gets all columns depend on those it read. So a commit compares
    these columns, and computes the entries again when one of them changes.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.read.update(self._values)
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def copy(self) -> dict[str, Any]:
        """Return all values as a new dict."""
        return dict(self)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return name in self._values


def read_absent(column: Column[Any]) -> Any:
    """Return the value of a column that a row lacks: its default, or the id of a default entity."""
    value = column.absent()
    is_reference = value is not None and (column.is_relation or column.is_foreign)
    return column.id_of(value) if is_reference else value  # type: ignore[attr-defined]
