"""Interrupted calls, whose replies may still be due on a connection of the pool."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import redis
import redis.asyncio

#: Errors of the client library and of the system.
ERRORS: Final = (redis.exceptions.RedisError, ConnectionError, TimeoutError)


def drop_idle_unless_answered(client: Any, error: BaseException) -> None:
    """Disconnect the idle connections of a blocking client after a call that was interrupted.

    The client library disconnects a connection if an interrupt comes while it sends or reads. An
    interrupt in between (Ctrl-C, a signal handler that raises) leaves the connection in the pool.
    Its next command would take the reply that is still due for its own. Nothing tells which
    connection that is, so all idle ones are disconnected. Each reconnects for its next command.

    Args:
        client: the client whose call ended with an error. An asyncio client is left alone: it is
            interrupted only where it awaits, and then disconnects by itself.
        error: the error. One of the client library or of the system is not an interrupt.
    """
    if isinstance(error, ERRORS) or isinstance(client, redis.asyncio.Redis):
        return
    if isinstance(client, redis.asyncio.RedisCluster):
        return
    if isinstance(client, redis.RedisCluster):
        for node in _nodes_of(client):
            drop_idle_unless_answered(node, error)
        return
    with suppress(redis.exceptions.RedisError, OSError, TypeError):
        client.connection_pool.disconnect(inuse_connections=False)
    if client.connection is not None:
        client.connection.disconnect()


def _nodes_of(cluster: redis.RedisCluster) -> list[redis.Redis]:
    manager = vars(cluster).get('nodes_manager')  # a client that is not open yet has none
    if manager is None:
        return []
    # Not a set: nodes of redis-py 6.0 are not hashable.
    nodes = (*manager.nodes_cache.values(), *manager.startup_nodes.values())
    return [node.redis_connection for node in nodes if node.redis_connection is not None]
