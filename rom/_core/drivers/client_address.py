"""Addresses of servers, as messages show them: without a user and a password."""

from __future__ import annotations

from typing import Any

from rom._core.drivers.cluster_clients import addresses_of
from rom._core.drivers.cluster_slots import is_cluster


def address_of(connection: Any, with_database: bool = False) -> str:
    """Return the address of a client's server.

    Args:
        connection: a client, blocking or for asyncio, also of a cluster or of sentinels.
        with_database: add the number of the database, where the address is a host and a port.

    >>> import redis
    >>> client = redis.Redis(port=7000, db=3, password='secret')
    >>> address_of(client), address_of(client, with_database=True)
    ('localhost:7000', 'localhost:7000/3')
    """
    if is_cluster(connection):
        nodes = sorted(f'{host}:{port}' for host, port in addresses_of(connection))
        return f'the cluster of {", ".join(nodes)}'
    pool: Any = getattr(connection, 'connection_pool', None)
    if hasattr(pool, 'sentinel_manager'):
        return f'the address that the sentinels have of {pool.service_name!r}'
    options = getattr(pool, 'connection_kwargs', {})
    if options.get('path'):
        return f'unix:{options["path"]}'
    address = f'{options.get("host", "localhost")}:{options.get("port", 6379)}'
    return f'{address}/{options.get("db") or 0}' if with_database else address
