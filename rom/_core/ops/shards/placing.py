"""Placing: the changes of a commit in terms of the partitions that carry them out. Pure.

A session knows rows by their global ids. A commit is a script of one partition, with its keys and
local ids. `located` turns one into the other, and is the only function that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rom._core.encoding.text import show
from rom._core.schema import Schema
from rom._core.sharding.placement import Placement
from rom._core.writes.changes import Change
from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation

if TYPE_CHECKING:
    from rom._core.sharding.shards import Shards

T = TypeVar('T')
#: Stands for the namespace of models without partitions.
_OUTSIDE: Final = -1


def located(changes: Sequence[Change]) -> list[Change]:
    """Return the changes of a commit in terms of their partitions; others as they are.

    New rows that may be in any partition go to one of the other changes, or to the next one.

    Raises:
        InvalidColumnValue: a new row lacks the value that decides its partition, or a change sets
            another one.
        InvalidOperation: the changes are of several groups, or of models without partitions too.
        ColumnError: `_shard_with` leads to another group.
    """
    for change in changes:
        if change.schema.placement is not None:
            return _in_partitions_of(changes)
    return list(changes)


def _in_partitions_of(changes: Sequence[Change]) -> list[Change]:
    numbers = [_number_of(change) for change in changes]
    known = {number for number in numbers if number is not None}
    groups = {of.group._key for each in changes if (of := each.schema.placement) is not None}
    if _OUTSIDE in known or len(groups) > 1:
        raise _groups_error(changes)
    free = min(known) if known else next_partition(changes[0].schema)
    pairs = zip(changes, numbers, strict=True)
    return [_at(change, free if number is None else number) for change, number in pairs]


def next_partition(schema: Schema) -> int:
    """Return the partition of new rows that may be in any."""
    assert schema.placement is not None
    return schema.placement.group._next_partition()


def _groups_error(changes: Sequence[Change]) -> InvalidOperation:
    """Return the error for a commit that no transaction of one group can carry out."""
    each = {
        change.schema.name: 'no group' if of is None else f'the group {of.group.name!r}'
        for change in changes
        for of in (change.schema.placement,)
    }
    where = ', '.join(f'{name} is in {what}' for name, what in list(each.items())[:4])
    remedy = 'Save them one after the other, or give the models the same rom.Shards'
    if any(change.kind == 'delete' for change in changes):
        remedy = (
            'A delete also changes the rows that refer to the deleted one: give the models the '
            'same rom.Shards; or change those rows first, or declare on_delete="no action"'
        )
    return InvalidOperation(
        'one commit has rows of models that do not share their partitions '
        f'({where}); nothing was written. {remedy}'
    )


def _number_of(change: Change) -> int | None:
    """Return the partition of a change; None: any."""
    schema = change.schema
    placement = schema.placement
    if placement is None:
        return _OUTSIDE
    if change.kind != 'delete':
        _check_neighbour(schema)
        _check_decider(change)
    if change.id is not None:
        return placement.group.partition_of(change.id)
    return placement.number_of(schema, change.wanted)


@lru_cache(maxsize=256)
def _check_neighbour(schema: Schema) -> None:
    """Raise ColumnError if `_shard_with` leads to a model that is not in the same group."""
    placement = schema.placement
    if placement is None or placement.beside is None:
        return
    column: Any = schema.columns[placement.beside]
    target = column.get_related_model()
    other = target._schema.placement
    if other is None or other.group._key != placement.group._key:
        raise ColumnError(
            f'{schema.name}._shard_with: {placement.beside!r} refers to {target.__name__}, which '
            f'is not in the group {placement.group.name!r}, so no row can be beside it; nothing '
            f'was written. Give {target.__name__} the same rom.Shards, or use another rule'
        )


def _check_decider(change: Change) -> None:
    """Raise InvalidColumnValue for a change that would put the row into another partition."""
    schema, placement = change.schema, change.schema.placement
    assert placement is not None
    if change.id is None:
        return
    if change.kind == 'insert' and len(placement.deciders) > 1:
        placement.number_of(schema, change.wanted)
    for name in placement.deciders:
        raw, before = change.wanted.get(name), change.stored.get(name)
        if name in change.wanted and raw != before and not _stays(change, placement, name):
            raise InvalidColumnValue(
                f'{schema.name}.{name}: it decides the partition of {schema.name} {change.id}, and '
                f'cannot change from {_shown(before)} to {_shown(raw)}; nothing was written. Save '
                'a copy with the new value, and delete this entity'
            )


def _stays(change: Change, placement: Placement, name: str) -> bool:
    """Return whether a row with an id may get a value in a column that decides its partition."""
    assert change.id is not None
    raw = change.wanted[name]
    if raw is None:
        return name == placement.beside  # the row stays where it is, without its neighbour
    is_first = change.kind == 'insert' or (placement.is_tree and name not in change.stored)
    if name != placement.beside and not is_first:
        return False
    number = placement.number_at(change.schema, name, raw)
    return number == placement.group.partition_of(change.id)


def _shown(raw: bytes | None) -> str:
    return 'None' if raw is None else show(raw.decode('utf-8', 'replace'))


def _at(change: Change, number: int) -> Change:
    """Return a change in terms of a partition."""
    part = change.schema.at(number)
    id = None if change.id is None else part.local_id(change.id)
    return change._replace(schema=part, id=id, stored=_inside(part, change.stored))


def _inside(part: Schema, stored: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return the values of a row as the partition stores them: with its local id."""
    raw = stored.get(part.primary)
    if raw is None:
        return stored
    return {**stored, part.primary: b'%d' % part.local_id(int(raw))}


def seen_after(change: Change, id: int, stored: dict[str, bytes]) -> tuple[int, dict[str, bytes]]:
    """Return the id and the values of a written row as programs see them.

    Args:
        change: the located change.
        id: its id in the partition.
        stored: the values that are known to be stored now.
    """
    if change.schema.part is None:
        return id, stored
    id = change.schema.part.global_id(id)
    return id, {**stored, change.schema.primary: b'%d' % id}


def by_partition(schema: Schema, items: Iterable[T], id_of: Callable[[T], int]) -> list[list[T]]:
    """Return items in groups of one partition each; all in one group without partitions.

    Args:
        schema: the schema of the model.
        items: ids, or what has one.
        id_of: returns the id of an item.
    """
    if schema.placement is None:
        own = list(items)
        return [own] if own else []
    return list(by_number(schema.placement.group, items, id_of).values())


def by_number(shards: Shards, items: Iterable[T], id_of: Callable[[T], int]) -> dict[int, list[T]]:
    """Return items by the number of their partition; `by_partition` has the arguments."""
    groups: dict[int, list[T]] = {}
    for item in items:
        groups.setdefault(shards.partition_of(id_of(item)), []).append(item)
    return groups
