"""The current session: one for each thread and each task, made when it is first asked for.

A session that was entered is the current one for all that begins inside: tasks that are gathered, a
fixture's test, callbacks, and jobs that a thread runs in a copy of the context. A context variable
holds it, and those around it. A copy of the context may outlive the session; then it is skipped.
`rom._core.entered_session` has the rest.

Where none was entered, a task has its own, as long as it lives. So has a thread: it is in the
thread's context, and a job that runs in a context of its own, as `asyncio.to_thread` has it, leaves
nothing to the next one. Callbacks of a loop, whose contexts nobody sees twice, share their
thread's; and so do all tasks of an interactive program, where each cell or line is a task. Such a
session is never that of anybody else, because a server's tasks all have copies of one context. Each
knows the one that its context had before it, so that a commit can tell of changes that are there.

What a web framework does for one request may run in several threads and tasks, one after the other.
They have the request's sessions, which another variable holds: all that is begun inside `shared`
finds them there, until they are over. A third one holds the client of the application whose request
it is.

The models and queries call sessions, and the sessions import models: this file stands below both,
and `rom._core.sessions` tells it how a session is made.
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
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from rom._core.entered_session import Entered
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    import redis

    from rom._core.sessions import AsyncSession, Session

AnySession: TypeAlias = 'Session | AsyncSession'


class Shared(Protocol):
    """Sessions for all threads and tasks of one piece of work."""

    def session_of(self, is_task: bool) -> AnySession | None:
        """The session of a task, or of a thread; None when the work is over."""


class _Here(threading.local):
    """The running thread. To ask `threading` takes twice as long."""

    def __init__(self) -> None:
        self.thread = threading.current_thread()


class _Own:
    """The session of a thread or task, which ends with it: then it tells what nobody wrote."""

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
_last_own: ContextVar[weakref.ref[Session] | None] = ContextVar('rom_last_own', default=None)
# By thread: a library may carry the context of one thread to another, and back. Not by its number:
# one that begins gets that of one that has ended.
_of_threads: ContextVar[Mapping[threading.Thread, _Own]] = ContextVar('rom_threads', default=_NONE)
_of_tasks: weakref.WeakKeyDictionary[Any, _Own] = weakref.WeakKeyDictionary()
_of_callbacks = threading.local()
_here = _Here()
_shared: ContextVar[Shared | None] = ContextVar('rom_shared_sessions', default=None)
_connection: ContextVar[redis.Redis | None] = ContextVar('rom_connection', default=None)
_make: Callable[[], Session] | None = None
_make_partner: Callable[[AsyncSession], Session] | None = None
_connection_of: Callable[[Any], redis.Redis] | None = None


def set_up(
    make: Callable[[], Session],
    make_partner: Callable[[AsyncSession], Session],
    connection_of: Callable[[Any], redis.Redis],
) -> None:
    """Say how sessions are made, and which client a model has.

    Args:
        make: for a new thread or task.
        make_partner: to stand for an AsyncSession in threads.
        connection_of: returns the client of a model.
    """
    global _make, _make_partner, _connection_of
    _make, _make_partner, _connection_of = make, make_partner, connection_of


def connection_of(model: Any) -> redis.Redis:
    """The client of a model."""
    assert _connection_of is not None, 'rom._core.sessions is not imported'
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


def home() -> AnySession:
    """The session that new entities belong to: sync, or of asyncio where one was entered."""
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


def _of_this_thread() -> Session:
    thread = _here.thread
    known = _of_threads.get()
    own = known.get(thread)
    if own is None:
        own = _Own()
        # A context outlives threads whose sessions it was told of.
        kept = {other: session for other, session in known.items() if other.is_alive()}
        _of_threads.set({**kept, thread: own})
    return own.session


def _of_this_threads_callbacks() -> Session:
    own: _Own | None = getattr(_of_callbacks, 'own', None)
    if own is None:
        own = _of_callbacks.own = _Own()
    return own.session


def _end_at_exit() -> None:
    """The program ends, and with it the session of its main thread."""
    of_thread = _of_threads.get().get(_here.thread)
    for own in (of_thread, getattr(_of_callbacks, 'own', None)):
        if own is not None:
            own.session._end()


atexit.register(_end_at_exit)


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


def enter(session: AnySession) -> Entered:
    """Make a session the current one of all that begins here."""
    assert _make_partner is not None, 'rom._core.sessions is not imported'
    entered = Entered(session, _slot.get(), _make_partner)
    entered.token = _slot.set(entered)
    return entered


def leave(entered: Entered) -> None:
    """Go back to the session before."""
    entered.is_open = False
    # A framework may end a generator in another context than the one where it was entered. There, a
    # session that was left counts no more, and the one around it does.
    with suppress(ValueError):
        _slot.reset(entered.token)


def is_around(session: AnySession) -> bool:
    """Whether a session was entered in this context, or in one that this is a copy of."""
    entered = _slot.get()
    while entered is not None:
        if entered.session is session:
            return True
        entered = entered.outer
    return False


def own_sessions() -> list[AnySession]:
    """The threads' and tasks' own sessions that this context has seen, or is copied from.

    Those of threads and tasks that have ended are left out.
    """
    found: dict[int, AnySession] = {}
    ref = _last_own.get()
    while ref is not None and (session := ref()) is not None:
        found[id(session)] = session
        ref = session._before
    # What carries contexts back may have put another one in the first one's place.
    found.update({id(own.session): own.session for own in _of_threads.get().values()})
    return list(found.values())


@contextmanager
def shared(sessions: Shared) -> Iterator[None]:
    """Have all that runs in here, and all threads and tasks begun in here, use these sessions.

    What is entered inside comes first, as ever. What was entered outside waits.
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
