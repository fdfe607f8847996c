"""Connections: the client for a model's data.

The first of these that is set:

* the model's own `_conn` (or `CONN`);
* the program's replacement of `rom.util.get_connection`, or of `rom.util.CONNECTION`;
* while a web application serves a request, the connection of that application;
* the client of `rom.connect` or `set_connection_settings`;
* the URL in the environment variable ROM_REDIS_URI;
* redis://localhost:6379/0.

A client connects when it is first used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import redis

from rom._core import session_context

__all__ = [
    'DEFAULT',
    'VARIABLE',
    'connect',
    'connection_of',
    'default',
    'provide_with',
    'set_connection_settings',
    'use',
    'use_what',
]

VARIABLE = 'ROM_REDIS_URI'
DEFAULT = 'redis://localhost:6379/0'

_settings: Callable[[], redis.Redis] | None = None
_default: redis.Redis | None = None
_provider: Callable[[], redis.Redis] | None = None


def set_connection_settings(*args: Any, **kwargs: Any) -> None:
    """Set the default server, with the arguments of `redis.Redis`.

    >>> set_connection_settings(host='localhost', port=6379, db=0)  # doctest: +SKIP
    """
    use_what(partial(redis.Redis, *args, **kwargs))


def connect(url: str) -> redis.Redis:
    """Make the server at a URL the default, and return the client.

    Args:
        url: `redis://`, `rediss://`, `unix://`; `redis+cluster://HOST:PORT,HOST:PORT` or
            `rediss+cluster://` for a cluster, with one or more of its nodes; or `embedded:` for an
            embedded server with temporary data, `embedded:PATH` for one that keeps its data in that
            folder.

    The client repeats a command up to three times when its connection breaks, which is safe for
    every command of rom. The program's own clients do so if they have retries: `redis.Redis(...)`
    does, `redis.Redis.from_url(...)` needs `retry=`. rom keeps connections ready, which makes
    single commands faster, only for clients with retries.

    The client of a cluster asks for the nodes when it is first used. It waits for a node for 5
    seconds, and for a connection for 2, unless the URL has other `socket_timeout=` and
    `socket_connect_timeout=`. With `server_functions=no`, searches are scripts only: see
    :func:`rom.util.use_server_functions`. Models on a cluster need a hash tag, as in
    `_namespace = '{users}'`.

    Raises:
        ORMError: the URL cannot be used.
        ServerUnavailable: the embedded server cannot be started.

    Example::

        rom.connect('embedded:')
    """
    from rom._core.drivers.urls import open_url

    client = open_url(url)
    use(client)
    return client


def use(client: redis.Redis) -> None:
    """Make a client the default."""
    global _settings, _default
    _settings, _default = None, client


def use_what(make: Callable[[], redis.Redis]) -> None:
    """Make the client that a function returns the default; call it when one is first needed."""
    global _settings, _default
    _settings, _default = make, None


def default() -> redis.Redis:
    """Return the client of the application that serves this request, else the program's."""
    found = session_context.connection()
    return found if found is not None else _of_program()


def _of_program() -> redis.Redis:
    global _default
    if _default is None:
        if _settings is not None:
            _default = _settings()
        else:
            from rom._core.drivers.urls import open_url

            _default = open_url(os.environ.get(VARIABLE) or DEFAULT, VARIABLE)
    return _default


def provide_with(provider: Callable[[], redis.Redis]) -> None:
    """Use a function for the default client; it is called each time a client is needed."""
    global _provider
    _provider = provider


def connection_of(model: Any) -> redis.Redis:
    """Return the client of a model, given the class or an entity."""
    own = getattr(model, '_conn', None) or getattr(model, 'CONN', None)
    if own is not None:
        found: redis.Redis = own
        return found
    return _provider() if _provider is not None else default()
