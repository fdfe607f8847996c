"""Barring: a block in which every request to a server raises an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import redis

from rom._core.drivers.sync_driver import SyncDriver
from rom.exceptions import InvalidOperation

# Every request to a server goes through one of these methods.
_WAYS: Final[tuple[tuple[type[Any], str], ...]] = (
    (SyncDriver, 'perform'),
    (redis.Redis, 'execute_command'),
    (redis.RedisCluster, 'execute_command'),
    (redis.client.Pipeline, 'execute_command'),
    (redis.client.Pipeline, 'execute'),
)


class BarredError(InvalidOperation):
    """A request in a block that allows none."""


def _refuse(*args: Any, **options: Any) -> NoReturn:
    raise BarredError('makes a request to the server')


@contextmanager
def no_requests() -> Iterator[None]:
    """Refuse requests of sessions, and commands of clients, until the end of the block.

    The methods are replaced for the whole process, because a switch that every request reads would
    slow down all programs. Use it in commands that import a user's code before they start.

    Raises:
        BarredError: code in the block makes a request.
    """
    own = [(kind, name, vars(kind)[name]) for kind, name in _WAYS]
    for kind, name in _WAYS:
        setattr(kind, name, _refuse)
    try:
        yield
    finally:
        for kind, name, method in own:
            setattr(kind, name, method)
