"""The identity map: which entities a session knows. One row, one object.

Entities are held strongly until the next commit, and weakly from then on, so that one that the
program still has is found again, and one that it has dropped goes. New entities without an id have
no key yet, and are held in the order they were made.

A weak reference costs as much as all else that is done to know an entity, and many are forgotten
before they are ever held weakly: so each gets its own when it is let go of.

A commit looks at what may have changed, and not at all that is known. So an entity is *pending*,
and held strongly, from its making, its first change, or the first look at a value that can change
in place, until a commit has found it clean and the program has no part of such a value any more:
who wants to change it then has to read it once more, and that is noticed.

An entity of one session may be pending in another one too, which is then its host: whichever of
them commits first writes it. See `rom._core.sessions.base`.

A null session knows nothing more: each read makes a new object, and what changed must be saved by
itself. What it knew before stays known, and is still found.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from rom._core.sessions.refresh import renew
from rom._core.sessions.value_sharing import is_shared
from rom._core.sessions.write_turns import Turns
from rom._core.support.clock import elapsed
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from rom._core.model import Model
    from rom._core.ops.rows import Row


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


class Pending(dict[int, 'Model']):
    """Entities by `id`, which the next commit looks at; and a round, which ends when one leaves.

    Who was here in this round still is. So an entity that is set again, and knows the round in
    which it came, need not be looked up.
    """

    __slots__ = ('round',)

    def __init__(self) -> None:
        self.round = object()

    def pop(self, key: int, default: Any = None) -> Any:
        """Take an entity out."""
        found = dict.pop(self, key, default)
        self.round = object()
        return found

    def clear(self) -> None:
        """Take all out."""
        dict.clear(self)
        self.round = object()


class IdentityMap:
    """The entities of one session.

    Attributes:
        known: those held strongly, by the key of their row.
        unsaved: new ones without an id, in the order of their creation.
        has_strays: some that are pending may not be what is known of their rows.
        pending: those that the next commit looks at, by `id`: changed, or looked into.
        null: it knows nothing more; None: as is the default.
        turns: who writes of those that share it.
    """

    def __init__(self) -> None:
        self.null: bool | None = None
        self.turns = Turns()
        self.has_strays = False
        self.known: dict[str, Model] = {}
        self._released: weakref.WeakValueDictionary[str, Model] = weakref.WeakValueDictionary()
        self.unsaved: dict[int, Model] = {}
        self.pending = Pending()

    def add(self, entity: Model) -> None:
        """Know an entity, strongly; a null session only if it is known already."""
        if self.is_null and not self.knows(entity):
            return
        self.pending[id(entity)] = entity
        if entity._id is None:
            self.unsaved[id(entity)] = entity
        else:
            self.add_numbered((entity,))

    def add_numbered(self, entities: Iterable[Model]) -> None:
        """The same, of many entities that have ids."""
        if self.is_null:
            entities = [entity for entity in entities if self.knows(entity)]
        known, unsaved = self.known, self.unsaved
        for entity in entities:
            key = f'{entity._namespace}:{entity._id}'
            if known.get(key) is not entity:
                # In this order: an interrupt in between must not lose the entity.
                known[key] = entity
                unsaved.pop(id(entity), None)

    def hold(self, entities: Iterable[Model]) -> list[Model]:
        """Have the next commit look at entities; a null session only at those it knows.

        Returns:
            Those that it would not have looked at before.
        """
        pending, is_null, more = self.pending, self.is_null, []
        for entity in entities:
            key = id(entity)
            if key not in pending and (not is_null or self.knows(entity)):
                pending[key] = entity
                more.append(entity)
        return more

    def let_loose(self, entities: Iterable[Model]) -> None:
        """Look at these no more: nothing came of what they were held for."""
        for entity in entities:
            self.pending.pop(id(entity), None)

    def hold_stray(self, entity: Model) -> None:
        """The same, of an entity that is not known, or whose row is known as another object."""
        self.has_strays = True
        if not self.is_null:
            self.pending[id(entity)] = entity

    def has_other(self, entity: Model) -> bool:
        """Another object of this entity's row is known."""
        if entity._id is None:
            return False
        other = self.find(f'{entity._namespace}:{entity._id}')
        return other is not None and other is not entity

    def check_alone(self, entity: Model) -> None:
        """Raise InvalidOperation if another object of this entity's row has changes here."""
        if not self.has_other(entity):
            return
        other = self.find(f'{entity._namespace}:{entity._id}')
        if other is not None and other._modified:
            refuse_twin(entity)

    def adopt(
        self,
        model: type[Model],
        rows: Iterable[Row],
        session: object,
        begun: float,
        weakly: bool = False,
    ) -> list[Model]:
        """The entities of rows that were loaded: those that are known, or new objects.

        One that is known and has no changes takes the row.

        Args:
            model: whose rows they are.
            rows: in the order wanted.
            session: the one that gets to know the new ones, unless this is a null session.
            begun: when the rows were asked for.
            weakly: hold the new ones no longer than the program does.
        """
        known, namespace, make = self.known, model._namespace, model._from_row
        hold: MutableMapping[str, Model] = self._released if weakly else known
        find = self.find if self._released or weakly else known.get
        is_null, seen_at = self.is_null, elapsed()
        found = []
        for id, stored in rows:
            key = f'{namespace}:{id}'
            entity = find(key)
            if entity is None:
                entity = make(id, stored, seen_at)
                entity._session = session
                if not is_null:
                    hold[key] = entity
            elif entity._stored != stored:
                renew(entity, stored, seen_at, begun)
            else:
                entity._seen_at = seen_at
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

    def knows(self, entity: Model) -> bool:
        """This very object is known."""
        if id(entity) in self.pending or id(entity) in self.unsaved:
            return True
        return entity._id is not None and self.find(entity._pk) is entity

    def forget(self, entity: Model) -> None:
        """Know it no longer."""
        self.pending.pop(id(entity), None)
        self.unsaved.pop(id(entity), None)
        if entity._id is not None and self.find(entity._pk) is entity:
            # Of the same row, another one may have been known before.
            self.known.pop(entity._pk, None)
            self._released.pop(entity._pk, None)

    def forget_all(self) -> None:
        """Know nothing."""
        for known in (self.known, self._released, self.unsaved, self.pending):
            known.clear()
        self.has_strays = False

    def release(self) -> list[Model]:
        """Hold nothing strongly that is written; returns what other sessions hold of that.

        What a hook changed after the write is not written.
        """
        hosted = self.let_go(list(self.pending.values()))
        self._released.update(self.known)
        kept = {
            f'{entity._namespace}:{entity._id}': entity
            for entity in self.pending.values()
            if entity._id is not None
        }
        kept = {key: entity for key, entity in kept.items() if self.known.get(key) is entity}
        self.known.clear()
        self.known.update(kept)
        return hosted

    def let_go(self, entities: Iterable[Model]) -> list[Model]:
        """Let go of those that are pending and clean; returns what other sessions hold of them."""
        pending = self.pending
        clean = [
            entity
            for entity in entities
            if id(entity) in pending
            and not (entity._changed or entity._modified)
            # A value that the program has may change without being read once more.
            and not (entity._seen and is_shared(entity._values.values()))
        ]
        pop, hosted = partial(dict.pop, pending), []  # with one new round for all
        try:
            for entity in clean:
                pop(id(entity), None)
        finally:
            pending.round = object()
        for entity in clean:
            if entity._changed:  # by another thread, since it was looked at
                pending[id(entity)] = entity
            elif entity._hosts:
                hosted.append(entity)
        return hosted

    @property
    def modified(self) -> list[Model]:
        """All with changes that are not saved, the new ones last."""
        pending = list(self.pending.values())
        changed = [entity for entity in pending if entity._changed or entity._modified]
        unsaved = self.unsaved
        if not unsaved:
            return changed
        numbered = [entity for entity in changed if id(entity) not in unsaved]
        return numbered + list(unsaved.values())

    def find(self, key: str) -> Model | None:
        """The entity of a row, or None."""
        entity = self.known.get(key)
        if entity is None and self._released:
            return self._released.get(key)
        return entity

    def __iter__(self) -> Iterator[Model]:
        """All that are known, the new ones last; a copy."""
        found = {id(entity): entity for entity in (dict(self._released) | self.known).values()}
        found.update(self.pending)
        unsaved = dict(self.unsaved)
        yield from (entity for key, entity in found.items() if key not in unsaved)
        yield from unsaved.values()


def refuse_twin(entity: Model) -> NoReturn:
    """Raise the error for a second object of one row that has changes."""
    raise InvalidOperation(
        f'{entity._key}: this is the second object of one row with changes that are not saved, and '
        'one commit cannot write both. Commit or refresh(force=True) the first one, and get the '
        'entity from the session instead of keeping an object from before a rollback'
    )
