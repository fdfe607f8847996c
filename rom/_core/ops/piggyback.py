"""Piggyback: commands sent with the first round trip of an operation, at no extra round trip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rom._core.ops.requests import Command, Destination, Operation, Pipeline, Rest


class Aside(NamedTuple):
    """A command that does not belong to the operation that it is sent with.

    Attributes:
        request: the command.
        tell: takes the reply, before the operation gets its own.
    """

    request: Command
    tell: Callable[[Any], None]


def alongside(operation: Operation[Any], asides: tuple[Aside, ...]) -> Operation[Any]:
    """Run an operation, and send further commands with its first round trip.

    These commands go first. So if the connection breaks among them, the operation's own request was
    not carried out. An error of one of them does not fail the operation; `tell` gets None for it.
    """
    try:
        request = next(operation)
        while isinstance(request, (Destination, Rest)):  # no round trip
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
