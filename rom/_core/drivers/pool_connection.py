"""Line: one connection of a pool, for calls that are requests and their replies.

A reply belongs to the request that is next in turn, and nothing else tells which. So a line on
which a request was sent, and whose replies were not all read, must never be used again as it is.
Its state is set before the first byte goes out, and is CLEAN after the last reply came in. Whatever
comes between (Ctrl-C, a handler that raises, a generator that is abandoned) leaves it as it was.

A signal handler may raise after any call in Python, and then what a function holds is lost. So a
connection is moved by code that is all C, into a list that outlives the line: its hands. Where a
line has ended and its hands are not empty, somebody was interrupted;
rom/_core/drivers/kept_connections.py takes the connection over.
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

#: The states of a line: every request was answered, and the answer was read; it is being connected,
#: and the replies to that may be due; a request may have been sent.
CLEAN, CONNECTING, SENT = range(3)

#: A server that has ever answered within so many seconds is near.
NEAR: Final = 0.001
#: Of several commands, a near server gets so many before it has answered the first.
AHEAD: Final = 2

#: What the client library raises, or the system, when a connection is of no use.
BROKEN: Final = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)
_HiredisPacker: Final = redis.connection.HiredisRespSerializer
# Answers all the same, although the client library takes two of them for broken connections.
_ANSWERS: Final = (
    redis.exceptions.ResponseError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.AuthenticationError,
)


with suppress(ImportError):  # without it, the client library packs in Python
    from hiredis import pack_command as _pack_command


def _packed(args: tuple[Any, ...]) -> Sequence[bytes]:
    """A command as the client library packs it, less the search for what is not bytes."""
    return (_pack_command(args),)


def _never() -> bool:
    return False


class Line:
    """One connection, used by one thread at a time.

    Attributes:
        hands: the connection, once there is one.
        connection: the client library's.
        state: CLEAN, CONNECTING or SENT.
        shortest: seconds that the shortest call took so far.
    """

    def __init__(self) -> None:
        self.state = CLEAN
        self.shortest = inf
        self.connection: Any = None
        self._watch = busy_wait.Watch()
        self._must_reconnect: Callable[[], bool] = _never
        self._pack: Callable[[tuple[Any, ...]], Sequence[bytes]] = _packed
        self.hands: list[Any] = []

    def take(self, get: Callable[[], Any]) -> None:
        """Have a connection from now on: what a function returns."""
        # No interrupt comes between the function's end and the list: nothing here is Python.
        self.hands.extend(starmap(get, ((),)))
        self.connection = connection = self.hands[0]
        # redis-py knows of maintenance, after which one reconnects, from 7.0 on.
        if not isinstance(getattr(connection, '_command_packer', None), _HiredisPacker):
            self._pack = lambda args: connection.pack_command(*args)
        self._must_reconnect = getattr(connection, 'should_reconnect', _never)

    def ask(self, args: tuple[Any, ...]) -> Any:
        """Send a command and read its reply, as bytes.

        Errors of the server are returned, and so is that no connection is to be had.

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
        """Send commands, and read their replies one by one, errors of the server among them.

        A server carries out all that it has read before it replies. So a near one gets the next
        command while it is at the one before; to a far one all go at once, in one trip.

        Args:
            commands: there is at least one.
            ahead: so many are sent before the first reply; None: as the server is near or far.

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

    def _open(self) -> Exception | None:
        """Connect, with the client library's retries; returns why that cannot be done.

        An answer, and nothing broken: to ask again would only multiply the retries.
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
        """Disconnect: what is still due comes no more. The next call connects again."""
        with suppress(*BROKEN):
            self.connection.disconnect()
        self.state = CLEAN


def _reply(connection: Any) -> Any:
    try:
        # Who gives the line back disconnects it unless all went well.
        return connection.read_response(disable_decoding=True, disconnect_on_error=False)
    except _ANSWERS as error:
        return error.with_traceback(None)
