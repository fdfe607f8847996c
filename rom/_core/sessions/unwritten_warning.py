"""Warnings about changes in a session that no commit has written."""

from __future__ import annotations

import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from rom._core.support.caller_warnings import warn
from rom.exceptions import UnwrittenWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rom._core.entered_session import SessionLike
    from rom._core.model import Model

#: The maximum number of entities that one warning names.
NAMED: Final = 5

#: The number of lost entities that are remembered, the last ones.
REMEMBERED: Final = 100


class _Lost:
    """An entity with changes that was warned of when its session ended.

    Attributes:
        made_at: when its session was made.
        text: its description for a message; the entity itself is not kept.
        is_told: a commit has warned of it too.
    """

    __slots__ = ('_ref', 'is_told', 'made_at', 'text')

    def __init__(self, entity: Model, made_at: int) -> None:
        self._ref = weakref.ref(entity)
        self.made_at = made_at
        self.text = shown(entity)
        self.is_told = False

    def is_there(self) -> bool:
        """Return whether the program still has the entity, and no session tracks it."""
        entity = self._ref()
        return (
            entity is not None
            and not self.is_told
            and not entity._deleted
            and not entity._session._identity.knows(entity)
            and has_changes(entity)
        )


_lost: Final[deque[_Lost]] = deque(maxlen=REMEMBERED)
_alive: weakref.WeakSet[SessionLike] = weakref.WeakSet()


def note_session(session: SessionLike) -> None:
    """Register a session, which in a forked process must forget its parent's changes."""
    _alive.add(session)


def end(session: SessionLike) -> None:
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
        warn_of(
            list(map(shown, lost)),
            'changed in a session that has ended, and never written: commit() before, or '
            'rollback() to give changes up',
        )


def has_changes(entity: Model) -> bool:
    """Return whether an entity has unsaved changes."""
    return bool(entity._changed or entity._new or entity._mutated())


def lost_since(moment: int) -> list[str]:
    """Return the entities lost by sessions made after a moment; each is returned once."""
    found = [lost for lost in list(_lost) if lost.made_at > moment and not lost.is_told]
    return _told(found)


def still_there() -> list[str]:
    """Return the lost entities that the program still has; each is returned once."""
    return _told([lost for lost in list(_lost) if lost.is_there()]) if _lost else []


def _told(found: list[_Lost]) -> list[str]:
    for lost in found:
        lost.is_told = True
    return [lost.text for lost in found]


def warn_of(entities: Sequence[str], what: str) -> None:
    """Warn of entities, at the line of the program that called rom."""
    named = '; '.join(entities[:NAMED])
    more = f' and {len(entities) - NAMED} more' if len(entities) > NAMED else ''
    warn(f'{named}{more}: {what}', UnwrittenWarning)


def shown(entity: Model) -> str:
    """Return an entity and the names of its unsaved columns, for a message."""
    columns = sorted({*entity._changed, *entity._mutated()})
    return f'{type(entity).__name__} {entity._key} ({", ".join(columns)})'


def _forget_in_child() -> None:
    """Forget changes after a fork: the parent writes them, and must be the only one."""
    lost = []
    for session in list(_alive):
        lost += [entity for entity in session._identity.modified if not entity._deleted]
        session.rollback()
    if lost:
        once = list({id(entity): entity for entity in lost}.values())
        warn_of(
            list(map(shown, once)),
            'changed before this process was forked, which forgets it: commit() before, or '
            'rollback() to give changes up',
        )


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_in_child)
