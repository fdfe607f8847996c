"""The way from a class body to a schema: small steps, each of which checks its part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rom._core.columns import Column, DateTime, ExpireAt, OneToMany, PrimaryKey, UnsafeColumn
from rom._core.encoding.keys import Keys
from rom._core.encoding.text import as_bytes, show, show_names
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.compound_index import compounds_of
from rom._core.indexing.geo_index import GeoIndex, Places
from rom._core.schema import INDEX_DATA, Schema, Unique
from rom._core.sharding.placement import Placement, placement_of
from rom.exceptions import ColumnError, ORMError

if TYPE_CHECKING:
    from rom._core.indexing.rank_index import RankIndex


def build(
    name: str,
    columns: Mapping[str, Column[Any]],
    namespace: object,
    unique_together: object,
    keep_index_data: bool,
    lists: Mapping[str, OneToMany] = MappingProxyType({}),
    unsafe: Mapping[str, UnsafeColumn] = MappingProxyType({}),
    geo_index: object = None,
    compound_index: object = None,
    soft_delete: object = None,
    shards: tuple[object, object, object] = (None, None, None),
) -> Schema:
    """Check a class body and make its schema.

    Args:
        name: the class's name.
        columns: the columns, bases first, with a primary key.
        namespace: the value of `_namespace`, or None.
        unique_together: the value of the attribute, or None.
        keep_index_data: the value of `_keep_index_data`.
        lists: the OneToMany attributes of the class.
        unsafe: the UnsafeColumns of the class.
        geo_index, compound_index: the values of the attributes, or None.
        soft_delete: the value of `_soft_delete`, or None.
        shards: the values of `_shards`, `_shard_by` and `_shard_with`, or None.

    Raises:
        ORMError, ColumnError: a declaration is invalid; the message names the attribute.
    """
    primary = _primary(name, columns)
    placement = placement_of(name, columns, *shards)
    keys = Keys(_namespace(name, namespace, placement), primary, _renamed(name, columns))
    _check_sources(name, columns)
    _check_expiry(name, columns)
    marker = _soft_delete(name, columns, soft_delete)
    indexes = {
        column: ColumnIndex(declared, keys)
        for column, declared in columns.items()
        if declared.searched
    }
    ranks = _ranks(keys, columns)
    uniques = _uniques(name, columns, keys, unique_together, marker)
    places = _places(name, keys, geo_index)
    schema = Schema(
        name,
        dict(columns),
        keys,
        indexes,
        uniques,
        keep_index_data,
        lists,
        tuple(unsafe),
        places,
        compounds_of(name, keys, indexes, compound_index),
        ranks,
        soft_delete=marker,
        placement=placement,
    )
    if placement is not None:
        from rom._core.sharding.limits import check_limits

        check_limits(schema)
    return schema


def _uniques(
    name: str, columns: Mapping[str, Column[Any]], keys: Keys, together: object, unless: str | None
) -> tuple[Unique, ...]:
    """Return the constraints of single columns, and then those of groups."""
    singles = [
        Unique(
            (column,),
            keys.unique((column,)),
            None if declared.is_stored else ColumnIndex(declared, keys),
            unless=unless,
        )
        for column, declared in columns.items()
        if declared.unique
    ]
    groups = _unique_groups(name, columns, keys.primary, together)
    return (*singles, *(_group(group, keys, columns, unless) for group in groups))


def _group(
    names: tuple[str, ...], keys: Keys, columns: Mapping[str, Column[Any]], unless: str | None
) -> Unique:
    numbers = tuple(
        (place, columns[name])
        for place, name in enumerate(names)
        if type(columns[name]).canonical is not Column.canonical
    )
    return Unique(names, keys.unique(names), numbers=numbers, unless=unless)


def _namespace(name: str, declared: object, placement: Placement | None) -> str:
    if declared is None:
        declared = name
    if not isinstance(declared, str) or not declared:
        raise ORMError(f'{name}._namespace: expected a non-empty str, got {declared!r}')
    as_bytes(declared)
    if placement is None:
        return declared
    if not {*'{}'}.isdisjoint(declared):
        raise ORMError(
            f'{name}._namespace: {declared!r} has a hash tag, and those of the partitions come '
            'from _shards; leave the braces out'
        )
    return f'{{{placement.group.name}}}{declared}'


def _primary(name: str, columns: Mapping[str, Column[Any]]) -> str:
    found = [column for column, declared in columns.items() if isinstance(declared, PrimaryKey)]
    if len(found) > 1:
        raise ColumnError(f'{name} has {len(found)} primary keys ({", ".join(found)}); keep one')
    return found[0]


def _renamed(name: str, columns: Mapping[str, Column[Any]]) -> tuple[tuple[str, str], ...]:
    """Return the columns that have another name in Redis, as (attribute, stored name).

    Raises:
        ColumnError: a stored name is malformed, or is that of another column.
    """
    found: dict[str, str] = {}
    for column, declared in columns.items():
        stored = declared.stored_as
        if stored is None or stored == column:
            continue
        where = f'{name}.{column}: stored_as={show(stored)}'
        if not isinstance(stored, str) or not stored or ':' in stored or stored == INDEX_DATA:
            raise ColumnError(f'{where}: expected the former name of the column, a str without ":"')
        as_bytes(stored)
        other = next((other for other, old in found.items() if old == stored), None)
        other = stored if stored in columns else other
        if other is not None:
            raise ColumnError(f'{where}: {other} is stored by that name; choose another')
        found[column] = stored
    return tuple(found.items())


def _check_sources(name: str, columns: Mapping[str, Column[Any]]) -> None:
    """Raise ColumnError for an IndexOnly whose source is not a stored column."""
    for column, declared in columns.items():
        if declared.is_stored or declared.source == column:
            continue
        source = columns.get(declared.source)
        if source is None or not source.is_stored:
            why = 'is not a column of the model' if source is None else 'holds no value itself'
            raise ColumnError(f'{name}.{column} indexes {declared.source!r}, which {why}')


def _check_expiry(name: str, columns: Mapping[str, Column[Any]]) -> None:
    found = [column for column, declared in columns.items() if isinstance(declared, ExpireAt)]
    if len(found) > 1:
        raise ColumnError(
            f'{name} has {len(found)} ExpireAt columns ({", ".join(found)}), bases included; '
            'keep one, and declare the others as DateTime'
        )


def _soft_delete(name: str, columns: Mapping[str, Column[Any]], declared: object) -> str | None:
    """Return the name of the column that marks the deleted rows of a model, or None.

    A row with a value in it stays, with its index entries. It claims no unique values, and reads
    leave it out.

    Raises:
        ColumnError: it is not the name of a DateTime with an index and without a value of its own.
    """
    if declared is None:
        return None
    where = f'{name}._soft_delete = {show(declared)}'
    remedy = "declare it as deleted_at = DateTime(index=True), and _soft_delete = 'deleted_at'"
    if not isinstance(declared, str) or declared not in columns:
        raise ColumnError(f'{where}: the model has {show_names(columns)}; {remedy}')
    column = columns[declared]
    if not isinstance(column, DateTime) or isinstance(column, ExpireAt):
        raise ColumnError(f'{where}: this is a {type(column).__name__}; {remedy}')
    if not column.index or column.keygen or column.keygen2:
        raise ColumnError(f'{where}: needs an index of times; {remedy}')
    if column.required or column.default is not None or column.stamps_insert:
        raise ColumnError(f'{where}: a new entity must have no value in it; {remedy}')
    return declared


def _ranks(keys: Keys, columns: Mapping[str, Column[Any]]) -> dict[str, RankIndex]:
    ranked = {name: column for name, column in columns.items() if column.rank}
    if not ranked:
        return {}
    from rom._core.indexing.rank_index import RankIndex

    return {name: RankIndex(column, keys) for name, column in ranked.items()}


def _places(name: str, keys: Keys, declared: object) -> dict[str, Places]:
    if declared is None:
        return {}
    if not isinstance(declared, list) or not all(isinstance(item, GeoIndex) for item in declared):
        raise ORMError(
            f'{name}.geo_index: expected a list of GeoIndex(name, callback), got {declared!r}'
        )
    found: dict[str, Places] = {}
    for index in declared:
        if not isinstance(index.name, str) or not index.name or not callable(index.callback):
            raise ORMError(f'{name}.geo_index: expected a name and a callback, got {index!r}')
        if index.name in found:
            raise ColumnError(f'{name}.geo_index has two indexes {index.name!r}; rename one')
        found[index.name] = Places(index, keys)
    return found


def _unique_groups(
    name: str, columns: Mapping[str, Column[Any]], primary: str, declared: object
) -> list[tuple[str, ...]]:
    if not declared:
        return []
    if not isinstance(declared, (list, tuple)):
        raise ColumnError(f'{name}.unique_together: expected a list of tuples, got {declared!r}')
    is_one_group = all(isinstance(item, str) for item in declared)
    groups: Iterable[Any] = [declared] if is_one_group else declared
    checked: list[tuple[str, ...]] = []
    for group in groups:
        ordered = _unique_group(name, columns, primary, group)
        if ordered in checked:
            raise ColumnError(f'{name}.unique_together has the group {group!r} twice; drop one')
        checked.append(ordered)
    return checked


def _unique_group(
    name: str, columns: Mapping[str, Column[Any]], primary: str, group: Any
) -> tuple[str, ...]:
    where = f'{name}.unique_together, group {group!r}'
    if not isinstance(group, (list, tuple)) or not all(isinstance(item, str) for item in group):
        raise ColumnError(f'{where}: expected a tuple of column names')
    if len(set(group)) < 2:
        raise ColumnError(f'{where}: expected at least two columns; for one, use unique=True')
    for column in group:
        if column not in columns:
            raise ColumnError(f'{where}: the model has no column {column!r}')
        if not columns[column].is_stored:
            raise ColumnError(f'{where}: {column!r} holds no value; name the column it indexes')
        if column == primary:
            raise ColumnError(f'{where}: the primary key is always unique; leave it out')
    return tuple(sorted(set(group)))
