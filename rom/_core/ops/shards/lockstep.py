"""Lockstep: several operations whose round trips are shared, one pipeline for each step of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from rom._core.ops.requests import (
    NO_TRIP,
    Command,
    Operation,
    Pipeline,
    Request,
    RowReads,
    Script,
    answered,
    send,
)

T = TypeVar('T')


def lockstep(operations: Sequence[Operation[Any]]) -> Operation[list[Any]]:
    """Carry out operations at the same time; return their results.

    In each step, the requests of all operations that have not ended are sent in one pipeline. The
    driver sends a pipeline to the nodes of a cluster at once. So the number of round trips is that
    of the operation that takes the most.

    Args:
        operations: operations that do not depend on one another.

    Raises:
        Exception: the first error of an operation that does not handle it. The others are closed.
    """
    if len(operations) == 1:
        return [(yield from operations[0])]
    runs = [_Run(operation) for operation in operations]
    try:
        for run in runs:
            yield from run.go_on(None)
        while left := [run for run in runs if run.request is not None]:
            yield from _step(left)
        return [run.result for run in runs]
    finally:
        for operation in operations:
            operation.close()


def resumed(operation: Operation[T], request: Request, reply: Any) -> Operation[T]:
    """Carry out an operation whose first request was sent already.

    Args:
        operation: the operation. If it begins with another request, that one is sent.
        request: the request that was sent.
        reply: its reply, or its error.
    """
    try:
        wanted = next(operation)
        if wanted == request:
            is_error = isinstance(reply, Exception)
            wanted = operation.throw(reply) if is_error else operation.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
    return (yield from answered(operation, send, wanted))


def _step(runs: Sequence[_Run]) -> Operation[None]:
    """Send the requests of all runs, and pass each its replies."""
    asked = [run.parts for run in runs]
    requests = tuple(request for parts in asked for request in parts)
    if len(requests) == 1:
        replies: list[Any] = [(yield from _one(requests[0]))]
    else:
        # An error of one request goes to its own operation, so no request may raise here.
        replies = yield Pipeline(requests, optional=len(requests))
    at = 0
    for run, parts in zip(runs, asked, strict=True):
        own, at = replies[at : at + len(parts)], at + len(parts)
        yield from run.go_on(own)


def _one(request: Command | Script) -> Operation[Any]:
    try:
        return (yield request)
    except Exception as error:
        return error


class _Run:
    """An operation under way.

    Attributes:
        request: the request that it waits for; None once it has ended.
        result: its result.
    """

    __slots__ = ('_operation', 'request', 'result')

    def __init__(self, operation: Operation[Any]) -> None:
        self._operation = operation
        self.request: Command | Script | Pipeline | None = None
        self.result: Any = None

    @property
    def parts(self) -> tuple[Command | Script, ...]:
        """The requests of the next trip."""
        request = self.request
        if isinstance(request, Pipeline):
            return request.requests
        assert request is not None
        return (request,)

    def go_on(self, replies: list[Any] | None) -> Operation[None]:
        """Run the operation up to its next trip.

        Args:
            replies: the replies to its `parts`, with errors in place; None to begin.
        """
        try:
            request: Request = next(self._operation) if replies is None else self._pass_on(replies)
            while isinstance(request, NO_TRIP):
                try:
                    reply = yield request
                except Exception as error:
                    request = self._operation.throw(error)
                else:
                    request = self._operation.send(reply)
            self.request = request.commands if isinstance(request, RowReads) else request
        except StopIteration as end:
            self.request, self.result = None, end.value

    def _pass_on(self, replies: list[Any]) -> Request:
        """Send the operation its reply, or the first error that it does not expect."""
        request = self.request
        optional = request.optional if isinstance(request, Pipeline) else 0
        error = next((r for r in replies[optional:] if isinstance(r, Exception)), None)
        if error is not None:
            return self._operation.throw(error)
        return self._operation.send(replies if isinstance(request, Pipeline) else replies[0])
