"""References between partitions: the guards of a delete, and the relations that forbid it."""

from __future__ import annotations

from collections.abc import Iterable

from rom._core.model import Model
from rom._core.ops.commits.commit import Guard
from rom._core.schema import Schema
from rom._core.sharding.placement import Part
from rom.exceptions import InvalidOperation


def check_is_beside(referring: type[Model], name: str, model: type[Model]) -> None:
    """Refuse a relation that forbids deletes, if new references may come from other partitions.

    A commit can look for new references in its own partition only.

    Raises:
        InvalidOperation: the rows of the relation are not stored beside those they refer to.
    """
    column = referring._columns[name]
    own, other = referring._schema.shards, model._schema.shards
    if own is None and other is None:
        return
    on_delete: str = getattr(column, 'on_delete', '')
    is_beside = own is not None and own.beside == name
    if is_beside or not (on_delete == 'restrict' or column.required):
        return
    why = f'on_delete={on_delete!r}' if on_delete == 'restrict' else 'required=True'
    share = own is not None and other is not None and own.shards is other.shards
    first = 'Declare' if share else 'Give both models the same rom.Shards and declare'
    raise InvalidOperation(
        f'{referring.__name__}.{name} has {why}, and may be in another partition than the '
        f'{model.__name__} to delete, where a new reference would not be seen; nothing was '
        f'deleted. {first} _shard_with = {name!r}, or on_delete="no action"'
    )


def guards_in(guards: Iterable[tuple[type[Model], Guard]], part: Part | None) -> list[Guard]:
    """Return the guards that the commit of a partition can check, in terms of its keys.

    Args:
        guards: guards with the model of the rows that refer to the deleted ones.
        part: the partition; None: the commit is of models without partitions.
    """
    if part is None:
        return [guard for model, guard in guards if model._schema.shards is None]
    return [
        _guard_at(model._schema.at(part.number), guard)
        for model, guard in guards
        if model._schema.shards is not None
    ]


def _guard_at(schema: Schema, guard: Guard) -> Guard:
    part, keys = schema.part, schema.keys
    assert part is not None
    return guard._replace(
        key=keys.scores(guard.column),
        head=keys.head,
        members=part.local_ids(guard.members),
    )
