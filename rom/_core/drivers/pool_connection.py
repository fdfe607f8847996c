"""Line: one connection of a pool, for requests and their replies.

Only their order assigns replies to requests. So a line must not be used again while replies to its
requests are unread. Its state is set before the first byte is sent, and is CLEAN again after the
last reply was read. An interrupt in between (Ctrl-C, a handler that raises, a generator that is
abandoned) leaves the state as it was.

A signal handler may raise between any two steps of Python code, and the local variables of the
interrupted function are lost. So a connection is moved by C code alone, into a list that outlives
the line: its hands. If a line was collected and its hands are not empty, its call was interrupted,
and rom/_core/drivers/kept_connections.py takes the connection over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, starmap
from math import inf
from typing import Any, Final

import redis

from rom._core.drivers import busy_wait
from rom._core.drivers.busy_wait import clock

#: The states of a line. CLEAN: all replies were read. CONNECTING: replies to the commands of a new
#: connection may be due. SENT: a request may have been sent.
CLEAN, CONNECTING, SENT = range(3)

#: A server that has ever answered within this time, in seconds, is near.
NEAR: Final = 0.001
#: The time until a thread runs again that sleeps for a reply on a busy machine, in seconds.
WAKEUP: Final = 100e-6
#: The number of commands that are sent to a near server before its first reply is read.
AHEAD: Final = 2

#: Errors of the client library and of the system for a broken connection.
BROKEN: Final = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)
_HiredisPacker: Final = redis.connection.HiredisRespSerializer
# Replies of the server, although the client library treats two of them as broken connections.
_ANSWERS: Final = (
    redis.exceptions.ResponseError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.AuthenticationError,
)


with suppress(ImportError):  # without it, the client library packs in Python
    from hiredis import pack_command as _pack_command


def _packed(args: tuple[Any, ...]) -> Sequence[bytes]:
    """Pack a command as the client library does, without converting arguments to bytes."""
    return (_pack_command(args),)


def _never() -> bool:
    return False


class ThreadConnection:
    """One connection, used by one thread at a time.

    Attributes:
        hands: a list that holds the connection, once there is one.
        connection: the client library's connection.
        state: CLEAN, CONNECTING or SENT.
        shortest: the duration of the shortest call so far, in seconds.
    """

    def __init__(self) -> None:
        self.state = CLEAN
        self.shortest = inf
        self.connection: Any = None
        self._watch = busy_wait.BusyPoller()
        self._must_reconnect: Callable[[], bool] = _never
        self._pack: Callable[[tuple[Any, ...]], Sequence[bytes]] = _packed
        self.hands: list[Any] = []

    @property
    def trip(self) -> float:
        """The time that a trip takes now, in seconds, without the work of the server.

        It is that of the shortest call so far. While other programs want the core, the thread
        sleeps until the reply arrives, and is woken late.
        """
        return self.shortest + (WAKEUP if self._watch.asleep else 0.0)

    def take(self, get: Callable[[], Any]) -> None:
        """Take the connection that a function returns."""
        # C code calls the function and stores the result, so no signal handler runs in between.
        self.hands.extend(starmap(get, ((),)))
        self.connection = connection = self.hands[0]
        # Since redis-py 7.0, a connection may have to reconnect after maintenance of the server.
        if not isinstance(getattr(connection, '_command_packer', None), _HiredisPacker):
            self._pack = lambda args: connection.pack_command(*args)
        self._must_reconnect = getattr(connection, 'should_reconnect', _never)

    def ask(self, args: tuple[Any, ...]) -> Any:
        """Send a command and read its reply, as bytes.

        An error of the server is returned, and so is the error if no connection can be made.

        Raises:
            redis.exceptions.RedisError: the connection broke. In the state SENT, the command
                may have reached the server.
        """
        connection = self.connection
        if connection._sock is None and (refusal := self._open()):
            return refusal
        begun = clock()
        self.state = SENT
        connection.send_packed_command(self._pack(args))
        if self.shortest < busy_wait.limit():
            self._watch.wait(connection._sock)
        try:
            reply = connection.read_response(disable_decoding=True)
        except _ANSWERS as error:
            reply = error.with_traceback(None)
        spent = clock() - begun
        if spent < self.shortest:
            self.shortest = spent
        if self._must_reconnect():
            connection.disconnect()
        self.state = CLEAN
        return reply

    def stream(self, commands: Sequence[Sequence[Any]], ahead: int | None = None) -> Iterator[Any]:
        """Send commands, and yield their replies one by one, including the server's errors.

        A server carries out all commands that it has read before it replies. So a near server gets
        the next command while it works on the one before. A far one gets all at once, in one trip.

        Args:
            commands: at least one.
            ahead: the number of commands sent before the first reply is read; None: `AHEAD` for a
                near server, all for a far one.

        Raises:
            redis.exceptions.RedisError: the connection broke.
        """
        connection = self.connection
        if connection._sock is None and (refusal := self._open()):
            yield from [refusal] * len(commands)
            return
        left, due = iter(commands), 0
        if ahead is None:
            ahead = AHEAD if self.shortest < NEAR else len(commands)
        self.state = SENT
        due += self._send([*islice(left, ahead)])
        while due:
            reply = _reply(connection)
            due += self._send([*islice(left, 1)]) - 1
            if not due:
                if self._must_reconnect():
                    connection.disconnect()
                self.state = CLEAN
            yield reply

    def ask_all(self, packed: Sequence[bytes]) -> list[Any]:
        """Send packed commands that only read, in one trip; return replies and errors.

        Raises:
            redis.exceptions.RedisError: the connection broke.
        """
        connection = self.connection
        if connection._sock is None and (refusal := self._open()):
            return [refusal] * len(packed)
        self.state = SENT
        connection.send_packed_command((b''.join(packed),))
        if self.shortest < busy_wait.limit():
            self._watch.wait(connection._sock)
        replies = [_reply(connection) for _ in packed]
        if self._must_reconnect():
            connection.disconnect()
        self.state = CLEAN
        return replies

    def _open(self) -> Exception | None:
        """Connect, with the client library's retries; return the error if that fails.

        The error is returned, because a raised one would be retried again by the caller.
        """
        self.state = CONNECTING
        try:
            self.connection.connect()
        except (redis.exceptions.RedisError, OSError) as error:
            self.reset()
            return error.with_traceback(None)
        return None

    def _send(self, commands: Sequence[Sequence[Any]]) -> int:
        if commands:
            self.connection.send_packed_command(self.connection.pack_commands(commands))
        return len(commands)

    def reset(self) -> None:
        """Disconnect, and so drop the replies that are due. The next call connects again."""
        with suppress(*BROKEN):
            self.connection.disconnect()
        self.state = CLEAN


def _reply(connection: Any) -> Any:
    try:
        # `Lines.put` disconnects a line that is not CLEAN.
        return connection.read_response(disable_decoding=True, disconnect_on_error=False)
    except _ANSWERS as error:
        return error.with_traceback(None)
