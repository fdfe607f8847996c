"""Twins: for each event loop and each client that blocks, an asyncio client for the same server.

A twin is made when it is first needed, with what its sibling was made with, and shared by all
clients that lead to one server with the same options: a program may make its client for each call.

**Who waits is answered.** A web program has more requests under way than a pool has connections. A
twin's pool is waited for, as long as its sibling's pool would be (a `BlockingConnectionPool` has a
timeout, others have none).

**A loop is let go.** The twins of a loop are an attribute of the loop, because whatever a twin
holds leads back to the loop: in a dictionary of ours, however weak its keys, the loop would stay
for ever. They are closed when the loop's asynchronous generators are, as `asyncio.run` does at its
end. A loop that was closed without that is found by the next loop that needs a twin; nothing of it
runs any more, so its sockets are closed directly.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Any, Final, NamedTuple

import redis.asyncio

from rom._core.drivers.async_client_options import recipe_of
from rom._core.drivers.client_support import check_client, running_loop
from rom._core.drivers.server_identity import server_of

#: The attribute of a loop.
_NAME: Final = '_rom_clients'

_loops: set[weakref.ref[asyncio.AbstractEventLoop]] = set()
_finding = threading.Lock()


async def async_connection(client: Any) -> redis.asyncio.Redis:
    """Return the asyncio client, of the running loop, for the server of one that blocks.

    It is closed with the loop.

    Raises:
        ORMError: a client with an option that has no like in asyncio, or of another library; or
            there is no event loop of asyncio.
    """
    loop = running_loop()
    twins: _Twins | None = getattr(loop, _NAME, None)
    if twins is None:
        twins = await _begin(loop)
    return twins.of(client)


class Maker(NamedTuple):
    """How a program makes the asyncio client for one that blocks.

    Attributes:
        make: gives it.
        is_kept: it gives the program's own, which the program closes.
    """

    make: Callable[[], Any]
    is_kept: bool


_makers: weakref.WeakKeyDictionary[Any, Maker] = weakref.WeakKeyDictionary()


def pair(client: Any, maker: Maker) -> None:
    """Have a program's own function give the asyncio client wherever a client is used."""
    _makers[client] = maker


class _Twins:
    """The asyncio clients of one loop."""

    def __init__(self) -> None:
        self.closer: AsyncGenerator[None, None] | None = None
        # By the client that is paired, else by its pool; by what it was made of.
        self._known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._made: dict[Hashable, Any] = {}
        self._own: list[Any] = []

    def of(self, client: Any) -> redis.asyncio.Redis:
        """The twin of a client."""
        maker = _makers.get(client) if _makers else None
        source = client if maker is not None else getattr(client, 'connection_pool', client)
        found = self._known.get(source)
        if found is None:
            found = self._known[source] = (
                self._twin(client) if maker is None else self._given(maker)
            )
        twin: redis.asyncio.Redis = found
        return twin

    def _twin(self, client: Any) -> Any:
        check_client(client, blocks=True)
        recipe = recipe_of(client)
        key = server_of(client), recipe.key
        if key not in self._made:
            self._made[key] = recipe.make()
            self._own.append(self._made[key])
        return self._made[key]

    def _given(self, maker: Maker) -> Any:
        made = maker.make()
        if not maker.is_kept:
            self._own.append(made)
        return made

    async def close(self) -> None:
        """Close the clients, while the loop still runs."""
        own = self._own
        self.forget()
        await asyncio.gather(*(twin.aclose() for twin in own), return_exceptions=True)

    def cut(self) -> None:
        """Close the sockets of a loop that is closed."""
        for twin in self._own:
            pool = getattr(twin, 'connection_pool', None)
            held = getattr(pool, '_available_connections', ())
            for connection in (*held, *getattr(pool, '_in_use_connections', ())):
                _cut(connection)
        self.forget()

    def forget(self) -> None:
        """Hold nothing more."""
        self.closer, self._known, self._made = None, weakref.WeakKeyDictionary(), {}
        self._own = []


async def _begin(loop: asyncio.AbstractEventLoop) -> _Twins:
    """A loop that has no twins yet."""
    _let_go()
    twins = _Twins()
    setattr(loop, _NAME, twins)
    with _finding:
        _loops.add(weakref.ref(loop, _loops.discard))
    twins.closer = _closing(twins)
    await anext(twins.closer)
    return twins


async def _closing(twins: _Twins) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await twins.close()


def _let_go() -> None:
    """Close the sockets of loops that are closed by now."""
    with _finding:
        known = [(ref, loop) for ref in list(_loops) if (loop := ref()) is not None]
        closed = [(ref, loop) for ref, loop in known if loop.is_closed()]
        _loops.difference_update(ref for ref, _ in closed)
    for _, loop in closed:
        twins: _Twins | None = getattr(loop, _NAME, None)
        if twins is not None:
            delattr(loop, _NAME)
            twins.cut()


def _cut(connection: Any) -> None:
    """Close a connection's socket, as its transport would in the next turn of the loop."""
    writer = getattr(connection, '_writer', None)
    if writer is None:
        return
    connection._writer = connection._reader = None
    outer = writer.transport
    inner = getattr(getattr(outer, '_ssl_protocol', None), '_transport', outer)
    for step in (outer.close, inner.close, lambda: inner._call_connection_lost(None)):
        # The loop is closed, and says so at each step; loops of other libraries have closed it.
        with contextlib.suppress(Exception):
            step()
