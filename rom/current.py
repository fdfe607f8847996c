"""The current session: one for each thread and each task, made when it is first asked for.

Kept in a context variable. A task starts with a copy of its parent's context, and so does a
function sent to another thread; therefore the variable holds whose session it is, and one that
belongs to another is as good as none.

What a web framework does for one request may run in several threads and tasks, one after the other.
They have the request's sessions, which another variable holds: all that is begun inside `shared`
finds them there, until they are over. A third one holds the client of the application whose request
it is.

The models and queries call sessions, and the sessions import models: this file stands below both,
and `rom.sessions` tells it how a session is made.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    import redis

    from rom.sessions import AsyncSession, Session

AnySession: TypeAlias = 'Session | AsyncSession'
_Slot: TypeAlias = 'tuple[Callable[[], Any], AnySession]'


class Shared(Protocol):
    """Sessions for all threads and tasks of one piece of work."""

    def session_of(self, is_task: bool) -> AnySession | None:
        """The session of a task, or of a thread; None when the work is over."""


_slot: ContextVar[_Slot | None] = ContextVar('rom_session', default=None)
_shared: ContextVar[Shared | None] = ContextVar('rom_shared_sessions', default=None)
_connection: ContextVar[redis.Redis | None] = ContextVar('rom_connection', default=None)
_make: Callable[[], Session] | None = None
_connection_of: Callable[[Any], redis.Redis] | None = None


def set_up(make: Callable[[], Session], connection_of: Callable[[Any], redis.Redis]) -> None:
    """Say how the session of a new thread or task is made, and which client a model has."""
    global _make, _connection_of
    _make, _connection_of = make, connection_of


def connection_of(model: Any) -> redis.Redis:
    """The client of a model."""
    assert _connection_of is not None, 'rom.sessions is not imported'
    return _connection_of(model)


def connection() -> redis.Redis | None:
    """Return the client of the piece of work that this belongs to; None: it has none of its own."""
    return _connection.get()


@contextmanager
def connected(client: redis.Redis | None) -> Iterator[None]:
    """Have all that runs in here, and all threads and tasks begun in here, use a client.

    It serves the models without a client of their own, where the program has not put another one in
    `rom.util`. Unlike a session, it is not over when the piece of work is: what outlives that works
    on the same server. None: what was said outside stays.
    """
    if client is None:
        yield
        return
    token = _connection.set(client)
    try:
        yield
    finally:
        _connection.reset(token)


def _owner() -> Callable[[], Any]:
    """The task or thread that runs, as something to call that gives it while it lives."""
    loop = asyncio._get_running_loop()
    task = asyncio.current_task(loop) if loop is not None else None
    return weakref.ref(task if task is not None else threading.current_thread())


def home() -> AnySession:
    """The session that new entities belong to: sync, or of asyncio where one was entered."""
    slot = _slot.get()
    owner = _owner()
    if slot is not None and slot[0]() is owner():
        return slot[1]
    common = _shared.get()
    if common is not None:
        found = common.session_of(not isinstance(owner(), threading.Thread))
        if found is not None:
            return found
    assert _make is not None, 'rom.sessions is not imported'
    session = _make()
    _slot.set((owner, session))
    return session


def session() -> Session:
    """The current sync session.

    Raises:
        InvalidOperation: inside ``async with AsyncSession()``, where I/O must be awaited.
    """
    current = home()
    if current.is_async:
        raise InvalidOperation(
            'this would block the event loop: inside an AsyncSession, await the session instead, '
            'as in `await s.save(user)`, `await s.all(User.query)`, `await s.get(User, 1)`'
        )
    return current  # type: ignore[return-value]


def enter(session: AnySession) -> Token[Any]:
    """Make a session the current one of this thread or task."""
    return _slot.set((_owner(), session))


def leave(token: Token[Any]) -> None:
    """Go back to the session before."""
    try:
        _slot.reset(token)
    except ValueError:
        # Entered in another context, as by a framework that ends a generator elsewhere. The one
        # before is not ours to bring back there.
        _slot.set(None)


@contextmanager
def shared(sessions: Shared) -> Iterator[None]:
    """Have all that runs in here, and all threads and tasks begun in here, use these sessions.

    What is entered inside comes first, as ever. What was entered outside waits.
    """
    tokens = _shared.set(sessions), _slot.set(None)
    try:
        yield
    finally:
        _shared.reset(tokens[0])
        _slot.reset(tokens[1])
