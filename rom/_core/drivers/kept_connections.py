"""Lines: the connections of a pool that rom has taken, for the next call that needs one.

The client library takes a connection from its pool for each command, checks it, counts, and gives
it back. That takes several times as long as a small command itself. To take one from a list of
those that are known to be well, and to put it back there, takes next to nothing.

No thread keeps a line between two calls, so there are never more lines than calls at one time. The
pool gets them back when it needs them: its list of free connections gives an idle line where the
pool could make no other connection. Where all are in use, a thread waits in a queue, and is handed
the next line that is put back.

There are lines only where the client's own way would not be missed: on a plain pool, of a client
that repeats commands and collects no metrics, whose `execute_command` and `pipeline` are its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from contextlib import suppress
from types import FunctionType
from typing import Any, Final

import redis

from rom._core.drivers.busy_wait import clock
from rom._core.drivers.errors import is_full_pool, pool_is_full
from rom._core.drivers.pool_connection import CLEAN, Line
from rom._core.drivers.retry_policy import PATIENCE, pauses

#: Seconds from one time that a line is handed over to the next: who waits waits no longer than so
#: many for each before them.
TURN: Final = 0.001


def _own(method: Any) -> Any:
    """A method, if it is the client library's own; tracing programs put others there."""
    is_own = type(method) is FunctionType and method.__globals__ is vars(redis.client)
    return method if is_own else None


# Taken from the class each time as well: a program may begin to trace at any time.
_EXECUTE: Final = _own(redis.Redis.execute_command)
_PIPELINE: Final = _own(redis.Redis.pipeline)
_RUN: Final = _own(redis.client.Pipeline.execute)


def _collects_metrics() -> bool:
    """The program has the client library count and time its commands."""
    manager = _observer().get_provider_manager()
    return manager is not None and bool(manager.config.enabled_telemetry)


try:
    from redis.observability.providers import get_observability_instance as _observer
except ImportError:  # the client library is older than its metrics

    def _collects_metrics() -> bool:
        return False


# To ask the system at each call would take as long as all else that `of` looks at.
_pid = os.getpid()


def _note_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_note_pid)


class Lines:
    """The lines of one pool, in one process."""

    def __init__(self, pool: Any) -> None:
        # The pool is not held: it lives as long as its client does.
        self._pool = weakref.ref(pool)
        self._idle: list[Line] = []
        self._queue: deque[_Place] = deque()
        self._next_turn = 0.0
        # Every line that was made, and its hands, which say what it had when it is gone.
        self._made: list[tuple[weakref.ref[Line], list[Any]]] = []
        self._connecting: list[int] = []  # the threads that are asking the pool for one

    @property
    def idle(self) -> int:
        """How many lines no call is using."""
        return len(self._idle)

    # Nothing here takes a lock: to append to a list and to pop of it is one step each.

    def take(self) -> Line:
        """A line that is clean, for one call; it is to be put back.

        Raises:
            redis.exceptions.RedisError: there is no connection to be had.
            ServerUnavailable: all that the pool may have are in use, and stay so.
        """
        try:
            return self._idle.pop()
        except IndexError:
            pass
        return self._other() or self._wait()

    def put(self, line: Line) -> None:
        """Give a line back: to those that are idle, or to who is first in the queue."""
        if line.state is not CLEAN:
            line.reset()
        if self._queue:
            self._serve(line)
        else:
            self._idle.append(line)

    def _serve(self, line: Line) -> None:
        """Hand a line to who is first, if it is time for that; else only wake them up.

        To hand over each line would make threads take turns at each call, which takes several times
        as long as the calls. One that is awake may find the line taken; its turn comes.
        """
        with suppress(IndexError):
            now = clock()
            if now > self._next_turn:
                place = self._queue.popleft()
                self._next_turn = now + TURN
                place.line = line
                place.wake()
                return
            self._idle.append(line)
            self._queue[0].wake()
            return
        self._idle.append(line)

    def recall(self) -> Any:
        """A connection that no call is using, for the pool to give away; None: there is none."""
        with suppress(IndexError):
            line = self._found() or self._idle.pop(0)
            return line.hands.pop()
        return None

    def _other(self) -> Line | None:
        """A line on a connection that got lost, or on one of the pool; None: that is full."""
        try:
            return self._found() or self._new()
        except redis.exceptions.ConnectionError as error:
            if not is_full_pool(error):
                raise
        return None

    def _made_one(self) -> Line:
        line = Line()
        self._made.append((weakref.ref(line), line.hands))
        return line

    def _found(self) -> Line | None:
        """A line on a connection that somebody had who was interrupted; None: there is none."""
        for made in self._made[:]:
            ended, hands = made
            if ended() is not None:
                continue
            if hands:
                with suppress(IndexError):
                    line = self._made_one()
                    line.take(hands.pop)
                    line.reset()  # it may have replies due
                    return line
            with suppress(ValueError):
                self._made.remove(made)
        return None

    def _new(self) -> Line | None:
        pool: Any = self._pool()
        assert pool is not None  # its client is being used
        if pool._created_connections >= pool.max_connections and not pool._available_connections:
            return None
        thread = threading.get_ident()
        if thread in self._connecting:
            self._disconnect_free(pool)
            self._unmark(thread)
        line = self._made_one()
        self._connecting.append(thread)
        try:
            line.take(pool.get_connection)
        except (redis.exceptions.RedisError, OSError):
            self._unmark(thread)
            raise
        self._unmark(thread)
        return line

    def _disconnect_free(self, pool: Any) -> None:
        """The pool has taken back what this thread was connecting when it was interrupted.

        It does not look what is still to come there, and nobody knows which one it is.
        """
        with pool._lock:
            for connection in pool._available_connections:
                connection.disconnect()

    def _unmark(self, thread: int) -> None:
        with suppress(ValueError):
            self._connecting.remove(thread)

    def _wait(self) -> Line:
        """The next line that is put back; first come, first served.

        Others give connections back to the pool itself, where nobody is told; so now and then this
        looks there, too.
        """
        place, until = _Place(), clock() + PATIENCE
        self._queue.append(place)
        try:
            for pause in pauses():
                found = self._popped() or self._other()
                while found is None and place.wait(pause):
                    found, place.line = place.line, None
                    found = found or self._popped()
                if found is not None:
                    return found
                if clock() > until:
                    break
        finally:
            self._leave(place)
        raise pool_is_full(self._pool())

    def _popped(self) -> Line | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _leave(self, place: _Place) -> None:
        with suppress(ValueError):
            self._queue.remove(place)
        line, place.line = place.line, None
        if line is not None:  # it was handed over in the same moment
            self.put(line)


class _Place:
    """Somebody in the queue."""

    __slots__ = ('_sleep', 'line')

    def __init__(self) -> None:
        self.line: Line | None = None
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def wait(self, seconds: float) -> bool:
        """Sleep until somebody wakes this up, at most for so long; False: nobody did."""
        return self._sleep.acquire(timeout=seconds)

    def wake(self) -> None:
        if self._sleep.locked():
            with suppress(RuntimeError):  # somebody else did, in this moment
                self._sleep.release()


class _Free(list[Any]):
    """A pool's list of free connections, which has lines to fall back on.

    Attributes:
        lines: the pool's.
        pid: of the process whose they are: a fork has none of them.
    """

    def __init__(self, pool: Any) -> None:
        super().__init__(pool._available_connections)
        self.lines = Lines(pool)
        self.pid = _pid
        self._pool = weakref.ref(pool)

    def pop(self, index: Any = -1) -> Any:
        """The pool asks for a connection, holding its lock.

        Raises:
            IndexError: none is free; so the pool makes one, or says that it is full.
        """
        if not self:
            pool = self._pool()
            if pool is None or pool._created_connections >= pool.max_connections:
                found = self.lines.recall()
                if found is not None:
                    return found
        return super().pop(index)


def of(client: Any) -> Lines | None:
    """The lines to a client's server; None: it is to be used in its own way."""
    pool = getattr(client, 'connection_pool', None)
    if type(pool) is not redis.ConnectionPool or client.connection is not None:
        return None
    if getattr(client.execute_command, '__func__', None) is not _EXECUTE or not _EXECUTE:
        return None
    if type(client).pipeline is not _PIPELINE or redis.client.Pipeline.execute is not _RUN:
        return None
    if getattr(pool, 'cache', None) is not None or _collects_metrics():
        return None  # connections look into the cache by themselves
    retry = client.get_retry()
    if retry is None or not retry.get_retries():
        return None  # whoever wants no command repeated gets none repeated
    free: Any = pool._available_connections
    if type(free) is _Free and free.pid == _pid:
        return free.lines
    return _begin(pool)


def _begin(pool: Any) -> Lines | None:
    """Have lines on a pool that has none, in this process."""
    pool._checkpid()  # after a fork, it forgets all connections
    with pool._lock:
        free = pool._available_connections
        if type(free) is list:
            free = pool._available_connections = _Free(pool)
    return free.lines if type(free) is _Free else None
