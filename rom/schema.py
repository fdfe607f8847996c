"""Schema: what a model's class body says, checked once, frozen.

Built in small steps by :func:`build`, each of which checks its part. Everything that depends on the
namespace is here and not in the columns, for subclasses share those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, cast

from rom.columns import Column, ExpireAt, OneToMany, PrimaryKey, UnsafeColumn
from rom.encoding.keys import Keys
from rom.encoding.text import as_bytes
from rom.entries import ColumnIndex
from rom.exceptions import ColumnError, ORMError
from rom.geo import GeoIndex, Places

INDEX_DATA = '-index-data-'

Index: TypeAlias = ColumnIndex | Places


def group_value(parts: Iterable[bytes]) -> bytes:
    """The values of a group of columns, as the hash of unique values has them.

    >>> group_value([b'x', b'\\xff'])
    b'\\x00\\x00x\\x00\\x00\\x00\\xc3\\xbf'
    """
    return b'\0'.join(b'\0\0' + part for part in parts).decode('latin-1').encode('utf-8')


def _unambiguous_value(parts: Sequence[bytes]) -> bytes:
    """Return the value of a group; where a part has a NUL, one that no other group has.

    The form of rom 1.x has NULs between the parts and begins with two. The other form tells the
    length of each part.

    >>> _unambiguous_value([b'x', b'y']) == group_value([b'x', b'y'])
    True
    >>> _unambiguous_value([b'x\\0', b'y'])
    b'\\x012:x\\x001:y'
    """
    if b'\0' not in b''.join(parts):
        return group_value(parts)
    told = b''.join(b'%d:%b' % (len(part), part) for part in parts)
    return (b'\1' + told).decode('latin-1').encode('utf-8')


class Unique(NamedTuple):
    """A constraint: no two entities have the same values in these columns.

    The value of an IndexOnly is in no row: `made_by` makes it, of the row's Python values.

    Equal numbers may be stored in several forms, as 1.5 and 1.50. Of a group with one that is not
    `Column.canonical`, both are claimed: the canonical one, by which equal values collide, and the
    one as it is stored, by which a row of rom 1.x has it.
    """

    columns: tuple[str, ...]
    key: bytes
    #: Makes the value, where the row does not hold it.
    made_by: ColumnIndex | None = None
    #: The columns whose equal values may be stored in several forms, by place.
    numbers: tuple[tuple[int, Column[Any]], ...] = ()

    def value(self, encoded: Mapping[str, bytes]) -> bytes | None:
        """The first of the `claims`; None where the constraint is silent.

        >>> Unique(('a', 'b'), b'k').value({'a': b'x', 'b': b'1'})
        b'\\x00\\x00x\\x00\\x00\\x001'
        """
        claims = self.claims(encoded)
        return claims[0] if claims else None

    def claims(self, encoded: Mapping[str, bytes]) -> tuple[bytes, ...]:
        """The values in the hash of unique values; none where the constraint is silent."""
        if len(self.columns) == 1:
            # As in rom 1.x, an empty string takes nothing: several entities may have it.
            value = encoded.get(self.columns[0])
            return (value,) if value else ()
        parts = self._parts(encoded)
        if parts is None:
            return ()
        stored = _unambiguous_value(parts)
        if not self.numbers:
            return (stored,)
        for place, column in self.numbers:
            parts[place] = column.canonical(parts[place])
        canonical = _unambiguous_value(parts)
        return (canonical,) if canonical == stored else (canonical, stored)

    def leftovers(self, encoded: Mapping[str, bytes]) -> tuple[bytes, ...]:
        """The value that rom 1.x gave a group with a NUL in it, which others may have, too."""
        parts = None if len(self.columns) == 1 else self._parts(encoded)
        if parts is None or b'\0' not in b''.join(parts):
            return ()
        return (group_value(parts),)

    def _parts(self, encoded: Mapping[str, bytes]) -> list[bytes] | None:
        parts = [encoded.get(name) for name in self.columns]
        return None if None in parts else cast('list[bytes]', parts)


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
        unsafe: the names of the UnsafeColumns, which are no columns either.
        places: the geo indexes by name.
        is_stamped: the data says which indexes it has; see `rom.ops.stamps`.
    """

    name: str
    columns: Mapping[str, Column[Any]]
    keys: Keys
    indexes: Mapping[str, ColumnIndex]
    uniques: tuple[Unique, ...]
    keep_index_data: bool
    lists: Mapping[str, OneToMany]
    unsafe: tuple[str, ...] = ()
    places: Mapping[str, Places] = field(default_factory=dict)
    is_stamped: bool = True

    @property
    def primary(self) -> str:
        """The primary key column's name."""
        return self.keys.primary

    @cached_property
    def fields(self) -> tuple[bytes, ...]:
        """What is read of a row: the columns, then what rom 1.x added."""
        return tuple(as_bytes(name) for name in self.names)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that go with `fields`."""
        return (*self.stored, INDEX_DATA)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """The columns whose values are in the row."""
        return tuple(name for name, column in self.columns.items() if column.is_stored)

    @cached_property
    def settable(self) -> tuple[tuple[str, Column[Any]], ...]:
        """The columns that a new entity is given: all but the primary key."""
        return tuple(item for item in self.columns.items() if item[0] != self.primary)

    @cached_property
    def settable_names(self) -> frozenset[str]:
        """The same, without the columns."""
        return frozenset(name for name, _ in self.settable)

    @cached_property
    def encoders(self) -> tuple[tuple[str, Callable[[Any], bytes]], ...]:
        """What encodes the columns of a new row: all but the primary key."""
        return tuple((name, column.encode) for name, column in self.settable if column.is_stored)

    @cached_property
    def in_rows(self) -> frozenset[str]:
        """The same, as a set."""
        return frozenset(self.stored)

    @cached_property
    def references(self) -> frozenset[str]:
        """The columns whose row holds the id of what their value is."""
        return frozenset(
            name for name, column in self.columns.items() if column.is_relation or column.is_foreign
        )

    @cached_property
    def plain(self) -> frozenset[str]:
        """The columns whose value is what the row says, with nothing else to look up."""
        return frozenset(self.columns) - self.references

    @cached_property
    def every_index(self) -> tuple[Index, ...]:
        """Whatever makes entries of a row."""
        return (*self.indexes.values(), *self.places.values())

    @cached_property
    def single_indexes(self) -> tuple[ColumnIndex, ...]:
        """Those whose entries depend on one column alone."""
        return tuple(index for index in self.indexes.values() if not index.depends_on_others)

    @cached_property
    def dependent_indexes(self) -> tuple[Index, ...]:
        """The others: what their entries depend on is known once their keygen has run."""
        return tuple(index for index in self.every_index if index.depends_on_others)

    @cached_property
    def reads_id(self) -> bool:
        """Entries or unique values may depend on the id."""
        sources = {index.source for index in self.indexes.values()}
        made = any(unique.made_by for unique in self.uniques)
        return bool(self.dependent_indexes) or made or self.primary in sources

    @cached_property
    def needs_id_first(self) -> bool:
        """An entry may depend on the id, so that it must be known before the row is written."""
        makers = {*self.indexes.values(), *(u.made_by for u in self.uniques if u.made_by)}
        return bool(self.places) or any(
            index.column.source == self.primary or index.may_read_any for index in makers
        )

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The values of rows that lack a column, where they are always the same."""
        found = {
            n: column.lasting_default for n, column in self.columns.items() if column.is_stored
        }
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def indexed_defaults(self) -> Mapping[str, Any]:
        """Those of them that entries depend on, or may depend on."""
        makers = {*self.indexes.values(), *(u.made_by for u in self.uniques if u.made_by)}
        if self.places or any(index.may_read_any for index in makers):
            return self.defaults
        sources = {index.source for index in makers}
        return {name: value for name, value in self.defaults.items() if name in sources}

    @cached_property
    def absent_fields(self) -> Mapping[bytes, bytes]:
        """The same as rows would store them, by field."""
        return {
            as_bytes(name): self.columns[name].encode(value)
            for name, value in self.indexed_defaults.items()
        }

    @cached_property
    def expiry(self) -> str | None:
        """The column that says when an entity expires, if there is one."""
        return next((n for n, column in self.columns.items() if isinstance(column, ExpireAt)), None)

    @cached_property
    def expiry_field(self) -> bytes | None:
        """The same, as the row's field."""
        return None if self.expiry is None else as_bytes(self.expiry)

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
    lists: Mapping[str, OneToMany] = MappingProxyType({}),
    unsafe: Mapping[str, UnsafeColumn] = MappingProxyType({}),
    geo_index: object = None,
) -> Schema:
    """Check a class body and make its schema.

    Args:
        name: the class's name.
        columns: the columns, bases first, with exactly one primary key.
        namespace: what `_namespace` says, or None.
        unique_together: what the attribute says, or None.
        keep_index_data: what `_keep_index_data` says.
        lists: the OneToMany of the class.
        unsafe: its UnsafeColumns.
        geo_index: what the attribute says, or None.

    Raises:
        ORMError, ColumnError: as the contract of each step says.
    """
    primary = _primary(name, columns)
    keys = Keys(_namespace(name, namespace), primary)
    _check_sources(name, columns)
    _check_expiry(name, columns)
    indexes = {
        column: ColumnIndex(declared, keys)
        for column, declared in columns.items()
        if declared.searched
    }
    singles = [
        Unique(
            (column,),
            keys.unique((column,)),
            None if declared.is_stored else ColumnIndex(declared, keys),
        )
        for column, declared in columns.items()
        if declared.unique
    ]
    groups = _unique_groups(name, columns, primary, unique_together)
    uniques = (*singles, *(_group(group, keys, columns) for group in groups))
    places = _places(name, keys, geo_index)
    return Schema(
        name,
        dict(columns),
        keys,
        indexes,
        uniques,
        keep_index_data,
        lists,
        tuple(unsafe),
        places,
    )


def _group(names: tuple[str, ...], keys: Keys, columns: Mapping[str, Column[Any]]) -> Unique:
    numbers = tuple(
        (place, columns[name])
        for place, name in enumerate(names)
        if type(columns[name]).canonical is not Column.canonical
    )
    return Unique(names, keys.unique(names), numbers=numbers)


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


def _check_sources(name: str, columns: Mapping[str, Column[Any]]) -> None:
    """What an IndexOnly indexes must be a column with a value."""
    for column, declared in columns.items():
        if declared.is_stored or declared.source == column:
            continue
        source = columns.get(declared.source)
        if source is None or not source.is_stored:
            why = 'is no column of the model' if source is None else 'holds no value itself'
            raise ColumnError(f'{name}.{column} indexes {declared.source!r}, which {why}')


def _check_expiry(name: str, columns: Mapping[str, Column[Any]]) -> None:
    found = [column for column, declared in columns.items() if isinstance(declared, ExpireAt)]
    if len(found) > 1:
        raise ColumnError(
            f'{name} has {len(found)} columns that say when it expires ({", ".join(found)}), bases '
            'included; keep one, and make a DateTime of the others'
        )


def _places(name: str, keys: Keys, declared: object) -> dict[str, Places]:
    if declared is None:
        return {}
    if not isinstance(declared, list) or not all(isinstance(item, GeoIndex) for item in declared):
        raise ORMError(f'{name}.geo_index must be a list of GeoIndex(name, callback)')
    found: dict[str, Places] = {}
    for index in declared:
        if not isinstance(index.name, str) or not index.name or not callable(index.callback):
            raise ORMError(f'{name}.geo_index: {index!r} needs a name and a callback')
        if index.name in found:
            raise ColumnError(f'{name}.geo_index has two of the name {index.name!r}')
        found[index.name] = Places(index, keys)
    return found


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
        if not columns[column].is_stored:
            raise ColumnError(f'{where}: {column!r} holds no value; name what it indexes')
        if column == primary:
            raise ColumnError(f'{where}: the primary key is unique by itself; leave it out')
    return tuple(sorted(set(group)))
