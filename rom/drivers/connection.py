"""Connections: which server a model's data is on.

In order: the model's own `_conn` (or `CONN`), then the program's default, which comes from
`set_connection_settings`, else from the environment variable ROM_REDIS_URI, else from
redis://localhost:6379/0. A client connects when it is first used, not before.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any

import redis
import redis.asyncio

from rom.exceptions import ORMError

VARIABLE = 'ROM_REDIS_URI'
DEFAULT = 'redis://localhost:6379/0'
EMBEDDED = 'embedded:'

_settings: tuple[tuple[Any, ...], dict[str, Any]] | None = None
_default: redis.Redis | None = None
_provider: Callable[[], redis.Redis] | None = None


def set_connection_settings(*args: Any, **kwargs: Any) -> None:
    """Say where the data is: the same arguments as `redis.Redis` takes.

    >>> set_connection_settings(host='localhost', port=6379, db=0)  # doctest: +SKIP
    """
    global _settings, _default
    _settings, _default = (args, kwargs), None


def connect(url: str) -> redis.Redis:
    """Make the server at a URL the default, and return the client.

    Args:
        url: `redis://`, `rediss://`, `unix://`; or `embedded:` for a server of the program's own
        with
            temporary data, `embedded:PATH` for one that keeps its data in that folder.

    Raises:
        ORMError: no such kind of URL.
        ServerUnavailable: the embedded server cannot be started.

    Example::

        rom.connect('embedded:')
    """
    global _settings, _default
    _settings, _default = None, open_url(url)
    return _default


def open_url(url: str) -> redis.Redis:
    """A client for a URL, as :func:`connect` takes it."""
    if url.startswith(EMBEDDED):
        from rom.drivers.embedded import open_server

        server = open_server(url.removeprefix(EMBEDDED))
        client = redis.Redis(unix_socket_path=str(server.socket))
        # The server lives as long as the client that speaks to it.
        weakref.finalize(client, server.close)
        return client
    try:
        return redis.Redis.from_url(url)
    except ValueError as error:
        # What is wrong may well be in the password, and the error then quotes some of it.
        shown = without_password(url)
        why = f' ({error})' if shown == url else ''
        raise ORMError(
            f'{shown!r} is no URL of a server{why}; write redis://HOST:PORT/DB, rediss://..., '
            'unix://PATH, embedded: or embedded:PATH; a password with other characters than '
            'letters and digits needs them as %XX'
        ) from None


# Behind the user's name, up to the last @, whatever is in it; or among the options.
_SECRET = re.compile(r'(?<=[?&]password=)[^&]+|(?<=://)(?P<user>[^:/?#@]*):.+(?=@)')


def without_password(url: str) -> str:
    """A URL that may be shown.

    >>> without_password('redis://ann:secret@localhost:6379/0')
    'redis://ann:PASSWORD@localhost:6379/0'
    """
    return _SECRET.sub(
        lambda found: 'PASSWORD' if found['user'] is None else f'{found["user"]}:PASSWORD', url
    )


def default() -> redis.Redis:
    """The default client; made once."""
    global _default
    if _default is None:
        if _settings is not None:
            args, kwargs = _settings
            _default = redis.Redis(*args, **kwargs)
        else:
            _default = open_url(os.environ.get(VARIABLE) or DEFAULT)
    return _default


def provide_with(provider: Callable[[], redis.Redis]) -> None:
    """Have the default client come from a function, which is asked every time."""
    global _provider
    _provider = provider


def connection_of(model: Any) -> redis.Redis:
    """The client of a model, as a class or an entity of it."""
    own = getattr(model, '_conn', None) or getattr(model, 'CONN', None)
    if own is not None:
        found: redis.Redis = own
        return found
    return _provider() if _provider is not None else default()


# For asyncio: one client for each event loop and each sync client whose server it shares.

_Loops = weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Any]]
_clients: _Loops = weakref.WeakKeyDictionary()

_SHARED = {
    'host', 'port', 'db', 'username', 'password', 'path', 'protocol', 'client_name',
    'decode_responses', 'encoding', 'encoding_errors', 'socket_timeout', 'socket_connect_timeout',
    'socket_keepalive', 'health_check_interval', 'credential_provider',
}  # fmt: skip


async def async_connection(client: redis.Redis) -> redis.asyncio.Redis:
    """The asyncio client, of the running loop, for the server of a sync one.

    It is closed with the loop, by whatever closes the loop's asynchronous generators, as
    `asyncio.run`.
    """
    of_loop = _clients.setdefault(asyncio.get_running_loop(), {})
    if id(client) not in of_loop:
        twin = _twin(client)
        closer = _closing(twin)
        await anext(closer)
        # The sync client is kept too, so that no other can have its id.
        of_loop[id(client)] = (twin, closer, client)
    found: redis.asyncio.Redis = of_loop[id(client)][0]
    return found


def _twin(client: redis.Redis) -> redis.asyncio.Redis:
    pool = client.connection_pool
    options = {
        name: value
        for name, value in pool.connection_kwargs.items()
        if name in _SHARED or name.startswith('ssl_')
    }
    if 'path' in options:
        options['unix_socket_path'] = options.pop('path')
    if issubclass(pool.connection_class, redis.SSLConnection):
        options['ssl'] = True
    known = inspect.signature(redis.asyncio.Redis.__init__).parameters
    lost = [name for name in options.keys() - known.keys() if options[name]]
    if lost:
        raise ORMError(
            f'redis.asyncio has no option {", ".join(sorted(lost))}, which the default connection '
            'has: make an asyncio client yourself, and pass it as AsyncSession(connection=...)'
        )
    return redis.asyncio.Redis(**{name: options[name] for name in options.keys() & known.keys()})


async def _closing(client: redis.asyncio.Redis) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.aclose()
