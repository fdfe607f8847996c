"""Requests of the asyncio driver by the shared connections of its client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import redis.asyncio
import redis.exceptions
from hiredis import pack_command

from rom._core.drivers.loop_connection import LoopConnection
from rom._core.drivers.loop_connections import LoopConnections
from rom._core.drivers.native_reads import packed_reads
from rom._core.drivers.send_outcome import Sending
from rom._core.drivers.shared_connection import SharedConnection
from rom._core.drivers.shared_replies import Batch, Lost, Stream
from rom._core.ops.requests import Command, RowReads, Script, Sent

T = TypeVar('T')

#: Scripts whose replies may be long, and bytes from which on a request is long.
_LONG_SCRIPTS: Final = frozenset(('expired_ids', 'scan_entries', 'search', 'snapshot_rows'))
_LONG: Final = 2048
#: The number of requests of a stream that a near server gets before its first reply is read.
AHEAD: Final = 2
#: Errors if a connection cannot be opened.
_NO_CONNECTION: Final = (redis.exceptions.RedisError, OSError)
# Commands whose replies the client library does not convert; to look here is faster.
_PLAIN: Final = frozenset(('GET', 'HGET', 'HMGET'))


def begin(
    shared: LoopConnections, request: Command | Script, packed: bytes
) -> asyncio.Future[Any] | None:
    """Send a request if it has to wait for nothing.

    Args:
        shared: the shared connections of the client.
        request: the request.
        packed: the command that it stands for.

    Returns:
        A future for the reply, an error of the server, or `Lost`; None: the connection must be
        opened first, or is busy. See `ask`.
    """
    place = _place(shared, request, packed)
    current = place.current
    if current is None or not place.is_ready(current):
        return None
    future: asyncio.Future[Any] = current.loop.create_future()
    current.send(packed, future)
    return future


def _place(shared: LoopConnections, request: Sent, packed: bytes) -> LoopConnection:
    if len(packed) > _LONG or (type(request) is Script and request.name in _LONG_SCRIPTS):
        return shared.long
    return shared.short


async def ask(
    shared: LoopConnections, args: tuple[Any, ...], sending: Sending, lost: Lost | None = None
) -> Any:
    """Carry out a command; return the reply, not converted, or an error.

    Args:
        shared: the shared connections of the client.
        args: the command.
        sending: the request that it stands for; notes if it is sent again.
        lost: the lost reply, if the request was sent before.
    """
    packed = pack_command(args)
    place = _place(shared, sending.request, packed)

    async def once() -> Any:
        current = await place.ready()
        future: asyncio.Future[Any] = current.loop.create_future()
        current.send(packed, future)
        return await future

    if lost is None:
        try:
            reply = await once()
        except _NO_CONNECTION as error:
            return error
        if type(reply) is not Lost:
            return reply
        lost = reply
    return await _again(lost, once, sending)


async def send(
    client: Any,
    shared: LoopConnections,
    requests: Sequence[Command | Script],
    commands: Sequence[tuple[Any, ...]],
    sending: Sending,
) -> list[Any]:
    """Carry out commands in one trip; return replies and errors.

    Raises:
        redis.exceptions.RedisError: there is no connection, or it broke.
    """
    if not commands:
        return []
    packed = [pack_command(args) for args in commands]
    current = await shared.long.ready()
    replies = await _batch(current, packed)
    if isinstance(replies, Lost):

        async def once() -> list[Any] | Lost:
            return await _batch(await shared.long.ready(), packed)

        replies = await _again(replies, once, sending)
    if isinstance(replies, Exception):
        raise replies
    return [converted_of(client, *pair) for pair in zip(requests, replies, strict=True)]


async def _batch(current: SharedConnection, packed: Sequence[bytes]) -> list[Any] | Lost:
    batch = Batch(current.loop, len(packed))
    current.send_all(packed, batch)
    replies = await batch.replies
    return next((reply for reply in replies if type(reply) is Lost), replies)


async def send_each(
    client: Any, shared: LoopConnections, commands: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """Carry out commands in one trip, none of them again; return replies and errors.

    Raises:
        redis.exceptions.RedisError: there is no connection.
    """
    if not commands:
        return []
    current = await shared.long.ready()
    batch = Batch(current.loop, len(commands))
    current.send_all([pack_command(args) for args in commands], batch)
    replies = zip(commands, await batch.replies, strict=True)
    return [
        reply.error if type(reply) is Lost else converted(client, args[0], reply)
        for args, reply in replies
    ]


async def rows(shared: LoopConnections, reads: RowReads) -> list[Any] | None:
    """Read rows in one trip; None: there is no connection, or it broke, so nothing was read."""
    try:
        current = await shared.long.ready()
    except _NO_CONNECTION:
        return None
    replies = await _batch(current, packed_reads(reads))
    return None if isinstance(replies, Lost) else replies


async def stream(shared: LoopConnections, commands: Sequence[tuple[Any, ...]]) -> Stream:
    """Begin to carry out commands, whose replies are taken one by one.

    Raises:
        redis.exceptions.RedisError: there is no connection.
    """
    packed = [pack_command(args) for args in commands]
    current = await shared.long.ready()
    return Stream(current, packed, AHEAD if current.is_near else len(packed))


async def _again(lost: Lost, ask: Callable[[], Awaitable[Any]], sending: Sending) -> Any:
    """Repeat a request whose connection broke, with the client's own retries and pauses.

    A request that was not sent is sent by another connection, also if the client has no retries.
    Return the reply or an error. An error of a connection that cannot be opened is not repeated:
    opening it has its own retries.
    """
    retry = lost.retry
    is_repeatable = retry.get_retries() and isinstance(lost.error, retry._supported_errors)
    if lost.is_sent and not is_repeatable:
        return lost.error

    async def once() -> Any:
        try:
            reply = await ask()
        except _NO_CONNECTION as error:
            return error
        if isinstance(reply, Lost):
            sending.is_repeated |= reply.is_sent
            raise reply.error
        return reply

    async def failed(error: Exception) -> None:
        """Do nothing: the next call opens another connection."""

    sending.is_repeated |= lost.is_sent
    try:
        return await retry.call_with_retry(once, failed)
    except _NO_CONNECTION as error:
        return error


def converted_of(client: Any, request: Command | Script, reply: Any) -> Any:
    """Return a reply as the client's own callbacks convert it, and an error as it is."""
    if isinstance(request, Script):
        return reply
    return converted(client, request.args[0], reply)


def converted(client: Any, name: Any, reply: Any) -> Any:
    """Return the reply to a command of this name, as `converted_of` does."""
    if name in _PLAIN or isinstance(reply, Exception):
        return reply
    callbacks = client.response_callbacks
    return callbacks[name](reply) if name in callbacks else reply
