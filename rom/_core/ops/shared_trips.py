"""Shared trips: operations whose requests share one round trip."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from rom._core.ops.requests import (
    NO_TRIP,
    Command,
    Operation,
    Pipeline,
    ReplyStream,
    Request,
    answered,
    arriving,
    next_reply,
    send,
)


class Aside(NamedTuple):
    """A command that does not belong to the operation that it is sent with.

    Attributes:
        request: the command.
        tell: takes the reply, before the operation gets its own.
    """

    request: Command
    tell: Callable[[Any], None]


#: Chooses commands for the first requests of an operation.
Choose = Callable[[tuple[Any, ...]], tuple[Aside, ...]]


def alongside(operation: Operation[Any], asides: tuple[Aside, ...] | Choose) -> Operation[Any]:
    """Run an operation, and send further commands with its first round trip.

    These commands go first. So if the connection breaks among them, the operation's own request was
    not carried out. An error of one of them does not fail the operation; `tell` gets None for it.

    Args:
        operation: the operation.
        asides: the further commands; or a function that chooses them, by its first requests.
    """
    try:
        request = next(operation)
        while isinstance(request, NO_TRIP):
            request = operation.send((yield request))
        requests = _parts(request)
        found = asides(requests) if callable(asides) else asides
        if found:
            questions = tuple(aside.request for aside in found)
            optional = len(found) + (request.optional if isinstance(request, Pipeline) else 0)
            try:
                replies = yield Pipeline((*questions, *requests), optional=optional)
            except BaseException as error:
                request = operation.throw(error)
            else:
                for aside, reply in zip(found, replies[: len(found)], strict=True):
                    aside.tell(None if isinstance(reply, Exception) else reply)
                own = replies[len(found) :]
                request = operation.send(own if isinstance(request, Pipeline) else own[0])
    except StopIteration as end:
        return end.value
    return (yield from answered(operation, send, request))


def together(*operations: Operation[Any]) -> Operation[list[Any]]:
    """Carry out operations that only read, in their order; return their results.

    The first requests of all are sent in one round trip. Redis works on those of the later
    operations while the program processes the replies to the earlier ones.

    Args:
        operations: operations that change nothing. The first request of each is a command, a
            script or a pipeline; an operation may also end without a request.

    Raises:
        Exception: an operation raised it, or a request of the shared round trip failed. The
            operations that were not finished are closed.
    """
    results: list[Any] = [None] * len(operations)
    begun: dict[int, Any] = {}
    try:
        for place, operation in enumerate(operations):
            try:
                begun[place] = next(operation)
            except StopIteration as end:
                results[place] = end.value
        if begun:
            asked = [one for request in begun.values() for one in _parts(request)]
            replies = _Replies(
                (yield from arriving(Pipeline(tuple(asked), one_by_one=True))), len(asked)
            )
            for place, request in begun.items():
                results[place] = yield from _finish(operations[place], request, replies)
        return results
    finally:
        for operation in operations:
            operation.close()


class _Replies(Iterator[Any]):
    """The replies of the shared round trip, which arrive one by one."""

    def __init__(self, replies: Iterator[Any] | ReplyStream, number: int) -> None:
        self._replies = replies
        self._left = number

    def __next__(self) -> Any:
        assert isinstance(self._replies, Iterator)
        return next(self._replies)

    def of(self, number: int) -> Operation[Iterator[Any]]:
        """Return an iterator over the replies to one operation; wait for them if they are awaited.

        A driver that blocks waits for each when the iterator gets there.
        """
        if isinstance(self._replies, Iterator):
            return islice(self, number)
        self._left -= number
        return iter((yield from self._taken(number)))

    def answer(self, request: Request) -> Operation[Any]:
        """Send another request, after the replies that have not arrived yet were read."""
        if not isinstance(request, NO_TRIP):
            yield from self._read_all()
        return (yield request)

    def _read_all(self) -> Operation[None]:
        if isinstance(self._replies, Iterator):
            self._replies = iter(list(self._replies))
        else:
            self._replies = iter((yield from self._taken(self._left)))

    def _taken(self, number: int) -> Operation[list[Any]]:
        taken = []
        for _ in range(number):
            taken.append((yield from next_reply(self._replies)))
        return taken


def _parts(request: Any) -> tuple[Any, ...]:
    return request.requests if isinstance(request, Pipeline) else (request,)


def _finish(operation: Operation[Any], first: Any, replies: _Replies) -> Operation[Any]:
    """Run an operation from the reply to its first request to its end; return its result."""
    own = yield from replies.of(len(_parts(first)))
    try:
        reply = own if isinstance(first, Pipeline) else next(own)
        request: Request = operation.send(reply)
    except StopIteration as end:
        result = end.value
    else:
        result = yield from answered(operation, replies.answer, request)
    for _ in own:
        pass  # replies that the operation did not read
    return result
