"""Who writes in a session: threads and tasks that share it do so one after the other.

Two that wrote the same entities at once would each take the other's row for a stranger's.

Each write takes a number, and waits for those before it. A write is a generator, and one that has
ended has no frame, whatever has ended it: so a number that was not given back, as by an interrupt,
holds nobody up, while a lock would. Nobody waits for ever: a hook may wait for a thread that would
write in the same session. Whoever goes ahead is told of each entity that is being saved by another.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rom._core.support.clock import elapsed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rom._core.sessions.steps import Work

#: Seconds.
PATIENCE: Final = 10.0
PAUSE: Final = 0.0005


# A write, and its thread.
Number: TypeAlias = 'tuple[weakref.ref[Work[Any]], int]'


class Turns:
    """The line of those who write."""

    __slots__ = ('_line',)

    def __init__(self) -> None:
        self._line: list[Number] = []

    def take(self, work: Work[Any]) -> Number:
        """Wait until no other thread writes; then it is the turn of this work."""
        number = self._enter(work)
        if self._line[0] is not number:
            for _ in self._waits(number):
                time.sleep(PAUSE)
        return number

    async def take_awaited(self, work: Work[Any]) -> Number:
        """The same in a task; other tasks of the loop are not waited for."""
        number = self._enter(work)
        if self._line[0] is not number:
            for _ in self._waits(number):
                await asyncio.sleep(PAUSE)
        return number

    def give_back(self, number: Number) -> None:
        """Leave the line."""
        try:  # noqa: SIM105 - a context manager would take as long as all of a turn
            self._line.remove(number)
        except ValueError:  # another thread has seen that it is over
            pass

    def _enter(self, work: Work[Any]) -> Number:
        number = weakref.ref(work), get_ident()
        self._line.append(number)
        return number

    def _waits(self, number: Number) -> Iterator[None]:
        end = elapsed() + PATIENCE
        while not self._is_next(number) and elapsed() < end:
            yield

    def _is_next(self, number: Number) -> bool:
        # A copy, and removed one by one: other threads do the same.
        for other in self._line[:]:
            if other is number:
                return True
            if not _is_over(other):
                return other[1] == number[1]  # a hook that saves something
            self.give_back(other)
        return True


def _is_over(number: Number) -> bool:
    """Whether a write has ended, or is one that will never begin."""
    work: Any = number[0]()
    return work is None or work.gi_frame is None
