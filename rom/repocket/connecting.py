"""Which server the records are on, and the way there."""

from __future__ import annotations

from typing import TypeVar

import redis

from rom.drivers.connection import connection_of
from rom.drivers.eviction import noticed
from rom.drivers.sync import SyncDriver
from rom.ops.requests import Operation

T = TypeVar('T')


class Configure:
    """Says where the records are; there is one of it, ``rom.repocket.configure``.

    Until it is told, records are where the rest of rom has its data.
    """

    def __init__(self) -> None:
        self._client: redis.Redis | None = None

    def connection_pool(
        self, hostname: str = 'localhost', port: int = 6379, db: int = 0
    ) -> Configure:
        """Keep the records on this server. Nothing is connected before it is needed.

        Returns:
            ``configure`` itself.

        Example::

            configure.connection_pool(hostname='localhost', port=6379, db=0)
        """
        self._client = redis.Redis(host=hostname, port=port, db=db)
        return self

    def get_connection(self) -> redis.Redis:
        """The client in use.

        Example::

            configure.get_connection().ping()
        """
        return self._client if self._client is not None else connection_of(None)

    def _run(self, operation: Operation[T]) -> T:
        client = self.get_connection()
        return SyncDriver(client).run(noticed(client, operation))


configure = Configure()


def run(operation: Operation[T]) -> T:
    """Carry an operation out, and wait for it."""
    return configure._run(operation)
