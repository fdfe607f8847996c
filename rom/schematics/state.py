"""States: the data that this package keeps with an object, beside its fields.

An object is a plain schematics model. Its state holds its stored parts as last read or written, and
the objects that were read with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from rom.schematics.layers.base import Raw

_NAME = '_rom_state'


class ObjectState:
    """ObjectState of one object.

    Attributes:
        seen: the parts as last read or written; None if the object is not known to be stored.
        pk: the primary key of these parts.
        group: the objects that were read together with this one.
        references: the loaded references by field, each with the primary key and the object.
    """

    __slots__ = ('group', 'pk', 'references', 'seen')

    def __init__(self) -> None:
        self.seen: Raw | None = None
        self.pk: str | None = None
        self.group: PrefetchGroup | None = None
        self.references: dict[str, tuple[str, Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy was not read together with other objects, so it gets neither group nor references.
        return _unpickled, (self.seen, self.pk)

    def stored(self, pk: str | None, seen: Raw | None) -> None:
        """Set the stored parts and their primary key."""
        self.pk, self.seen = pk, seen

    def seen_as(self, pk: str) -> Raw | None:
        """Return the parts stored under this primary key, or None if they had another one."""
        return self.seen if self.pk == pk else None


def _unpickled(seen: Raw | None, pk: str | None) -> ObjectState:
    state = ObjectState()
    state.stored(pk, seen)
    return state


def state_of(instance: Any) -> ObjectState:
    """Return the state of an object; made on first access."""
    found: ObjectState | None = instance.__dict__.get(_NAME)
    if found is None:
        found = instance.__dict__[_NAME] = ObjectState()
    return found


class PrefetchGroup:
    """Weak references to objects that were read together."""

    __slots__ = ('_members',)

    def __init__(self, members: Iterable[Any]) -> None:
        self._members = [weakref.ref(member) for member in members]

    def members(self) -> list[Any]:
        """Return the objects that are still alive."""
        return [member for ref in self._members if (member := ref()) is not None]
