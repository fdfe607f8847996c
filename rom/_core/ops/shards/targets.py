"""Targets: the partitions that a query asks, with the help of the directories."""

from __future__ import annotations

from typing import Any

from rom._core.ops.requests import Operation, Pipeline
from rom._core.ops.shards.asking import asked_partitions
from rom._core.ops.shards.entries import Value, read_entry
from rom._core.ops.shards.partitions import local_keys, partitions_of
from rom._core.query.nodes import InUnique
from rom._core.query.query import Query


def target_partitions(query: Query[Any]) -> Operation[list[int]]:
    """Return the numbers of the partitions that may have results, in ascending order.

    The values of a unique column are looked up in its directory, in one round trip, if they are
    fewer than the partitions to ask. An entry does not prove that there is a row, but each row has
    an entry.

    Raises:
        CorruptRowError: an entry is malformed.
    """
    numbers = asked_partitions(query)
    directed = (node for node in query.spec.where.nodes if _has_directory(query, node))
    node = next(directed, None)
    if not isinstance(node, InUnique) or len(node.values) >= len(numbers):
        return numbers
    assert query.schema.placement is not None
    partitions = partitions_of(query.schema.placement.group)
    name = node.key.removeprefix(query.schema.keys.head)
    name = partitions.name(0, query.schema.at(0).keys.head) + name
    values = [Value(0, name, value) for value in node.values]
    found = yield Pipeline(tuple(read_entry(partitions, value) for value in values))
    named = {
        partitions.entry(raw, partitions.directory(name, value)).partition
        for value, raw in zip(node.values, found, strict=True)
        if raw is not None
    }
    return sorted(named.intersection(numbers))


def _has_directory(query: Query[Any], node: object) -> bool:
    """Return whether a node asks for values that have a directory."""
    if not isinstance(node, InUnique) or node.label is None:
        return False
    part = query.schema.at(0)
    return part.keys.unique((node.label.column,)) not in local_keys(part)
