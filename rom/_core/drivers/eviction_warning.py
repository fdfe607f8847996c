"""Eviction check: the program's first trip to a server also asks whether it evicts keys."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import Any, TypeVar

import redis

from rom._core.drivers.client_address import address_of
from rom._core.drivers.scripts import loaded
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops import memory_policy
from rom._core.ops.requests import Command, Operation
from rom._core.ops.shared_trips import Aside, alongside
from rom._core.support.caller_warnings import warn
from rom.exceptions import EvictionWarning

T = TypeVar('T')

# Pools are known by their id, because each operation looks its pool up. Several pools may lead to
# one server: asyncio has one for each event loop.
_pools: set[int] = set()
_servers: set[str] = set()
_telling = threading.Lock()


def is_known(connection: Any) -> bool:
    """Tell whether this program has asked the server of this client."""
    return id(getattr(connection, 'connection_pool', connection)) in _pools


def noticed(connection: Any, operation: Operation[T]) -> Operation[T]:
    """Return an operation whose first trip also asks the server, unless it was asked before."""
    asked = aside(connection)
    return operation if asked is None else alongside(operation, (asked,))


def aside(connection: Any) -> Aside | None:
    """Return the request to send along; None: the server was asked before."""
    if is_known(connection):
        return None
    if address_of(connection) in _servers:
        _note(connection)
        return None
    return Aside(question(), partial(_tell, connection))


def question(at: bytes | None = None) -> Command:
    """Return the command that reads a server's memory policy.

    `at` is a key, whose node is asked on a cluster; None: that of the commands it is sent with.

    It sends the whole script instead of its digest. A server that does not know the digest would
    take another trip, although the operation that it goes along with is already carried out.
    """
    return Command('EVAL', loaded('memory').source, 0, key=at)


def objection(connection: redis.Redis, at: bytes) -> str | None:
    """Return a warning about the eviction policy of a client's server, or None. One trip.

    Args:
        connection: the client.
        at: a key, whose node is asked on a cluster.
    """
    found = memory_policy.read(SyncDriver(connection).perform(question(at)))
    return memory_policy.objection(found, address_of(connection))


def _tell(connection: Any, reply: Any) -> None:
    server = address_of(connection)
    with _telling:
        is_first = server not in _servers
        _servers.add(server)
        _note(connection)
    said = memory_policy.objection(memory_policy.read(reply), server) if is_first else None
    if said is not None:
        warn(said, EvictionWarning)


def _note(connection: Any) -> None:
    pool = getattr(connection, 'connection_pool', connection)
    if id(pool) not in _pools:
        _pools.add(id(pool))
        weakref.finalize(pool, _pools.discard, id(pool))  # another may get the same id
