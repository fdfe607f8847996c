"""A proxy that speaks TLS with its clients, in front of a server that does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

#: Certificates that come with the tests of Python itself, where these are installed.
KEYS = Path(os.__file__).parent / 'test' / 'certdata' / 'keycert.pem'

#: Opens a connection to the server.
Open: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@contextlib.asynccontextmanager
async def encrypting(open_server: Open) -> AsyncIterator[tuple[int, list[Any]]]:
    """Run the proxy; give its port on 127.0.0.1, and a list with an item for each connection.

    All connections must be closed when it ends.
    """
    links: list[asyncio.Task[Any] | None] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        links.append(asyncio.current_task())
        theirs, ours = await open_server()
        await asyncio.gather(forward(reader, ours), forward(theirs, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(KEYS)
    proxy = await asyncio.start_server(accept, '127.0.0.1', 0, ssl=context)
    yield proxy.sockets[0].getsockname()[1], links
    proxy.close()
    await asyncio.gather(*filter(None, links))
