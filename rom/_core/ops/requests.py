"""Requests of operations: immutable values, which the drivers carry out.

An operation is a generator: it yields a request, and is sent the reply. It does no I/O itself. So
it is written once for blocking and asyncio programs, and can be tested by sending it replies.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from rom.exceptions import ServerUnavailable

T = TypeVar('T')


class _Arguments(NamedTuple):
    args: tuple[bytes | str | int, ...]
    key: bytes | None = None


class Command(_Arguments):
    """One command, such as ``Command(b'HGETALL', b'users:5')``. Texts of the reply are bytes.

    Attributes:
        args: the command's name and its arguments.
        key: a key of the slot in which the command works, for clusters. Only commands whose first
            argument is not a key need it, such as SCAN. None: that argument; without arguments, any
            slot.
    """

    __slots__ = ()

    def __new__(cls, *args: bytes | str | int, key: bytes | None = None) -> 'Command':
        return super().__new__(cls, args, key)


class Script(NamedTuple):
    """A call of a script of `lua/`.

    Attributes:
        name: the name of the file without `.lua`.
        key: a key of the slot in which the script works, for clusters.
        request: the packed map that the script reads.
        parts: the conditional parts of the script that the call needs; None: all.
    """

    name: str
    key: bytes
    request: bytes
    parts: frozenset[str] | None = None


class Pipeline(NamedTuple):
    """Several requests in one round trip. The reply is the list of their replies.

    It is not a transaction: atomic work is one script. The first error is raised after all ran.

    Attributes:
        requests: the requests, in the order in which they are carried out.
        one_by_one: each reply is to be processed as soon as Redis sends it, while Redis works on
            the next. The operation takes them with `next_reply`. An error is raised in its place.
            Only for requests that change nothing.
        optional: the number of first requests that may fail; their reply is the error then.
        resends_all: if one request fails, all are sent again, on one connection.
    """

    requests: tuple[Command | Script, ...]
    one_by_one: bool = False
    optional: int = 0
    resends_all: bool = False


class RowReads(NamedTuple):
    """Reads columns of several rows by native commands, in one round trip.

    The reply is a list with an item for each id: the values, None where the row has none; or the
    error of a key that holds no row.

    Attributes:
        head: the prefix of the rows' keys.
        ids: the ids.
        fields: the fields of the columns.
    """

    head: bytes
    ids: Sequence[bytes]
    fields: tuple[bytes, ...]

    @property
    def commands(self) -> Pipeline:
        """The same as a pipeline of commands."""
        reads = tuple(Command('HMGET', self.head + id, *self.fields) for id in self.ids)
        return Pipeline(reads, optional=len(reads))


class Destination(NamedTuple):
    """Asks the driver which client the requests go to; no round trip.

    Attributes:
        heads: prefixes of keys that one script is about to use. The driver raises InvalidOperation
            if it cannot, because they are in several slots of a cluster.
    """

    heads: tuple[bytes, ...] = ()


class Rest(NamedTuple):
    """Lets other tasks of the event loop run; no round trip. The reply tells if there is a loop.

    Attributes:
        seconds: how long to wait, without a loop as well.
    """

    seconds: float = 0.0


class Barrier(NamedTuple):
    """Waits until replicas have all writes so far, if the caller waits for replicas.

    `rom._core.ops.commits.replication.Replication` answers it, with True. Otherwise there is no
    round trip, and the reply is False.

    Attributes:
        is_decided: the writes so far are of a commit that is decided. Else nothing counts yet.
        key: a key of a slot that another program has written to, and that replicas must have too.
    """

    is_decided: bool = False
    key: bytes | None = None


class Unwritten(ServerUnavailable):
    """A commit was given up before it was decided, so it wrote nothing, and never will.

    A barrier raises it if nothing that it waits for is decided, and too few replicas have it.
    """


class ReplyStream(ABC):
    """The replies of a pipeline that is read one by one, where each of them is awaited."""

    __slots__ = ()

    @abstractmethod
    async def take(self) -> Any:
        """Return the next reply.

        Raises:
            ORMError: the reply is an error, or none came.
        """


class Next(NamedTuple):
    """Takes the next reply of a pipeline whose replies are awaited; no round trip of its own."""

    replies: ReplyStream


Sent: TypeAlias = Command | Script | Pipeline
Request: TypeAlias = Sent | RowReads | Destination | Rest | Barrier | Next
Operation: TypeAlias = Generator[Request, Any, T]

#: The requests that take no round trip.
NO_TRIP: Final = (Destination, Rest, Barrier, Next)


def next_reply(replies: Iterator[Any] | ReplyStream) -> Operation[Any]:
    """Return the next reply of a pipeline that is read one by one.

    Args:
        replies: the result of `arriving`.
    """
    if isinstance(replies, ReplyStream):
        return (yield Next(replies))
    return next(replies)


def arriving(pipeline: Pipeline) -> Operation[Iterator[Any] | ReplyStream]:
    """Send a pipeline that is read one by one; return its replies for `next_reply`."""
    replies = yield pipeline
    return replies if isinstance(replies, ReplyStream) else iter(replies)


def send(request: Request) -> Operation[Any]:
    """Return the reply to one request."""
    return (yield request)


def answered(
    operation: Operation[T],
    answer: Callable[[Request], Operation[Any]],
    request: Request | None = None,
) -> Operation[T]:
    """Run an operation, each of whose requests is answered by another operation.

    Args:
        operation: the operation. It gets what `answer` returns, or its error.
        answer: returns the operation that answers a request.
        request: the request that the operation waits for; None: it has not begun.
    """
    try:
        if request is None:
            request = next(operation)
        while True:
            try:
                reply = yield from answer(request)
            except BaseException as error:
                request = operation.throw(error)
            else:
                request = operation.send(reply)
    except StopIteration as end:
        result: T = end.value
        return result
