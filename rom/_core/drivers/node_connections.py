"""The shared connections of a client to the nodes of a cluster.

Each node has two of them in each loop, as a server alone has: see
`rom._core.drivers.loop_connections`. A replica that is asked to read has two others: see
`rom._core.drivers.node_pool`.

They are closed with the client, by its ``aclose()``. Those of a node that has left the cluster are
closed after their last replies.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Collection, Coroutine
from types import FunctionType
from typing import Any, Final, TypeAlias

import redis.asyncio.cluster

from rom._core.drivers.kept_connections import collects_metrics
from rom._core.drivers.loop_connections import LoopConnections, suits
from rom._core.drivers.node_pool import NodePool

#: The attribute of a client that holds its `ClusterConnections`.
_NAME: Final = '_rom_nodes'

#: The name of a node, and whether its connections are only for reading from a replica.
_Key: TypeAlias = tuple[str, bool]


def _own(method: Any) -> Any:
    """Return a method if it is the client library's own; tracing programs replace it."""
    is_own = type(method) is FunctionType and method.__globals__ is vars(redis.asyncio.cluster)
    return method if is_own else None


_NODE: Final[Any] = redis.asyncio.cluster.ClusterNode
# `shared` compares the class's methods with these at each call, as `loop_connections.of` does.
_EXECUTE: Final = _own(_NODE.execute_command)
_RUN: Final = _own(_NODE.execute_pipeline)


class ClusterConnections:
    """The connections of one client to the nodes of its cluster.

    Attributes:
        queues: for each node, by its name, a semaphore for its connections of the client library.
    """

    def __init__(self, client: Any) -> None:
        self.queues: dict[str, asyncio.Semaphore] = {}
        # The program may have replaced the method that has to close the connections.
        self._is_closable = 'aclose' not in vars(client)
        self._pools: dict[_Key, NodePool] = {}
        self._running: asyncio.Task[None] | None = None

    async def once(self, refresh: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask for the slots; tasks that need them at the same time wait for one answer.

        All requests in flight fail together when a connection breaks, so all ask at once.
        """
        loop, running = asyncio.get_running_loop(), self._running
        if running is None or running.done() or running.get_loop() is not loop:
            running = self._running = loop.create_task(refresh())
        await asyncio.wait([running])  # if this task is cancelled, the refresh goes on
        if not running.cancelled():
            running.result()

    def shared(self, node: Any, reads: bool = False) -> LoopConnections | None:
        """Return the shared connections to a node in the running loop.

        Args:
            node: a node of the client library.
            reads: they are only for reading, and the node may be a replica.

        Returns:
            The connections; None: use the node's own methods. The reasons are those of
            `loop_connections.of`.
        """
        if _NODE.execute_command is not _EXECUTE or _NODE.execute_pipeline is not _RUN:
            return None
        if not _EXECUTE or collects_metrics():
            return None
        pool = self._pools.get((node.name, reads))
        if pool is None:
            pool = self._begin(node, reads)
        return None if pool is None else pool.connections()

    def _begin(self, node: Any, reads: bool) -> NodePool | None:
        is_known = type(node) is _NODE and suits(node.connection_class, node.connection_kwargs)
        if not (is_known and self._is_closable):
            return None
        pool = NodePool(node.connection_class, node.connection_kwargs, reads)
        self._pools[node.name, reads] = pool
        return pool

    @property
    def is_crowded(self) -> bool:
        """True if many tasks use one of the connections for short requests right now."""
        return any(pool.is_crowded for pool in self._pools.values())

    def keep(self, names: Collection[str]) -> None:
        """Close the connections to all other nodes, after the replies that are due."""
        for key, pool in list(self._pools.items()):
            if key[0] in names:
                continue
            pool.retire()
            if pool.is_closed:  # a pool that is collected closes its connections at once
                self._pools.pop(key, None)

    async def close(self) -> None:
        """Close all connections at once."""
        for pool in list(self._pools.values()):
            await pool.close()


def of(client: Any) -> ClusterConnections:
    """Return the connections of an asyncio client of a cluster to its nodes."""
    found: ClusterConnections | None = vars(client).get(_NAME)
    return _begin(client) if found is None else found


def _begin(client: Any) -> ClusterConnections:
    found = ClusterConnections(client)
    setattr(client, _NAME, found)
    if 'aclose' not in vars(client):
        client.aclose = _Close(client)
    return found


class _Close:
    """A client's ``aclose``, which also closes the shared connections."""

    def __init__(self, client: Any) -> None:
        self._client = weakref.ref(client)

    async def __call__(self) -> None:
        client = self._client()
        assert client is not None  # the caller uses it
        await of(client).close()
        await type(client).aclose(client)
