"""What a program says about its requests: the same settings for every framework."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rom.contrib.clients import client_at, client_by, is_async, is_client, making, pair_with
from rom.drivers import connection
from rom.exceptions import ORMError

if TYPE_CHECKING:
    import redis

Conflicts: TypeAlias = Literal[409, 'raise']


@dataclass(frozen=True)
class Settings:
    """Where an application has its data, and what becomes of a request's changes.

    What is said of the server holds for the requests of this application, whatever others there are
    in the program. Outside of requests, the application that was set up last has the default.

    Args:
        url: the server, as :func:`rom.connect` takes it. None: what the program has said itself.
        commit: write what a request changed. False: only what it commits by itself.
        commit_on: the statuses of responses that are a success. Default: those below 400.
        conflicts: what a violation becomes that nobody has handled: ``409``, a response with a JSON
            body, or ``'raise'``, for the framework to handle as any error.
        client: instead of a URL, a client that blocks: with a pool of its own, or one that follows
            a sentinel. Or a function that makes one, called once, when it is first needed.
        async_client: beside one of these, what coroutines use: an asyncio client; or a function
            that makes one, called once for each event loop, and closed with the loop. Default: one
            that is made like the other.

    Raises:
        ORMError: a value that makes no sense.

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
                raise ORMError(f'the setting {name} of rom is {shown}: it takes {remedy}')
        if self.url is not None and self.client is not None:
            raise ORMError('the settings of rom have both url and client: leave one of them out')
        if self.async_client is not None and self.url is None and self.client is None:
            raise ORMError(
                'the settings of rom have async_client alone: add url or client, which plain '
                'functions use'
            )

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str) -> Settings:
        """Settings from a program's configuration; small or capital letters.

        Args:
            given: the values, by name.
            where: what the configuration is called, for messages.

        Raises:
            ORMError: a name that is none, or a value that makes no sense.

        Example::

            Settings.of({'COMMIT': False}, 'settings.ROM')
        """
        if not isinstance(given, Mapping):
            raise ORMError(
                f'{where} is a {type(given).__name__}: it takes a dict, like {{"COMMIT": True}}'
            )
        known = [field.name for field in fields(cls)]
        named = {str(name).lower(): value for name, value in given.items()}
        for name in named:
            if name not in known:
                raise ORMError(f'{where} has no {name.upper()!r}; there is {_listed(known)}')
        return cls(**named)

    def is_success(self, status: int) -> bool:
        """What the request changed is to be written."""
        return self.commit and status in self.commit_on

    @property
    def own(self) -> redis.Redis | None:
        """The client of this application, made once; None: it has the program's.

        Raises:
            ORMError: no such kind of URL; a function that makes no client.
            ServerUnavailable: the embedded server cannot be started.
        """
        if self.url is None and self.client is None:
            return None
        found: redis.Redis | None = self.__dict__.get('_made_once')
        if found is None:
            with making:
                found = self.__dict__.get('_made_once') or self._made()
                self.__dict__['_made_once'] = found
        return found

    def _made(self) -> redis.Redis:
        made = client_by(self.client) if self.url is None else client_at(self.url)
        if self.async_client is not None:
            pair_with(made, self.async_client)
        return made

    def connect(self) -> None:
        """Make this application's client the default, if it has one.

        Raises:
            ORMError: no such kind of URL.
            ServerUnavailable: the embedded server cannot be started.
        """
        if self.url is not None:
            connection.use(self._needed())
        elif self.client is not None:
            connection.use_what(self._needed)

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
    ('url', _is_url, "a URL as rom.connect takes it, like 'redis://localhost:6379/0'"),
    ('commit', _is_bool, 'True or False'),
    ('commit_on', _is_statuses, 'statuses, like range(200, 300) or [200, 201]'),
    ('conflicts', _is_conflicts, "409 or 'raise'"),
    (
        'client',
        _is_blocking,
        'a client that blocks, like redis.Redis(...), or a function that makes one; async_client '
        'takes one for asyncio',
    ),
    (
        'async_client',
        _is_awaited,
        'an asyncio client, like redis.asyncio.Redis(...), or a function that makes one',
    ),
)
