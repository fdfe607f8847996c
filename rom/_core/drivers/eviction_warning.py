"""Each server is asked once by a program whether it evicts keys, on a trip that is made anyway."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import Any, TypeVar

import redis

from rom._core.drivers.scripts import loaded
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops import memory_policy
from rom._core.ops.piggyback import Aside, alongside
from rom._core.ops.requests import Command, Operation
from rom._core.support.caller_warnings import warn
from rom.exceptions import EvictionWarning

T = TypeVar('T')

# Pools are known by their id, which is looked at for each operation. Several pools may lead to one
# server: asyncio has one for each event loop.
_pools: set[int] = set()
_servers: set[str] = set()
_telling = threading.Lock()


def is_known(connection: Any) -> bool:
    """Whether the server of this client was asked by this program."""
    return id(getattr(connection, 'connection_pool', connection)) in _pools


def noticed(connection: Any, operation: Operation[T]) -> Operation[T]:
    """An operation, whose first trip asks the server if no other has."""
    asked = aside(connection)
    return operation if asked is None else alongside(operation, (asked,))


def aside(connection: Any) -> Aside | None:
    """The question; None: the server was asked before."""
    if is_known(connection):
        return None
    if address(connection) in _servers:
        _note(connection)
        return None
    return Aside(question(), partial(_tell, connection))


def question() -> Command:
    """What to ask a server.

    The whole script is sent, and not its digest: a server that does not know the digest would take
    another trip, in the midst of an operation that has happened already.
    """
    return Command('EVAL', loaded('memory').source, 0)


def objection(connection: redis.Redis) -> str | None:
    """What a user should know of the server of a client; None: nothing. One trip."""
    found = memory_policy.read(SyncDriver(connection).perform(question()))
    return memory_policy.objection(found, address(connection))


def _tell(connection: Any, reply: Any) -> None:
    server = address(connection)
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


def address(connection: Any) -> str:
    """Where a client's server is.

    >>> import redis
    >>> address(redis.Redis(port=7000, db=3, password='secret'))
    'localhost:7000'
    """
    pool: Any = getattr(connection, 'connection_pool', None)
    if hasattr(pool, 'sentinel_manager'):
        return f'the address that the sentinels have of {pool.service_name!r}'
    options = getattr(pool, 'connection_kwargs', {})
    if options.get('path'):
        return f'unix:{options["path"]}'
    return f'{options.get("host", "localhost")}:{options.get("port", 6379)}'
