"""Replies of a shared connection: to a pipeline, as a list or one by one, and those that are lost.

A shared connection passes each reply to the oldest request without one, by ``set_result``, unless
that is ``done()``. For a single request it is a future of asyncio; the classes here stand for
several requests.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Lost(NamedTuple):
    """Stands for a reply that will not come.

    Attributes:
        error: why.
        is_sent: the request may have reached the server.
        retry: the connection's policy for repeating requests, of the client library.
    """

    error: Exception
    is_sent: bool
    retry: Any


class Awaiting(Protocol):
    """Takes the reply to a request."""

    def done(self) -> bool:
        """Tell whether the reply is no longer needed."""

    def set_result(self, result: Any, /) -> None:
        """Take the reply, an error of the server, or `Lost`."""


class Sender(Protocol):
    """A shared connection, as `Stream` uses it."""

    def send_all(self, packed: Sequence[bytes], awaiting: Awaiting) -> None:
        """Send requests at once; each reply is passed to `awaiting`."""


class Batch:
    """The replies to several requests, once all have arrived.

    Attributes:
        replies: a future for the list of replies; if the last one is `Lost`, others may be, too.
    """

    __slots__ = ('_arrived', '_number', 'replies')

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        self.replies: asyncio.Future[list[Any]] = loop.create_future()
        self._arrived: list[Any] = []
        self._number = number

    def done(self) -> bool:
        """Tell whether the task was cancelled."""
        return self.replies.done()

    def set_result(self, result: Any) -> None:
        """Take the next reply."""
        self._arrived.append(result)
        if len(self._arrived) == self._number:
            self.replies.set_result(self._arrived)


class Stream:
    """The replies to several requests, which a task takes one by one.

    A server carries out all requests that it has read before it replies. So the next request is
    sent when a reply arrives: the server works on it while the task processes the reply.

    Args:
        connection: the shared connection.
        packed: the requests.
        ahead: the number of requests to send before the first reply.
    """

    def __init__(self, connection: Sender, packed: Sequence[bytes], ahead: int) -> None:
        self._connection = connection
        self._unsent = deque(packed)
        self._arrived: deque[Any] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._is_dropped = False
        self._send(ahead)

    def done(self) -> bool:
        """Tell whether the task has stopped reading."""
        return self._is_dropped

    def set_result(self, result: Any) -> None:
        """Take the next reply, and send the next request."""
        self._arrived.append(result)
        waiting = self._waiting
        if self._unsent and not isinstance(result, Lost):
            # Before the task runs, which may take longer than the server.
            asyncio.get_running_loop().call_soon(self._send, 1)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _send(self, number: int) -> None:
        unsent = self._unsent
        packed = [unsent.popleft() for _ in range(min(number, len(unsent)))]
        if packed:
            self._connection.send_all(packed, self)

    async def take(self) -> Any:
        """Return the next reply, an error of the server, or `Lost`."""
        while not self._arrived:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._arrived.popleft()

    def drop(self) -> None:
        """Stop reading: send no further requests, and ignore the replies that are due."""
        self._is_dropped = True
        self._unsent.clear()
