"""Detached entities: the state that pickle and copy take of an entity, and how they restore it.

A restored entity knows the row as it was loaded, and the changes since then. So a commit of it, in
any process and at any time, detects other writers as a commit of the original does.
"""

from __future__ import annotations

import time
from copy import deepcopy
from typing import Any, Final

from rom._core import session_context
from rom._core.schema import INDEX_DATA
from rom._core.support.clock import elapsed
from rom.exceptions import InvalidOperation

# The attributes of rom in an entity; all others are the program's, and are copied unchanged.
_OURS: Final = frozenset({
    '_values', '_stored', '_seen', '_related', '_changed', '_batch', '_id', '_new', '_deleted',
    '_attempt', '_place', '_seen_at', '_session', '_is_detached', '_is_draft',
    '_hosts', '_round',
})  # fmt: skip


class NoSession:
    """Descriptor for the session of a detached entity: the current one at each access."""

    def __get__(self, entity: object | None, owner: type) -> Any:
        return None if entity is None else session_context.home()


def state_of(entity: Any) -> dict[str, Any]:
    """Return the state of an entity, without its session and without loaded relations.

    Relations that were assigned since it was loaded belong to its changes, and are included.

    Raises:
        InvalidOperation: its last write is in doubt.
    """
    if entity._attempt is not None and not entity._attempt.is_over:
        raise InvalidOperation(
            f'{entity._key}: its last write is in doubt, so a copy could be written twice; '
            'save() it to find out, then pickle or copy it'
        )
    schema, seen_at = entity._schema, entity._seen_at
    values = {
        name: deepcopy(value) if name in schema.mutable else value
        for name, value in entity._values.items()
        if name in entity._changed or name not in schema.relations
    }
    return {
        'id': entity._id,
        'new': entity._new,
        'deleted': entity._deleted,
        'stored': dict(entity._stored),
        'seen': dict(entity._seen),
        'values': values,
        'changed': entity._changed,
        'seen at': None if seen_at is None else _now() - (elapsed() - seen_at),
        'own': {name: value for name, value in vars(entity).items() if name not in _OURS},
    }


def restore(entity: Any, state: dict[str, Any]) -> None:
    """Make an object the entity of a state, without columns that its model no longer declares."""
    names = entity._schema.columns.keys() | {INDEX_DATA}
    stored, seen, values = (
        {name: value for name, value in state[part].items() if name in names}
        for part in ('stored', 'seen', 'values')
    )
    age = None if state['seen at'] is None else max(_now() - state['seen at'], 0.0)
    entity._begin(state['id'], stored, None if age is None else elapsed() - age)
    entity._new, entity._deleted = state['new'], state['deleted']
    entity._seen, entity._values = seen, values
    entity._changed = frozenset(state['changed'] & names)
    entity._is_draft, entity._is_detached = entity._new, True
    vars(entity).update(state['own'])


def _now() -> float:
    """Return the time of the system's clock, which is the same in other processes."""
    return time.clock_gettime(time.CLOCK_REALTIME)
