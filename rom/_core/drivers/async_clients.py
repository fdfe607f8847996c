"""Twins: for each event loop and each blocking client, an asyncio client for the same server.

A twin is made when it is first needed, with the options of its blocking client. All clients of one
server with equal options share it, because a program may make a new client for each call.

**Tasks wait for a connection.** A web program has more requests under way than a pool has
connections. A task waits for a twin's pool as long as a thread would wait for the blocking pool (a
`BlockingConnectionPool` has a timeout, others have none).

**A loop can be collected.** The twins of a loop are an attribute of the loop, because a twin refers
to its loop. A module's dictionary, even one with weak keys, would keep the loop alive for ever. The
twins are closed with the loop's asynchronous generators, as `asyncio.run` does at its end. A loop
that was closed without that is found by the next loop that needs a twin. Nothing of it runs any
more, so its sockets are closed directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Any, Final, NamedTuple

import redis.asyncio

from rom._core.drivers.async_client_options import recipe_of
from rom._core.drivers.client_support import check_client, running_loop
from rom._core.drivers.cluster_slots import is_cluster
from rom._core.drivers.server_identity import server_of

#: The attribute of a loop that holds its twins.
_NAME: Final = '_rom_clients'

_loops: set[weakref.ref[asyncio.AbstractEventLoop]] = set()
_finding = threading.Lock()


async def async_connection(client: Any) -> redis.asyncio.Redis:
    """Return the running loop's asyncio client for the server of a blocking client.

    It is closed with the loop.

    Raises:
        ORMError: the client has an option that `redis.asyncio` lacks, or is of another library; or
            no asyncio event loop runs.
    """
    loop = running_loop()
    twins: _Twins | None = getattr(loop, _NAME, None)
    if twins is None:
        twins = await _begin(loop)
    return twins.of(client)


class Maker(NamedTuple):
    """The program's own function for the asyncio client of a blocking client.

    Attributes:
        make: returns the asyncio client.
        is_kept: the program closes that client; otherwise it is closed with the loop.
    """

    make: Callable[[], Any]
    is_kept: bool


_makers: weakref.WeakKeyDictionary[Any, Maker] = weakref.WeakKeyDictionary()


def pair(client: Any, maker: Maker) -> None:
    """Use a program's own function to make the asyncio client of a blocking client."""
    _makers[client] = maker


class _Twins:
    """The asyncio clients of one loop."""

    def __init__(self) -> None:
        self.closer: AsyncGenerator[None, None] | None = None
        # The keys of `_known` are paired clients and, for other clients, their pools.
        self._known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._made: dict[Hashable, Any] = {}
        self._own: list[Any] = []

    def of(self, client: Any) -> redis.asyncio.Redis:
        """Return the twin of a client."""
        maker = _makers.get(client) if _makers else None
        source = client if maker is not None else getattr(client, 'connection_pool', client)
        found = self._known.get(source)
        if found is None:
            found = self._known[source] = (
                self._twin(client) if maker is None else self._given(maker)
            )
        twin: redis.asyncio.Redis = found
        return twin

    def _twin(self, client: Any) -> Any:
        check_client(client, blocks=True)
        recipe = recipe_of(client)
        key = server_of(client), recipe.key
        if key not in self._made:
            self._made[key] = recipe.make()
            self._own.append(self._made[key])
        return self._made[key]

    def _given(self, maker: Maker) -> Any:
        made = maker.make()
        if not maker.is_kept:
            self._own.append(made)
        return made

    async def close(self) -> None:
        """Close the clients, while the loop still runs."""
        own = self._own
        self.forget()
        await asyncio.gather(*(twin.aclose() for twin in own), return_exceptions=True)

    def cut(self) -> None:
        """Close the sockets of a loop that is closed."""
        for twin in self._own:
            for connection in _connections_of(twin):
                _cut(connection)
        self.forget()

    def forget(self) -> None:
        """Drop all references."""
        self.closer, self._known, self._made = None, weakref.WeakKeyDictionary(), {}
        self._own = []


async def _begin(loop: asyncio.AbstractEventLoop) -> _Twins:
    """Give a loop its twins, and close those of loops that are closed."""
    _let_go()
    twins = _Twins()
    setattr(loop, _NAME, twins)
    with _finding:
        _loops.add(weakref.ref(loop, _loops.discard))
    twins.closer = _closing(twins)
    await anext(twins.closer)
    return twins


async def _closing(twins: _Twins) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await twins.close()


def _let_go() -> None:
    """Close the sockets of loops that were closed without closing their twins."""
    with _finding:
        known = [(ref, loop) for ref in list(_loops) if (loop := ref()) is not None]
        closed = [(ref, loop) for ref, loop in known if loop.is_closed()]
        _loops.difference_update(ref for ref, _ in closed)
    for _, loop in closed:
        twins: _Twins | None = getattr(loop, _NAME, None)
        if twins is not None:
            delattr(loop, _NAME)
            twins.cut()


def _connections_of(twin: Any) -> list[Any]:
    if is_cluster(twin):
        twin._initialize = True  # as after `aclose`: it has no connections
        manager = twin.nodes_manager
        nodes = (*manager.nodes_cache.values(), *manager.startup_nodes.values())
        return [connection for node in nodes for connection in node._connections]
    pool = getattr(twin, 'connection_pool', None)
    held = getattr(pool, '_available_connections', ())
    return [*held, *getattr(pool, '_in_use_connections', ())]


def _cut(connection: Any) -> None:
    """Close a connection's socket, as its transport would in the next turn of the loop."""
    writer = getattr(connection, '_writer', None)
    if writer is None:
        return
    connection._writer = connection._reader = None
    outer = writer.transport
    inner = getattr(getattr(outer, '_ssl_protocol', None), '_transport', outer)
    for step in (outer.close, inner.close, lambda: inner._call_connection_lost(None)):
        # Each step may raise because the loop is closed; some loops have closed the socket.
        with contextlib.suppress(Exception):
            step()
