"""Attempts: idempotent writes, each carried out at most once however often its request arrives.

The client library repeats a request when a connection breaks. The network may deliver a request
late. A program that got no answer calls ``save()`` again. So each write is an attempt with a key of
its own, under which the script leaves a note of its answer (`lua/lib/attempt.lua`):

* A copy of the request finds the note. It gets the same answer again, or it learns that the attempt
  was refused. A refused attempt is tried again under another key.
* An attempt is in doubt from the moment it is sent until the script itself has answered it. An
  error of the server does not count as an answer: it may answer a copy and tell nothing of the
  first request.
* `lua/settle.lua` tells the outcome of an attempt in doubt. Where it finds no note, it leaves one
  that voids the attempt, so that a request that arrives late is refused. Reading the row instead
  would prove nothing, because another writer may have written the same values.

A note lives for `LIFE` seconds. The script refuses requests older than half of that, so it never
carries out a request whose note could be gone. After `_CERTAIN` seconds, a missing note proves
nothing any more, and the attempt cannot be settled.
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

#: Lifetime of a note, in seconds. `lua/lib/attempt.lua` has the same number.
LIFE: Final = 180
#: Age of an attempt, in seconds, from which it may have been carried out and its note be gone.
_CERTAIN: Final = 150
#: Requests that are made at most, where the clock was wrong or copies of them were refused.
_MOST_COPIES: Final = 10

_EMPTY: Final = b'\x80'  # an empty map, packed
_MADE_AGAIN: Final = (b'late', b'void', b'epoch')

# Keys are a random number of this process and a counter: cheaper than a random number for each.
_process = b''
_numbers = count()


def _draw() -> None:
    global _process, _numbers
    _process, _numbers = os.urandom(8).hex().encode('ascii'), count(1)


_draw()
os.register_at_fork(after_in_child=_draw)


def new_token() -> bytes:
    """Return a token that no other process makes; tokens of one process are in no order.

    Which of two transactions over partitions goes first is decided by their tokens, so that in
    the long run no process is behind another.
    """
    number = next(_numbers)
    return b'%04x%b%x' % (number * 40503 % 65536, _process, number)


def is_own_token(token: bytes) -> bool:
    """Return whether this process has made the token."""
    return token[4:20] == _process


class Attempt:
    """One write, with the key of its note and its outcome.

    Args:
        head: the prefix of the note's key; it decides the slot of a cluster.
        purpose: the reason for the write, where that is more than saving entities.

    Attributes:
        purpose: as given.
        key: the key of the note. Each request that is made has another one.
        at: when the request was made, by the server's clock; seconds since 1970.
        begun: the same moment, by `rom._core.support.clock.elapsed`.
        is_in_doubt: the write may have been carried out, or may still be.
        told: the script's answer once it was carried out; None as long as that is not known.
        is_unfinished: it was carried out, and there is more to do: its caller was interrupted, or
            another operation has settled it.
        tells_ages: the request tells of each row how long ago it was read.
        changes: the changes of rows as they were last sent, for the caller that settles the
            attempt.
        writer: the generator that waits for the answer, if one does.
        thread: the id of the thread that `writer` blocks; None if it blocks none.
    """

    __slots__ = (
        '_head', 'at', 'begun', 'changes', 'is_in_doubt', 'is_unfinished', 'key', 'purpose',
        'tells_ages', 'thread', 'told', 'writer',
    )  # fmt: skip

    def __init__(self, head: bytes, purpose: object = None) -> None:
        self._head = head
        self.purpose = purpose
        self.is_in_doubt = self.is_unfinished = False
        self.told: bytes | None = None
        self.tells_ages = False
        self.changes: list[Any] = []
        self.writer: Any = None  # a generator, as its frame says
        self.thread: int | None = None

    @property
    def is_under_way(self) -> bool:
        """True while a writer waits for the answer, so that no other caller may settle it."""
        # A thread that is blocked by `writer` cannot ask. So if that thread asks, its wait was
        # interrupted, for example by KeyboardInterrupt, and the attempt may be settled.
        is_alive = self.writer is not None and self.writer.gi_frame is not None
        return is_alive and self.thread != get_ident()

    @property
    def is_over(self) -> bool:
        """True where it is certain that nothing was written and nothing will be."""
        return not self.is_in_doubt and self.told is None

    def carry_out(self, make: Callable[[Attempt], Script]) -> Operation[list[Any]]:
        """Send the request of a script that writes, until the script has answered it.

        Settles attempts in doubt of the same head first, because none of them may be carried out
        after this one.

        Args:
            make: makes the request from the attempt's `key` and `at`. It is called again, with
                another key, where a copy was refused or where the clock was wrong.

        Returns:
            The script's answer: 'ok' and its details; or an objection, and nothing was written.

        Raises:
            ServerError: an error of the server; nothing was written, unless the attempt is in
                doubt.
            ServerUnavailable, or any other: the attempt is in doubt.
        """
        if self._head in _doubtful:
            yield from settle_doubtful(self._head)
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
        """Begin again under a new key, which the server does not know yet."""
        self.is_in_doubt, self.told = False, None
        self.key = b'%b%b%x' % (self._head, _process, next(_numbers))
        self.at = server_time(self._head)
        self.begun = elapsed()

    def _after_error(self, error: BaseException) -> Operation[list[Any]]:
        """Return the script's answer if the write was carried out; else raise the error again."""
        if isinstance(error, ServerError) and (yield from self._may_be_done()):
            return [b'ok', self.told]
        self.note_doubt()
        raise error

    def note_doubt(self) -> None:
        """Have the next attempt of the same head settle this one first, if it is in doubt."""
        if self.is_in_doubt:
            _given_up.setdefault(get_ident(), []).append(self)

    def _learn(self, now: int) -> None:
        """Adopt the time of the server, which refused the request because of its age."""
        learn_server_time(self._head, now)
        if not self._is_certain:
            _given_up.setdefault(get_ident(), []).append(self)
            raise ServerUnavailable(
                'the server got the request too late, and cannot tell whether a copy of it was '
                'carried out before; try again to find out'
            )

    def _may_be_done(self) -> Operation[bool]:
        """Settle the attempt; where that fails, return False and leave it in doubt."""
        try:
            return (yield from self.settle())
        except ORMError:
            return False

    @property
    def _is_certain(self) -> bool:
        """True while the server still has the note, if the write was carried out."""
        return elapsed() - self.begun < _CERTAIN

    def settle(self) -> Operation[bool]:
        """Return whether the attempt was carried out; if it was not, void it.

        If others have found that out, the server is asked all the same: a caller that waits for
        replicas needs the answer as the receipt of the commit.

        Raises:
            InDoubtError: the note may be gone by now; the attempt stays in doubt.
            ServerUnavailable, ServerError: no answer; the attempt stays in doubt.
        """
        if self.is_in_doubt:
            self._note_outcome((yield self._question))
        elif self.is_unfinished:
            yield self._question
        self.is_unfinished = False
        if self.is_in_doubt:
            raise InDoubtError(
                'a write got no answer, and it is too late to tell whether it was carried out: '
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


# Attempts that were given up while in doubt. They are kept here because their callers may be gone.
# Only the server that got the request can settle it, and only the driver knows that server. So an
# attempt is filed under its thread (`_given_up`) until the failing driver names its pool, and from
# then on under its head (`_doubtful`).
_Pool: TypeAlias = weakref.ref[Any]
_given_up: dict[int, list[Attempt]] = {}
_doubtful: dict[bytes, list[tuple[_Pool, Attempt]]] = {}


def note_given_up(client: Any) -> None:
    """Note that the attempts this thread has just given up went to the server of a client."""
    for attempt in _given_up.pop(get_ident(), ()):
        _doubtful.setdefault(attempt._head, []).append((_pool_of(client), attempt))


def forget_doubts() -> None:
    """Drop all attempts in doubt, because their servers are gone or were emptied."""
    _given_up.clear()
    _doubtful.clear()


def _pool_of(client: Any) -> _Pool:
    return weakref.ref(getattr(client, 'connection_pool', client))


def settle_doubtful(head: bytes) -> Operation[None]:
    """Settle the attempts of a head that were given up on the same server, in one round trip.

    Attempts that are too old to be settled are dropped: the script refuses their requests anyway.
    """
    if head not in _doubtful:
        return
    pool = _pool_of((yield Destination()))
    pending = [item for item in _doubtful.pop(head, ()) if item[0]() and item[1].is_in_doubt]
    here = [attempt for its_pool, attempt in pending if its_pool == pool]
    try:
        if here:
            replies = yield Pipeline(tuple(attempt._question for attempt in here))
            for attempt, reply in zip(here, replies, strict=True):
                attempt._note_outcome(reply)
                attempt.is_unfinished = attempt.told is not None
            pending = [item for item in pending if item[1] not in here]
    finally:
        if pending:
            _doubtful.setdefault(head, []).extend(pending)
