"""The progress of a job as printed lines."""

from __future__ import annotations

import time


class Meter:
    """Prints the progress of a job, at most once a second."""

    def __init__(self) -> None:
        self._begun = self._shown = time.monotonic()
        self._total = 0

    def note(self, done: int, total: int) -> None:
        """Take note of progress, and print it if a second has passed."""
        self._total = total
        now = time.monotonic()
        if now - self._shown >= 1 and done < total:
            self._shown = now
            self._show(done, now)

    def end(self) -> None:
        """Print that the job is complete."""
        self._show(self._total, time.monotonic())

    def _show(self, done: int, now: float) -> None:
        elapsed = now - self._begun
        share = done / self._total if self._total else 1.0
        remaining = elapsed * (1 - share) / share if share else 0.0
        print(
            f'{share * 100:.1f}% complete, {elapsed:.1f} seconds elapsed, '
            f'{remaining:.1f} seconds remaining',
            flush=True,
        )
