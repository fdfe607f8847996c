"""Questions that travel along with the first trip of an operation, and cost none of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rom._core.ops.requests import Command, Destination, Operation, Pipeline, Rest


class Aside(NamedTuple):
    """A question that is no part of an operation.

    Attributes:
        request: the question.
        tell: takes the answer, in the midst of the operation.
    """

    request: Command
    tell: Callable[[Any], None]


def alongside(operation: Operation[Any], asides: tuple[Aside, ...]) -> Operation[Any]:
    """An operation whose first trip asks more.

    The questions go first. So where the connection breaks among them, the operation's own request
    was not carried out. A server that does not answer them is no reason to fail: the answer is
    None then.
    """
    try:
        request = next(operation)
        while isinstance(request, (Destination, Rest)):  # which is no trip
            request = operation.send((yield request))
        requests = request.requests if isinstance(request, Pipeline) else (request,)
        questions = tuple(aside.request for aside in asides)
        try:
            replies = yield Pipeline((*questions, *requests), optional=len(asides))
        except BaseException as error:
            request = operation.throw(error)
        else:
            for aside, reply in zip(asides, replies[: len(asides)], strict=True):
                aside.tell(None if isinstance(reply, Exception) else reply)
            own = replies[len(asides) :]
            request = operation.send(own if isinstance(request, Pipeline) else own[0])
        while True:
            try:
                reply = yield request
            except BaseException as error:
                request = operation.throw(error)
            else:
                request = operation.send(reply)
    except StopIteration as end:
        return end.value
