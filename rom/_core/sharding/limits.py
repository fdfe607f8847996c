"""Declarations that a model over partitions cannot have, each refused with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rom.exceptions import ColumnError

_SETTINGS: Final = ('_shards', '_shard_by', '_shard_with')


def check_limits(schema: Any) -> None:
    """Raise ColumnError for a declaration that partitions do not support."""
    for what in _objections(schema):
        raise ColumnError(f'{schema.name} has _shards: {what}')


def _objections(schema: Any) -> Iterator[str]:
    if schema.keep_index_data:
        yield '_keep_index_data is for data that rom 1.x writes as well; leave it out'
    if schema.columns[schema.primary].index:
        yield (
            f'the primary key {schema.primary!r} has index=True; leave it out: filters and orders '
            'of ids need no index'
        )


def join_group(schema: Any, models: Mapping[str, Any]) -> None:
    """Note that a model belongs to its group.

    Raises:
        ColumnError: another model declares the group with another number of partitions.
    """
    own = schema.placement.group
    for model in models.values():
        other = getattr(getattr(model, '_schema', None), 'placement', None)
        if other is None or model.__name__ == schema.name or other.group.name != own.name:
            continue
        if other.group.partitions != own.partitions:
            raise ColumnError(
                f'{schema.name}._shards: {own!r} has {own.partitions} partitions, and '
                f'{model.__name__} declares the group with {other.group.partitions}; use one '
                'Shards object for all models of a group'
            )
    own._members.add(schema)


def objection_to_settings(name: str, body: Mapping[str, object]) -> str | None:
    """Return the objection to a class of a front end that has settings of partitions; or None."""
    found = next((setting for setting in _SETTINGS if setting in body), None)
    if found is None:
        return None
    return (
        f'{name}.{found}: partitions are for rom.Model and rom.TypedModel, and this class has all '
        'of its data in one place; leave it out, or declare a rom.Model'
    )
