"""Questions that travel along with the first trip of an operation, and cost none of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from rom.exceptions import ServerError
from rom.ops.requests import Command, Operation, Pipeline, Script


class Aside(NamedTuple):
    """A question that is no part of an operation.

    Attributes:
        request: the question.
        tell: takes the answer, in the midst of the operation.
    """

    request: Command | Script
    tell: Callable[[Any], None]


def alongside(operation: Operation[Any], asides: tuple[Aside, ...]) -> Operation[Any]:
    """An operation whose first trip asks more.

    A server that does not answer a question is no reason to fail: the request is made again by
    itself, as the client library might repeat it. Then the answers are None.
    """
    untold: tuple[Aside, ...] = ()
    try:
        request = next(operation)
        requests = request.requests if isinstance(request, Pipeline) else (request,)
        try:
            replies = yield Pipeline((*requests, *(aside.request for aside in asides)))
        except ServerError:
            untold = asides
        except BaseException as error:
            request = operation.throw(error)
        else:
            for aside, reply in zip(asides, replies[len(requests) :], strict=True):
                aside.tell(reply)
            own = replies[: len(requests)]
            request = operation.send(own if isinstance(request, Pipeline) else own[0])
        while True:
            try:
                reply = yield request
            except BaseException as error:
                untold = ()
                request = operation.throw(error)
            else:
                # By itself it succeeds, so a question was to blame, and would be the next time.
                for aside in untold:
                    aside.tell(None)
                untold = ()
                request = operation.send(reply)
    except StopIteration as end:
        return end.value
