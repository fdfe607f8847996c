"""Changes that a commit does not write, because they belong to another session.

A program expects that its commit writes all of its changes. Threads or tasks with sessions of their
own may change different entities, which is no reason to warn. A commit warns in these cases:

* The session was entered, but not in this context, nor in one around it. Changes that the program
  makes here belong to another session, and those made in jobs may be lost already. (FastAPI runs
  each step of a ``def`` dependency in a copy of the context, and the endpoint in another.)
* There is nothing to write, and another thread or task, whose context this one is a copy of, has
  changes in its own session.
* There is nothing to write, and the program still has a changed entity whose session has ended, so
  that no commit will write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rom._core import session_context
from rom._core.sessions import unwritten_warning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rom._core.entered_session import SessionLike
    from rom._core.model import Model


def tell_before(session: SessionLike) -> None:
    """Warn, before a session writes, of changes in sessions that the program cannot see."""
    if not session._entered or session_context.is_around(session):
        return
    there = _shown(session, session_context.own_sessions())
    missed = [*unwritten_warning.lost_since(session._entered_at), *there]
    if missed:
        unwritten_warning.warn_of(
            missed,
            f'changed while this {type(session).__name__} was open, and not in it: it was entered '
            'in another context, as by a `def` dependency of FastAPI, and does not write them. '
            'session.add() them, or enter the session in an `async def`, or use the middleware',
        )


def tell_after_nothing(session: SessionLike) -> None:
    """Warn, after a commit without changes, of unsaved changes in other sessions."""
    lost = unwritten_warning.still_there()
    if lost:
        unwritten_warning.warn_of(
            lost,
            'changed in a session that has ended, and never written, nor by this commit(): save() '
            'or session.add() it, or rollback() before the session ends',
        )
    others = session_context.own_sessions()
    # An entered session is not among these: changes around it may be written later.
    missed = _shown(session, others) if session in others else []
    if missed:
        unwritten_warning.warn_of(
            missed,
            'changed, and not written by this commit(): it belongs to the session of another '
            'thread or task, which has not committed. Commit it there, or enter one session '
            'around both: `with rom.Session()`',
        )


def _shown(session: SessionLike, others: Iterable[SessionLike]) -> list[str]:
    """Return, for a message, the changed entities that only other sessions will write."""
    found: dict[int, Model] = {}
    for other in others:
        if other is not session:
            found.update({id(entity): entity for entity in other._identity.modified})
    return [
        unwritten_warning.shown(entity)
        for entity in found.values()
        if not entity._deleted
        and id(entity) not in session._identity.pending
        and unwritten_warning.has_changes(entity)
    ]
