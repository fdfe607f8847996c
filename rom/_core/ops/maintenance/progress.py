"""Jobs of maintenance, and their progress: as reports to the caller, or as printed lines."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from rom._core.ops.requests import Operation, Request

T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a job. The total is an estimate, and may grow."""

    done: int
    total: int


#: Yields requests, as an operation does, and its progress in between.
Job: TypeAlias = Generator[Request | Progress, Any, T]


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """End of a job, with its result."""

    result: T


def advance(job: Job[T]) -> Operation[Progress | Finished[T]]:
    """Run a job until it next reports its progress, or to its end."""
    try:
        step = next(job)
        while not isinstance(step, Progress):
            try:
                reply = yield step
            except BaseException as error:
                step = job.throw(error)
            else:
                step = job.send(reply)
        return step
    except StopIteration as end:
        return Finished(end.value)


def quietly(job: Job[T]) -> Operation[T]:
    """Run a job to its end, without reports of its progress."""
    while isinstance(step := (yield from advance(job)), Progress):
        pass
    return step.result


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
