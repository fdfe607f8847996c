"""Clients of an application: one that blocks, and how the one for asyncio is made.

They are checked when they are given, as far as that can be done, and a function when it is called.
No error shows a client, because what a client shows of itself may be a password.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import redis

from rom.drivers.connection import open_url
from rom.drivers.twins import Maker, pair
from rom.exceptions import ORMError

# Frameworks make their middleware anew for each test client, and 'embedded:' is a new server.
_at: weakref.WeakValueDictionary[str, redis.Redis] = weakref.WeakValueDictionary()
#: Held while a client is made: requests may begin at the same time.
making = threading.RLock()


def client_at(url: str) -> redis.Redis:
    """Return the client for a URL, the same for all applications that use it.

    Raises:
        ORMError: no such kind of URL.
        ServerUnavailable: the embedded server cannot be started.
    """
    with making:
        found = _at.get(url)
        if found is None:
            found = _at[url] = open_url(url)
        return found


def client_by(given: Any) -> redis.Redis:
    """Return a client that was given, or what a function that was given makes.

    Raises:
        ORMError: the function made no client that blocks.
    """
    made = given if is_client(given) else given()
    if not is_client(made) or is_async(made):
        raise ORMError(
            f'the function in the setting client of rom made {_kind(made)}: it has to return a '
            'client that blocks, like redis.Redis(...); async_client takes one for asyncio'
        )
    found: redis.Redis = made
    return found


def pair_with(client: redis.Redis, given: Any) -> None:
    """Have asyncio use a client that was given, or what a function makes for each event loop."""
    if is_client(given):
        pair(client, Maker(lambda: given, is_kept=True))
        return

    def make() -> Any:
        made = given()
        if is_client(made) and is_async(made):
            return made
        raise ORMError(
            f'the function in the setting async_client of rom made {_kind(made)}: it has to return '
            'an asyncio client, like redis.asyncio.Redis(...), and must not be a coroutine'
        )

    pair(client, Maker(make, is_kept=False))


def is_client(given: object) -> bool:
    """It carries commands out; a class that does is a function that makes one."""
    return not isinstance(given, type) and hasattr(given, 'execute_command')


def is_async(client: object) -> bool:
    """The client is one for asyncio."""
    return hasattr(client, 'aclose')


def _kind(given: object) -> str:
    return f'a {type(given).__module__}.{type(given).__qualname__}'
