"""The identity map: which entities a session knows. One row, one object.

Entities are held strongly until the next commit, and weakly from then on, so that one that the
program still has is found again, and one that it has dropped goes. New entities without an id have
no key yet, and are held in the order they were made.

A weak reference costs as much as all else that is done to know an entity, and many are forgotten
before they are ever held weakly: so each gets its own when it is let go of.

A null session knows nothing more: each read makes a new object, and what changed must be saved by
itself. What it knew before stays known, and is still found.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rom.clock import elapsed

if TYPE_CHECKING:
    from rom.model import Model
    from rom.ops.rows import Row


_null_by_default = False


def use_null_session() -> None:
    """Have sessions know no further entities, except those told otherwise by `null_session`.

    For programs that read much and once. Entities then have to be saved one by one: ``commit()``
    does not find them.

    Example::

        rom.util.use_null_session()
    """
    global _null_by_default
    _null_by_default = True


def use_rom_session() -> None:
    """Have sessions know their entities again, as they do from the start.

    Example::

        rom.util.use_rom_session()
    """
    global _null_by_default
    _null_by_default = False


class IdentityMap:
    """The entities of one session.

    Attributes:
        known: those held strongly, by the key of their row.
        unsaved: new ones without an id, in the order of their creation.
        null: it knows nothing more; None: as is the default.
    """

    def __init__(self) -> None:
        self.null: bool | None = None
        self.known: dict[str, Model] = {}
        self._released: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()
        self.unsaved: dict[int, Model] = {}

    def add(self, entity: Model) -> None:
        """Know an entity, strongly; a null session only if it is known already."""
        if self.is_null and not self._knows(entity):
            return
        if entity._id is None:
            self.unsaved[id(entity)] = entity
        else:
            self.add_numbered((entity,))

    def add_numbered(self, entities: Iterable[Model]) -> None:
        """The same, of many entities that have ids."""
        if self.is_null:
            entities = [entity for entity in entities if self._knows(entity)]
        known, unsaved = self.known, self.unsaved
        for entity in entities:
            key = f'{entity._namespace}:{entity._id}'
            if known.get(key) is not entity:
                # In this order: an interrupt in between must not lose the entity.
                known[key] = entity
                unsaved.pop(id(entity), None)

    def adopt(self, model: type[Model], rows: Iterable[Row], session: object) -> list[Model]:
        """The entities of rows that were loaded: those that are known, or new objects.

        Args:
            model: whose rows they are.
            rows: in the order wanted.
            session: the one that gets to know the new ones, unless this is a null session.
        """
        known, namespace, make = self.known, model._namespace, model._from_row
        find = self.find if self._released else known.get
        is_null, seen_at = self.is_null, elapsed()
        found = []
        for id, stored in rows:
            key = f'{namespace}:{id}'
            entity = find(key)
            if entity is None:
                entity = make(id, stored, seen_at)
                entity._session = session
                if not is_null:
                    known[key] = entity
            found.append(entity)
        return found

    @property
    def wknown(self) -> weakref.WeakValueDictionary[str, Model]:
        """All that are known by now, held weakly, by the key of their row."""
        self._released.update(self.known)
        return self._released

    @property
    def is_empty(self) -> bool:
        """It knows no entity that has an id."""
        return not (self.known or self._released)

    @property
    def is_null(self) -> bool:
        """Nothing more is to be known."""
        return _null_by_default if self.null is None else self.null

    def _knows(self, entity: Model) -> bool:
        if id(entity) in self.unsaved:
            return True
        return entity._id is not None and self.find(entity._pk) is entity

    def forget(self, entity: Model) -> None:
        """Know it no longer."""
        self.unsaved.pop(id(entity), None)
        if entity._id is not None and self.find(entity._pk) is entity:
            # Of the same row, another one may have been known before.
            self.known.pop(entity._pk, None)
            self._released.pop(entity._pk, None)

    def forget_all(self) -> None:
        """Know nothing."""
        self.known.clear()
        self._released.clear()
        self.unsaved.clear()

    def release(self) -> None:
        """Hold nothing strongly that is written. What a hook changed after that is not."""
        self._released.update(self.known)
        modified = {key: entity for key, entity in self.known.items() if entity._modified}
        self.known.clear()
        self.known.update(modified)

    def find(self, key: str) -> Model | None:
        """The entity of a row, or None."""
        entity = self.known.get(key)
        if entity is None and self._released:
            return self._released.get(key)
        return entity

    def __iter__(self) -> Iterator[Model]:
        """All that are known, the new ones last; a copy."""
        yield from (dict(self._released) | self.known).values()
        yield from list(self.unsaved.values())
