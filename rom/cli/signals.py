"""Stopping between two batches: Ctrl-C and SIGTERM wait until nothing is half done.

    with Stopping() as stopping:
        for batch in batches:
            write(batch)
            stopping.here()

The first signal is noted, and `here()` raises what it stands for. A second one does not wait; nor
is a server waited for that does not answer: after some seconds the batch is given up. That, too,
leaves nothing half done, for a batch is atomic; only whether it is in is then known to nobody.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

from rom.cli.exit_codes import Terminated
from rom.cli.output import note

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# A batch takes much less than that, where the server answers.
GRACE_SECONDS = 10


class Stopping:
    """Holds signals back, as a context manager. For the main thread only.

    Args:
        said: what is said when a signal comes; '' says nothing.
    """

    def __init__(self, said: str = 'Stopping after this batch; once more: at once.') -> None:
        self._said = said
        self._asked: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._reads, self._writes = -1, -1

    def __enter__(self) -> Stopping:
        # A signal that comes while we wait has to end the waiting.
        self._reads, self._writes = os.pipe()
        # What runs in the background of a shell ignores Ctrl-C, and goes on doing so.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._give_up)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.alarm(0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reads)
        os.close(self._writes)
        # One that came after the last look must not be lost.
        if kind is None:
            self.here()

    @property
    def asked(self) -> bool:
        """A signal came."""
        return self._asked is not None

    def here(self) -> None:
        """A place where nothing is half done: stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: by Ctrl-C.
            Terminated: by SIGTERM.
        """
        if self._asked is not None:
            _raise(self._asked)

    def wait(self, seconds: float) -> None:
        """Wait, and stop here as soon as that is asked for."""
        self.here()
        select.select([self._reads], [], [], seconds)
        self.here()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            _raise(number)
        self._asked = number
        os.write(self._writes, b'.')
        signal.alarm(GRACE_SECONDS)
        if self._said:
            note(self._said)

    def _give_up(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            _raise(self._asked)


def _raise(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
