"""The identity map: which entities a session knows. One row, one object.

Entities are held strongly until the next commit, and weakly from then on, so that one that the
program still has is found again, and one that it has dropped goes. New entities without an id have
no key yet, and are held in the order they were made.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rom.model import Model


class IdentityMap:
    """The entities of one session.

    Attributes:
        known: those held strongly, by the key of their row.
        wknown: all that are known, held weakly.
        unsaved: new ones without an id, in the order of their creation.
    """

    def __init__(self) -> None:
        self.known: dict[str, Model] = {}
        self.wknown: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()
        self.unsaved: dict[int, Model] = {}

    def add(self, entity: Model) -> None:
        """Know an entity, strongly."""
        if entity._id is None:
            self.unsaved[id(entity)] = entity
        else:
            self.unsaved.pop(id(entity), None)
            self.known[entity._pk] = self.wknown[entity._pk] = entity

    def forget(self, entity: Model) -> None:
        """Know it no longer."""
        self.unsaved.pop(id(entity), None)
        if entity._id is not None:
            for known in (self.known, self.wknown):
                if known.get(entity._pk) is entity:
                    del known[entity._pk]

    def forget_all(self) -> None:
        """Know nothing."""
        self.known.clear()
        self.wknown.clear()
        self.unsaved.clear()

    def release(self) -> None:
        """Hold nothing strongly that is written. What a hook changed after that is not."""
        for key in [key for key, entity in self.known.items() if not entity._modified]:
            del self.known[key]

    def find(self, key: str) -> Model | None:
        """The entity of a row, or None."""
        return self.wknown.get(key)

    def __iter__(self) -> Iterator[Model]:
        """All that are known, the new ones last; a copy."""
        yield from list(self.wknown.values())
        yield from list(self.unsaved.values())
