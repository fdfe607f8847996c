"""Sending: the outcome of one request, which may have been sent more than once.

When a connection breaks, it is unknown whether the server got the request. So the client library or
the driver sends it again. A reply to the repetition can be trusted, because every script detects
that it was carried out before. An error cannot: a server that is busy with the first sending
refuses the second. So after an error in reply to a repetition, the write is in doubt, and the error
says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import redis
import redis.asyncio

from rom._core.drivers.busy_wait import clock
from rom._core.drivers.errors import is_passing, translated_error
from rom._core.drivers.redirections import follows_master, is_ask, is_lost, is_move
from rom._core.drivers.retry_policy import PATIENCE, pauses
from rom._core.ops.requests import Command, Pipeline, Script, Sent
from rom.exceptions import ORMError

# These change nothing, so an error leaves nothing in doubt. All others may write.
READING_SCRIPTS: Final = frozenset(
    (
        'count_words', 'expired_ids', 'load', 'memory', 'scan_entries', 'search', 'shard_load',
        'snapshot_rows', 'tally',
    )
)  # fmt: skip
READING_COMMANDS: Final = frozenset(
    (
        'BITFIELD_RO', 'DBSIZE', 'ECHO', 'EXISTS', 'GET', 'HGET', 'HGETALL', 'HLEN', 'HMGET',
        'HSCAN', 'LLEN', 'MEMORY', 'MGET', 'PING', 'SCAN', 'SCARD', 'SINTER', 'SORT_RO', 'STRLEN',
        'TTL', 'TYPE', 'ZCARD', 'ZCOUNT', 'ZLEXCOUNT', 'ZMSCORE', 'ZRANGE', 'ZRANGEBYLEX',
        'ZRANGEBYSCORE', 'ZSCORE',
    )
)  # fmt: skip
_SCANS: Final = frozenset(('HSCAN', 'SCAN'))


class Sending:
    """One request on its way.

    Args:
        client: the client that sends it.
        request: the request.

    Attributes:
        request: the request.
        is_repeated: the request was sent again after it may have reached the server.
        was_refused: the request was refused, or got no answer, and is sent again.
    """

    # Defaults on the class make a Sending cheaper: most requests change none of them.
    is_repeated = False
    was_refused = False
    _until: float | None = None
    _pauses: Iterator[float] | None = None

    def __init__(self, client: Any, request: Sent) -> None:
        self._client = client
        self.request = request

    def of(self, request: Command | Script) -> Sending:
        """Return the Sending of one request of this pipeline, with the pipeline's deadline."""
        one = Sending(self._client, request)
        one.is_repeated = self.is_repeated
        one.was_refused = self.was_refused
        self._begin_to_wait()
        one._until = self._until
        return one

    def saw(self, names: Sequence[Any]) -> None:
        """Note from counted names how often the client library has sent their commands."""
        for name in names:
            times = getattr(name, 'times', 1)
            # An unknown class of client may encode names in another way, which counts nothing.
            if times > 1 or (times == 0 and not isinstance(self._client, _KNOWN)):
                self.is_repeated = True

    def pause(self, error: Exception) -> float:
        """Return the seconds to wait before the request is sent again.

        Raises:
            ORMError: rom's error, if waiting does not help or the time is up.
        """
        if self.can_wait(error):
            self._begin_to_wait()
            assert self._until is not None and self._pauses is not None
            pause = next(self._pauses)
            self.was_refused = True
            if clock() + pause < self._until:
                return pause
        raise self.failure(error) from None

    def can_wait(self, error: Exception) -> bool:
        """Tell whether the request can be repeated, because the error may pass.

        A client that follows the master can wait for the next one. It may have sent the request on
        the connection that it lost.
        """
        if isinstance(error, ORMError):
            return False
        if is_passing(error):
            return True
        if not (is_move(error) or is_ask(error)) or not follows_master(self._client):
            return False
        self.is_repeated |= is_lost(error)
        return True

    @property
    def suits_replicas(self) -> bool:
        """True if a replica can answer: the request changes nothing, and none has refused it.

        A cursor means nothing to another replica, so scans stay with the master.
        """
        return not self.was_refused and not _may_change(self.request, _SCANS)

    def _begin_to_wait(self) -> None:
        if self._until is None:
            self._until = clock() + PATIENCE
        if self._pauses is None:
            self._pauses = pauses()

    def failure(self, error: Exception) -> Exception:
        """Return rom's error for one of the client library."""
        if isinstance(error, ORMError):
            return error
        is_in_doubt = self.is_repeated and _may_change(self.request)
        return translated_error(error, self._client, is_in_doubt) or error


_KNOWN: Final = (redis.Redis, redis.asyncio.Redis)


def _may_change(request: Sent, others: frozenset[str] = frozenset()) -> bool:
    """Tell whether a request may write, or is one of the other commands."""
    if isinstance(request, Pipeline):
        return any(_may_change(one, others) for one in request.requests)
    if isinstance(request, Script):
        return request.name not in READING_SCRIPTS
    name = request.args[0]
    name = name.decode() if isinstance(name, bytes) else name
    return name not in READING_COMMANDS or name in others


# The client library does not say whether it has sent a command again. But it encodes the command
# each time, and looks at its name first. So the name can count.


class _Text(str):
    """A command's name that counts how often it is encoded."""

    times = 0

    def encode(self, encoding: str = 'utf-8', errors: str = 'strict') -> bytes:
        self.times += 1
        return super().encode(encoding, errors)


class _Bytes(bytes):
    """A command's name in bytes; it counts how often the client library looks for a space."""

    times = 0

    def __contains__(self, key: Any) -> bool:
        self.times += 1
        return super().__contains__(key)


def counted(args: Sequence[Any]) -> tuple[Any, ...]:
    """Return a command whose name has an attribute `times`: how often it was sent."""
    name, *rest = args
    return (_Bytes(name) if isinstance(name, bytes) else _Text(name), *rest)
