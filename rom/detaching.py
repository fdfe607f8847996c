"""Entities apart from any session: what is pickled and copied of one, and what arrives.

What arrives remembers the row as it was loaded, and what was changed since. So it is written under
the same lock as the first one would be, whenever that is and in whatever process.
"""

from __future__ import annotations

import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from rom import current
from rom.clock import elapsed
from rom.exceptions import InvalidOperation
from rom.schema import INDEX_DATA

if TYPE_CHECKING:
    from rom.entity import Entity

# What an entity has of rom; everything else in it is the program's, and goes along as it is.
_OURS: Final = frozenset({
    '_values', '_stored', '_seen', '_related', '_changed', '_batch', '_id', '_new', '_deleted',
    '_attempt', '_place', '_seen_at', '_session', '_is_detached', '_is_draft',
    '_hosts', '_round',
})  # fmt: skip


class NoSession:
    """The session of an entity that none knows: the current one, wherever it is asked for."""

    def __get__(self, entity: object | None, owner: type) -> Any:
        return None if entity is None else current.home()


def state_of(entity: Entity) -> dict[str, Any]:
    """Return what makes an entity, without its session and without other entities.

    Those that it was given since it was loaded belong to its changes, and go along.

    Raises:
        InvalidOperation: nobody knows yet whether its last write was carried out.
    """
    if entity._attempt is not None and not entity._attempt.is_over:
        raise InvalidOperation(
            f'{entity._key}: its last write got no answer, and a copy could be written twice; '
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


def restore(entity: Entity, state: dict[str, Any]) -> None:
    """Have an object be the entity of a state; what its model no longer declares is left out."""
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
    """The time by the system's clock, which other processes have as well."""
    return time.clock_gettime(time.CLOCK_REALTIME)
