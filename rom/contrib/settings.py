"""What a program says about its requests: the same settings for every framework."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rom.drivers import connection
from rom.exceptions import ORMError

if TYPE_CHECKING:
    import redis

Conflicts: TypeAlias = Literal[409, 'raise']


@dataclass(frozen=True)
class Settings:
    """What becomes of a request's changes.

    Args:
        url: the server, as :func:`rom.connect` takes it; it becomes the program's default. None:
            what the program has said itself.
        commit: write what a request changed. False: only what it commits by itself.
        commit_on: the statuses of responses that are a success. Default: those below 400.
        conflicts: what a violation becomes that nobody has handled: ``409``, a response with a JSON
            body, or ``'raise'``, for the framework to handle as any error.

    Raises:
        ORMError: a value that makes no sense.

    Example::

        Settings(url='redis://localhost', commit_on=range(200, 300))
    """

    url: str | None = None
    commit: bool = True
    commit_on: Collection[int] = range(100, 400)
    conflicts: Conflicts = 409

    def __post_init__(self) -> None:
        for name, is_right, remedy in (
            ('url', _is_url, "a URL as rom.connect takes it, like 'redis://localhost:6379/0'"),
            ('commit', _is_bool, 'True or False'),
            ('commit_on', _is_statuses, 'statuses, like range(200, 300) or [200, 201]'),
            ('conflicts', _is_conflicts, "409 or 'raise'"),
        ):
            if not is_right(value := getattr(self, name)):
                raise ORMError(f'the setting {name} of rom is {value!r}: it takes {remedy}')

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
            raise ORMError(f'{where} is {given!r}: it takes a dict, like {{"COMMIT": True}}')
        known = [field.name for field in fields(cls)]
        named = {str(name).lower(): value for name, value in given.items()}
        for name in named:
            if name not in known:
                raise ORMError(f'{where} has no {name.upper()!r}; there is {_listed(known)}')
        return cls(**named)

    def is_success(self, status: int) -> bool:
        """What the request changed is to be written."""
        return self.commit and status in self.commit_on

    def connect(self) -> None:
        """Make the server at the URL the default, if there is one: once, however often it is said.

        Raises:
            ORMError: no such kind of URL.
            ServerUnavailable: the embedded server cannot be started.
        """
        global _connected
        if self.url is None:
            return
        if _connected is None or _connected != (self.url, connection.default()):
            _connected = self.url, connection.connect(self.url)


# Frameworks make their middleware anew for each test client, and 'embedded:' is a new server.
_connected: tuple[str, redis.Redis] | None = None


def _is_url(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


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
