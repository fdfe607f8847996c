"""The current session: one for each thread and each task, made when it is first needed.

A session that was entered is the current one for all code that begins inside: gathered tasks, the
test of a fixture, callbacks, and jobs that a thread runs in a copy of the context. A context
variable holds it, with the sessions entered around it. A copy of the context may outlive the
session; then the session is skipped. `rom._core.entered_session` has the rest.

Without an entered session, each task has its own for as long as it lives. So has each thread: its
session is in the thread's context, so that a job in a context of its own, as with
`asyncio.to_thread`, leaves nothing to the next job. Callbacks of a loop share the session of their
thread, because each of their contexts is used only once. So do all tasks of an interactive program,
where each cell or line is a task. No other thread or task shares such a session, not even in a copy
of the context: all tasks of a server have copies of one context. But each session knows the one
that its context had before, so that a commit can warn of changes in that.

A web framework may run one request in several threads and tasks, one after the other. They share
the sessions of the request, which another variable holds: all code that begins inside `shared`
finds them there until the request ends. A third variable holds the client of the application that
serves the request.

Models and queries call sessions, and sessions import models. This module is below both, and
`rom._core.sessions` sets the functions that make a session.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from rom._core.entered_session import Entered
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    import redis

    from rom._core.session_protocols import BlockingSession, SessionLike


class Shared(Protocol):
    """Sessions for all threads and tasks of one piece of work."""

    def session_of(self, is_task: bool) -> SessionLike | None:
        """Return the session of a task, or of a thread; None after the work has ended."""


class _Here(threading.local):
    """The running thread, cached because a call of `threading` takes twice as long."""

    def __init__(self) -> None:
        self.thread = threading.current_thread()


class _Own:
    """The session of a thread or task; it ends with that, and warns of unwritten changes."""

    __slots__ = ('session',)

    def __init__(self) -> None:
        assert _make is not None, 'rom._core.sessions is not imported'
        self.session = _make()
        self.session._before = _last_own.get()
        _last_own.set(weakref.ref(self.session))

    def __del__(self) -> None:
        if hasattr(self, 'session'):
            self.session._end()


_NONE: Mapping[threading.Thread, _Own] = {}

_slot: ContextVar[Entered | None] = ContextVar('rom_session', default=None)
_last_own: ContextVar[weakref.ref[SessionLike] | None] = ContextVar('rom_last_own', default=None)
# By thread, because a library may carry the context of one thread to another, and back. The keys
# are not thread ids, because Python reuses those.
_of_threads: ContextVar[Mapping[threading.Thread, _Own]] = ContextVar('rom_threads', default=_NONE)
_of_tasks: weakref.WeakKeyDictionary[Any, _Own] = weakref.WeakKeyDictionary()
_of_callbacks = threading.local()
_here = _Here()
_shared: ContextVar[Shared | None] = ContextVar('rom_shared_sessions', default=None)
_connection: ContextVar[redis.Redis | None] = ContextVar('rom_connection', default=None)
_make: Callable[[], BlockingSession] | None = None
_make_partner: Callable[[Any], BlockingSession] | None = None
_connection_of: Callable[[Any], redis.Redis] | None = None


def set_up(
    make: Callable[[], BlockingSession],
    make_partner: Callable[[Any], BlockingSession],
    connection_of: Callable[[Any], redis.Redis],
) -> None:
    """Set the functions that make sessions, and the one that returns the client of a model.

    Args:
        make: makes the session of a new thread or task.
        make_partner: makes the sync session that replaces an AsyncSession in threads.
        connection_of: returns the client of a model.
    """
    global _make, _make_partner, _connection_of
    _make, _make_partner, _connection_of = make, make_partner, connection_of


def connection_of(model: Any) -> redis.Redis:
    """Return the client of a model."""
    assert _connection_of is not None, 'rom._core.sessions is not imported'
    return _connection_of(model)


def connection() -> redis.Redis | None:
    """Return the client of the current piece of work; None: it has none of its own."""
    return _connection.get()


@contextmanager
def connected(client: redis.Redis | None) -> Iterator[None]:
    """Make all code that begins in this block, in any thread or task, use a client.

    It serves the models without their own client, unless the program has set another one in
    `rom.util`. Unlike a session, it does not end with the piece of work: code that outlives the
    block uses the same server. None: the client from outside stays.
    """
    if client is None:
        yield
        return
    token = _connection.set(client)
    try:
        yield
    finally:
        _connection.reset(token)


def home() -> SessionLike:
    """Return the session of new entities: sync, or an AsyncSession where one was entered."""
    entered = _slot.get()
    while entered is not None:
        if entered.is_open:
            return entered.session_here()
        entered = entered.outer
    loop = asyncio._get_running_loop()
    task = None if loop is None else asyncio.current_task(loop)
    common = _shared.get()
    if common is not None:
        found = common.session_of(task is not None)
        if found is not None:
            return found
    if loop is None:
        return _of_this_thread()
    if task is None or hasattr(sys, 'ps1'):
        return _of_this_threads_callbacks()
    own = _of_tasks.get(task)
    if own is None:
        own = _of_tasks[task] = _Own()
    return own.session


def _of_this_thread() -> BlockingSession:
    thread = _here.thread
    known = _of_threads.get()
    own = known.get(thread)
    if own is None:
        own = _Own()
        # The context may outlive threads whose sessions it holds.
        kept = {other: session for other, session in known.items() if other.is_alive()}
        _of_threads.set({**kept, thread: own})
    return own.session


def _of_this_threads_callbacks() -> BlockingSession:
    own: _Own | None = getattr(_of_callbacks, 'own', None)
    if own is None:
        own = _of_callbacks.own = _Own()
    return own.session


def _end_at_exit() -> None:
    """End the session of the main thread at the exit of the program."""
    of_thread = _of_threads.get().get(_here.thread)
    for own in (of_thread, getattr(_of_callbacks, 'own', None)):
        if own is not None:
            own.session._end()


atexit.register(_end_at_exit)


def session() -> BlockingSession:
    """Return the current sync session.

    Raises:
        InvalidOperation: inside ``async with AsyncSession()``, where I/O must be awaited.
    """
    current: Any = home()
    if current.is_async:
        raise InvalidOperation(
            'this would block the event loop: inside an AsyncSession, await the session instead, '
            'as in `await s.save(user)`, `await s.all(User.query)`, `await s.get(User, 1)`'
        )
    found: BlockingSession = current
    return found


def enter(session: SessionLike) -> Entered:
    """Make a session the current one of all code that begins here."""
    assert _make_partner is not None, 'rom._core.sessions is not imported'
    entered = Entered(session, _slot.get(), _make_partner)
    entered.token = _slot.set(entered)
    return entered


def leave(entered: Entered) -> None:
    """Restore the session before."""
    entered.is_open = False
    # A framework may end a generator in another context than the one that entered the session,
    # where the variable cannot be reset. There the closed session is skipped.
    with suppress(ValueError):
        _slot.reset(entered.token)


def is_around(session: SessionLike) -> bool:
    """Return whether a session was entered in this context, or in one it was copied from."""
    entered = _slot.get()
    while entered is not None:
        if entered.session is session:
            return True
        entered = entered.outer
    return False


def own_sessions() -> list[SessionLike]:
    """Return the own sessions of threads and tasks that this context has seen or inherited.

    Those of threads and tasks that have ended are left out.
    """
    found: dict[int, SessionLike] = {}
    ref = _last_own.get()
    while ref is not None and (session := ref()) is not None:
        found[id(session)] = session
        ref = session._before
    # A library that carries contexts back may have replaced the last one in the variable.
    found.update({id(own.session): own.session for own in _of_threads.get().values()})
    return list(found.values())


@contextmanager
def shared(sessions: Shared) -> Iterator[None]:
    """Make all code that begins in this block, in any thread or task, use these sessions.

    Sessions entered inside come first. Those entered outside are hidden until the end.
    """
    tokens = _shared.set(sessions), _slot.set(None), _of_threads.set(_NONE)
    last = _last_own.set(None)
    try:
        yield
    finally:
        _shared.reset(tokens[0])
        _slot.reset(tokens[1])
        _of_threads.reset(tokens[2])
        _last_own.reset(last)
