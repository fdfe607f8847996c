"""Reading rows over partitions, by id or by a unique value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row, seen_row
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.partitions import partitions_of
from rom._core.ops.shards.strict_reads import find_unique
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

#: Returns the rows of some local ids, from the schema of their partition.
Load: TypeAlias = Callable[[Schema, Sequence[int]], Operation[list[Row]]]
#: Returns the rows with some unique values, from the schema of a partition and the key of them.
LoadUnique: TypeAlias = Callable[[Schema, bytes, Sequence[bytes]], Operation[list[Row]]]


def load_parts(schema: Schema, ids: Sequence[int], load: Load) -> Operation[list[Row]]:
    """Return the rows of ids in several partitions, in their order, in one round trip.

    Args:
        schema: the schema of the model over all partitions.
        ids: the ids.
        load: returns the rows of some ids of one partition.

    Raises:
        CorruptRowError: a key holds another type than a row; `entities` has the other rows.
    """
    parts = _local_ids(schema, ids)
    broken: list[CorruptRowError] = []

    def rows_in(part: Schema, local: Sequence[int]) -> Operation[list[Row]]:
        try:
            rows = yield from load(part, local)
        except CorruptRowError as error:
            broken.append(error)
            rows = error.entities
        return [seen_row(part, row) for row in rows]

    each = yield from lockstep([rows_in(part, local) for part, local in parts.items()])
    known = {row.id: row for rows in each for row in rows}
    found = [row for id in ids if (row := known.get(id)) is not None]
    if broken:
        broken[0].entities = found
        raise broken[0]
    return found


def _local_ids(schema: Schema, ids: Iterable[int]) -> dict[Schema, list[int]]:
    """Return the local ids of some ids, by the schema of their partition."""
    found: dict[Schema, list[int]] = {}
    for id in ids:
        part = schema.at_id(id)
        found.setdefault(part, []).append(part.local_id(id))
    return found


def load_unique_parts(
    schema: Schema, key: bytes, values: Sequence[bytes], load_unique: LoadUnique
) -> Operation[list[Row]]:
    """Return the rows with unique values, grouped by value in their order, of all partitions.

    Args:
        schema: the schema of the model over all partitions.
        key: the key of the unique values there.
        values: the values.
        load_unique: returns the rows with some unique values of one partition.
    """
    assert schema.placement is not None
    own = next(unique for unique in schema.uniques if unique.key == key)
    numbers: Iterable[int] = range(schema.placement.group.partitions)
    if not {*schema.placement.deciders}.intersection(own.columns):
        return (yield from _load_from_directory(schema, own.columns, values))
    if own.columns == (schema.placement.by,):
        column = schema.columns[own.columns[0]]
        numbers = dict.fromkeys(schema.placement.number_by(column, value) for value in values)

    def rows_in(part: Schema) -> Operation[list[list[Row]]]:
        there = part.keys.unique(own.columns)
        each = yield from lockstep([load_unique(part, there, (value,)) for value in values])
        return [[seen_row(part, row) for row in rows] for rows in each]

    found = yield from lockstep([rows_in(schema.at(number)) for number in numbers])
    return [row for of_value in zip(*found, strict=True) for rows in of_value for row in rows]


def _load_from_directory(
    schema: Schema, columns: tuple[str, ...], values: Sequence[bytes]
) -> Operation[list[Row]]:
    """Return the rows with unique values, which a directory says where to find."""
    assert schema.placement is not None
    partitions, part = partitions_of(schema.placement.group), schema.at(0)
    key = part.keys.unique(columns)
    found = yield from lockstep([find_unique(partitions, 0, part, key, value) for value in values])
    return [
        seen_row(schema.at(one.partition), Row(one.id, one.stored))
        for one in found
        if one is not None
    ]
