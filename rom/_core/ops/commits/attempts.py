"""Attempts: every write is carried out once, or not at all, however often its request arrives.

The client library repeats a request when a connection breaks; the network may deliver one late; a
program that got no answer calls ``save()`` again. So a write is an attempt with a key of its own,
under which the script leaves a note of its answer (`lua/lib/attempt.lua`):

* A copy of the request finds the note. It gets the same answer again; or it hears that the attempt
  was refused, which is then tried again, under another key.
* An attempt is in doubt from the moment it is sent until the script itself has answered it. An
  error of the server is no such answer: it may answer a repetition, and says nothing of the first.
* Who needs to know what became of an attempt in doubt asks `lua/settle.lua`, which leaves a note
  where there is none: from then on the attempt is void, and a request that arrives late is refused.
  A look at the row would prove nothing, for another writer may have brought about the same.

A note lives for `LIFE` seconds. A request that is older than half of that is refused, so none is
carried out whose note could be gone; and a question that is too late has no answer.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from itertools import count
from threading import get_ident
from typing import Any, Final, TypeAlias

from rom._core.ops.requests import Destination, Operation, Pipeline, Script
from rom._core.support.clock import elapsed, learn_server_time, server_time
from rom.exceptions import InDoubtError, ORMError, ServerError, ServerUnavailable

#: Seconds that a note lives. `lua/lib/attempt.lua` has it too.
LIFE: Final = 180
#: An attempt that began so many seconds ago may have been carried out, and its note be gone.
_CERTAIN: Final = 150
#: So often a request is made anew: for the server's clock, and where a copy of it was refused.
_MOST_COPIES: Final = 10

_EMPTY: Final = b'\x80'  # an empty map, packed
_MADE_AGAIN: Final = (b'late', b'void', b'epoch')

# Keys are this process's own, and numbered: that takes less than to draw each of them.
_process = b''
_numbers = count()


def _draw() -> None:
    global _process, _numbers
    _process, _numbers = os.urandom(8).hex().encode('ascii'), count(1)


_draw()
os.register_at_fork(after_in_child=_draw)


class Attempt:
    """One write: what it is known by, and what became of it.

    Args:
        head: what the key of its note begins with; it says in which slot of a cluster it is.
        purpose: what it is for, where that is more than to save entities.

    Attributes:
        purpose: as given.
        key: of the note. It is another for each request that is made.
        at: when the request was made, by the server's clock; seconds since 1970.
        begun: the same, by `rom._core.support.clock.elapsed`.
        is_in_doubt: it may have been carried out, or may still be.
        told: what the script told when it was carried out; None: it was not, as far as is known.
        tells_ages: the request says of each row how long ago it was read.
        changes: of rows, as they were last sent; for those who settle it.
        writer: the work that waits for the answer, where there is one to wait.
        thread: the one that it blocks; None: it does not block.
    """

    __slots__ = (
        '_head', 'at', 'begun', 'changes', 'is_in_doubt', 'key', 'purpose', 'tells_ages', 'thread',
        'told', 'writer',
    )  # fmt: skip

    def __init__(self, head: bytes, purpose: object = None) -> None:
        self._head = head
        self.purpose = purpose
        self.is_in_doubt = False
        self.told: bytes | None = None
        self.tells_ages = False
        self.changes: list[Any] = []
        self.writer: Any = None  # a generator, as its frame says
        self.thread: int | None = None

    @property
    def is_under_way(self) -> bool:
        """Somebody waits for the answer: it is not for others to find out what became of it.

        Of a thread that blocks, that is for other threads to say: if it comes here itself, it was
        interrupted, and waits no more.
        """
        is_alive = self.writer is not None and self.writer.gi_frame is not None
        return is_alive and self.thread != get_ident()

    @property
    def is_over(self) -> bool:
        """Nothing was written, and nothing will be."""
        return not self.is_in_doubt and self.told is None

    def carry_out(self, make: Callable[[Attempt], Script]) -> Operation[list[Any]]:
        """Send the request of a script that writes, until the script has answered it.

        Attempts of the same head that are still in doubt are settled first: none of them may be
        carried out behind this one.

        Args:
            make: the request, with the attempt's `key` and `at` in it. It is made again, under
                another key, where a copy was refused, or where the clock was wrong.

        Returns:
            The script's answer: 'ok' and what it tells; or its objection, and nothing was written.

        Raises:
            ServerError: an error of the server; nothing was written, unless the attempt is in
                doubt.
            ServerUnavailable, or any other: the attempt is in doubt.
        """
        if self._head in _doubtful:
            yield from _settle_doubtful(self._head)
        for _ in range(_MOST_COPIES):
            self._begin()
            script = make(self)
            self.is_in_doubt = True
            try:
                reply: list[Any] = yield script
            except BaseException as error:
                reply = yield from self._after_error(error)
            if reply[0] == b'ok':
                self.told = reply[1]
            elif reply[0] == b'late':
                self._learn(int(reply[1]))
            elif reply[0] == b'epoch':
                self.tells_ages = True
            self.is_in_doubt = False
            if reply[0] not in _MADE_AGAIN:
                return reply
        raise ServerError(
            f'{_MOST_COPIES} requests were refused one after the other, for the clock or for a '
            'copy of them that was refused before; nothing was written. See whether the clock of '
            'the server jumps'
        )

    def _begin(self) -> None:
        """Begin anew, as an attempt that the server has not heard of."""
        self.is_in_doubt, self.told = False, None
        self.key = b'%b%b%x' % (self._head, _process, next(_numbers))
        self.at = server_time(self._head)
        self.begun = elapsed()

    def _after_error(self, error: BaseException) -> Operation[list[Any]]:
        """What the script has answered all the same; else the error is raised once more."""
        if isinstance(error, ServerError) and (yield from self._may_be_done()):
            return [b'ok', self.told]
        if self.is_in_doubt:
            _given_up.setdefault(get_ident(), []).append(self)
        raise error

    def _learn(self, now: int) -> None:
        """The server refused the request for its age, and told what time it is there."""
        learn_server_time(self._head, now)
        if not self._is_certain:
            _given_up.setdefault(get_ident(), []).append(self)
            raise ServerUnavailable(
                'the server got the request too late, and cannot tell whether a copy of it was '
                'carried out before; try again to find out'
            )

    def _may_be_done(self) -> Operation[bool]:
        """Find out whether it was carried out; where that fails, it stays in doubt."""
        try:
            return (yield from self.settle())
        except ORMError:
            return False

    @property
    def _is_certain(self) -> bool:
        """The server has a note of it, if it was carried out."""
        return elapsed() - self.begun < _CERTAIN

    def settle(self) -> Operation[bool]:
        """Find out whether the attempt was carried out. If not, it will not be.

        Raises:
            InDoubtError: it was too long ago; the attempt stays in doubt.
            ServerUnavailable, ServerError: no answer; the attempt stays in doubt.
        """
        if self.is_in_doubt:
            self._note_outcome((yield self._question))
        if self.is_in_doubt:
            raise InDoubtError(
                'a write got no answer, and nobody can tell any more whether it was carried out: '
                f'notes of writes live for {LIFE} s. Look at what is stored'
            )
        return self.told is not None

    @property
    def _question(self) -> Script:
        return Script('settle', self.key, _EMPTY)

    def _note_outcome(self, reply: list[bytes]) -> None:
        status, *told = reply
        if status != b'void' or self._is_certain:
            self.told = told[0] if told else None
            self.is_in_doubt = False


# Attempts that were given up while in doubt: whoever made them may have forgotten them. Only their
# own server knows what became of them; so each driver that fails says which pool it used. Until
# then they are those of a thread.
_Pool: TypeAlias = weakref.ref[Any]
_given_up: dict[int, list[Attempt]] = {}
_doubtful: dict[bytes, list[tuple[_Pool, Attempt]]] = {}


def note_given_up(client: Any) -> None:
    """Note where the attempts went that this thread has just given up: to a client's server."""
    for attempt in _given_up.pop(get_ident(), ()):
        _doubtful.setdefault(attempt._head, []).append((_pool_of(client), attempt))


def forget_doubts() -> None:
    """Settle no attempts that were given up: their servers are gone, or were emptied."""
    _given_up.clear()
    _doubtful.clear()


def _pool_of(client: Any) -> _Pool:
    return weakref.ref(getattr(client, 'connection_pool', client))


def _settle_doubtful(head: bytes) -> Operation[None]:
    """Settle the attempts of a head that were given up on the same server, in one trip.

    Of one that is too old to be settled, no request would be carried out any more.
    """
    pool = _pool_of((yield Destination()))
    pending = [item for item in _doubtful.pop(head, ()) if item[0]() and item[1].is_in_doubt]
    here = [attempt for its_pool, attempt in pending if its_pool == pool]
    try:
        if here:
            replies = yield Pipeline(tuple(attempt._question for attempt in here))
            for attempt, reply in zip(here, replies, strict=True):
                attempt._note_outcome(reply)
            pending = [item for item in pending if item[1] not in here]
    finally:
        if pending:
            _doubtful.setdefault(head, []).extend(pending)
