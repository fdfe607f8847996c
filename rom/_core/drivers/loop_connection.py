"""One of a client's shared connections in an event loop: opened when needed, and after it broke.

It is opened by the client's own class of connections, which authenticates, selects the database,
asks sentinels for the address, and encrypts. Then `SharedConnection` takes it over.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import redis.exceptions

from rom._core.drivers.shared_connection import SharedConnection, never


class LoopConnection:
    """One of the shared connections: opened when it is needed, and again after it broke.

    Attributes:
        current: the connection; None before the first one.
    """

    def __init__(self, pool: Any, loop: asyncio.AbstractEventLoop) -> None:
        # Weak references: neither must be kept alive by the connections that it has.
        self._pool = weakref.ref(pool)
        self._loop = weakref.ref(loop)
        self._is_master = getattr(pool, 'is_master', False)
        self._health: float = pool.connection_kwargs.get('health_check_interval') or 0
        self._opening: asyncio.Task[SharedConnection | Exception] | None = None
        self.current: SharedConnection | None = None
        # With those that take no further requests, and wait for their last replies.
        self._all: weakref.WeakSet[SharedConnection] = weakref.WeakSet()

    async def ready(self) -> SharedConnection:
        """Return the connection, open and with room for a request.

        Raises:
            redis.exceptions.RedisError: it cannot be opened.
        """
        while True:
            current = self.current
            if current is None or not current.is_open or self._is_unsure(current):
                current = await self._open()
            if current.has_room or not current.is_open:
                return current  # a new one that broke at once is a matter of the client's retries
            await current.room()
            if current.is_open:
                return current

    def is_ready(self, current: SharedConnection) -> bool:
        """Tell whether a request can be sent now."""
        return current.has_room and not (self._health and self._is_unsure(current))

    def _is_unsure(self, current: SharedConnection) -> bool:
        """Tell whether the client's health check is due."""
        if not self._health or not current.is_idle:
            return False
        return asyncio.get_running_loop().time() - current.idle_since > self._health

    async def _open(self) -> SharedConnection:
        """Wait until it is open; all tasks that need it wait for the same attempt."""
        opening = self._opening
        if opening is None:
            opening = self._opening = asyncio.get_running_loop().create_task(self._opened())
            opening.add_done_callback(self._note_end)
        await asyncio.wait([opening])  # if this task is cancelled, the attempt goes on
        if opening.cancelled():
            raise redis.exceptions.ConnectionError('the event loop ends')
        opened = opening.result()
        if isinstance(opened, Exception):
            raise type(opened)(*opened.args)
        return opened

    def _note_end(self, _: object) -> None:
        self._opening = None

    async def _opened(self) -> SharedConnection | Exception:
        """Open it, or check its health; return the connection, or the error if that fails."""
        current = self.current
        if current is not None and current.is_open and await _is_healthy(current):
            return current
        try:
            return await self._new()
        except (redis.exceptions.RedisError, OSError) as error:
            return error.with_traceback(None)

    async def _new(self) -> SharedConnection:
        pool, loop = self._pool(), asyncio.get_running_loop()
        assert pool is not None  # the caller uses its client
        connection = pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            writer = getattr(connection, '_writer', None)
            if writer is not None:
                connection._reader = connection._writer = None
                writer.transport.abort()
            raise
        refusal = _old_master if self._is_master else never
        self.current = current = SharedConnection(connection, loop, refusal)
        self._all.add(current)
        current.owner = weakref.ref(pool, Ending(current, loop, 'close_now'))
        return current

    @property
    def is_closed(self) -> bool:
        """True if no connection is open, and none is being opened."""
        return self._opening is None and all(one.is_closed for one in self._all)

    def retire(self) -> None:
        """Open another connection for the next request: this one may lead to the wrong server."""
        self._end('retire')

    async def close(self) -> None:
        """Close all connections, in their own loop or another one."""
        self.current = None
        if self._loop() is asyncio.get_running_loop():
            for connection in list(self._all):
                await connection.close()
        else:
            self._end('close_now')

    def _end(self, how: str) -> None:
        loop = self._loop()
        for connection in list(self._all):
            if loop is asyncio.get_running_loop():
                getattr(connection, how)()
            elif loop is not None:
                Ending(connection, loop, how)()

    def cut(self) -> None:
        """Close the sockets after the loop was closed."""
        self.current = None
        for connection in list(self._all):
            connection.cut()


class Ending:
    """Calls a method that ends a connection of a loop, from whichever thread."""

    def __init__(
        self, connection: SharedConnection, loop: asyncio.AbstractEventLoop, how: str
    ) -> None:
        self._connection = weakref.ref(connection)
        self._loop = weakref.ref(loop)
        self._how = how

    def __call__(self, _: object = None) -> None:
        connection, loop = self._connection(), self._loop()
        if connection is None or loop is None or connection.is_closed:
            return
        try:
            loop.call_soon_threadsafe(getattr(connection, self._how))
        except RuntimeError:  # the loop is closed
            connection.cut()


def _old_master(error: Exception) -> Exception | None:
    """Return the client library's error for a master of Sentinel that is one no more."""
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return redis.exceptions.ConnectionError('The previous master is now a slave')
    return None


async def _is_healthy(connection: SharedConnection) -> bool:
    """Tell whether the server answers; otherwise the connection is closed."""
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    connection.send(b'*1\r\n$4\r\nPING\r\n', reply)
    if await reply in (b'PONG', 'PONG'):
        return True
    connection.fail(redis.exceptions.ConnectionError('Bad response from PING health check'))
    return False
