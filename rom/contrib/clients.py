"""Clients of an application: a blocking one, and the way to make the asyncio one.

A client is checked when it is given, the result of a function when the function is called. Errors
name only the type of a client, because its repr may contain a password.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import redis

from rom._core.drivers.async_clients import Maker, pair
from rom._core.drivers.connections import open_url
from rom.exceptions import ORMError

# Frameworks make their middleware anew for each test client. Without this table, each 'embedded:'
# would start another server.
_at: weakref.WeakValueDictionary[str, redis.Redis] = weakref.WeakValueDictionary()
#: Held while a client is made, because several requests may begin at once.
making = threading.RLock()


def client_at(url: str) -> redis.Redis:
    """Return the client for a URL, the same for all applications that use it.

    Raises:
        ORMError: the URL has an unknown scheme.
        ServerUnavailable: the embedded server cannot be started.
    """
    with making:
        found = _at.get(url)
        if found is None:
            found = _at[url] = open_url(url)
        return found


def client_by(given: Any) -> redis.Redis:
    """Return the given client, or the one that a given function makes.

    Raises:
        ORMError: the function did not return a blocking client.
    """
    made = given if is_client(given) else given()
    if not is_client(made) or is_async(made):
        raise ORMError(
            'the function in the rom setting client: expected it to return a blocking client like '
            f'redis.Redis(...), got {_kind(made)}. An asyncio client goes into async_client'
        )
    found: redis.Redis = made
    return found


def pair_with(client: redis.Redis, given: Any) -> None:
    """Have coroutines use the given client, or the one a function makes for each event loop."""
    if is_client(given):
        pair(client, Maker(lambda: given, is_kept=True))
        return

    def make() -> Any:
        made = given()
        if is_client(made) and is_async(made):
            return made
        raise ORMError(
            'the function in the rom setting async_client: expected it to return an asyncio client '
            f'like redis.asyncio.Redis(...), got {_kind(made)}. Give a plain function, not a '
            'coroutine'
        )

    pair(client, Maker(make, is_kept=False))


def is_client(given: object) -> bool:
    """Return whether this is a client; a client class counts as a function that makes one."""
    return not isinstance(given, type) and hasattr(given, 'execute_command')


def is_async(client: object) -> bool:
    """Return whether this client is for asyncio."""
    return hasattr(client, 'aclose')


def _kind(given: object) -> str:
    return f'a {type(given).__module__}.{type(given).__qualname__}'
