"""The queue of writes in a session: threads and tasks that share it write one after the other.

Without it, two that write the same entities at once would each see the other's row as a conflict.

Each write takes a number, and waits for those before it. A number is a weak reference to the
generator that writes. A generator that has ended has no frame, even after an interrupt, so that a
number which was not returned blocks no other write; a lock would. A wait ends after `PATIENCE`
seconds, because a hook may wait for a thread that would write in the same session. A write that
goes ahead then gets an error for each entity that another write is saving.
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

#: The longest time that a write waits for those before it, and the time between two looks, in
#: seconds.
PATIENCE: Final = 10.0
PAUSE: Final = 0.0005


# A write, and the id of its thread.
Number: TypeAlias = 'tuple[weakref.ref[Work[Any]], int]'


class Turns:
    """The queue of the writes of one session."""

    __slots__ = ('_line',)

    def __init__(self) -> None:
        self._line: list[Number] = []

    def take(self, work: Work[Any]) -> Number:
        """Wait until no other thread writes, and return the number of this write."""
        number = self._enter(work)
        if self._line[0] is not number:
            for _ in self._waits(number):
                time.sleep(PAUSE)
        return number

    async def take_awaited(self, work: Work[Any]) -> Number:
        """Wait as `take` does, in a task; other tasks of the same loop do not count."""
        number = self._enter(work)
        if self._line[0] is not number:
            for _ in self._waits(number):
                await asyncio.sleep(PAUSE)
        return number

    def give_back(self, number: Number) -> None:
        """Remove a number from the queue."""
        try:  # noqa: SIM105 - a context manager would take as long as all of a turn
            self._line.remove(number)
        except ValueError:  # another thread has found it ended and removed it
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
        # Other threads remove items too: hence a copy of the list, and no deletion of a range.
        for other in self._line[:]:
            if other is number:
                return True
            if not _is_over(other):
                return other[1] == number[1]  # a hook that saves something
            self.give_back(other)
        return True


def _is_over(number: Number) -> bool:
    """Return whether a write has ended, or will never begin."""
    work: Any = number[0]()
    return work is None or work.gi_frame is None
