"""Schema: what a model's class body says, checked once, frozen.

Built in small steps by :func:`build`, each of which checks its part. Everything that depends on the
namespace is here and not in the columns, for subclasses share those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rom.columns import Column, OneToMany, PrimaryKey
from rom.encoding.keys import Keys
from rom.encoding.text import as_bytes
from rom.entries import ColumnIndex
from rom.exceptions import ColumnError, ORMError

INDEX_DATA = '-index-data-'


@dataclass(frozen=True)
class Unique:
    """A constraint: no two entities have the same values in these columns."""

    columns: tuple[str, ...]
    key: bytes

    def value(self, encoded: Mapping[str, bytes]) -> bytes | None:
        """The value in the hash of unique values; None where the constraint is silent.

        >>> Unique(('a', 'b'), b'k').value({'a': b'x', 'b': b'1'})
        b'\\x00\\x00x\\x00\\x00\\x001'
        """
        parts = [encoded.get(name) for name in self.columns]
        if None in parts:
            return None
        if len(self.columns) == 1:
            # As in rom 1.x, an empty string takes nothing: several entities may have it.
            return parts[0] or None
        joined = b'\0'.join(b'\0\0' + part for part in parts if part is not None)
        return joined.decode('latin-1').encode('utf-8')


@dataclass(frozen=True, eq=False)
class Schema:
    """One model's columns, keys, indexes and constraints.

    Attributes:
        name: the class's name.
        columns: every column by name, in order of declaration, bases first.
        keys: the names of the model's keys in Redis.
        indexes: the indexes by column, of the columns that have some.
        uniques: the constraints.
        keep_index_data: rows carry rom 1.x's list of index entries.
        lists: the OneToMany by name; they are no columns, for nothing of them is stored.
    """

    name: str
    columns: Mapping[str, Column[Any]]
    keys: Keys
    indexes: Mapping[str, ColumnIndex]
    uniques: tuple[Unique, ...]
    keep_index_data: bool
    lists: Mapping[str, OneToMany]

    @property
    def primary(self) -> str:
        """The primary key column's name."""
        return self.keys.primary

    @cached_property
    def fields(self) -> tuple[bytes, ...]:
        """What is read of a row: the columns, then what rom 1.x added."""
        return (*(as_bytes(name) for name in self.columns), as_bytes(INDEX_DATA))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that go with `fields`."""
        return (*self.columns, INDEX_DATA)

    @cached_property
    def wide_indexes(self) -> tuple[ColumnIndex, ...]:
        """The indexes whose keygens look at other columns than their own."""
        return tuple(index for index in self.indexes.values() if index.depends_on_others)

    @property
    def needs_id_first(self) -> bool:
        """An entry may depend on the id, so that it must be known before the row is written."""
        return self.primary in self.indexes or bool(self.wide_indexes)

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """The columns that refer to other entities."""
        return tuple(name for name, column in self.columns.items() if column.is_relation)

    @cached_property
    def mutable(self) -> tuple[str, ...]:
        """The columns whose values can change without being set."""
        return tuple(name for name, column in self.columns.items() if column.is_mutable)


def build(
    name: str,
    columns: Mapping[str, Column[Any]],
    namespace: object,
    unique_together: object,
    keep_index_data: bool,
    lists: Mapping[str, OneToMany],
) -> Schema:
    """Check a class body and make its schema.

    Args:
        name: the class's name.
        columns: the columns, bases first, with exactly one primary key.
        namespace: what `_namespace` says, or None.
        unique_together: what the attribute says, or None.
        keep_index_data: what `_keep_index_data` says.
        lists: the OneToMany of the class.

    Raises:
        ORMError, ColumnError: as the contract of each step says.
    """
    primary = _primary(name, columns)
    keys = Keys(_namespace(name, namespace), primary)
    _check_names(name, columns)
    indexes = {
        column: ColumnIndex(declared, keys)
        for column, declared in columns.items()
        if declared.searched
    }
    singles = [(column,) for column, declared in columns.items() if declared.unique]
    groups = _unique_groups(name, columns, primary, unique_together)
    uniques = tuple(Unique(group, keys.unique(group)) for group in (*singles, *groups))
    return Schema(name, dict(columns), keys, indexes, uniques, keep_index_data, lists)


def _namespace(name: str, declared: object) -> str:
    if declared is None:
        return name
    if not isinstance(declared, str) or not declared:
        raise ORMError(f'{name}._namespace must be a string that is not empty, not {declared!r}')
    as_bytes(declared)
    return declared


def _primary(name: str, columns: Mapping[str, Column[Any]]) -> str:
    found = [column for column, declared in columns.items() if isinstance(declared, PrimaryKey)]
    if len(found) > 1:
        raise ColumnError(f'{name} has {len(found)} primary keys ({", ".join(found)}); keep one')
    return found[0]


def _check_names(name: str, columns: Mapping[str, Column[Any]]) -> None:
    for column in columns:
        if column.startswith('_'):
            raise ColumnError(
                f'{name}.{column}: names that start with an underscore belong to the model itself; '
                f'call the column {column.lstrip("_") or "something else"!r}'
            )


def _unique_groups(
    name: str, columns: Mapping[str, Column[Any]], primary: str, declared: object
) -> list[tuple[str, ...]]:
    if not declared:
        return []
    if not isinstance(declared, (list, tuple)):
        raise ColumnError(f'{name}.unique_together must be a list of tuples, not {declared!r}')
    is_one_group = all(isinstance(item, str) for item in declared)
    groups: Iterable[Any] = [declared] if is_one_group else declared
    checked: list[tuple[str, ...]] = []
    for group in groups:
        ordered = _unique_group(name, columns, primary, group)
        if ordered in checked:
            raise ColumnError(f'{name}.unique_together names the group {group!r} twice')
        checked.append(ordered)
    return checked


def _unique_group(
    name: str, columns: Mapping[str, Column[Any]], primary: str, group: Any
) -> tuple[str, ...]:
    where = f'{name}.unique_together, group {group!r}'
    if not isinstance(group, (list, tuple)) or not all(isinstance(item, str) for item in group):
        raise ColumnError(f'{where}: must be a tuple of the names of columns')
    if len(set(group)) < 2:
        raise ColumnError(f'{where}: needs two columns or more; for one, use unique=True')
    for column in group:
        if column not in columns:
            raise ColumnError(f'{where}: the model has no column {column!r}')
        if column == primary:
            raise ColumnError(f'{where}: the primary key is unique by itself; leave it out')
    return tuple(sorted(set(group)))
