"""Cluster clients: made when they are first used, and made once more for asyncio."""

import inspect
import threading
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster

Address: TypeAlias = tuple[str, int]

#: Seconds after which a node counts as lost, unless an option has another number. A node that is
#: stopped keeps its connections, so without a limit a request would wait for ever.
TIMEOUTS: Final = {'socket_timeout': 5.0, 'socket_connect_timeout': 2.0}

# Attributes of other clients. Code that tells clients apart asks for them; that opens nothing.
_OF_OTHERS: Final = frozenset(('aclose', 'connection', 'connection_pool', 'sentinel_manager'))


class LazyCluster(redis.RedisCluster):
    """A blocking client of a cluster, which asks for the nodes when it is first used.

    The client library's own asks when it is made, so a program could not start while the cluster
    is down.

    Args:
        addresses: the hosts and ports of some nodes.
        options: further arguments of `redis.RedisCluster`.

    Attributes:
        addresses: as given.
        options: as given.
        is_open: the nodes are known.
    """

    def __init__(self, addresses: Sequence[Address], **options: Any) -> None:
        self.addresses = list(addresses)
        self.options = options
        self.is_open = False
        self._opening = threading.Lock()
        self._opener: int | None = None

    def __getattr__(self, name: str) -> Any:
        """Make the client when a part of it is needed that is not there yet."""
        is_needed = not (name in _OF_OTHERS or name.startswith('__') or self.is_open)
        if not is_needed or self._opener == threading.get_ident():
            raise AttributeError(f'{type(self).__name__!r} has no attribute {name!r}')
        with self._opening:
            if not self.is_open:
                self._open()
        return getattr(self, name)

    def _open(self) -> None:
        make: Any = redis.cluster.ClusterNode
        nodes = [make(*address) for address in self.addresses]
        self._opener = threading.get_ident()
        try:
            super().__init__(startup_nodes=nodes, require_full_coverage=False, **self.options)
        finally:
            self._opener = None
        self.is_open = True

    def close(self) -> None:
        """Close the connections, if there are any."""
        if self.is_open:
            super().close()


def addresses_of(client: Any) -> list[Address]:
    """Return the addresses of the nodes that a client of a cluster knows."""
    if isinstance(client, LazyCluster) and not client.is_open:
        return client.addresses
    return [
        (str(node.host), int(node.port)) for node in client.nodes_manager.startup_nodes.values()
    ]


def options_of(client: Any) -> dict[str, Any]:
    """Return the options of a client of a cluster for its connections."""
    if isinstance(client, LazyCluster) and not client.is_open:
        return client.options
    options: dict[str, Any] = client.nodes_manager.connection_kwargs
    return options


class ClusterRecipe(NamedTuple):
    """The options of an asyncio client of a cluster.

    Attributes:
        addresses: the hosts and ports of some nodes.
        options: arguments of `redis.asyncio.RedisCluster`.
        key: a key that is equal for clients with equal options.
    """

    addresses: list[Address]
    options: dict[str, Any]
    key: Hashable

    def make(self) -> redis.asyncio.RedisCluster:
        """Make the client."""
        nodes = [redis.asyncio.cluster.ClusterNode(*address) for address in self.addresses]
        return redis.asyncio.RedisCluster(
            startup_nodes=nodes, require_full_coverage=False, **self.options
        )


@cache
def known_options() -> frozenset[str]:
    """Return the names of the options of an asyncio client of a cluster."""
    # asyncio would await redis_connect_func, and that of a blocking client cannot be awaited.
    others = {'self', 'startup_nodes', 'host', 'port', 'redis_connect_func', 'event_dispatcher'}
    return frozenset(inspect.signature(redis.asyncio.RedisCluster.__init__).parameters) - others
