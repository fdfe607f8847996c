"""Waiting for a reply awake: a thread that sleeps has to be woken up, and that takes time.

A server on the same machine answers many a call in 20 to 150 microseconds, and to put a thread to
sleep and wake it up takes some 40. So a thread that asks such a server looks for the reply again
and again. Each time, it lends the core, and the interpreter's lock, to whoever wants them. When
somebody does, it sleeps as threads do: during this call and the next ones, of which there are four
times as many when that happens again soon. When the reply takes long, it sleeps, too.
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

from rom.exceptions import InvalidOperation

#: Seconds that only go forward. Not the name of a clock: programs under test stop those (freezegun
#: puts another function in the place of each `perf_counter` that it finds in a module).
clock: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    if hasattr(time, 'clock_gettime')
    else partial(time.perf_counter)
)

#: Seconds that a thread waits awake for one reply, unless a program says otherwise: a few times as
#: long as it takes to be woken up.
USUAL: Final = 400e-6
#: Who takes so many seconds from one look to the next has lent the core or the lock to somebody.
#: (The system's own work takes less.)
LAP: Final = 60e-6
#: So many calls sleep after one that lent the core, at least and at most; after one whose reply
#: took long, the least.
LEAST: Final = 2
MOST: Final = 2048

# Neither is everywhere, and libraries of greenlets put a `poll` of their own there.
_IS_POSSIBLE: Final = (
    hasattr(os, 'sched_yield')
    and getattr(getattr(select, 'poll', None), '__module__', '') == 'select'
)

_LOOPBACK: Final = re.compile(r'127\.|::1$|::ffff:127\.')

_limit = USUAL if _IS_POSSIBLE else 0.0


def limit() -> float:
    """Seconds that a thread waits awake for one reply; 0: it never does."""
    return _limit


def wait_awake(seconds: float = USUAL) -> None:
    """Say how long threads wait for a near server's reply without going to sleep.

    By default 400 microseconds, for as long as no other thread or process wants the core. A server
    is near that is on the same machine, by its address, and has ever answered within that time. A
    single call takes a third less time then, and more of the processor's: a tenth where the server
    answers at once, up to three times as much where it takes 200 microseconds. Where the
    processor's time is what a program pays for, let it wait asleep.

    It is for all connections of the process, but not for asyncio, where nobody waits for one reply
    alone. Where the system cannot do it (it takes Linux or its like, and a connection without TLS),
    threads always sleep.

    Args:
        seconds: at most so many for one reply; 0: go to sleep at once.

    Raises:
        InvalidOperation: no number from 0 on, or an endless one.

    Example::

        rom.util.wait_awake(0)
    """
    global _limit
    if not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise InvalidOperation(
            f'wait_awake({seconds!r}): a number of seconds from 0 on is needed; 0: never'
        )
    _limit = seconds if _IS_POSSIBLE else 0.0


class Watch:
    """Waits awake for the replies of one connection, as long as that is worth it.

    Attributes:
        asleep: so many of the next calls are to be waited for asleep.
    """

    def __init__(self) -> None:
        self.asleep = 0
        self._next_time = LEAST  # so many, if the core is lent again
        self._socket: Any = None
        self._poll: Any = None
        self._patience = math.inf  # seconds that the socket's owner would wait

    def wait(self, sock: Any) -> None:
        """Come back when a socket has something to read, or is to be waited for asleep."""
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
                self._next_time = max(LEAST, self._next_time // 2)
                return
            lend()
            before, now = now, clock()
            if now - before > LAP:
                self.asleep = self._next_time
                self._next_time = min(MOST, self._next_time * 4)
                return
        self.asleep = LEAST


def _poll_of(sock: Any) -> Any:
    """What tells when a socket has something to read; None if that is not worth waiting for awake.

    The server is on another machine, or what tells it is another library's: TLS, greenlets.
    """
    if type(sock).__module__ != 'socket':
        return None
    number = sock.fileno()
    try:
        peer = sock.getpeername()
    except OSError:  # it is closed by now: whoever reads it will hear of that
        return None
    if sock.family != socket.AF_UNIX and not _LOOPBACK.match(peer[0]):
        return None
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return poll
