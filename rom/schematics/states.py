"""States: what is remembered of an object beside its fields.

An object is a plain schematics model; what this package knows of it is in one place: how it was
stored when it was read or written last, and with which others it was read.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from rom.schematics.layers.base import Raw

_NAME = '_rom_state'


class State:
    """What is remembered of one object.

    Attributes:
        seen: its parts as they were read or written last; None: it is not known to be stored.
        pk: the primary key that they were stored under.
        batch: the objects that were read together with it.
        references: what its references referred to when they were read, by field: the primary key
            and the object.
    """

    __slots__ = ('batch', 'pk', 'references', 'seen')

    def __init__(self) -> None:
        self.seen: Raw | None = None
        self.pk: str | None = None
        self.batch: Batch | None = None
        self.references: dict[str, tuple[str, Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy, or what comes out of a pickle, is on its own.
        return _made_again, (self.seen, self.pk)

    def stored(self, pk: str | None, seen: Raw | None) -> None:
        """Remember what is stored of the object, and under which key."""
        self.pk, self.seen = pk, seen

    def seen_as(self, pk: str) -> Raw | None:
        """What was stored under a key; None where the object was not known by it."""
        return self.seen if self.pk == pk else None


def _made_again(seen: Raw | None, pk: str | None) -> State:
    state = State()
    state.stored(pk, seen)
    return state


def state_of(instance: Any) -> State:
    """The state of an object; made when it is first asked for."""
    found: State | None = instance.__dict__.get(_NAME)
    if found is None:
        found = instance.__dict__[_NAME] = State()
    return found


class Batch:
    """Objects that were read together. It keeps none of them alive."""

    __slots__ = ('_members',)

    def __init__(self, members: Iterable[Any]) -> None:
        self._members = [weakref.ref(member) for member in members]

    def members(self) -> list[Any]:
        """Those that are still in use."""
        return [member for ref in self._members if (member := ref()) is not None]
