"""Replies that the asyncio driver takes one by one, while the server works on the next request."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from rom._core.drivers.errors import raise_first_error
from rom._core.drivers.send_outcome import Sending
from rom._core.drivers.shared_replies import Lost, Stream
from rom._core.drivers.shared_requests import converted_of
from rom._core.ops.requests import Command, ReplyStream, Script

#: Sends requests again, in one trip; returns replies and errors.
Send: TypeAlias = Callable[[tuple[Command | Script, ...], Sending], Awaitable[list[Any]]]
#: Repeats a refused request; returns its reply or rom's error.
Settle: TypeAlias = Callable[[Command | Script, Exception, Sending], Awaitable[Any]]


class ArrivingReplies(ReplyStream):
    """The replies to the requests of a pipeline that only reads.

    Args:
        client: the client.
        requests: the requests.
        stream: their replies.
        sending: the pipeline; notes if a request is sent again.
        send: sends the requests again that have no reply yet, when the connection broke.
        settle: repeats a request that was refused.
    """

    __slots__ = ('_again', '_client', '_left', '_send', '_sending', '_settle', '_stream')

    def __init__(
        self,
        client: Any,
        requests: Sequence[Command | Script],
        stream: Stream,
        sending: Sending,
        send: Send,
        settle: Settle,
    ) -> None:
        self._client = client
        self._left = deque(requests)
        self._stream = stream
        self._sending = sending
        self._send, self._settle = send, settle
        self._again: deque[Any] = deque()

    async def take(self) -> Any:
        """Return the next reply.

        Raises:
            ORMError: the reply is an error, or none came.
        """
        reply = await self._next()
        request = self._left.popleft()
        if isinstance(reply, Exception):
            reply = await self._settle(request, reply, self._sending)
            raise_first_error([reply])
        return reply

    async def _next(self) -> Any:
        if self._again:
            return self._again.popleft()
        reply = await self._stream.take()
        if not isinstance(reply, Lost):
            return converted_of(self._client, self._left[0], reply)
        self._stream.drop()
        self._sending.is_repeated = True
        self._again.extend(await self._send(tuple(self._left), self._sending))
        return self._again.popleft()

    def drop(self) -> None:
        """Stop reading."""
        self._stream.drop()
