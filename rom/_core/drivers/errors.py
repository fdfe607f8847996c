"""Errors of the client library as errors of rom, for both drivers."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Any, Final

import redis.exceptions

from rom._core.drivers.client_address import address_of
from rom._core.drivers.cluster_slots import is_cluster
from rom._core.drivers.interrupted_calls import drop_idle_unless_answered
from rom._core.drivers.redirections import follows_master, hides_read_only
from rom.exceptions import InvalidOperation, ORMError, ServerError, ServerUnavailable

#: Error codes of a server that refuses requests for a while. It has carried nothing out.
PASSING: Final = frozenset(('BUSY', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN', 'TRYAGAIN'))


def raise_first_error(replies: list[Any], optional: int = 0) -> list[Any]:
    """Return a pipeline's replies; raise the first error among those that are not optional."""
    for reply in replies[optional:]:
        if isinstance(reply, Exception):
            raise reply
    return replies


def is_full_pool(error: BaseException) -> bool:
    """Tell whether nothing was sent because the pool has reached its limit of connections."""
    if isinstance(error, redis.exceptions.MaxConnectionsError):
        return True
    # Up to redis-py 7, some pools raise a plain ConnectionError with this text.
    is_plain = isinstance(error, redis.exceptions.ConnectionError)
    return is_plain and str(error) == 'Too many connections'


def pool_is_full(pool: Any) -> ServerUnavailable:
    """Return the error for a pool whose connections are all in use."""
    most = getattr(pool, 'max_connections', None)
    return ServerUnavailable(
        f'all {most} connections that the pool may have are in use, and stay so; nothing was '
        'sent. Give the client more of them (max_connections=...), or use fewer threads or tasks '
        'at one time'
    )


# The client library has classes for some codes, and leaves the code out of their text.
_CODES: Final = (
    (redis.exceptions.BusyLoadingError, 'LOADING'),
    (redis.exceptions.MasterDownError, 'MASTERDOWN'),
    (redis.exceptions.ClusterDownError, 'CLUSTERDOWN'),
    (redis.exceptions.TryAgainError, 'TRYAGAIN'),
)


# These pass only for clients that find the other node, in a cluster or by asking sentinels.
_CODES_OF_MOVES: Final = (
    (redis.exceptions.MovedError, 'MOVED'),
    (redis.exceptions.AskError, 'ASK'),
    (redis.exceptions.ReadOnlyError, 'READONLY'),
)


def _passing_code(error: BaseException) -> str | None:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if not isinstance(error, redis.exceptions.ResponseError):
        return None
    code = str(error).partition(' ')[0]
    return code if code in PASSING else None


def is_passing(error: BaseException) -> bool:
    """Tell whether the request was refused only for a while, so that it can be repeated."""
    return _passing_code(error) is not None or is_full_pool(error)


class _OwnErrors:
    """Context manager of `own_errors`: a class, because a generator would slow each command."""

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
            own = translated_error(error, self._connection)
            if own is not None:
                raise own from None
            drop_idle_unless_answered(self._connection, error)


def translate_errors(connection: Any) -> _OwnErrors:
    """Translate the client library's errors into rom's, around a command of the program.

    Raises:
        ServerUnavailable: there was no connection, or it broke, or it timed out; or the server
            refuses requests for a while.
        ServerError: the server answered with an error.
    """
    return _OwnErrors(connection)


_NO_ANSWER = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    ConnectionError,
    TimeoutError,
)
_NO_READ_ONLY = re.compile(r'unknown command .EVAL(SHA)?_RO', re.IGNORECASE)
_UNKNOWN = 'whether the write was carried out is not known; saving again finds out'


def translated_error(
    error: BaseException, connection: Any, is_in_doubt: bool = False
) -> ORMError | None:
    """Return rom's error for one of the client library; None for any other.

    Args:
        error: the error.
        connection: the client.
        is_in_doubt: the request writes, and was sent before without an answer.
    """
    where = address_of(connection, with_database=True)
    if is_full_pool(error):
        return pool_is_full(getattr(connection, 'connection_pool', None))
    code = _passing_code(error) or _code_of_move(error, connection)
    if code is not None:
        doubt = f' The request had been sent before, and {_UNKNOWN}.' if is_in_doubt else ''
        return ServerUnavailable(
            f'Redis at {where} takes no requests now: {code}: {_text(error, code)}.{doubt} '
            'Try again later'
        )
    is_answer = isinstance(error, redis.exceptions.RedisError) and not isinstance(error, _NO_ANSWER)
    if is_in_doubt and (is_answer or isinstance(error, redis.exceptions.AuthenticationError)):
        return ServerUnavailable(
            f'Redis at {where} answered the repetition of a request: {_text(error)}. The request '
            f'had been sent before, and {_UNKNOWN}'
        )
    if isinstance(error, redis.exceptions.AuthenticationError):
        return ServerError(f'Redis at {where} refused the user or the password: {error}')
    if isinstance(error, _NO_ANSWER):
        return _no_answer(error, where)
    if _NO_READ_ONLY.match(str(error)):
        return InvalidOperation(
            f'Redis at {where} is older than 7.0, where replicas cannot run scripts that only '
            'read: open the session without replicas=True'
        )
    if _is_of_a_cluster(error) and not is_cluster(connection):
        return _needs_cluster_client(error, where)
    return ServerError(f'Redis at {where}: {error}') if is_answer else None


def _code_of_move(error: BaseException, connection: Any) -> str | None:
    code = next((code for kind, code in _CODES_OF_MOVES if isinstance(error, kind)), None)
    if hides_read_only(error):
        code = 'READONLY'
    return code if code and follows_master(connection) else None


def _is_of_a_cluster(error: BaseException) -> bool:
    """Return whether an error means that a plain client asked a node of a cluster."""
    if isinstance(error, (redis.exceptions.AskError, redis.exceptions.ClusterCrossSlotError)):
        return True
    return 'non local key in a cluster' in str(error)


def _needs_cluster_client(error: BaseException, where: str) -> ServerError:
    other = ''
    if isinstance(error, redis.exceptions.AskError):
        other = f' (slot {error.slot_id} is at {error.host}:{error.port})'
    return ServerError(
        f'Redis at {where} is a node of a cluster, and a key is on another one{other}: connect to '
        "the cluster, with rom.connect('redis+cluster://HOST:PORT') or a redis.RedisCluster as "
        "the client, and give the models a hash tag, as in _namespace = '{users}'"
    )


def _no_answer(error: BaseException, where: str) -> ServerUnavailable:
    if 'max number of clients' in str(error):
        return ServerUnavailable(
            f'Redis at {where} takes no more connections: {_text(error)}. Raise its maxclients, or '
            'open fewer'
        )
    return ServerUnavailable(
        f'no answer from Redis at {where}: {_text(error)}. '
        'Start a server there, or name another with rom.util.set_connection_settings(...) '
        'or ROM_REDIS_URI; '
        "ROM_REDIS_URI='embedded:' starts one of its own (pip install 'rom-redis[embedded]')"
    )


def _text(error: BaseException, code: str = '') -> str:
    return str(error).removeprefix(f'{code} ').rstrip('.')
