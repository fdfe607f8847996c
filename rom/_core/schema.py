"""Schema: the checked, immutable declarations of a model's class body.

Everything that depends on the namespace is here and not in the columns, because subclasses share
those. `rom._core.schema_builder` makes schemas.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from rom._core.columns import Column, ExpireAt, OneToMany
from rom._core.encoding.group_values import group_value, unambiguous_value
from rom._core.encoding.keys import Keys
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.compound_index import CompoundIndex
from rom._core.indexing.geo_index import Places
from rom._core.sharding.placement import Part, Placement

if TYPE_CHECKING:
    from rom._core.indexing.rank_index import RankIndex

INDEX_DATA = '-index-data-'

Index: TypeAlias = ColumnIndex | Places | CompoundIndex


class Unique(NamedTuple):
    """A constraint: no two entities have the same values in these columns.

    The row does not hold the value of an IndexOnly; `made_by` makes it from the Python values.

    Equal numbers may be stored in several forms, such as 1.5 and 1.50. For a group with a form that
    is not `Column.canonical`, a row claims two values: the canonical one, so that equal values
    collide, and the stored one, which a row of rom 1.x has claimed.
    """

    columns: tuple[str, ...]
    key: bytes
    #: The index of an IndexOnly, which makes the value.
    made_by: ColumnIndex | None = None
    #: The columns whose equal values may be stored in several forms, with their positions.
    numbers: tuple[tuple[int, Column[Any]], ...] = ()
    #: The column of the time of a soft delete: a row that has it claims nothing.
    unless: str | None = None

    def value(self, encoded: Mapping[str, bytes]) -> bytes | None:
        """Return the first of the `claims`, or None where the constraint does not apply.

        >>> Unique(('a', 'b'), b'k').value({'a': b'x', 'b': b'1'})
        b'\\x00\\x00x\\x00\\x00\\x001'
        """
        claims = self.claims(encoded)
        return claims[0] if claims else None

    def claims(self, encoded: Mapping[str, bytes]) -> tuple[bytes, ...]:
        """Return the unique values of a row, empty where the constraint does not apply to it."""
        if self.unless is not None and self.unless in encoded:
            return ()
        if len(self.columns) == 1:
            # As in rom 1.x, an empty string claims nothing, so several entities may have it.
            value = encoded.get(self.columns[0])
            return (value,) if value else ()
        parts = self._parts(encoded)
        if parts is None:
            return ()
        stored = unambiguous_value(parts)
        if not self.numbers:
            return (stored,)
        for place, column in self.numbers:
            parts[place] = column.canonical(parts[place])
        canonical = unambiguous_value(parts)
        return (canonical,) if canonical == stored else (canonical, stored)

    def leftovers(self, encoded: Mapping[str, bytes]) -> tuple[bytes, ...]:
        """Return the ambiguous value that rom 1.x claimed for a group with a NUL in a part."""
        parts = None if len(self.columns) == 1 else self._parts(encoded)
        if self.unless is not None and self.unless in encoded:
            return ()
        if parts is None or b'\0' not in b''.join(parts):
            return ()
        return (group_value(parts),)

    def _parts(self, encoded: Mapping[str, bytes]) -> list[bytes] | None:
        parts = [encoded.get(name) for name in self.columns]
        return None if None in parts else cast('list[bytes]', parts)


@dataclass(frozen=True, eq=False)
class Schema:
    """The columns, keys, indexes and constraints of one model.

    Attributes:
        name: the class's name.
        columns: every column by name, in order of declaration, bases first.
        keys: the names of the model's keys in Redis.
        indexes: the indexes by column, for the columns that have one.
        uniques: the unique constraints.
        keep_index_data: rows keep the list of index entries of rom 1.x.
        lists: the OneToMany attributes and the reverses of ManyToMany columns by name; they are not
            columns, because rows do not store them. A model that is defined later may add reverses.
        unsafe: the names of the UnsafeColumns, which are not columns for the same reason.
        places: the geo indexes by name.
        compounds: the compound indexes.
        ranks: the ranked indexes by column.
        is_stamped: the data has a fingerprint; see `rom._core.ops.index_fingerprint`.
        soft_delete: name of the DateTime column that marks a row as deleted, or None.
        placement: how the rows are divided among partitions; None: they are not. Such a schema has
            no keys in Redis: requests use those of its partitions (`at`).
        part: the partition of the schema's keys; None: it is not one of a partition.
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
    compounds: tuple[CompoundIndex, ...] = ()
    ranks: 'Mapping[str, RankIndex]' = field(default_factory=dict)
    is_stamped: bool = True
    soft_delete: str | None = None
    placement: Placement | None = None
    part: Part | None = None
    _parts: 'dict[int, Schema]' = field(default_factory=dict, init=False, repr=False)

    def at(self, number: int) -> 'Schema':
        """Return the schema of a partition: the same columns, other keys, and local ids."""
        found = self._parts.get(number)
        if found is None:
            # Another thread may make it at the same time. Changes are grouped by their schema, so
            # all threads must get the same one.
            found = self._parts.setdefault(number, _in_partition(self, number))
        return found

    @property
    def parts(self) -> 'list[Schema]':
        """The schemas of all partitions, by their numbers."""
        assert self.placement is not None
        return [self.at(number) for number in range(self.placement.group.partitions)]

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """Facts that follow from the schema alone, found once by the layers above.

        The keys begin with the function that finds the fact. Nothing that a user types may be in
        one, because the dictionary only grows.
        """
        return {}

    def at_id(self, id: int) -> 'Schema':
        """Return the schema of the partition with the row of a global id."""
        assert self.placement is not None
        return self.at(self.placement.group.partition_of(id))

    @property
    def bare_namespace(self) -> str:
        """The namespace without the tag of a group."""
        return self.keys.namespace.partition('}')[2] if self.placement else self.keys.namespace

    @property
    def whole(self) -> 'Schema':
        """The schema of the model over all partitions, or this one if it is of none."""
        return self if self.part is None else cast('Schema', self.part.whole)

    def seen_id(self, id: int) -> int:
        """Return the id that programs see, of an id in the keys of this schema."""
        return id if self.part is None else self.part.global_id(id)

    def local_id(self, id: int) -> int:
        """Return the id in the keys of this schema, of an id that programs see."""
        return id if self.part is None else self.part.local_id(id)

    def row_key(self, id: int) -> bytes:
        """Return the key of the row with an id that programs see."""
        if self.placement is None or self.part is not None:
            return self.keys.row(self.local_id(id))
        schema = self.at_id(id)
        return schema.keys.row(schema.local_id(id))

    @property
    def seen_namespace(self) -> str:
        """The namespace that programs see."""
        return self.keys.seen

    @property
    def soft_field(self) -> bytes | None:
        """Field of the time of a soft delete, or None."""
        return None if self.soft_delete is None else self.keys.field(self.soft_delete)

    @cached_property
    def has_special_writes(self) -> bool:
        """True where a commit has more to note of a row than its values and entries."""
        return bool(self.ranks or self.links or self.soft_delete)

    @property
    def primary(self) -> str:
        """Name of the primary key."""
        return self.keys.primary

    @cached_property
    def fields(self) -> tuple[bytes, ...]:
        """Fields to read of a row: the columns, then the list of entries of rom 1.x."""
        return tuple(map(self.keys.field, self.names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the `fields`, in the same order."""
        return (*self.stored, INDEX_DATA)

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """Columns whose values are in the row."""
        return tuple(name for name, column in self.columns.items() if column.is_stored)

    @cached_property
    def settable(self) -> tuple[tuple[str, Column[Any]], ...]:
        """Columns that a new entity accepts, with their names: all but the primary key."""
        return tuple(item for item in self.columns.items() if item[0] != self.primary)

    @cached_property
    def settable_names(self) -> frozenset[str]:
        """Names of the `settable` columns."""
        return frozenset(name for name, _ in self.settable)

    @cached_property
    def encoders(self) -> tuple[tuple[str, Callable[[Any], bytes]], ...]:
        """Encoders of the columns of a new row, with their names: all but the primary key."""
        return tuple((name, column.encode) for name, column in self.settable if column.is_stored)

    @cached_property
    def in_rows(self) -> frozenset[str]:
        """Names of the `stored` columns, as a set."""
        return frozenset(self.stored)

    @cached_property
    def references(self) -> frozenset[str]:
        """Columns whose value is an object, of which the row holds the id."""
        return frozenset(
            name for name, column in self.columns.items() if column.is_relation or column.is_foreign
        )

    @cached_property
    def plain(self) -> frozenset[str]:
        """Columns whose value is decoded from the row alone, without a look-up."""
        return frozenset(self.columns) - self.references

    @cached_property
    def every_index(self) -> tuple[Index, ...]:
        """Indexes of columns, then ranked indexes, then geo indexes, then compound ones."""
        columns = (*self.indexes.values(), *self.ranks.values())
        return (*columns, *self.places.values(), *self.compounds)

    @cached_property
    def single_indexes(self) -> tuple[ColumnIndex, ...]:
        """Indexes whose entries depend on one column."""
        singles = (index for index in self.indexes.values() if not index.depends_on_others)
        return (*singles, *self.ranks.values())

    @cached_property
    def pure_indexes(self) -> tuple[ColumnIndex | CompoundIndex, ...]:
        """Indexes whose entries depend on columns that the declaration names."""
        return pure_of(self.every_index)

    @cached_property
    def tracked_indexes(self) -> tuple[Index, ...]:
        """Indexes whose keygen may read several columns; which ones, only its run tells."""
        return tuple(index for index in self.every_index if index.depends_on_others)

    @cached_property
    def dependent_indexes(self) -> tuple[Index, ...]:
        """Indexes whose entries depend on several columns: all but the single ones."""
        return (*self.tracked_indexes, *self.compounds)

    @cached_property
    def reads_id(self) -> bool:
        """True where index entries or unique values may depend on the id."""
        sources = {index.source for index in self.indexes.values()}
        made = any(unique.made_by for unique in self.uniques)
        return bool(self.tracked_indexes) or made or self.primary in sources

    @cached_property
    def needs_id_first(self) -> bool:
        """True where the id must be known before the row is written, to make its entries."""
        makers = {*self.indexes.values(), *(u.made_by for u in self.uniques if u.made_by)}
        return bool(self.places) or any(
            index.column.source == self.primary or index.may_read_any for index in makers
        )

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """Constant defaults by column, which rows without the column have."""
        found = {
            n: column.lasting_default for n, column in self.columns.items() if column.is_stored
        }
        return {name: value for name, value in found.items() if value is not None}

    @cached_property
    def indexed_defaults(self) -> Mapping[str, Any]:
        """Constant defaults of the columns that index entries may depend on."""
        makers = {*self.indexes.values(), *(u.made_by for u in self.uniques if u.made_by)}
        if self.places or any(index.may_read_any for index in makers):
            return self.defaults
        sources = {*self.ranks, *(index.source for index in makers)}
        return {name: value for name, value in self.defaults.items() if name in sources}

    @cached_property
    def absent_fields(self) -> Mapping[bytes, bytes]:
        """The `indexed_defaults` as rows would store them, by field."""
        return {
            self.keys.field(name): self.columns[name].encode(value)
            for name, value in self.indexed_defaults.items()
        }

    @cached_property
    def insert_stamps(self) -> tuple[str, ...]:
        """Columns to which an insert without a value gives the current time."""
        return tuple(name for name, column in self.columns.items() if column.stamps_insert)

    @cached_property
    def update_stamps(self) -> tuple[str, ...]:
        """Columns to which each change of a row gives the current time."""
        return tuple(name for name, column in self.columns.items() if column.stamps_update)

    @cached_property
    def expiry(self) -> str | None:
        """Name of the ExpireAt column, or None."""
        return next((n for n, column in self.columns.items() if isinstance(column, ExpireAt)), None)

    @cached_property
    def expiry_field(self) -> bytes | None:
        """Field of the ExpireAt column, or None."""
        return None if self.expiry is None else self.keys.field(self.expiry)

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """Columns that refer to other entities."""
        return tuple(name for name, column in self.columns.items() if column.is_relation)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Columns of links to any number of other entities."""
        return tuple(name for name, column in self.columns.items() if column.is_links)

    @property
    def loadable(self) -> tuple[str, ...]:
        """Names that `load` takes: relations, columns of links, and lists."""
        return (*self.relations, *self.links, *self.lists)

    @cached_property
    def refers(self) -> bool:
        """True where an entity may refer to other entities, in a relation or by links."""
        return bool(self.relations or self.links)

    @cached_property
    def mutable(self) -> tuple[str, ...]:
        """Columns whose values can change in place."""
        return tuple(name for name, column in self.columns.items() if column.is_mutable)


def pure_of(indexes: Iterable[Index]) -> tuple[ColumnIndex | CompoundIndex, ...]:
    """Return the indexes whose entries depend on columns that the declaration names."""
    return tuple(
        index
        for index in indexes
        if isinstance(index, (ColumnIndex, CompoundIndex)) and not index.depends_on_others
    )


def _in_partition(schema: Schema, number: int) -> Schema:
    """Return the schema of a partition, with keys and indexes of its own."""
    assert schema.placement is not None
    shards = schema.placement.group
    keys = schema.keys._replace(
        namespace=f'{{{shards.tag(number)}}}{schema.bare_namespace}', whole=schema.keys.namespace
    )
    return with_keys(schema, keys, Part(schema, number, shards.partitions))


def with_keys(schema: Schema, keys: Keys, part: Part | None = None) -> Schema:
    """Return the schema of the same model in one namespace, with keys and indexes of its own."""
    indexes = {name: ColumnIndex(index.column, keys) for name, index in schema.indexes.items()}
    return replace(
        schema,
        keys=keys,
        indexes=indexes,
        uniques=tuple(
            unique._replace(
                key=keys.unique(unique.columns),
                made_by=unique.made_by and ColumnIndex(unique.made_by.column, keys),
            )
            for unique in schema.uniques
        ),
        places={name: Places(place.declared, keys) for name, place in schema.places.items()},
        ranks={name: type(rank)(rank.column, keys) for name, rank in schema.ranks.items()},
        compounds=tuple(
            CompoundIndex(indexes[pair.first.column.name], indexes[pair.second.column.name], keys)
            for pair in schema.compounds
        ),
        placement=None,
        part=part,
    )
