"""The choice of the client for a model, an entity or a sync client."""

from __future__ import annotations

from typing import Any, TypeAlias

import redis
import redis.asyncio

from rom._core import session_context
from rom._core.drivers.async_clients import async_connection
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.connections import connection_of

#: An asyncio client; or a sync one, which stands for the running loop's client of its server.
Client: TypeAlias = redis.asyncio.Redis | redis.Redis


def client_of(subject: Any) -> Client:
    """Return the client of a model or an entity.

    An entity has its session's client, even in a task whose current session is another one.
    """
    session = getattr(subject, '_session', None)
    if session is None:
        session = session_context.home()
    if session.is_async and session._connection is not None:
        found: Client = session._connection
        return found
    return connection_of(subject)


async def driver_on(client: Client) -> AsyncDriver:
    """Return a driver for a client, in the running event loop."""
    if isinstance(client, (redis.Redis, redis.RedisCluster)):
        client = await async_connection(client)
    return AsyncDriver(client)
