"""Supported clients and event loops, and the errors for all others."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import redis
import redis.asyncio

from rom.exceptions import InvalidOperation

# Classes of clients that passed the check, by whether they block.
_right: dict[bool, set[type]] = {True: set(), False: set()}


def check_client(client: Any, blocks: bool) -> None:
    """Check that a driver can use a client.

    Args:
        client: any object. An unknown class is accepted.
        blocks: True: its calls must block; False: they must be awaitable.

    Raises:
        InvalidOperation: the client is of the other kind, or of another library.
    """
    kind = type(client)
    if kind in _right[blocks]:
        return
    name = f'{kind.__module__}.{kind.__qualname__}'
    if kind.__module__.partition('.')[0] == 'valkey':
        raise InvalidOperation(
            f'rom needs a client of redis-py, and got a {name} of valkey-py. redis-py works with '
            'Valkey servers as well: make a redis.Redis, or for an AsyncSession a '
            'redis.asyncio.Redis, with the same arguments'
        )
    if blocks and isinstance(client, (redis.asyncio.Redis, redis.asyncio.RedisCluster)):
        raise InvalidOperation(
            f'a client whose calls block is needed here, and {name} is for asyncio: make a '
            'redis.Redis, or await what you call in an AsyncSession(connection=...)'
        )
    if not blocks and isinstance(client, (redis.Redis, redis.RedisCluster)):
        raise InvalidOperation(
            f'a client for asyncio is needed here, and the calls of {name} block: pass '
            'AsyncSession a redis.asyncio.Redis, or no connection, and it makes its own'
        )
    _right[blocks].add(kind)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop.

    Raises:
        InvalidOperation: no asyncio event loop runs.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise no_loop() from None


def no_loop() -> InvalidOperation:
    """Return the error for a use of asyncio code where no asyncio event loop runs."""
    where = 'trio runs here' if _is_in_trio() else 'none runs here'
    return InvalidOperation(
        f'AsyncSession and rom.aio need an event loop of asyncio, and {where}: run the program '
        'with asyncio.run(...) (of anyio, with its backend asyncio), or use a Session, whose calls '
        'block, in a thread'
    )


def _is_in_trio() -> bool:
    trio: Any = sys.modules.get('trio')
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
