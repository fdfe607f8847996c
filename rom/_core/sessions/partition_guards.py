"""References between partitions: the guards of a delete, and the relations that forbid it."""

from __future__ import annotations

from collections.abc import Iterable

from rom._core.model import Model
from rom._core.ops.commits.commit import Guard
from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import InvalidOperation


def check_is_beside(referring: type[Model], name: str, model: type[Model]) -> None:
    """Refuse a relation that forbids deletes, if new references may come from other partitions.

    A commit can look for new references in its own partition only.

    Raises:
        InvalidOperation: the rows of the relation are not stored beside those they refer to.
    """
    column = referring._columns[name]
    own, other = referring._schema.placement, model._schema.placement
    if own is None and other is None:
        return
    on_delete: str = getattr(column, 'on_delete', '')
    is_beside = own is not None and own.beside == name
    if is_beside or not (on_delete == 'restrict' or column.required):
        return
    why = f'on_delete={on_delete!r}' if on_delete == 'restrict' else 'required=True'
    share = own is not None and other is not None and own.group is other.group
    first = 'Declare' if share else 'Give both models the same rom.Shards and declare'
    raise InvalidOperation(
        f'{referring.__name__}.{name} has {why}, and may be in another partition than the '
        f'{model.__name__} to delete, where a new reference would not be seen; nothing was '
        f'deleted. {first} _shard_with = {name!r}, or on_delete="no action"'
    )


def guards_in(
    guards: Iterable[tuple[type[Model], Guard]], changes: Iterable[Change]
) -> list[Guard]:
    """Return the guards that a commit checks, in terms of the keys of its partitions.

    Those of relations are checked in the partitions that the commit writes to. Those of links are
    checked in all partitions, which takes a request for each.

    Args:
        guards: guards with the model of the rows that refer to the deleted ones.
        changes: the changes of the commit, in terms of their partitions.
    """
    written = {part.number: part for change in changes if (part := change.schema.part) is not None}
    if not written:
        return [guard for model, guard in guards if model._schema.placement is None]
    group = next(iter(written.values())).whole.placement.group
    found = []
    for model, guard in guards:
        placement = model._schema.placement
        if placement is not None and placement.group._key == group._key:
            numbers = range(group.partitions) if guard.is_links else written
            found += [_guard_at(model._schema, number, guard) for number in numbers]
    return found


def _guard_at(whole: Schema, number: int, guard: Guard) -> Guard:
    """Return a guard in terms of a partition."""
    schema = whole.at(number)
    assert schema.part is not None
    return guard._replace(
        key=schema.keys.head + guard.key.removeprefix(whole.keys.head),
        head=schema.keys.head,
        members=schema.part.local_ids(guard.members),
    )
