"""Twins: for each event loop and each blocking client, an asyncio client for the same server.

A twin is made when it is first needed, with the options of its blocking client. All clients of one
server with equal options share it, because a program may make a new client for each call.

**Tasks wait for a connection.** A web program has more requests under way than a pool has
connections. A task waits for a twin's pool as long as a thread would wait for the blocking pool (a
`BlockingConnectionPool` has a timeout, others have none).

**A loop can be collected.** The twins of a loop are an attribute of the loop, because a twin refers
to its loop. They are closed with it: see `rom._core.drivers.loop_end`.
"""

import asyncio
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

import redis.asyncio

from rom._core.drivers.async_client_options import recipe_of
from rom._core.drivers.client_support import check_client, running_loop
from rom._core.drivers.cluster_slots import is_cluster
from rom._core.drivers.loop_end import at_end, cut_writer
from rom._core.drivers.server_functions import are_forbidden, use_server_functions
from rom._core.drivers.server_identity import server_of

#: The attribute of a loop that holds its twins.
_NAME: Final = '_rom_clients'


async def async_connection(client: Any) -> redis.asyncio.Redis:
    """Return the running loop's asyncio client for the server of a blocking client.

    It is closed with the loop.

    Raises:
        ORMError: the client has an option that `redis.asyncio` lacks, or is of another library; or
            no asyncio event loop runs.
    """
    return twin_of(client)


def twin_of(client: Any) -> redis.asyncio.Redis:
    """Return what `async_connection` does: it has nothing to wait for.

    Raises:
        ORMError: the client has an option that `redis.asyncio` lacks, or is of another library; or
            no asyncio event loop runs.
    """
    loop = running_loop()
    twins: _Twins | None = getattr(loop, _NAME, None)
    if twins is None or not twins.is_open:
        twins = _begin(loop)
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
        self.is_open = True
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
        is_forbidden = are_forbidden(client)
        key = server_of(client), recipe.key, is_forbidden
        if key not in self._made:
            self._made[key] = recipe.make()
            if is_forbidden:
                use_server_functions(False, self._made[key])
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
        self.is_open, self._known, self._made = False, weakref.WeakKeyDictionary(), {}
        self._own = []


def _begin(loop: asyncio.AbstractEventLoop) -> _Twins:
    """Give a loop its twins."""
    twins = _Twins()
    at_end(loop, twins)
    setattr(loop, _NAME, twins)
    return twins


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
    """Close a connection's socket."""
    writer = getattr(connection, '_writer', None)
    if writer is not None:
        connection._writer = connection._reader = None
        cut_writer(writer)
