"""Settings of an application, the same for every framework, and the clients that they name.

A client is checked when it is given, the result of a function when the function is called. Errors
name only the type of a client, because its repr may contain a password.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

import redis

from rom._core.drivers import connections
from rom._core.drivers.async_clients import Maker, pair
from rom._core.drivers.urls import open_url
from rom.exceptions import ORMError

# Frameworks make their middleware anew for each test client. Without this table, each 'embedded:'
# would start another server.
_by_url: weakref.WeakValueDictionary[str, redis.Redis] = weakref.WeakValueDictionary()
#: Held while a client is made, because several requests may begin at once.
_lock = threading.RLock()


def client_at(url: str) -> redis.Redis:
    """Return the client for a URL, the same for all applications that use it.

    Raises:
        ORMError: the URL has an unknown scheme.
        ServerUnavailable: the embedded server cannot be started.
    """
    with _lock:
        found = _by_url.get(url)
        if found is None:
            found = _by_url[url] = open_url(url)
        return found


def client_from(given: Any) -> redis.Redis:
    """Return the given client, or the one that a given function makes.

    Raises:
        ORMError: the function did not return a blocking client.
    """
    made = given if is_client(given) else given()
    if not is_client(made) or is_async(made):
        raise ORMError(
            'the function in the rom setting client: expected it to return a blocking client like '
            f'redis.Redis(...), got {_kind_of(made)}. An asyncio client goes into async_client'
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
            f'like redis.asyncio.Redis(...), got {_kind_of(made)}. Give a plain function, not a '
            'coroutine'
        )

    pair(client, Maker(make, is_kept=False))


def is_client(given: object) -> bool:
    """Return whether this is a client; a client class counts as a function that makes one."""
    return not isinstance(given, type) and hasattr(given, 'execute_command')


def is_async(client: object) -> bool:
    """Return whether this client is for asyncio."""
    return hasattr(client, 'aclose')


def _kind_of(given: object) -> str:
    return f'a {type(given).__module__}.{type(given).__qualname__}'


Conflicts: TypeAlias = Literal[409, 'raise']


@dataclass(frozen=True)
class Settings:
    """The server of an application, and the rules by which it commits a request's changes.

    Requests of this application use its server, even if the program has other applications. Outside
    of requests, the default is the server of the application that was set up last.

    Args:
        url: the server, as :func:`rom.connect` takes it. None: the default of the program.
        commit: commit the changes of a request. False: the request commits itself.
        commit_on: the response statuses that count as success. Default: 100 to 399.
        conflicts: the answer to a conflict that the application does not handle: ``409``, a
            response with a JSON body, or ``'raise'``, to treat it as any other error.
        client: instead of a URL, a blocking client, for example with a pool of its own or with a
            sentinel. Or a function that makes one; it is called once, on first use.
        async_client: beside ``url`` or ``client``, the asyncio client for coroutines. Or a function
            that makes one; it is called once for each event loop, and the client is closed with
            the loop. Default: a client with the settings of the blocking one.

    Raises:
        ORMError: an invalid value, or values that exclude each other.

    Example::

        Settings(url='redis://localhost', commit_on=range(200, 300))
    """

    url: str | None = field(default=None, repr=False)
    commit: bool = True
    commit_on: Collection[int] = range(100, 400)
    conflicts: Conflicts = 409
    client: Any = field(default=None, repr=False)
    async_client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, is_right, remedy in _RULES:
            if not is_right(value := getattr(self, name)):
                shown = f'a {type(value).__name__}' if name in _SECRET else repr(value)
                raise ORMError(f'the rom setting {name}: expected {remedy}, got {shown}')
        if self.url is not None and self.client is not None:
            raise ORMError('the rom settings have both url and client: leave out one of them')
        if self.async_client is not None and self.url is None and self.client is None:
            raise ORMError(
                'the rom settings have async_client, but neither url nor client, which plain '
                'functions need: add one of them'
            )

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str) -> Settings:
        """Return the settings of a configuration; names are in small or capital letters.

        Args:
            given: the values, by name.
            where: the name of the configuration, for messages.

        Raises:
            ORMError: an unknown name or an invalid value.

        Example::

            Settings.of({'COMMIT': False}, 'settings.ROM')
        """
        if not isinstance(given, Mapping):
            raise ORMError(
                f'{where}: expected a dict like {{"COMMIT": True}}, got a {type(given).__name__}'
            )
        known = [field.name for field in fields(cls)]
        named = {str(name).lower(): value for name, value in given.items()}
        for name in named:
            if name not in known:
                raise ORMError(f'{where}: expected one of {_listed(known)}, got {name.upper()!r}')
        return cls(**named)

    def is_success(self, status: int) -> bool:
        """Return whether the changes of a request with this response status are committed."""
        return self.commit and status in self.commit_on

    @property
    def own(self) -> redis.Redis | None:
        """The client of this application, made once; None to use the program's default.

        Raises:
            ORMError: the URL has an unknown scheme, or the function returned no client.
            ServerUnavailable: the embedded server cannot be started.
        """
        if self.url is None and self.client is None:
            return None
        found: redis.Redis | None = self.__dict__.get('_made_once')
        if found is None:
            with _lock:
                found = self.__dict__.get('_made_once') or self._made()
                self.__dict__['_made_once'] = found
        return found

    def _made(self) -> redis.Redis:
        made = client_from(self.client) if self.url is None else client_at(self.url)
        if self.async_client is not None:
            pair_with(made, self.async_client)
        return made

    def connect(self) -> None:
        """Make this application's client the default, if it has one.

        Raises:
            ORMError: the URL has an unknown scheme.
            ServerUnavailable: the embedded server cannot be started.
        """
        if self.url is not None:
            connections.use(self._needed())
        elif self.client is not None:
            connections.use_what(self._needed)

    def _needed(self) -> redis.Redis:
        made = self.own
        assert made is not None
        return made


def _is_url(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _is_blocking(value: object) -> bool:
    if value is None or not is_client(value):
        return value is None or callable(value)
    return not is_async(value)


def _is_awaited(value: object) -> bool:
    if value is None or not is_client(value):
        return value is None or callable(value)
    return is_async(value)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_statuses(value: object) -> bool:
    if isinstance(value, range):
        return True
    return isinstance(value, (list, tuple, set, frozenset)) and all(
        isinstance(status, int) and 100 <= status < 600 for status in value
    )


def _is_conflicts(value: object) -> bool:
    return value == 'raise' or (value == 409 and not isinstance(value, float))


def _listed(names: list[str]) -> str:
    return ', '.join(name.upper() for name in names)


_SECRET = ('url', 'client', 'async_client')
_RULES = (
    ('url', _is_url, "a URL of rom.connect, like 'redis://localhost:6379/0'"),
    ('commit', _is_bool, 'True or False'),
    ('commit_on', _is_statuses, 'statuses like range(200, 300) or [200, 201]'),
    ('conflicts', _is_conflicts, "409 or 'raise'"),
    (
        'client',
        _is_blocking,
        'a blocking client like redis.Redis(...), or a function that makes one (an asyncio client '
        'goes into async_client)',
    ),
    (
        'async_client',
        _is_awaited,
        'an asyncio client like redis.asyncio.Redis(...), or a function that makes one',
    ),
)
