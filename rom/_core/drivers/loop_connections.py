"""The shared connections of a client in an event loop: found, opened, closed.

A client has two of them in each loop. Rows, pages and long requests use the second one, so that
short requests do not wait behind them. See `rom._core.drivers.loop_connection` for how they are
opened.

They are beside the connections of the client's pool, so that they never make it smaller: a program
may hold all of those. But they are closed with them: by the pool's ``disconnect``, which
``aclose()`` calls; when the pool is collected; and at the end of the loop.

A client has none if they would replace something that a program relies on: `of` tells when.
"""

from __future__ import annotations

import asyncio
import weakref
from types import FunctionType
from typing import Any, Final

import redis.asyncio
import redis.asyncio.sentinel
import redis.exceptions

from rom._core.drivers import process_id
from rom._core.drivers.async_client_options import WaitingPool
from rom._core.drivers.kept_connections import collects_metrics
from rom._core.drivers.loop_connection import LoopConnection
from rom._core.drivers.loop_end import at_end

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

    @property
    def is_closed(self) -> bool:
        """True if no connection is open."""
        return self.short.is_closed and self.long.is_closed

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
    if type(pool) not in _POOLS or not suits(pool.connection_class, pool.connection_kwargs):
        return None
    known: dict[int, LoopConnections] | None = pool.__dict__.get(_NAME)
    if known is None:
        if 'disconnect' in vars(pool):
            return None  # the program has replaced it
        known = pool.__dict__[_NAME] = {}
        pool.disconnect = _Disconnect(pool)
    return add(known, pool, loop)


def suits(kind: type, options: dict[str, Any]) -> bool:
    """Tell whether connections of this class and with these options can be shared."""
    if kind not in _CONNECTIONS or 'parser_class' in options:
        return False
    return not isinstance(options.get('credential_provider'), _RENEWED)


def add(
    known: dict[int, LoopConnections], pool: Any, loop: asyncio.AbstractEventLoop
) -> LoopConnections:
    """Give a pool its shared connections in a loop.

    Args:
        known: those that it has in other loops, by the id of the loop.
        pool: a pool of the client library, or a `rom._core.drivers.node_pool.NodePool`.
        loop: the running loop.
    """
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
