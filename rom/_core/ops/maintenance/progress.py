"""How far a job has got, and how it is carried out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from rom._core.ops.requests import Operation, Request

T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of all is done. The total is what is known of it by now, and may grow."""

    done: int
    total: int


#: Yields requests, as an operation does, and in between how far it has got.
Job: TypeAlias = Generator[Request | Progress, Any, T]


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """The job is at its end, and this is its result."""

    result: T


def advance(job: Job[T]) -> Operation[Progress | Finished[T]]:
    """Carry a job on until it next tells how far it has got, or to its end."""
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
    """A whole job, which tells nothing on the way."""
    while isinstance(step := (yield from advance(job)), Progress):
        pass
    return step.result
