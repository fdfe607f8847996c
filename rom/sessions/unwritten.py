"""Telling of what was changed in a session, and never written by anybody."""

from __future__ import annotations

import os
import warnings
import weakref
from typing import TYPE_CHECKING, Final

from rom.exceptions import UnwrittenWarning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rom.model import Model
    from rom.sessions.known import Known

#: So many entities are named in one warning.
NAMED: Final = 5

_alive: weakref.WeakSet[Known] = weakref.WeakSet()


def note_session(session: Known) -> None:
    """Have a session forget in a forked process what its parent is to write."""
    _alive.add(session)


def end(session: Known) -> None:
    """Hand over what others are to write, too; warn of all else that was never written."""
    lost = []
    for entity in session._identity.modified:
        own = entity._session
        if entity._deleted or (own is not session and own._identity.knows(entity)):
            continue  # there is nothing to write any more; or another session writes it
        hosts = [host for host in entity._hosts if entity in host._identity.pending.values()]
        if hosts:
            hosts[0].add(entity)
        elif entity._changed or entity._new or entity._mutated():
            lost.append(entity)
    if lost:
        _warn(lost, 'changed in a session that has ended, and never written: commit() before')


def _warn(lost: Sequence[Model], what: str) -> None:
    named = '; '.join(map(_shown, lost[:NAMED]))
    more = f' and {len(lost) - NAMED} more' if len(lost) > NAMED else ''
    warnings.warn(
        f'{named}{more}: {what}, or rollback() to give changes up',
        UnwrittenWarning,
        stacklevel=5,
    )


def _shown(entity: Model) -> str:
    """An entity and its columns that are not written, for a message."""
    columns = sorted({*entity._changed, *entity._mutated()})
    return f'{type(entity).__name__} {entity._key} ({", ".join(columns)})'


def _forget_in_child() -> None:
    """A process was forked. What its parent changed is for the parent to write, not for both."""
    lost = []
    for session in list(_alive):
        lost += [entity for entity in session._identity.modified if not entity._deleted]
        session.rollback()
    if lost:
        once = list({id(entity): entity for entity in lost}.values())
        _warn(once, 'changed before this process was forked, which forgets it: commit() before')


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_in_child)
