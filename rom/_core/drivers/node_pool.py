"""Node pool: how the shared connections to one node of a cluster are opened and closed.

Connections to a node that may be a replica send READONLY when they are opened. No other request may
use them: a master that became a replica would run scripts on them that must read from the master.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rom._core.drivers import process_id
from rom._core.drivers.loop_connections import LoopConnections, add


class NodePool:
    """Stands for a pool of connections to one node, as `LoopConnection` uses it.

    Args:
        kind: the class of the connections.
        options: their arguments.
        reads: the connections are only for reading, and the node may be a replica.

    Attributes:
        connection_kwargs: the arguments of its connections.
    """

    def __init__(self, kind: Any, options: dict[str, Any], reads: bool) -> None:
        self._kind = kind
        # Without retries, as the client library has it: the driver repeats requests, and knows it.
        retry = Retry(NoBackoff(), 0, supported_errors=(redis.exceptions.ConnectionError,))
        self.connection_kwargs = {**options, 'retry': retry}
        if reads:
            self.connection_kwargs['redis_connect_func'] = _to_read(options)
        self._loops: dict[int, LoopConnections] = {}

    def make_connection(self) -> Any:
        """Return a new connection, which is not open yet."""
        return self._kind(**self.connection_kwargs)

    def connections(self) -> LoopConnections:
        """Return the shared connections in the running loop."""
        loop = asyncio.get_running_loop()
        found = self._loops.get(id(loop))
        if found is not None and found.loop() is loop and found.pid == process_id.current:
            return found
        return add(self._loops, self, loop)

    @property
    def is_crowded(self) -> bool:
        """True if many tasks use the connection for short requests right now, in this loop."""
        current = self.connections().short.current
        return current is not None and current.is_crowded

    @property
    def is_closed(self) -> bool:
        """True if no connection of this process is open."""
        return all(one.is_closed for one in self._own())

    def _own(self) -> list[LoopConnections]:
        return [one for one in self._loops.values() if one.pid == process_id.current]

    def retire(self) -> None:
        """Close the connections after the replies that are due."""
        for connections in self._own():
            connections.retire()

    async def close(self) -> None:
        """Close the connections at once."""
        for connections in self._own():
            await connections.close()


def _to_read(options: dict[str, Any]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Return a function that prepares a new connection for reading from a replica."""
    given = options.get('redis_connect_func')

    async def prepare(connection: Any) -> None:
        await (connection.on_connect() if given is None else given(connection))
        await connection.send_command('READONLY')
        # A server that refuses it redirects requests to the master, which answers them.
        with suppress(redis.exceptions.ResponseError):
            await connection.read_response()

    return prepare
