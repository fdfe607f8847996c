"""Redirections: errors of a node whose keys have moved, or may have."""

from __future__ import annotations

import re
from typing import Any, Final

import redis.exceptions

from rom._core.drivers.cluster_slots import is_cluster

#: The command that lets the next one on its connection use a slot that is about to arrive.
ASKING: Final = ('ASKING',)

# After these, a client asks the cluster again which node has which slots.
_LOST: Final = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    ConnectionError,
    TimeoutError,
)
_MOVES: Final = (
    *_LOST,
    redis.exceptions.MovedError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.ReadOnlyError,
)
# These are connection errors of the client library, and say nothing of connections.
_OTHERS: Final = (
    redis.exceptions.AuthenticationError,
    redis.exceptions.BusyLoadingError,
    redis.exceptions.MaxConnectionsError,
)
_HIDDEN: Final = re.compile(r'Error running script .*: -READONLY ')
#: Errors of the client library where it finds no node that answers.
NO_NODE: Final = (
    redis.exceptions.RedisClusterException,
    redis.exceptions.RedisError,
    ConnectionError,
    TimeoutError,
)


def sentinel_pool(client: Any) -> Any:
    """Return the pool of a client that asks sentinels for the address; None: it does not ask."""
    pool: Any = getattr(client, 'connection_pool', None)
    return pool if hasattr(pool, 'sentinel_manager') else None


def follows_master(client: Any) -> bool:
    """Tell whether a client finds the new master after a failover: one of a cluster or Sentinel."""
    if is_cluster(client):
        return True
    pool = sentinel_pool(client)
    return pool is not None and bool(pool.is_master)


def is_lost(error: object) -> bool:
    """Return whether a connection could not be made or was lost, by the error."""
    return isinstance(error, _LOST) and not isinstance(error, _OTHERS)


def hides_read_only(error: object) -> bool:
    """Return whether a script of Redis 6.2 met READONLY, which only the error's text shows.

    The client library then keeps the connection to a server that is no longer the master. Where it
    finds READONLY itself, it drops the connection and asks the sentinels again.
    """
    is_answer = isinstance(error, redis.exceptions.ResponseError)
    return is_answer and _HIDDEN.match(str(error)) is not None


def is_move(error: object) -> bool:
    """Return whether, by an error, the nodes may have other slots or roles by now."""
    if isinstance(error, _MOVES):
        return not isinstance(error, _OTHERS)
    return hides_read_only(error)


def is_ask(reply: object) -> bool:
    """Tell whether a reply asks to send this one command to another node."""
    moved = redis.exceptions.MovedError
    return isinstance(reply, redis.exceptions.AskError) and not isinstance(reply, moved)


def still_moves(error: Exception) -> redis.exceptions.TryAgainError:
    """Return an ASK to a node that the client does not know yet as an error that passes."""
    return redis.exceptions.TryAgainError(f'TRYAGAIN the slot moves: {error}')


def not_served(error: Exception) -> redis.exceptions.RedisError:
    """Return the error for a slot where the client library finds no node that serves it."""
    cause = error.__cause__
    if isinstance(cause, redis.exceptions.AuthenticationError):
        return cause
    if isinstance(cause, redis.exceptions.RedisClusterException):
        # The library says of each refusal that this is not a cluster; the server's own words are
        # better: it may be one, and the user may not run CLUSTER SLOTS.
        return redis.exceptions.ResponseError(str(cause.__context__ or cause))
    return redis.exceptions.ClusterDownError(f'CLUSTERDOWN {error}')
