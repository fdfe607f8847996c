"""Stopping between two batches: Ctrl-C and SIGTERM wait for the end of the current batch.

    with DeferredSignals() as deferred:
        for batch in batches:
            write(batch)
            deferred.raise_pending()

The first signal is noted, and `raise_pending()` raises its exception. A second signal raises at
once. If the server does not answer, the exception comes after `GRACE_SECONDS`. Even then nothing is
half done, because a batch is atomic; but it is unknown whether the last batch was written.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

from rom.cli.errors import Terminated
from rom.cli.output import note

SIGNALS = (signal.SIGINT, signal.SIGTERM)

# A batch takes much less than that if the server answers.
GRACE_SECONDS = 10


class DeferredSignals:
    """Context manager that defers signals. For the main thread only.

    Args:
        message: the message to print when a signal comes; '': none.
    """

    def __init__(self, message: str = 'Stopping after this batch; once more: at once.') -> None:
        self._message = message
        self._pending: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._reads, self._writes = -1, -1

    def __enter__(self) -> DeferredSignals:
        # `wait` selects on this pipe, because Python resumes an interrupted select.
        self._reads, self._writes = os.pipe()
        # A process in the background of a shell ignores Ctrl-C, and must go on ignoring it.
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
        # A signal after the last `raise_pending` must not be lost.
        if kind is None:
            self.raise_pending()

    @property
    def is_pending(self) -> bool:
        """True after a signal came."""
        return self._pending is not None

    def raise_pending(self) -> None:
        """Raise the exception of a signal that came; call it when nothing is half done.

        Raises:
            KeyboardInterrupt: by Ctrl-C.
            Terminated: by SIGTERM.
        """
        if self._pending is not None:
            _raise(self._pending)

    def wait(self, seconds: float) -> None:
        """Sleep, and stop as soon as a signal comes."""
        self.raise_pending()
        select.select([self._reads], [], [], seconds)
        self.raise_pending()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._pending is not None:
            _raise(number)
        self._pending = number
        os.write(self._writes, b'.')
        signal.alarm(GRACE_SECONDS)
        if self._message:
            note(self._message)

    def _give_up(self, number: int, frame: FrameType | None) -> None:
        if self._pending is not None:
            _raise(self._pending)


def _raise(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
