"""Sending: what became of one request, which may have been sent more than once.

When a connection breaks, nobody knows whether the server got the request. So it is sent again, by
the client library or by the driver, and what the server answers is about the second sending. A
reply is as good as any: every script finds out that it was carried out before. An error is not: a
server that is busy with the first sending refuses the second. So an error in answer to a repetition
leaves it open whether a write was carried out, and the program must be told so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import redis
import redis.asyncio

from rom._core.drivers.busy_wait import clock
from rom._core.drivers.errors import is_passing, own_error
from rom._core.drivers.retry_policy import PATIENCE, pauses
from rom._core.ops.requests import Command, Pipeline, Script, Sent

# Of what changes nothing, an error says all there is to know. All else may change something.
READING_SCRIPTS: Final = frozenset(('due', 'entries', 'load', 'search', 'tally', 'verify'))
READING_COMMANDS: Final = frozenset(
    (
        'BITFIELD_RO', 'DBSIZE', 'ECHO', 'EXISTS', 'GET', 'HGET', 'HGETALL', 'HLEN', 'HMGET',
        'HSCAN', 'LLEN', 'MEMORY', 'MGET', 'PING', 'SCAN', 'SCARD', 'STRLEN', 'TTL', 'TYPE',
        'ZCARD',
    )
)  # fmt: skip


class Sending:
    """One request on its way.

    Args:
        client: whose server it is for.
        request: the request.

    Attributes:
        is_repeated: it may have been sent, and was sent again.
    """

    # On the class: most requests need nothing but what they are.
    is_repeated = False
    _until: float | None = None
    _pauses: Iterator[float] | None = None

    def __init__(self, client: Any, request: Sent) -> None:
        self._client = client
        self._request = request

    def of(self, request: Command | Script) -> Sending:
        """A request of this pipeline, which goes on alone, for no longer than the whole may."""
        one = Sending(self._client, request)
        one.is_repeated = self.is_repeated
        self._begin_to_wait()
        one._until = self._until
        return one

    def saw(self, names: Sequence[Any]) -> None:
        """The client library is through with a command, or several, of these counted names."""
        for name in names:
            times = getattr(name, 'times', 1)
            # A client that encodes names in another way than we know may have repeated anything.
            if times > 1 or (times == 0 and not isinstance(self._client, _KNOWN)):
                self.is_repeated = True

    def pause(self, error: Exception) -> float:
        """Seconds to wait before the request is sent again.

        Raises:
            ORMError: our error for one of the client library's, which will not pass.
        """
        if is_passing(error):
            self._begin_to_wait()
            assert self._until is not None and self._pauses is not None
            pause = next(self._pauses)
            if clock() + pause < self._until:
                return pause
        raise self.failure(error) from None

    def _begin_to_wait(self) -> None:
        if self._until is None:
            self._until = clock() + PATIENCE
        if self._pauses is None:
            self._pauses = pauses()

    def failure(self, error: Exception) -> Exception:
        """Our error for one of the client library's."""
        is_in_doubt = self.is_repeated and _may_change(self._request)
        return own_error(error, self._client, is_in_doubt) or error


_KNOWN: Final = (redis.Redis, redis.asyncio.Redis)


def _may_change(request: Sent) -> bool:
    if isinstance(request, Pipeline):
        return any(_may_change(one) for one in request.requests)
    if isinstance(request, Script):
        return request.name not in READING_SCRIPTS
    name = request.args[0]
    return (name.decode() if isinstance(name, bytes) else name) not in READING_COMMANDS


# The client library does not say whether it has sent a command again. But it encodes the command
# each time, and looks at its name first. So the name can count.


class _Text(str):
    """A command's name that counts how often it is encoded."""

    times = 0

    def encode(self, encoding: str = 'utf-8', errors: str = 'strict') -> bytes:
        self.times += 1
        return super().encode(encoding, errors)


class _Bytes(bytes):
    """The same of bytes, in which the client library looks for a space."""

    times = 0

    def __contains__(self, key: Any) -> bool:
        self.times += 1
        return super().__contains__(key)


def counted(args: Sequence[Any]) -> tuple[Any, ...]:
    """A command whose name has an attribute `times`: so often was it sent."""
    name, *rest = args
    return (_Bytes(name) if isinstance(name, bytes) else _Text(name), *rest)
