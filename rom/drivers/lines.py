"""Lines: a connection that a thread keeps, for calls that are one command and its reply, or a few.

The client library takes a connection from its pool for each command, looks whether it is well,
counts, and gives it back: that takes several times as long as a small command itself. A thread that
keeps one saves all that. Where a kept connection turns out to be broken, the client library does
the command again in its own way, with its retries; whatever rom sends may be sent twice.

A line is kept only where nobody could miss it or the client's own way: on a plain pool that has
plenty of connections, of a client that repeats commands, whose `execute_command` is its own, with
no metrics collected.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from math import inf
from time import perf_counter
from typing import Any, Final

import redis

from rom.drivers import waiting

#: Of a pool's connections, threads may keep one in so many.
SHARE: Final = 4
#: A server that has ever answered within so many seconds is near.
NEAR: Final = 0.001
#: Of several commands, a near server gets so many before it has answered the first.
AHEAD: Final = 2

_EXECUTE: Final = redis.Redis.execute_command
_BROKEN: Final = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)


def _collects_metrics() -> bool:
    """The program has the client library count and time its commands."""
    manager = _observer().get_provider_manager()
    return manager is not None and bool(manager.config.enabled_telemetry)


try:
    from redis.observability.providers import get_observability_instance as _observer
except ImportError:  # the client library is older than its metrics

    def _collects_metrics() -> bool:
        return False


def _give_back(pool: weakref.ref[Any], connection: Any) -> None:
    found = pool()
    if found is not None:
        found.release(connection)


class Line:
    """One connection, kept by one thread.

    Args:
        pool: where it is taken from, and goes back to when its thread ends.

    Attributes:
        shortest: seconds that the shortest call took so far.
    """

    def __init__(self, pool: Any) -> None:
        self.shortest = inf
        self._pid = os.getpid()
        self._is_busy = False
        self._watch = waiting.Watch()
        self._connection: Any = pool.get_connection()
        # The pool is not held: it lives as long as its client does.
        self._end: Callable[[], object] = weakref.finalize(
            self, _give_back, weakref.ref(pool), self._connection
        )

    @property
    def is_ours(self) -> bool:
        """It belongs to this process, and not to the one that this was forked from."""
        return self._pid == os.getpid()

    @property
    def is_free(self) -> bool:
        """No command is under way, which a signal handler has interrupted."""
        return not self._is_busy

    def call(self, args: tuple[Any, ...]) -> Any:
        """Send a command and read its reply, as bytes.

        Raises:
            redis.exceptions.RedisError: no connection, or the server's error.
        """
        connection, self._is_busy, is_due = self._connection, True, True
        begun = perf_counter()
        try:
            connection.send_command(*args)
            if self.shortest < waiting.limit():
                self._watch.wait(connection._sock)
            reply = connection.read_response(disable_decoding=True)
            is_due = False
            return reply
        except redis.exceptions.ResponseError:
            is_due = False
            raise
        finally:
            self._is_busy = False
            self.shortest = min(self.shortest, perf_counter() - begun)
            self._leave(is_due)

    def stream(self, commands: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Send commands, and read their replies one by one, errors of the server among them.

        A server carries out all that it has read before it replies. So a near one gets the next
        command while it is at the one before; to a far one all go at once, in one trip.

        Raises:
            redis.exceptions.RedisError: no connection.
        """
        connection, self._is_busy = self._connection, True
        left, due = iter(commands), 0
        ahead = AHEAD if self.shortest < NEAR else len(commands)
        try:
            due += self._send([*islice(left, ahead)])
            while due:
                reply = _reply_or_error(connection)
                due += self._send([*islice(left, 1)]) - 1
                yield reply
        finally:
            self._is_busy = False
            self._leave(due > 0)

    def _send(self, commands: Sequence[tuple[Any, ...]]) -> int:
        if commands:
            self._connection.send_packed_command(self._connection.pack_commands(commands))
        return len(commands)

    def _leave(self, is_due: bool) -> None:
        """Who stopped listening must not meet the rest of the replies at their next call."""
        if is_due or self._connection.should_reconnect():
            self._connection.disconnect()

    def drop(self) -> None:
        """Give the connection up."""
        with suppress(*_BROKEN):
            self._connection.disconnect()
        self._end()


def _reply_or_error(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except redis.exceptions.ResponseError as error:
        return error


class _Kept(threading.local):
    """The lines of one thread, by pool."""

    def __init__(self) -> None:
        self.lines: weakref.WeakKeyDictionary[Any, Line] = weakref.WeakKeyDictionary()


_kept = _Kept()


def call(client: redis.Redis, args: tuple[Any, ...]) -> Any:
    """What the client answers to a command, whose reply needs no conversion, as bytes.

    Raises:
        redis.exceptions.RedisError: no connection after all retries, or the server's error.
    """
    line = _line(client)
    if line is not None:
        try:
            return line.call(args)
        except _BROKEN:
            # It may have been idle for too long, or the server was restarted.
            _give_up(client, line)
    execute: Any = client.execute_command
    return execute(*args, NEVER_DECODE=True)


def stream(client: redis.Redis, commands: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """What the server answers to commands, as bytes, one by one; they do not wait for each other.

    Errors of the server come in their places. It ends early where there is no line, or it breaks;
    the rest is for the client to ask again.

    Args:
        client: whose line is used.
        commands: whose replies need no conversion, and which change nothing.
    """
    line = _line(client)
    if line is None:
        return
    try:
        yield from line.stream(commands)
    except _BROKEN:
        _give_up(client, line)


def _give_up(client: redis.Redis, line: Line) -> None:
    _kept.lines.pop(client.connection_pool, None)
    line.drop()


def _line(client: redis.Redis) -> Line | None:
    """The thread's line to a client's server, if it may have one."""
    pool = getattr(client, 'connection_pool', None)
    if type(pool) is not redis.ConnectionPool or client.connection is not None:
        return None
    if getattr(pool, 'cache', None) is not None:
        return None  # its connections look into it
    if type(client).execute_command is not _EXECUTE or _collects_metrics():
        return None
    retry = client.get_retry()
    if retry is None or not retry.get_retries():
        return None  # whoever wants no command repeated gets none repeated
    line = _kept.lines.get(pool)
    if line is None or not line.is_ours:
        return _new_line(pool)
    return line if line.is_free else None


def _new_line(pool: Any) -> Line | None:
    if len(getattr(pool, '_in_use_connections', ())) * SHARE >= pool.max_connections:
        return None
    try:
        line = _kept.lines[pool] = Line(pool)
    except _BROKEN:
        return None
    return line
