"""Checks of the arguments of a move."""

from __future__ import annotations

from typing import Any

from rom._core.encoding.text import as_bytes, show
from rom._core.ops.maintenance.arguments import checked
from rom._core.schema import Schema
from rom.exceptions import InvalidOperation


def checked_move(model: Any, into: Any, source: Any) -> Schema:
    """Return the schema of a model over all partitions, after a check of the arguments of a move.

    Args:
        model: the model.
        into: its group, or the name of it.
        source: the namespace of the rows, or None.

    Raises:
        InvalidOperation: an argument is invalid, or the rows cannot keep their ids.
    """
    schema = checked(model)
    placement = schema.placement
    if placement is None:
        raise InvalidOperation(
            f'{schema.name}: expected a model with _shards, which says where its rows are moved; '
            'add _shards = rom.Shards(...)'
        )
    own = placement.group
    if getattr(into, 'name', into) != own.name:
        raise InvalidOperation(
            f'{schema.name}: into: expected {own.name!r}, the group of the model, got {show(into)}'
        )
    if source is not None and (not isinstance(source, str) or not source):
        raise InvalidOperation(f'source: expected a namespace, got {show(source)}')
    as_bytes(source or '')
    if source in {part.keys.namespace for part in schema.parts}:
        raise InvalidOperation(
            f'source: expected a namespace without partitions, got {show(source)}, which is a '
            f'partition of {own.name!r}'
        )
    if schema.unsafe:
        raise InvalidOperation(
            f'{schema.name}: the keys of its UnsafeColumn {schema.unsafe[0]!r} cannot be moved; '
            'nothing was written. Move what they hold into columns first, or copy the entities '
            'into another model'
        )
    if placement.deciders and own.partitions > 1:
        raise InvalidOperation(
            f'{schema.name}: a row that is moved keeps its id, which names its partition, and '
            f'{placement.deciders[0]!r} may ask for another one; nothing was written. Leave out '
            '_shard_by and _shard_with, or save the rows as entities of another model'
        )
    if schema.links:
        raise InvalidOperation(
            f'{schema.name}: links of the ManyToMany {schema.links[0]!r} cannot be moved; nothing '
            'was written. Move a model of the links with two relations, or save the rows as '
            'entities of another model'
        )
    return schema
