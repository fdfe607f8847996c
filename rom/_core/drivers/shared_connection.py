"""Shared connection: one connection that carries the requests of all tasks of an event loop.

Requests that are made in one turn of the loop are written together at its end, so that tasks that
run at the same time share system calls and round trips, as the commands of a pipeline do. A request
that finds the connection idle is written at once. Only their order assigns replies to requests.

**A cancelled task does not break the order.** Its reply is read and ignored.

**A connection that breaks fails all requests in flight at once**, each with `Lost`, which tells
whether its request may have reached the server. The driver repeats what may be repeated.

**Requests in flight are limited**, in number and in bytes that the socket has not taken. Further
tasks wait in a queue.

**Silence breaks the connection.** If replies are due, and no byte arrives for as long as the
client's `socket_timeout`, the server counts as gone.

**An interrupt may come between any two steps** of Python code (a signal handler that raises). Each
method that changes the order of replies sets `_is_torn` first and clears it at its end. If it is
still set when the next one begins, the connection breaks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final

import hiredis
import redis.exceptions

from rom._core.drivers.loop_end import cut_transport
from rom._core.drivers.shared_replies import Awaiting, Lost

#: The number of requests in flight from which on further tasks wait.
MOST: Final = 4096
#: Bytes that are collected in a turn of the loop before they are written.
CHUNK: Final = 65_536
#: Bytes that wait for the socket from which on further tasks wait.
BACKLOG: Final = 1_048_576
#: Requests in flight, or replies that arrived together, from which on a connection is crowded.
CROWD: Final = 8
#: Seconds in which a reply that has arrived is read, after the loop was blocked for long.
GRACE: Final = 0.05
#: A server that has ever answered within this time, in seconds, is near.
NEAR: Final = 0.001

_MORE: Final = object()
_Push: Final = getattr(hiredis, 'PushNotification', None)
# A reply that the client library treats as a broken connection: the server closes it.
_REFUSED: Final = redis.exceptions.ConnectionError


def never(reply: Exception) -> Exception | None:
    """Return None: no error reply means that the connection leads to the wrong server."""
    return None


class SharedConnection(asyncio.Protocol):
    """Takes over an open connection of the client library.

    Args:
        connection: the connection; it must not be used after this.
        loop: the running loop.
        on_refusal: takes an error reply; returns the error with which the connection breaks, or
            None if it remains good.

    Attributes:
        loop: its event loop.
        is_open: requests can be sent.
        has_room: a task can send a request without waiting.
        retry: the client library's policy for repeating requests.
        idle_since: the time, by the loop's clock, at which the last byte arrived.
        owner: a reference to the client's pool, whose end closes the connection.
    """

    def __init__(
        self,
        connection: Any,
        loop: asyncio.AbstractEventLoop,
        on_refusal: Callable[[Exception], Exception | None] = never,
    ) -> None:
        self.is_open = self.has_room = True
        self.retry = connection.retry
        self.idle_since = loop.time()
        self.owner: object = None
        self.loop = loop
        self._on_refusal = on_refusal
        self._timeout: float | None = connection.socket_timeout
        self._host = connection._host_error()
        self._due: deque[Awaiting] = deque()
        self._unwritten: list[bytes] = []
        self._size = self._together = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._is_timed = self._is_torn = self._is_scheduled = self._is_paused = False
        self._shortest = inf
        self._gone = loop.create_future()
        self._parser = hiredis.Reader(
            protocolError=redis.exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
            notEnoughData=_MORE,
        )
        self._take_over(connection)

    def _take_over(self, connection: Any) -> None:
        reader, writer = connection._reader, connection._writer
        connection._reader = connection._writer = None
        self._writer = writer  # a writer that is dropped closes its transport
        self._transport: Any = writer.transport
        self._transport.set_write_buffer_limits(high=BACKLOG)
        self._transport.set_protocol(self)
        early = bytes(reader._buffer)
        if early:
            self.data_received(early)
        if reader.at_eof() or reader.exception() or self._transport.is_closing():
            self.fail(self._closed())

    # Requests.

    def send(self, packed: bytes, awaiting: Awaiting) -> None:
        """Send a packed request; its reply is passed to `awaiting`."""
        if self._is_torn:
            self._fail_torn()
        if not self.is_open:
            awaiting.set_result(Lost(self._closed(), False, self.retry))
            return
        self._is_torn = True
        due = self._due
        if due:
            due.append(awaiting)
            self._unwritten.append(packed)
            self._size += len(packed)
            if not self._is_scheduled:
                self._is_scheduled = True
                self.loop.call_soon(self._flush)
            elif self._size > CHUNK:
                self._write()
            if len(due) >= MOST:
                self.has_room = False
        else:
            due.append(awaiting)
            self._begin()
            self._transport.write(packed)
        self._is_torn = False

    def send_all(self, packed: Sequence[bytes], awaiting: Awaiting) -> None:
        """Send requests in one trip; each reply is passed to `awaiting`."""
        if self._is_torn:
            self._fail_torn()
        if not self.is_open:
            for _ in packed:
                awaiting.set_result(Lost(self._closed(), False, self.retry))
            return
        self._is_torn = True
        if not self._due:
            self._begin()
        self._due.extend([awaiting] * len(packed))
        self._unwritten.extend(packed)
        self._write()
        self.has_room = self.has_room and len(self._due) < MOST
        self._is_torn = False

    def _begin(self) -> None:
        """Start the clock for a request that finds the connection idle."""
        self._is_timed = True
        self.idle_since = self.loop.time()
        if self._timer is None and self._timeout is not None:
            self._timer = self.loop.call_later(self._timeout, self._check)

    def _flush(self) -> None:
        self._is_scheduled = False
        if self._is_torn:
            self._fail_torn()
        elif self.is_open:
            self._is_torn = True
            self._write()
            self._is_torn = False

    def _write(self) -> None:
        unwritten = self._unwritten
        if unwritten:
            self._unwritten, self._size = [], 0
            self._transport.write(b''.join(unwritten))

    @property
    def shortest(self) -> float:
        """The shortest time that the server ever took to answer, in seconds."""
        return self._shortest

    @property
    def is_near(self) -> bool:
        """True if the server has ever answered within `NEAR` seconds."""
        return self._shortest < NEAR

    @property
    def is_crowded(self) -> bool:
        """True if many requests are in flight, or were just answered."""
        return self._together >= CROWD or len(self._due) >= CROWD

    @property
    def is_closed(self) -> bool:
        """True if it is closed: no reply is due, and none will arrive."""
        return not self.is_open and not self._due

    @property
    def is_idle(self) -> bool:
        """True if no reply is due."""
        return not self._due

    async def room(self) -> None:
        """Wait in the queue until a request can be sent, or the connection is closed."""
        if not self.is_open:
            return
        waiting: asyncio.Future[None] = self.loop.create_future()
        self._queue.append(waiting)
        self.has_room = False
        try:
            await waiting
        except BaseException:
            self._wake()  # the turn that this task got is for the next one
            raise

    def _wake(self) -> None:
        """Wake as many tasks of the queue as there is room for."""
        if self._is_paused and self.is_open:
            return
        queue, room = self._queue, MOST - len(self._due)
        while queue and (room > 0 or not self.is_open):
            waiting = queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                room -= 1
        self.has_room = self.is_open and not queue and room > 0

    # Replies.

    def data_received(self, data: bytes) -> None:
        """Pass the replies to their requests."""
        if self._is_torn:
            self._fail_torn()
            return
        self._is_torn = True
        now = self.loop.time()
        if self._is_timed:
            self._is_timed = False
            self._shortest = min(self._shortest, now - self.idle_since)
        self.idle_since = now
        due, parser = self._due, self._parser
        self._together = len(due)
        parser.feed(data)
        try:
            while (reply := parser.gets()) is not _MORE:
                if type(reply) is _Push:
                    self._note_push(reply)
                    continue
                awaiting = due[0]  # and removed below: if interrupted here, it is lost, too
                if isinstance(reply, Exception):
                    reply = self._judged(reply)
                if not awaiting.done():
                    awaiting.set_result(reply)
                due.popleft()
        except (redis.exceptions.InvalidResponse, IndexError) as error:
            self.fail(self._unsuitable(error))
        self._together -= len(due)
        self._is_torn = False
        if not self.has_room:
            self._wake()
        if not self.is_open and not due:
            self._end()

    def _judged(self, error: Exception) -> Any:
        """Return an error reply, or `Lost` if it means that the connection is of no use."""
        broken = error if type(error) is _REFUSED else self._on_refusal(error)
        if broken is None:
            return error
        self.retire()
        return Lost(broken, True, self.retry)

    def _unsuitable(self, error: Exception) -> Exception:
        text = 'a reply to no request' if isinstance(error, IndexError) else str(error)
        return redis.exceptions.ConnectionError(f'{self._host} sent {text}')

    def _note_push(self, push: Any) -> None:
        """Take a message that is no reply: a server may say that it moves to another address."""
        if push and push[0] == b'MOVING':
            self.retire()

    # The end.

    def retire(self) -> None:
        """Take no further requests, and close after the last reply."""
        if self.is_open:
            self._write()
            self.is_open = self.has_room = False
            self._wake()
            if not self._due:
                self._end()

    def fail(self, error: Exception) -> None:
        """Close at once; requests in flight are lost."""
        unwritten = len(self._unwritten)
        self.is_open = self.has_room = False
        self._unwritten, self._size = [], 0
        self._end()
        due, self._due = self._due, deque()
        written = len(due) - unwritten
        for place, awaiting in enumerate(due):
            if not awaiting.done():
                # An error each: those who raise it add to its traceback.
                own = type(error)(*error.args)
                awaiting.set_result(Lost(own, place < written, self.retry))
        self._wake()

    def _fail_torn(self) -> None:
        self._is_torn = False
        # Which requests were written is not known.
        self._unwritten = []
        self.fail(redis.exceptions.ConnectionError('the connection was interrupted while in use'))

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    def _closed(self) -> Exception:
        return redis.exceptions.ConnectionError('Connection closed by server.')

    def _check(self, suspected: float | None = None) -> None:
        """Break the connection if no byte has arrived for too long.

        Args:
            suspected: the time of the last byte, if it was too long ago at the last call. Since
                then, the loop has read what has arrived while other code blocked it.
        """
        self._timer = None
        if self._timeout is None or not self._due:
            return
        left = self.idle_since + self._timeout - self.loop.time()
        if left > 0 and not self._is_torn:
            self._timer = self.loop.call_later(left, self._check)
        elif suspected != self.idle_since:
            self._timer = self.loop.call_later(GRACE, self._check, self.idle_since)
        else:
            self.fail(redis.exceptions.TimeoutError(f'Timeout reading from {self._host}'))

    def close_now(self) -> None:
        """Close at once; requests in flight are lost."""
        self.fail(redis.exceptions.ConnectionError('the client was closed'))

    async def close(self) -> None:
        """Close at once, and wait until the socket is closed."""
        self.close_now()
        await asyncio.wait([self._gone], timeout=1)

    def cut(self) -> None:
        """Close the socket after the loop was closed."""
        self.is_open = self.has_room = False
        cut_transport(self._transport)

    # Calls of the transport.

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the requests in flight."""
        text = f'Error while reading from {self._host}: {exc}' if exc else None
        self.fail(redis.exceptions.ConnectionError(text) if text else self._closed())
        if not self._gone.done():
            self._gone.set_result(None)

    def eof_received(self) -> None:
        """Fail the requests in flight: the server has closed the connection."""
        self.fail(self._closed())

    def pause_writing(self) -> None:
        """Let further tasks wait until the socket has taken what was written."""
        self._is_paused, self.has_room = True, False

    def resume_writing(self) -> None:
        """Let tasks send again."""
        self._is_paused = False
        self._wake()
