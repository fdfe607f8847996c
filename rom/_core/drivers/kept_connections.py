"""Lines: the connections that rom has taken from a pool and keeps for the next calls.

The client library takes a connection from its pool for each command, checks it, counts it, and
gives it back. That takes several times as long as a small command itself. Taking a checked
connection from a list, and putting it back, costs almost nothing.

No thread keeps a line between two calls, so there are never more lines than concurrent calls. The
pool can get lines back: if it is at its limit, its list of free connections returns an idle line.
If all lines are in use, a thread waits in a queue, and gets the next line that is put back.

A client gets lines only if they replace nothing that a program relies on. Its pool must be plain,
it must have retries and collect no metrics, and `execute_command` and `pipeline` must be the client
library's own.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from contextlib import suppress
from math import inf
from types import FunctionType
from typing import Any, Final

import redis

from rom._core.drivers import process_id
from rom._core.drivers.busy_wait import clock
from rom._core.drivers.errors import is_full_pool, pool_is_full
from rom._core.drivers.pool_connection import CLEAN, ThreadConnection
from rom._core.drivers.retry_policy import PATIENCE, pauses

#: Seconds between two handovers of a line. A thread in the queue waits at most this long for each
#: thread before it.
TURN: Final = 0.001


def _own(method: Any) -> Any:
    """Return a method if it is the client library's own; tracing programs replace it."""
    is_own = type(method) is FunctionType and method.__globals__ is vars(redis.client)
    return method if is_own else None


# `of` compares the class's methods with these at each call: a program may begin to trace any time.
_EXECUTE: Final = _own(redis.Redis.execute_command)
_PIPELINE: Final = _own(redis.Redis.pipeline)
_RUN: Final = _own(redis.client.Pipeline.execute)


def collects_metrics() -> bool:
    """Tell whether the client library collects metrics for the program."""
    manager = _observer().get_provider_manager()
    return manager is not None and bool(manager.config.enabled_telemetry)


try:
    from redis.observability.providers import get_observability_instance as _observer
except ImportError:  # this version of the client library has no metrics

    def collects_metrics() -> bool:
        return False


class ThreadConnections:
    """The lines of one pool, in one process."""

    def __init__(self, pool: Any) -> None:
        # A weak reference: the lines must not keep the pool alive after its client.
        self._pool = weakref.ref(pool)
        self._idle: list[ThreadConnection] = []
        self._queue: deque[_Place] = deque()
        self._next_turn = 0.0
        # Every line that was made, with its hands: they hold the connection of a line that ended
        # in an interrupted call.
        self._made: list[tuple[weakref.ref[ThreadConnection], list[Any]]] = []
        self._connecting: list[int] = []  # the threads that are taking a connection from the pool

    @property
    def idle(self) -> int:
        """The number of lines that no call is using."""
        return len(self._idle)

    @property
    def trip(self) -> float:
        """The time that a trip on the line to be taken next takes now, in seconds."""
        try:
            return self._idle[-1].trip
        except IndexError:
            return inf

    # No method takes a lock, because append and pop of a list are atomic in CPython. A lock would
    # cost more than they do, and an interrupt while it is held could leave it locked.

    def take(self) -> ThreadConnection:
        """Take a clean line for one call; the caller must put it back.

        Raises:
            redis.exceptions.RedisError: no connection could be made.
            ServerUnavailable: all connections that the pool may have remain in use.
        """
        try:
            return self._idle.pop()
        except IndexError:
            pass
        return self._other() or self._wait()

    def put(self, line: ThreadConnection) -> None:
        """Put a line back: to the first thread in the queue, or among the idle ones."""
        if line.state is not CLEAN:
            line.reset()
        if self._queue:
            self._serve(line)
        else:
            self._idle.append(line)

    def _serve(self, line: ThreadConnection) -> None:
        """Hand a line to the first thread of the queue once per `TURN`; otherwise only wake it.

        Handing over each line would switch threads at every call, which takes several times as long
        as the calls. A thread that is only woken may find the line taken, and then waits again.
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
        """Return an idle line's connection to the pool; None: no line is idle."""
        with suppress(IndexError):
            line = self._found() or self._idle.pop(0)
            return line.hands.pop()
        return None

    def _other(self) -> ThreadConnection | None:
        """Return a line on a lost connection or on one of the pool; None: the pool is full."""
        try:
            return self._found() or self._new()
        except redis.exceptions.ConnectionError as error:
            if not is_full_pool(error):
                raise
        return None

    def _made_one(self) -> ThreadConnection:
        line = ThreadConnection()
        self._made.append((weakref.ref(line), line.hands))
        return line

    def _found(self) -> ThreadConnection | None:
        """Return a line on the connection of an interrupted call; None: no call was."""
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

    def _new(self) -> ThreadConnection | None:
        pool: Any = self._pool()
        assert pool is not None  # the caller uses its client
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
        """Disconnect the pool's free connections, after an interrupt while one was connecting.

        The pool took that connection back although replies may be due on it. Nothing tells which
        one it is, so all free ones are disconnected.
        """
        with pool._lock:
            for connection in pool._available_connections:
                connection.disconnect()

    def _unmark(self, thread: int) -> None:
        with suppress(ValueError):
            self._connecting.remove(thread)

    def _wait(self) -> ThreadConnection:
        """Wait for the next line that is put back; first come, first served.

        Other code gives connections back to the pool itself, which does not notify the queue. So
        this also looks into the pool after each pause.
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

    def _popped(self) -> ThreadConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _leave(self, place: _Place) -> None:
        with suppress(ValueError):
            self._queue.remove(place)
        line, place.line = place.line, None
        if line is not None:  # it was handed over just before the place left the queue
            self.put(line)


class _Place:
    """A thread's place in the queue."""

    __slots__ = ('_sleep', 'line')

    def __init__(self) -> None:
        self.line: ThreadConnection | None = None
        self._sleep = threading.Lock()
        self._sleep.acquire()

    def wait(self, seconds: float) -> bool:
        """Sleep until `wake` is called; return False if the time ran out first."""
        return self._sleep.acquire(timeout=seconds)

    def wake(self) -> None:
        if self._sleep.locked():
            with suppress(RuntimeError):  # another thread has released it just now
                self._sleep.release()


class _Free(list[Any]):
    """A pool's list of free connections, which falls back on idle lines.

    Attributes:
        lines: the pool's lines.
        pid: the process that owns the lines; a forked child must not use them.
    """

    def __init__(self, pool: Any) -> None:
        super().__init__(pool._available_connections)
        self.lines = ThreadConnections(pool)
        self.pid = process_id.current
        self._pool = weakref.ref(pool)

    def pop(self, index: Any = -1) -> Any:
        """Return a free connection; the pool calls this, and holds its lock.

        Raises:
            IndexError: none is free. The pool then makes one, or raises that it is full.
        """
        if not self:
            pool = self._pool()
            if pool is None or pool._created_connections >= pool.max_connections:
                found = self.lines.recall()
                if found is not None:
                    return found
        return super().pop(index)


def of(client: Any) -> ThreadConnections | None:
    """Return the lines of a client's pool; None: use the client's own methods."""
    pool = getattr(client, 'connection_pool', None)
    if type(pool) is not redis.ConnectionPool or client.connection is not None:
        return None
    if getattr(client.execute_command, '__func__', None) is not _EXECUTE or not _EXECUTE:
        return None
    if type(client).pipeline is not _PIPELINE or redis.client.Pipeline.execute is not _RUN:
        return None
    if getattr(pool, 'cache', None) is not None or collects_metrics():
        return None  # the pool's connections answer from a cache, which lines would bypass
    retry = client.get_retry()
    if retry is None or not retry.get_retries():
        return None  # lines repeat commands, and this client must not
    free: Any = pool._available_connections
    if type(free) is _Free and free.pid == process_id.current:
        return free.lines
    return _begin(pool)


def _begin(pool: Any) -> ThreadConnections | None:
    """Give lines to a pool that has none in this process."""
    pool._checkpid()  # in a forked child, this drops the parent's connections
    with pool._lock:
        free = pool._available_connections
        if type(free) is list:
            free = pool._available_connections = _Free(pool)
    return free.lines if type(free) is _Free else None
