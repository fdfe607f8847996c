"""The identity map: the entities that a session tracks, one object for each row.

Entities are held strongly until the next commit, and weakly after it: an entity that the program
still uses is found again, and one that it has dropped is freed. New entities without an id have no
key yet, and are held in the order of their creation.

Making a weak reference costs as much as the rest of tracking an entity, and many entities are
forgotten before they are held weakly. So the reference is made when the entity is released, and
the dictionary of such references when the first one is made.

A commit compares only entities that may have changed, not all tracked ones. Such an entity is
*pending*, and held strongly. It becomes pending when it is made, at its first change, or when the
program first reads a value that can change in place. It remains so until a commit finds it clean
and the program holds no part of such a value. To change the value after that, the program must read
it again, which makes the entity pending again.

An entity of one session may also be pending in another one, which is then its host: the first of
them to commit writes it. See `rom._core.sessions.base`.

A null session tracks no further entities: each read makes a new object, and changes must be saved
one by one. Entities from before stay tracked, and are still found.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from rom._core.sessions.refresh import is_shared, renew
from rom._core.sessions.write_order import WriteQueue
from rom._core.support.clock import elapsed
from rom._core.support.public_names import publish
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from rom._core.model import Model
    from rom._core.ops.rows import Row


_null_by_default = False
# Stands for the dictionary of weak references of a map that has released no entity.
_NONE: Final[Mapping[str, Model]] = MappingProxyType({})


def use_null_session() -> None:
    """Make sessions track no further entities, unless their `null_session` says otherwise.

    For programs that read much and once. Entities must then be saved one by one, because
    ``commit()`` does not find them.

    Example::

        rom.util.use_null_session()
    """
    global _null_by_default
    _null_by_default = True


def use_rom_session() -> None:
    """Make sessions track their entities again, which is the default.

    Example::

        rom.util.use_rom_session()
    """
    global _null_by_default
    _null_by_default = False


class Pending(dict[int, 'Model']):
    """Entities by `id` that the next commit compares, with a *round* that ends when one leaves.

    An entity keeps the round in which it was added. While that round lasts it is still pending,
    so that setting another value needs no look-up.
    """

    __slots__ = ('round',)

    def __init__(self) -> None:
        self.round = object()

    def pop(self, key: int, default: Any = None) -> Any:
        """Remove an entity, and end the round."""
        found = dict.pop(self, key, default)
        self.round = object()
        return found

    def clear(self) -> None:
        """Remove all entities, and end the round."""
        dict.clear(self)
        self.round = object()


class IdentityMap:
    """The entities of one session.

    Attributes:
        known: entities held strongly, by the key of their row.
        unsaved: new ones without an id, in the order of their creation.
        has_strays: some pending entities may not be the tracked objects of their rows.
        pending: entities that the next commit compares, by `id`: changed, or read values of them.
        null: whether this is a null session; None: the default applies.
        write_queue: the queue of the writes of all threads and tasks that share the session.
    """

    # Until the first entity is released.
    _released: Mapping[str, Model] = _NONE

    def __init__(self) -> None:
        self.null: bool | None = None
        self.write_queue = WriteQueue()
        self.has_strays = False
        self.known: dict[str, Model] = {}
        self.unsaved: dict[int, Model] = {}
        self.pending = Pending()

    def add(self, entity: Model) -> None:
        """Hold an entity strongly; a null session does so only if it tracks the entity already."""
        if self.is_null and not self.knows(entity):
            return
        self.pending[id(entity)] = entity
        if entity._id is None:
            self.unsaved[id(entity)] = entity
        else:
            self.add_numbered((entity,))

    def add_numbered(self, entities: Iterable[Model]) -> None:
        """Hold many entities strongly that have ids, as `add` does."""
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
        """Make entities pending; a null session does so only for those that it tracks.

        Returns:
            The entities that were not pending before.
        """
        pending, is_null, more = self.pending, self.is_null, []
        for entity in entities:
            key = id(entity)
            if key not in pending and (not is_null or self.knows(entity)):
                pending[key] = entity
                more.append(entity)
        return more

    def let_loose(self, entities: Iterable[Model]) -> None:
        """Make entities no longer pending, because the write they were held for failed."""
        for entity in entities:
            self.pending.pop(id(entity), None)

    def hold_stray(self, entity: Model) -> None:
        """Make an entity pending that is untracked, or whose row is tracked as another object."""
        self.has_strays = True
        if not self.is_null:
            self.pending[id(entity)] = entity

    def check_alone(self, entity: Model) -> None:
        """Raise InvalidOperation if another object of this entity's row has changes here."""
        if entity._id is None:
            return
        other = self.find(f'{entity._namespace}:{entity._id}')
        if other is not None and other is not entity and other._modified:
            refuse_twin(entity)

    def adopt(
        self,
        model: type[Model],
        rows: Iterable[Row],
        session: object,
        begun: float,
        weakly: bool = False,
    ) -> list[Model]:
        """Return the entities of loaded rows: the tracked ones, or new objects.

        A tracked entity without changes takes over the row.

        Args:
            model: the model of the rows.
            rows: in the order of the result.
            session: the session that tracks the new entities, unless this is a null session.
            begun: when the rows were requested, in seconds of `elapsed`.
            weakly: hold the new entities weakly from the start.
        """
        known, namespace, make = self.known, model._namespace, model._from_row
        hold: MutableMapping[str, Model] = self._held_weakly() if weakly else known
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

    def _held_weakly(self) -> weakref.WeakValueDictionary[str, Model]:
        """Return the dictionary of weak references; make it at its first use."""
        if self._released is _NONE:
            # Another thread may make one at the same time: both get the same.
            self.__dict__.setdefault('_released', weakref.WeakValueDictionary())
        return cast('weakref.WeakValueDictionary[str, Model]', self._released)

    @property
    def wknown(self) -> weakref.WeakValueDictionary[str, Model]:
        """The tracked entities that have an id, held weakly, by the key of their row."""
        released = self._held_weakly()
        released.update(self.known)
        return released

    @property
    def is_empty(self) -> bool:
        """True if no tracked entity has an id."""
        return not (self.known or self._released)

    @property
    def tracks_nothing(self) -> bool:
        """True if no entity is tracked, new or not."""
        return not (self.known or self.pending or self.unsaved or self._released)

    @property
    def is_null(self) -> bool:
        """True if no further entities are tracked."""
        return _null_by_default if self.null is None else self.null

    def holds(self, entity: Model) -> bool:
        """Return whether it holds this very object strongly as the entity of its row."""
        return self.known.get(f'{entity._namespace}:{entity._id}') is entity

    def knows(self, entity: Model) -> bool:
        """Return whether this very object is tracked."""
        if id(entity) in self.pending or id(entity) in self.unsaved:
            return True
        return entity._id is not None and self.find(entity._pk) is entity

    def forget(self, entity: Model) -> None:
        """Stop tracking an entity."""
        self.pending.pop(id(entity), None)
        self.unsaved.pop(id(entity), None)
        if entity._id is not None and self.find(entity._pk) is entity:
            # Another object of the same row may be tracked: leave that one alone.
            self.known.pop(entity._pk, None)
            if self._released:
                self._held_weakly().pop(entity._pk, None)

    def forget_all(self) -> None:
        """Stop tracking all entities."""
        for known in (self.known, self.unsaved, self.pending):
            known.clear()
        if self._released:
            self._held_weakly().clear()
        self.has_strays = False

    def release(self) -> list[Model]:
        """Hold written entities only weakly; return those of them that have host sessions.

        Entities that a hook changed after the write are not written yet, and are kept.
        """
        hosted = self.let_go(list(self.pending.values()))
        self._held_weakly().update(self.known)
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
        """Make clean entities no longer pending; return those of them that have host sessions."""
        pending = self.pending
        clean = [
            entity
            for entity in entities
            if id(entity) in pending
            and not (entity._changed or entity._modified)
            # The program holds a part of a value, and may change it without reading it again.
            and not (entity._seen and is_shared(entity._values.values()))
        ]
        pop, hosted = partial(dict.pop, pending), []  # one new round for all of them, below
        try:
            for entity in clean:
                pop(id(entity), None)
        finally:
            pending.round = object()
        for entity in clean:
            if entity._changed:  # by another thread, after the test above
                pending[id(entity)] = entity
            elif entity._hosts:
                hosted.append(entity)
        return hosted

    def leave_hosts(self, entities: Iterable[Model]) -> None:
        """Remove entities of this map, now written or forgotten, from their host sessions."""
        for entity in entities:
            if entity._hosts and entity._session._identity is self:
                for host in entity._hosts:
                    host._identity.pending.pop(id(entity), None)
                entity._hosts = ()

    @property
    def modified(self) -> list[Model]:
        """The entities with unsaved changes, the new ones last."""
        pending = list(self.pending.values())
        changed = [entity for entity in pending if entity._changed or entity._modified]
        unsaved = self.unsaved
        if not unsaved:
            return changed
        numbered = [entity for entity in changed if id(entity) not in unsaved]
        return numbered + list(unsaved.values())

    def find(self, key: str) -> Model | None:
        """Return the entity of a row, or None."""
        entity = self.known.get(key)
        if entity is None and self._released:
            return self._released.get(key)
        return entity

    def __iter__(self) -> Iterator[Model]:
        """Iterate over a copy of all tracked entities, the new ones last."""
        found = {id(entity): entity for entity in (dict(self._released) | self.known).values()}
        found.update(self.pending)
        unsaved = dict(self.unsaved)
        yield from (entity for key, entity in found.items() if key not in unsaved)
        yield from unsaved.values()


def refuse_twin(entity: Model) -> NoReturn:
    """Raise the error for a second changed object of one row."""
    raise InvalidOperation(
        f'{entity._key}: this is the second object of one row with changes that are not saved, and '
        'one commit cannot write both. Commit or refresh(force=True) the first one, and get the '
        'entity from the session instead of keeping an object from before a rollback'
    )


publish('rom.util', use_null_session, use_rom_session)
