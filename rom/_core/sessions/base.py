"""The base of both sessions: adding entities to a session, and removing them.

A change is written by the next commit of the session in which it is made, whichever session loaded
the entity. So a change brings the entity to the current session. If another session tracks the
entity, that session keeps it, because a thread may change an entity that another thread commits.
The current session is then its *host*, and the first of the two to commit writes it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.sessions import unwritten_warning
from rom._core.sessions.flush import Flusher
from rom._core.sessions.identity_map import IdentityMap
from rom._core.sessions.loading import Loader
from rom._core.sessions.parts import SessionRef, check_entity, flat
from rom._core.sessions.query_runner import QueryRunner
from rom._core.sessions.relation_loading import RelationLoader
from rom._core.support.descriptors import made_once
from rom.exceptions import ORMError

if TYPE_CHECKING:
    from rom._core.entered_session import Entered
    from rom._core.sessions.bulk_update import BulkUpdater
    from rom._core.sessions.deletion import Deleter
    from rom._core.sessions.expiry import Expirer

_moments: Final = count()


class SessionBase:
    """The identity map of a session with its methods that need no server, and the other parts."""

    is_async = False
    _connection: Any  # the client for all models; None: that of each model
    _entered: list[Entered]
    _replicas = False  # replicas may answer what only reads
    _durable = 0  # the number of replicas that each commit waits for
    # The own session of the thread or task whose context was copied for this session's.
    _before: weakref.ref[Any] | None = None
    # Positions in one sequence over all sessions: when it was made, and when it was entered.
    _entered_at = 0

    def __init__(self) -> None:
        self._made_at = next(_moments)
        self._identity = IdentityMap()
        unwritten_warning.note_session(self)

    # The parts, each made at its first use, because many sessions are made for one request. The
    # modules of those that few programs need are imported then.

    @made_once
    def _loader(self) -> Loader:
        return Loader(self._identity, self._weakly())

    @made_once
    def _relations(self) -> RelationLoader:
        return RelationLoader(self._loader, self._weakly())

    @made_once
    def _queries(self) -> QueryRunner:
        return QueryRunner(self._identity, self._loader, self._relations, self.is_async)

    @made_once
    def _flusher(self) -> Flusher:
        return Flusher(self._identity, self._relations, self._weakly(), self.is_async)

    @made_once
    def _deleter(self) -> Deleter:
        from rom._core.sessions.deletion import Deleter

        return Deleter(
            self._identity,
            self._loader,
            self._queries,
            self._flusher,
            self._weakly(),
            self._connection,
        )

    @made_once
    def _updater(self) -> BulkUpdater:
        from rom._core.sessions.bulk_update import BulkUpdater

        return BulkUpdater(self._identity, self._loader, self._flusher, self._weakly())

    @made_once
    def _expirer(self) -> Expirer:
        from rom._core.sessions.expiry import Expirer

        return Expirer(self._loader, self._deleter)

    def _weakly(self) -> SessionRef:
        return cast(SessionRef, weakref.ref(self))

    def __del__(self) -> None:
        if hasattr(self, '_identity'):
            self._end()

    def _note_entering(self) -> None:
        if not self._entered:
            self._entered_at = next(_moments)

    def _end(self) -> None:
        """End the session: warn of changes that were never written, and forget all entities."""
        if self._identity.tracks_nothing:
            return  # as at the second end of a session that was entered: its `__del__`
        try:
            if self._identity.pending:
                unwritten_warning.warn_at_end(self)
        finally:  # the program may turn warnings into errors
            self.rollback()

    @property
    def known(self) -> dict[str, Model]:
        """The entities held until the next commit, by the key of their row."""
        return self._identity.known

    @property
    def wknown(self) -> Any:
        """The tracked entities, held weakly, by the key of their row."""
        return self._identity.wknown

    @property
    def null_session(self) -> bool:
        """True if the session tracks no further entities; each read makes a new object.

        ``commit()`` does not find those. Setting it affects this session alone; deleting it
        restores the default, which `rom.util.use_null_session` and `use_rom_session` set.

        Example::

            rom.session.null_session = True
        """
        return self._identity.is_null

    @null_session.setter
    def null_session(self, is_null: bool) -> None:
        self._identity.null = bool(is_null)

    @null_session.deleter
    def null_session(self) -> None:
        self._identity.null = None

    def add(self, entity: Model) -> None:
        """Track an entity in this session, and in no other one.

        Example::

            session.add(user)
        """
        check_entity(entity)
        if entity._modified:
            self._identity.check_alone(entity)
        previous = entity._session
        if entity._is_draft:
            entity._is_draft = False
        if entity._is_detached:
            entity._is_detached = False
        # In this order: an interrupt in between must not lose the entity.
        self._identity.add(entity)
        entity._session = self
        if previous is not None and previous._identity is not self._identity:
            previous._identity.forget(entity)
            for host in entity._hosts:
                if host._identity is not self._identity:
                    host._identity.pending.pop(id(entity), None)
            entity._hosts = ()

    def add_all(self, entities: Iterable[Any]) -> None:
        """Track several entities in this session.

        Args:
            entities: an iterable of entities, or of lists of them.

        Raises:
            ORMError: an item is not an entity, or *entities* is not iterable.

        Example::

            session.add_all([ann, bob])
        """
        if not isinstance(entities, Iterable):
            raise ORMError(f'add_all takes a list of entities, not {show(entities)}; see add')
        for entity in flat(entities):
            self.add(entity)

    def forget(self, entity: Model) -> None:
        """Stop tracking an entity: the next commit leaves it out.

        Example::

            session.forget(user)
        """
        check_entity(entity)
        self._identity.forget(entity)
        self._identity.leave_hosts((entity,))

    def rollback(self) -> None:
        """Forget all entities, and their unsaved changes.

        Example::

            session.rollback()
        """
        pending = list(self._identity.pending.values())
        self._identity.forget_all()
        self._identity.leave_hosts(pending)

    def _join(self, entity: Model) -> None:
        """Prepare for a change of an entity: the next commit here will write it.

        Raises:
            InvalidOperation: another object of its row has unsaved changes here.
        """
        identity, own = self._identity, entity._session
        if entity._is_draft:
            return
        if own is self and identity.holds(entity):
            identity.pending[id(entity)] = entity  # the usual case, without the checks below
            return
        identity.check_alone(entity)
        if own._identity is identity or not own._identity.knows(entity):
            identity.add(entity)
            entity._session = self
        else:
            self._be_host(entity)

    def _watch(self, entity: Model) -> None:
        """Prepare for a value that may change in place: the next commit here will compare it."""
        identity, own = self._identity, entity._session
        if entity._is_draft:
            return
        if own._identity is not identity and own._identity.knows(entity):
            self._be_host(entity)
        elif identity.knows(entity):
            identity.hold((entity,))
        elif entity._new:
            identity.add(entity)
            entity._session = self
        else:  # pending, but not tracked by its key: a read of its row must make a fresh object
            identity.hold_stray(entity)

    def _be_host(self, entity: Model) -> None:
        own = entity._session
        own._identity.hold((entity,))
        if not self._identity.is_null:
            if self not in entity._hosts:
                entity._hosts = (*entity._hosts, self)
            self._identity.pending[id(entity)] = entity
