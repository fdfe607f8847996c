"""The client of the records."""

from __future__ import annotations

from typing import TypeVar

import redis

from rom._core.drivers.connections import connection_of
from rom._core.drivers.eviction_warning import noticed
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Operation

T = TypeVar('T')


class Configure:
    """Configuration of the client for records; its one instance is ``rom.repocket.configure``.

    Before `connection_pool` is called, records use the default client of rom.
    """

    def __init__(self) -> None:
        self._client: redis.Redis | None = None

    def connection_pool(
        self, hostname: str = 'localhost', port: int = 6379, db: int = 0
    ) -> Configure:
        """Keep the records on this server. The first operation connects.

        Returns:
            ``configure`` itself.

        Example::

            configure.connection_pool(hostname='localhost', port=6379, db=0)
        """
        self._client = redis.Redis(host=hostname, port=port, db=db)
        return self

    def get_connection(self) -> redis.Redis:
        """Return the client in use.

        Example::

            configure.get_connection().ping()
        """
        return self._client if self._client is not None else connection_of(None)

    def _run(self, operation: Operation[T]) -> T:
        client = self.get_connection()
        return SyncDriver(client).run(noticed(client, operation))


configure = Configure()


def run(operation: Operation[T]) -> T:
    """Carry out an operation, and return its result."""
    return configure._run(operation)
