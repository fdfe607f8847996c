"""Work that is finished although the task that asked for it is cancelled.

A command that was sent is carried out, whether or not anybody waits for the answer. Who stops to
wait in the middle of a step does not know what holds on the server; a second command, on another
connection, may even overtake the first. So such a step runs in a task of its own, and whoever was
cancelled waits for its end: not for ever, lest a server that hangs make ``asyncio.timeout`` hang.
Then it goes on behind their back, as long as the event loop does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar('T')

#: How long a cancelled task waits for what has to be finished, in seconds.
PATIENCE = 1.0

# The loop itself holds tasks only weakly.
_going: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin work in a task of its own."""
    task = asyncio.get_running_loop().create_task(work)
    _going.add(task)
    task.add_done_callback(_going.discard)
    return task


async def patiently(task: asyncio.Task[Any]) -> None:
    """Wait for a task, whatever becomes of it, but not for ever."""
    await asyncio.wait([task], timeout=PATIENCE)


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """What work returns; it goes on when the caller is cancelled."""
    task = start(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await patiently(task)
        raise
