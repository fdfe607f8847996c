"""The end of an event loop: clients and connections of a loop are closed with it.

`asyncio.run`, and any other code that calls ``loop.shutdown_asyncgens()``, closes the asynchronous
generators of its loop. So each loop that has something to close gets such a generator.

A loop that was closed without that is found by the next loop that gets one. Nothing of it runs any
more, so the sockets are closed directly.

The set of these things is an attribute of the loop, because they refer to their loop. A module's
dictionary, even one with weak keys, would keep the loop alive for ever. The set has only weak
references, because a client that is dropped before is closed then.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator
from typing import Any, Final, Protocol

#: The attribute of a loop that holds its `_End`.
_NAME: Final = '_rom_end'

_loops: set[weakref.ref[asyncio.AbstractEventLoop]] = set()
_finding = threading.Lock()


class Closable(Protocol):
    """A client or a connection of a loop."""

    async def close(self) -> None:
        """Close it, while the loop still runs."""

    def cut(self) -> None:
        """Close its sockets, after the loop was closed."""


class _End:
    def __init__(self) -> None:
        self.things: weakref.WeakSet[Closable] = weakref.WeakSet()
        self.closer: AsyncGenerator[None, None] | None = None

    async def close(self) -> None:
        """Close all."""
        for thing in self._taken():
            await thing.close()

    def cut(self) -> None:
        """Close the sockets of all."""
        for thing in self._taken():
            thing.cut()

    def _taken(self) -> list[Closable]:
        self.closer = None
        things, self.things = list(self.things), weakref.WeakSet()
        return things


def at_end(loop: asyncio.AbstractEventLoop, thing: Closable) -> None:
    """Close something at the end of the running loop; also close what closed loops have left."""
    end: _End | None = getattr(loop, _NAME, None)
    if end is None:
        close_leftovers()
        end = _End()
        setattr(loop, _NAME, end)
        with _finding:
            _loops.add(weakref.ref(loop, _loops.discard))
    if end.closer is None:  # the loop is new, or its generators were closed and it goes on
        end.closer = _closing(end)
        with contextlib.suppress(StopIteration):
            end.closer.asend(None).send(None)  # the first step tells the loop of the generator
    end.things.add(thing)


async def _closing(end: _End) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await end.close()


def close_leftovers() -> None:
    """Close the sockets of loops that were closed without their asynchronous generators."""
    with _finding:
        known = [(ref, loop) for ref in list(_loops) if (loop := ref()) is not None]
        closed = [(ref, loop) for ref, loop in known if loop.is_closed()]
        _loops.difference_update(ref for ref, _ in closed)
    for _, loop in closed:
        end: _End | None = getattr(loop, _NAME, None)
        if end is not None:
            delattr(loop, _NAME)
            end.cut()


def cut_writer(writer: Any) -> None:
    """Close the socket of a stream's writer, as its transport would in the next turn."""
    cut_transport(writer.transport)


def cut_transport(outer: Any) -> None:
    """Close the socket of a transport whose loop is closed."""
    inner = getattr(getattr(outer, '_ssl_protocol', None), '_transport', outer)
    for step in (outer.close, inner.close, lambda: inner._call_connection_lost(None)):
        # Each step may raise because the loop is closed; some loops have closed the socket.
        with contextlib.suppress(Exception):
            step()
