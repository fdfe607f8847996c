"""Barring: a block in which no request is made, whatever the code in it calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import redis

from rom._core.drivers.sync_driver import SyncDriver
from rom.exceptions import InvalidOperation

# Through these goes whatever goes to a server.
_WAYS: Final[tuple[tuple[type[Any], str], ...]] = (
    (SyncDriver, 'perform'),
    (redis.Redis, 'execute_command'),
    (redis.client.Pipeline, 'execute_command'),
    (redis.client.Pipeline, 'execute'),
)


class BarredError(InvalidOperation):
    """A request was made where none may be."""


def _refuse(*args: Any, **options: Any) -> NoReturn:
    raise BarredError('makes a request to the server')


@contextmanager
def no_requests() -> Iterator[None]:
    """Refuse requests of sessions, and commands of clients, until the end of the block.

    The methods are replaced, for the whole process: a switch that every request looks at would cost
    all programs time. It is for commands that run code of somebody's before anything else is done.

    Raises:
        BarredError: where a request would have been made.
    """
    own = [(kind, name, vars(kind)[name]) for kind, name in _WAYS]
    for kind, name in _WAYS:
        setattr(kind, name, _refuse)
    try:
        yield
    finally:
        for kind, name, method in own:
            setattr(kind, name, method)
