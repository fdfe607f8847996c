"""The hooks of entities: which there are, and their calls before and after a write."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from rom._core.model import Model
from rom._core.writes.changes import Change
from rom.exceptions import EntityDeletedError

#: The hooks that run before a write, and those that run after it.
BEFORE: Final = ('_before_insert', '_before_update')
AFTER: Final = ('_after_insert', '_after_update')

# The hook that runs after each kind of change.
_HOOKS_AFTER: Final = {
    'insert': '_after_insert',
    'update': '_after_update',
    'delete': '_after_delete',
}


class _Running(threading.local):
    """The hooks that a thread is in the middle of: ids of entities, with names.

    A hook never waits for an event loop, so no other task runs meanwhile. A context variable would
    reach the tasks that a hook starts, which run later.
    """

    def __init__(self) -> None:
        self.hooks: set[tuple[int, str]] = set()


_running = _Running()


def call_hook(entity: Model, name: str) -> None:
    """Call a hook of an entity, unless this thread is in the middle of that call.

    A hook may save, commit or delete its own entity. That write would call the hook again, and so
    on without an end.
    """
    call = id(entity), name
    if call in _running.hooks:
        return
    _running.hooks.add(call)
    try:
        getattr(entity, name)()
    finally:
        _running.hooks.discard(call)


def have_hooks(group: Iterable[Model], names: Sequence[str] = BEFORE) -> bool:
    """Return whether any of these entities' models overrides a hook."""
    models: set[type[Model]] = set(map(type, group))
    usual = [getattr(Model, name) for name in names]
    return any([getattr(model, name) for name in names] != usual for model in models)


def has_insert_hook(entity: Model) -> bool:
    """Return whether an entity is new, and has a hook before its insert."""
    return entity._new and type(entity)._before_insert is not Model._before_insert


def call_hooks_before(group: Sequence[Model], full: bool, force: bool) -> None:
    """Call the hooks that run before entities are inserted or updated.

    Raises:
        EntityDeletedError: an entity is deleted already, or a hook has deleted it.
    """
    # Most models have no hooks, and a commit may have very many entities.
    are_called = len(group) == 1 or have_hooks(group)
    for entity in group:
        if entity._deleted and not force:  # perhaps by the hook of an earlier one
            raise deleted_error(entity)
        if not are_called:
            continue
        if entity._new:
            call_hook(entity, '_before_insert')
        elif full or force or entity._modified:
            call_hook(entity, '_before_update')


def call_hook_after(entity: Model, change: Change) -> None:
    """Call the hook that runs after this kind of change."""
    call_hook(entity, _HOOKS_AFTER[change.kind])


def has_delete_hook(model: type[Model]) -> bool:
    """Return whether a model has a hook before or after a delete."""
    return (
        model._before_delete is not Model._before_delete
        or model._after_delete is not Model._after_delete
    )


def deleted_error(entity: Model) -> EntityDeletedError:
    """Return the error for a write of a deleted entity."""
    return EntityDeletedError(
        f'{entity._key} was deleted; {entity._way_back}',
        entity._namespace,
        entity._id,
    )
