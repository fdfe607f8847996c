"""Jobs: their progress, and how they are advanced."""

from __future__ import annotations

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
