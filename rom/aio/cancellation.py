"""Cancellation: work that finishes although the task that started it is cancelled.

The server executes a command that was sent, even if the caller does not await the reply. A task
that is cancelled in the middle does not know the state of the server. Its next command, on another
connection, may even overtake the first. So such a step runs in a task of its own, and the cancelled
task waits for it. It does not wait longer than a second, because a server that hangs must not make
``asyncio.timeout`` hang. After that the step goes on in the background, as long as the loop runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from rom._core.drivers.client_support import running_loop
from rom.exceptions import InvalidOperation

T = TypeVar('T')

#: The longest time that a cancelled task waits for its work to finish, in seconds.
PATIENCE = 1.0

# References to the tasks, because the event loop has only weak ones.
_going: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start work in a task of its own.

    Raises:
        InvalidOperation: no event loop of asyncio is running.
    """
    try:
        loop = running_loop()
    except InvalidOperation:
        work.close()  # otherwise Python warns that it was never awaited
        raise
    task = loop.create_task(work)
    _going.add(task)
    task.add_done_callback(_going.discard)
    return task


async def patiently(task: asyncio.Task[Any]) -> None:
    """Wait until a task ends, in whatever way, but at most `PATIENCE` seconds."""
    await asyncio.wait([task], timeout=PATIENCE)


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work that goes on when the caller is cancelled."""
    task = start(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await patiently(task)
        raise
