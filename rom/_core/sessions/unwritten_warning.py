"""Warnings about changes that no commit has written, or that this one does not write.

A session that ends warns of its unwritten changes. A program also expects that its commit writes
all of its changes. Threads or tasks with sessions of their own may change different entities, which
is no reason to warn. A commit warns in these cases:

* The session was entered, but not in this context, nor in one around it. Changes that the program
  makes here belong to another session, and those made in jobs may be lost already. (FastAPI runs
  each step of a ``def`` dependency in a copy of the context, and the endpoint in another.)
* There is nothing to write, and another thread or task, whose context this one is a copy of, has
  changes in its own session.
* There is nothing to write, and the program still has a changed entity whose session has ended, so
  that no commit will write it.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from rom._core import session_context
from rom._core.support.caller_warnings import warn
from rom.exceptions import UnwrittenWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rom._core.model import Model
    from rom._core.session_protocols import SessionLike

#: The maximum number of entities that one warning names.
NAMED: Final = 5

#: The number of lost entities that are remembered, the last ones.
REMEMBERED: Final = 100


class _Lost:
    """An entity with changes that was warned of when its session ended.

    Attributes:
        made_at: when its session was made.
        text: its description for a message; the entity itself is not kept.
        is_reported: a commit has warned of it too.
    """

    __slots__ = ('_ref', 'is_reported', 'made_at', 'text')

    def __init__(self, entity: Model, made_at: int) -> None:
        self._ref = weakref.ref(entity)
        self.made_at = made_at
        self.text = described(entity)
        self.is_reported = False

    def is_there(self) -> bool:
        """Return whether the program still has the entity, and no session tracks it."""
        entity = self._ref()
        return (
            entity is not None
            and not self.is_reported
            and not entity._deleted
            and not entity._session._identity.knows(entity)
            and has_changes(entity)
        )


_lost: Final[deque[_Lost]] = deque(maxlen=REMEMBERED)
_alive: weakref.WeakSet[SessionLike] = weakref.WeakSet()


def note_session(session: SessionLike) -> None:
    """Register a session, which in a forked process must forget its parent's changes."""
    _alive.add(session)


def warn_at_end(session: SessionLike) -> None:
    """Hand changes over to host sessions, and warn of all others that were never written."""
    known, lost = session._identity, []
    for entity in known.modified:
        own = entity._session
        if entity._deleted or (own._identity is not known and own._identity.knows(entity)):
            continue  # nothing to write; or another session tracks it, and writes it
        hosts = [host for host in entity._hosts if entity in host._identity.pending.values()]
        if hosts:
            hosts[0].add(entity)
        elif has_changes(entity):
            lost.append(entity)
    if lost:
        _lost.extend(_Lost(entity, session._made_at) for entity in lost[:REMEMBERED])
        _warn(
            list(map(described, lost)),
            'changed in a session that has ended, and never written: commit() before, or '
            'rollback() to give changes up',
        )


def has_changes(entity: Model) -> bool:
    """Return whether an entity has unsaved changes."""
    return bool(entity._changed or entity._new or entity._mutated())


def _lost_since(moment: int) -> list[str]:
    """Return the entities lost by sessions made after a moment; each is returned once."""
    found = [lost for lost in list(_lost) if lost.made_at > moment and not lost.is_reported]
    return _reported(found)


def _lost_and_held() -> list[str]:
    """Return the lost entities that the program still has; each is returned once."""
    return _reported([lost for lost in list(_lost) if lost.is_there()]) if _lost else []


def _reported(found: list[_Lost]) -> list[str]:
    for lost in found:
        lost.is_reported = True
    return [lost.text for lost in found]


def _warn(entities: Sequence[str], what: str) -> None:
    """Warn of entities, at the line of the program that called rom."""
    named = '; '.join(entities[:NAMED])
    more = f' and {len(entities) - NAMED} more' if len(entities) > NAMED else ''
    warn(f'{named}{more}: {what}', UnwrittenWarning)


def described(entity: Model) -> str:
    """Return an entity and the names of its unsaved columns, for a message."""
    columns = sorted({*entity._changed, *entity._mutated()})
    return f'{type(entity).__name__} {entity._key} ({", ".join(columns)})'


def warn_before_commit(session: SessionLike) -> None:
    """Warn, before a session writes, of changes in sessions that the program cannot see."""
    if not session._entered or session_context.is_around(session):
        return
    there = _changed_elsewhere(session, session_context.own_sessions())
    missed = [*_lost_since(session._entered_at), *there]
    if missed:
        _warn(
            missed,
            f'changed while this {type(session).__name__} was open, and not in it: it was entered '
            'in another context, as by a `def` dependency of FastAPI, and does not write them. '
            'session.add() them, or enter the session in an `async def`, or use the middleware',
        )


def warn_after_empty_commit(session: SessionLike) -> None:
    """Warn, after a commit without changes, of unsaved changes in other sessions."""
    lost = _lost_and_held()
    if lost:
        _warn(
            lost,
            'changed in a session that has ended, and never written, nor by this commit(): save() '
            'or session.add() it, or rollback() before the session ends',
        )
    others = session_context.own_sessions()
    # An entered session is not among these: changes around it may be written later.
    missed = _changed_elsewhere(session, others) if session in others else []
    if missed:
        _warn(
            missed,
            'changed, and not written by this commit(): it belongs to the session of another '
            'thread or task, which has not committed. Commit it there, or enter one session '
            'around both: `with rom.Session()`',
        )


def _changed_elsewhere(session: SessionLike, others: Iterable[SessionLike]) -> list[str]:
    """Return, for a message, the changed entities that only other sessions will write."""
    found: dict[int, Model] = {}
    for other in others:
        if other is not session:
            found.update({id(entity): entity for entity in other._identity.modified})
    return [
        described(entity)
        for entity in found.values()
        if not entity._deleted
        and id(entity) not in session._identity.pending
        and has_changes(entity)
    ]


def _forget_in_child() -> None:
    """Forget changes after a fork: the parent writes them, and must be the only one."""
    lost = []
    for session in list(_alive):
        lost += [entity for entity in session._identity.modified if not entity._deleted]
        session.rollback()
    if lost:
        once = list({id(entity): entity for entity in lost}.values())
        _warn(
            list(map(described, once)),
            'changed before this process was forked, which forgets it: commit() before, or '
            'rollback() to give changes up',
        )


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_in_child)
