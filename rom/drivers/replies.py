"""What both drivers make of requests and of errors: how a request is sent, and what went wrong."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import redis.exceptions

from rom.drivers.scripts import loaded
from rom.exceptions import ServerError, ServerUnavailable
from rom.ops.requests import Command, Script


def command_of(request: Command | Script) -> tuple[Any, ...]:
    """A request as the arguments of `execute_command`."""
    if isinstance(request, Command):
        return request.args
    return ('EVALSHA', loaded(request.name, request.parts).digest, 1, request.key, request.request)


def is_unknown_script(reply: object) -> bool:
    """The server does not have the script."""
    return isinstance(reply, redis.exceptions.NoScriptError)


def raise_first_error(replies: list[Any]) -> list[Any]:
    """The replies of a pipeline; the first that is an error is raised."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


class _OwnErrors:
    """A class, and no generator: each command goes through it."""

    __slots__ = ('_connection',)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            _raise_own(error, self._connection)


def own_errors(connection: Any) -> _OwnErrors:
    """Turn the client library's errors into ours.

    Raises:
        ServerUnavailable: no connection, or it broke, or timed out.
        ServerError: the server answered with an error.
    """
    return _OwnErrors(connection)


_NO_ANSWER = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    ConnectionError,
    TimeoutError,
)


def _raise_own(error: BaseException, connection: Any) -> None:
    """Raise our error for one of the client library's; none for any other."""
    if isinstance(error, redis.exceptions.AuthenticationError):
        raise ServerError(f'{_where(connection)} refused to let us in: {error}') from None
    if isinstance(error, _NO_ANSWER):
        raise ServerUnavailable(
            f'no answer from Redis at {_where(connection)}: {str(error).rstrip(".")}. '
            'Start a server there, or name another with rom.util.set_connection_settings(...) '
            'or ROM_REDIS_URI; '
            "ROM_REDIS_URI='embedded:' starts one of its own (pip install 'rom[embedded]')"
        ) from None
    if isinstance(error, redis.exceptions.RedisError):
        raise ServerError(f'Redis at {_where(connection)}: {error}') from None


def _where(connection: Any) -> str:
    """A connection's address, without its password."""
    pool: Any = getattr(connection, 'connection_pool', None)
    options = getattr(pool, 'connection_kwargs', {})
    if hasattr(pool, 'sentinel_manager'):
        return f'the address that the sentinels have of {pool.service_name!r}'
    if options.get('path'):
        return f'unix:{options["path"]}'
    host, port = options.get('host', 'localhost'), options.get('port', 6379)
    return f'{host}:{port}/{options.get("db") or 0}'
