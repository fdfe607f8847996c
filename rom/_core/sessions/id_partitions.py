"""The partitions whose counters give ids to new entities.

A row is in the partition that its id names. So the partition of a new entity must be known before
it gets an id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rom._core.model import Model
from rom._core.ops.shards.placing import next_partition
from rom._core.schema import Schema
from rom._core.sharding.placement import no_value_error


def by_id_partition(
    waiting: Mapping[Schema, list[Model]], group: Sequence[Model]
) -> dict[Schema, list[Model]]:
    """Return the new entities by the partition that gives them their ids.

    Entities outside the group wait: the column that decides their partition may not be set yet.
    """
    partitions = _id_partitions(group)
    found: dict[Schema, list[Model]] = {}
    for schema, entities in waiting.items():
        for entity in entities:
            part = partitions.get(id(entity), schema)
            if part.placement is None:
                found.setdefault(part, []).append(entity)
    return found


def _id_partitions(group: Sequence[Model]) -> dict[int, Schema]:
    """Return the partitions that give ids to new entities, by `id()`.

    New entities that may be in any partition go to that of the other ones in the group.
    """
    sharded = [entity for entity in group if entity._schema.placement is not None]
    known = {id(entity): _decided(entity) for entity in sharded}
    free: dict[bytes, int] = {}
    for entity in sharded:
        if (number := known[id(entity)]) is not None:
            free.setdefault(_group_of(entity), number)
    found = {}
    for entity in sharded:
        number = known[id(entity)]
        if number is None:
            group_key = _group_of(entity)
            if group_key not in free:
                free[group_key] = next_partition(entity._schema)
            number = free[group_key]
        found[id(entity)] = entity._schema.at(number)
    return found


def _group_of(entity: Model) -> bytes:
    placement = entity._schema.placement
    assert placement is not None
    return placement.group._key


def _decided(entity: Model) -> int | None:
    """Return the partition of an entity; None: it is new and may be in any."""
    met: set[int] = set()
    while id(entity) not in met:
        met.add(id(entity))
        schema, placement = entity._schema, entity._schema.placement
        assert placement is not None
        if entity._id is not None:
            return placement.group.partition_of(entity._id)
        names = [name for name in placement.deciders if entity._values.get(name) is not None]
        if not names:
            if placement.needed is not None:
                raise no_value_error(schema, placement.needed)
            return None
        value = entity._values[names[0]]
        if names[0] == placement.by:
            column = schema.columns[names[0]]
            return placement.number_by(column, column.encode(value))
        if not isinstance(value, Model):
            return placement.group.partition_of(value.id)
        entity = value
    return None  # new rows that refer to each other
