"""Replicas: where requests that only read may go instead of the master.

In a cluster, the replicas of a slot are known. A connection has to say READONLY before a replica
answers it, so READONLY is sent along with each request, in the same trip. A client that asks
sentinels has a second one, which asks them for replicas.

A request goes to a replica once. If that one refuses it or does not answer, the master gets it.
"""

from __future__ import annotations

import random
import weakref
from typing import Any, Final

from rom._core.drivers.cluster_slots import is_cluster
from rom._core.drivers.redirections import sentinel_pool
from rom.exceptions import InvalidOperation

#: The command that lets the connection to a replica read.
READONLY: Final = ('READONLY',)

# The client for replicas of each client that asks sentinels, by the pool.
_readers: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def reader_of(client: Any) -> Any:
    """Return the client for the replicas of a client's master; None: a cluster has its own.

    Raises:
        InvalidOperation: the client knows no replicas.
    """
    if is_cluster(client):
        return None
    pool = sentinel_pool(client)
    if pool is None:
        raise InvalidOperation(
            'a session with replicas=True needs a client that knows the replicas: a '
            "redis.RedisCluster (rom.connect('redis+cluster://HOST:PORT')), or the master_for(...) "
            'of a redis.sentinel.Sentinel'
        )
    if pool not in _readers:
        options = {k: v for k, v in pool.connection_kwargs.items() if k != 'connection_pool'}
        sentinel, name = pool.sentinel_manager, pool.service_name
        _readers[pool] = sentinel.slave_for(name, redis_class=type(client), **options)
    return _readers[pool]


def replica_of(nodes: Any, slot: int) -> Any:
    """Return a random replica of a slot, or its master if it has no replica."""
    master = nodes.get_node_from_slot(slot)
    replicas = nodes.slots_cache[slot][1:]
    return random.choice(replicas) if replicas else master
