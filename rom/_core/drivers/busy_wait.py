"""Busy-waiting: polling for the replies of local servers instead of sleeping.

A server on the same machine answers many calls in 20 to 150 microseconds, and putting a thread to
sleep and waking it takes about 40. So a thread that asks such a server polls for the reply. Between
two polls it yields the core and the interpreter's lock. If another thread or process takes them, it
sleeps during this call and the next few. Their number grows fourfold each time that this happens
again soon. It also sleeps when the reply takes long.
"""

from __future__ import annotations

import math
import os
import re
import select
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rom._core.support.public_names import publish
from rom.exceptions import InvalidOperation

#: Monotonic time in seconds. It is a partial, because tools that freeze time in tests replace the
#: clock functions that a module imports (freezegun replaces each `perf_counter` that it finds).
clock: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, 'clock_gettime')
    else partial(time.perf_counter)
)

#: Default limit of busy-waiting for one reply, in seconds: a few times as long as a wakeup takes.
USUAL: Final = 400e-6
#: If more seconds pass between two polls, another thread or process had the core or the lock.
#: (The system's own work takes less.)
MAX_POLL_GAP: Final = 60e-6
#: The least and the greatest number of calls that sleep after one that lost the core. After a slow
#: reply, the least.
MIN_BACKOFF: Final = 2
MAX_BACKOFF: Final = 2048

# Some systems lack one of them, and libraries of greenlets replace `poll` by their own.
_IS_POSSIBLE: Final = (
    hasattr(os, 'sched_yield')
    and getattr(getattr(select, 'poll', None), '__module__', '') == 'select'
)

_LOOPBACK: Final = re.compile(r'127\.|::1$|::ffff:127\.')

_limit = USUAL if _IS_POSSIBLE else 0.0


def limit() -> float:
    """Return the limit of busy-waiting for one reply, in seconds; 0: threads always sleep."""
    return _limit


def set_busy_poll(seconds: float = USUAL) -> None:
    """Set how long threads busy-wait for a near server's reply before they sleep.

    The default is 400 microseconds, while no other thread or process wants the core. A server is
    near if its address is on the same machine and it has ever answered within that time. A single
    call then takes a third less time, and more processor time: a tenth more where the server
    answers at once, up to three times as much where it takes 200 microseconds. Where a program pays
    for processor time, set 0.

    It holds for all connections of the process, but not for asyncio, where no task blocks on a
    single reply. Where the system cannot do it (it needs Linux or a similar system, and a
    connection without TLS), threads always sleep.

    Args:
        seconds: the limit for one reply; 0: sleep at once.

    Raises:
        InvalidOperation: `seconds` is not a finite number of at least 0.

    Example::

        rom.util.set_busy_poll(0)
    """
    global _limit
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise InvalidOperation(
            f'set_busy_poll({seconds!r}): a number of seconds from 0 on is needed; 0: never'
        )
    _limit = seconds if _IS_POSSIBLE else 0.0


class BusyPoller:
    """Busy-waits for the replies of one connection, while that saves time.

    Attributes:
        asleep: the number of the next calls that are not busy-waited for.
    """

    def __init__(self) -> None:
        self.asleep = 0
        self._next_time = MIN_BACKOFF  # the next value of `asleep`, if the core is lost again
        self._socket: Any = None
        self._poll: Any = None
        self._patience = math.inf  # the socket's timeout in seconds

    def wait(self, sock: Any) -> None:
        """Return when a socket is readable, or when the caller should block on it."""
        if self.asleep:
            self.asleep -= 1
            return
        if sock is not self._socket:
            self._socket, self._poll = sock, _poll_of(sock)
            if self._poll is not None:
                self._patience = sock.gettimeout() or math.inf
        if self._poll is not None:
            self._look()

    def _look(self) -> None:
        look, lend = self._poll.poll, os.sched_yield
        now = clock()
        end = now + min(_limit, self._patience)
        while now < end:
            if look(0):
                self._next_time = max(MIN_BACKOFF, self._next_time // 2)
                return
            lend()
            before, now = now, clock()
            if now - before > MAX_POLL_GAP:
                self.asleep = self._next_time
                self._next_time = min(MAX_BACKOFF, self._next_time * 4)
                return
        self.asleep = MIN_BACKOFF


def _poll_of(sock: Any) -> Any:
    """Return a poll object for a socket, or None if busy-waiting would not help.

    It would not for a server on another machine, and for the sockets of TLS or of greenlets.
    """
    if type(sock).__module__ != 'socket':
        return None
    number = sock.fileno()
    try:
        peer = sock.getpeername()
    except OSError:  # the socket is closed; the caller's read raises the error
        return None
    if sock.family != socket.AF_UNIX and not _LOOPBACK.match(peer[0]):
        return None
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return poll


publish('rom.util', set_busy_poll)
