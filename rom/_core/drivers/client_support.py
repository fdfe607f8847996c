"""Kinds of clients and of event loops: those that rom works with, and what to say of others."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import redis
import redis.asyncio

from rom.exceptions import InvalidOperation

# Classes that are right, by whether they block.
_right: dict[bool, set[type]] = {True: set(), False: set()}


def check_client(client: Any, blocks: bool) -> None:
    """Look whether a client is of a kind that a driver can use.

    Args:
        client: any object. One of a kind that is not known is given a chance.
        blocks: it must be one whose calls block; else one whose calls are awaited.

    Raises:
        InvalidOperation: it is of the other kind, or of another library.
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
    if blocks and isinstance(client, redis.asyncio.Redis):
        raise InvalidOperation(
            f'a client whose calls block is needed here, and {name} is for asyncio: make a '
            'redis.Redis, or await what you call in an AsyncSession(connection=...)'
        )
    if not blocks and isinstance(client, redis.Redis):
        raise InvalidOperation(
            f'a client for asyncio is needed here, and the calls of {name} block: pass '
            'AsyncSession a redis.asyncio.Redis, or no connection, and it makes its own'
        )
    _right[blocks].add(kind)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs.

    Raises:
        InvalidOperation: there is none of asyncio.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise no_loop() from None


def no_loop() -> InvalidOperation:
    """An error about an AsyncSession, or what is like it, without a loop of asyncio."""
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
