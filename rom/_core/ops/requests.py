"""What an operation may ask of a server: values that do not change, which the drivers carry out.

An operation is a generator: it yields one of these, and is sent the reply. It says what is to be
done and never how, so that it is written once for both worlds, and can be tested by sending it
replies.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias, TypeVar

T = TypeVar('T')


class _Arguments(NamedTuple):
    args: tuple[bytes | str | int, ...]


class Command(_Arguments):
    """One command, such as ``Command(b'HGETALL', b'users:5')``. The reply is bytes, always."""

    __slots__ = ()

    def __new__(cls, *args: bytes | str | int) -> Command:
        return super().__new__(cls, args)


class Script(NamedTuple):
    """A call of a script of `lua/`.

    Attributes:
        name: the file's name without `.lua`.
        key: a key of the slot in which the script works; a cluster needs it.
        request: the packed map that the script reads.
        parts: of what the script includes on condition, only this is needed; None: all.
    """

    name: str
    key: bytes
    request: bytes
    parts: frozenset[str] | None = None


class Pipeline(NamedTuple):
    """Several requests in one trip. The reply is the list of their replies.

    No transaction: what must be atomic is one script. The first error is raised, after all ran.

    Attributes:
        requests: in the order in which they are carried out.
        one_by_one: the replies may come as an iterator, each as soon as the server has it, so that
            one can be worked on while the server is at the next. An error then comes in its place.
            For what changes nothing.
        optional: so many of the first requests may fail; an error is their reply then.
    """

    requests: tuple[Command | Script, ...]
    one_by_one: bool = False
    optional: int = 0


class Destination(NamedTuple):
    """To be told which client the requests go to; no trip."""


class Rest(NamedTuple):
    """To let other tasks of the event loop run; no trip. The reply: whether there is a loop."""


Sent: TypeAlias = Command | Script | Pipeline
Request: TypeAlias = Sent | Destination | Rest
Operation: TypeAlias = Generator[Request, Any, T]
