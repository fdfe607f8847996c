"""The shared connections of a client in an event loop: found, opened, closed.

A client has two of them in each loop. Rows, pages and long requests use the second one, so that
short requests do not wait behind them. Each is opened when it is first needed, and again after it
broke. It is opened by the client's own class of connections, which authenticates, selects the
database, asks sentinels for the address, and encrypts. Then `SharedConnection` takes it over.

They are beside the connections of the client's pool, so that they never make it smaller: a program
may hold all of those. But they are closed with them: by the pool's ``disconnect``, which
``aclose()`` calls; when the pool is collected; and at the end of the loop.

A client has none if they would replace something that a program relies on: `of` tells when.
"""

from __future__ import annotations

import asyncio
import weakref
from contextlib import suppress
from types import FunctionType
from typing import Any, Final

import redis.asyncio
import redis.asyncio.sentinel
import redis.exceptions

from rom._core.drivers import process_id
from rom._core.drivers.async_client_options import WaitingPool
from rom._core.drivers.kept_connections import collects_metrics
from rom._core.drivers.loop_end import at_end
from rom._core.drivers.shared_connection import SharedConnection, never

#: The attribute of a pool that holds its `LoopConnections`, by the id of their loop.
_NAME: Final = '_rom_loops'

_POOLS: Final = frozenset(
    (
        redis.asyncio.ConnectionPool,
        redis.asyncio.BlockingConnectionPool,
        redis.asyncio.sentinel.SentinelConnectionPool,
        WaitingPool,
    )
)
_CONNECTIONS: Final = frozenset(
    (
        redis.asyncio.Connection,
        redis.asyncio.SSLConnection,
        redis.asyncio.UnixDomainSocketConnection,
        redis.asyncio.sentinel.SentinelManagedConnection,
        redis.asyncio.sentinel.SentinelManagedSSLConnection,
    )
)


def _own(method: Any) -> Any:
    """Return a method if it is the client library's own; tracing programs replace it."""
    is_own = type(method) is FunctionType and method.__globals__ is vars(redis.asyncio.client)
    return method if is_own else None


# `of` compares the class's methods with these at each call: a program may begin to trace any time.
_EXECUTE: Final = _own(redis.asyncio.Redis.execute_command)
_PIPELINE: Final = _own(redis.asyncio.Redis.pipeline)
_RUN: Final = _own(redis.asyncio.client.Pipeline.execute)


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
            return await self._connect()
        except (redis.exceptions.RedisError, OSError) as error:
            return error.with_traceback(None)

    async def _connect(self) -> SharedConnection:
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
        current.owner = weakref.ref(pool, _Ending(current, loop, 'close_now'))
        return current

    def retire(self) -> None:
        """Open another connection for the next request: this one may lead to the wrong server."""
        self._end('retire')

    async def close(self) -> None:
        """Close the connection, in its own loop or another one."""
        current = self.current
        if current is not None and self._loop() is asyncio.get_running_loop():
            await current.close()
        else:
            self._end('close_now')
        self.current = None

    def _end(self, how: str) -> None:
        current, loop = self.current, self._loop()
        if current is None or loop is None:
            return
        if loop is asyncio.get_running_loop():
            getattr(current, how)()
        else:
            _Ending(current, loop, how)()

    def cut(self) -> None:
        """Close the socket after the loop was closed."""
        current, self.current = self.current, None
        if current is not None:
            current.cut()


class _Ending:
    """Calls a method that ends a connection of a loop, from whichever thread."""

    def __init__(
        self, connection: SharedConnection, loop: asyncio.AbstractEventLoop, how: str
    ) -> None:
        self._connection = weakref.ref(connection)
        self._loop = weakref.ref(loop)
        self._how = how

    def __call__(self, _: object = None) -> None:
        connection, loop = self._connection(), self._loop()
        if connection is None or loop is None or not connection.is_open:
            return
        try:
            loop.call_soon_threadsafe(getattr(connection, self._how))
        except RuntimeError:  # the loop is closed
            connection.cut()


class LoopConnections:
    """The shared connections of one pool in one event loop.

    Attributes:
        short: the connection for short requests with short replies.
        long: the one for rows, pages and long requests.
        loop: a weak reference to the loop.
        pid: the process that opens them; a forked child must not use them.
    """

    def __init__(self, pool: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.short = LoopConnection(pool, loop)
        self.long = LoopConnection(pool, loop)
        self.loop = weakref.ref(loop)
        self.pid = process_id.current

    def retire(self) -> None:
        """Open others for the next requests."""
        self.short.retire()
        self.long.retire()

    async def close(self) -> None:
        """Close both."""
        await self.short.close()
        await self.long.close()

    def cut(self) -> None:
        """Close the sockets after the loop was closed."""
        self.short.cut()
        self.long.cut()


def of(client: Any) -> LoopConnections | None:
    """Return the shared connections of a client in the running loop.

    None means: use the client's own methods. So it is if the class of its pool or connections, or a
    method that sends commands, is not the client library's; if it has one connection only, collects
    metrics, or has credentials that are renewed.
    """
    if (
        getattr(getattr(client, 'execute_command', None), '__func__', None) is not _EXECUTE
        or not _EXECUTE
    ):
        return None
    if type(client).pipeline is not _PIPELINE or redis.asyncio.client.Pipeline.execute is not _RUN:
        return None
    if client.connection is not None or client.single_connection_client or collects_metrics():
        return None
    pool, loop = client.connection_pool, asyncio.get_running_loop()
    found: LoopConnections | None = pool.__dict__.get(_NAME, _NONE).get(id(loop))
    if found is not None and found.loop() is loop and found.pid == process_id.current:
        return found
    return _begin(pool, loop)


_NONE: Final[dict[int, Any]] = {}


def _begin(pool: Any, loop: asyncio.AbstractEventLoop) -> LoopConnections | None:
    if type(pool) not in _POOLS or pool.connection_class not in _CONNECTIONS:
        return None
    options = pool.connection_kwargs
    if 'parser_class' in options or isinstance(options.get('credential_provider'), _RENEWED):
        return None
    known: dict[int, LoopConnections] | None = pool.__dict__.get(_NAME)
    if known is None:
        if 'disconnect' in vars(pool):
            return None  # the program has replaced it
        known = pool.__dict__[_NAME] = {}
        pool.disconnect = _Disconnect(pool)
    for number, other in list(known.items()):
        if other.loop() is None:
            known.pop(number, None)
    found = known[id(loop)] = LoopConnections(pool, loop)
    at_end(loop, found)
    return found


try:
    from redis.credentials import StreamingCredentialProvider

    _RENEWED: tuple[type, ...] = (StreamingCredentialProvider,)
except ImportError:  # this version of the client library has none
    _RENEWED = ()


class _Disconnect:
    """A pool's ``disconnect``, which also closes the shared connections."""

    def __init__(self, pool: Any) -> None:
        self._pool = weakref.ref(pool)

    async def __call__(self, inuse_connections: bool = True) -> None:
        pool = self._pool()
        assert pool is not None  # the caller uses it
        for connections in list(pool.__dict__[_NAME].values()):
            if connections.pid != process_id.current:
                continue
            if inuse_connections:
                await connections.close()
            else:
                connections.retire()
        await type(pool).disconnect(pool, inuse_connections)


def _old_master(error: Exception) -> Exception | None:
    """Return the client library's error for a master of Sentinel that is one no more."""
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return redis.exceptions.ConnectionError('The previous master is now a slave')
    return None


async def _is_healthy(connection: SharedConnection) -> bool:
    """Tell whether the server answers; otherwise the connection is closed."""
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    connection.send(b'*1\r\n$4\r\nPING\r\n', reply)
    with suppress(asyncio.CancelledError):
        if await reply in (b'PONG', 'PONG'):
            return True
    connection.fail(redis.exceptions.ConnectionError('Bad response from PING health check'))
    return False
