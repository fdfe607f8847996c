"""Which client something is done with."""

from __future__ import annotations

from typing import Any, TypeAlias

import redis
import redis.asyncio

from rom import current
from rom.drivers.aio import AsyncDriver
from rom.drivers.connection import async_connection, connection_of

#: One for asyncio, or a sync one: then the running loop's client for the same server.
Client: TypeAlias = redis.asyncio.Redis | redis.Redis


def client_of(subject: Any) -> Client:
    """The client for a model, or an entity of it.

    An entity knows its session, also in a task where another one is the current one.
    """
    session = getattr(subject, '_session', None)
    if session is None:
        session = current.home()
    if session.is_async and session._connection is not None:
        found: Client = session._connection
        return found
    return connection_of(subject)


async def driver_on(client: Client) -> AsyncDriver:
    """What carries operations out with a client, in the running loop."""
    if isinstance(client, redis.Redis):
        client = await async_connection(client)
    return AsyncDriver(client)
