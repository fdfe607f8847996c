"""Interrupted calls, of which a reply may still be due on a connection of the pool."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import redis
import redis.asyncio

#: What the client library raises, and the system.
ERRORS: Final = (redis.exceptions.RedisError, ConnectionError, TimeoutError)


def drop_idle_unless_answered(client: Any, error: BaseException) -> None:
    """Disconnect the idle connections of a blocking client after a call that was interrupted.

    The client library disconnects a connection when an interrupt comes while it sends or reads. One
    that comes in between (Ctrl-C, a signal handler that raises) leaves the connection in the pool,
    with a reply due that the next command would take for its own. Nothing tells which connection
    that is, so all idle ones are disconnected; each is connected again by its next command.

    Args:
        client: the client whose call ended with an error. An asyncio client is interrupted where it
            awaits, and nowhere else: then it disconnects by itself.
        error: the error; one of the client library or of the system is no interrupt.
    """
    if isinstance(error, ERRORS) or isinstance(client, redis.asyncio.Redis):
        return
    with suppress(redis.exceptions.RedisError, OSError, TypeError):
        client.connection_pool.disconnect(inuse_connections=False)
    if client.connection is not None:
        client.connection.disconnect()
