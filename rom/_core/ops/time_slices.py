"""Time slices: cuts long work of this process into turns, between which other tasks may run.

An event loop runs one task at a time, so a task that sorts 200,000 rows would block all others.
Between two turns it yields to them. Without a loop, it continues at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from rom._core.ops.requests import Operation, Rest

T = TypeVar('T')

#: Rows that one turn processes, in some milliseconds.
TURN: Final = 1000


def turns(items: Sequence[T], size: int = TURN) -> Iterator[Sequence[T]]:
    """Cut items into turns.

    >>> list(turns('abcde', 2))
    ['ab', 'cd', 'e']
    """
    if len(items) <= size:
        return iter((items,))
    return (items[start : start + size] for start in range(0, len(items), size))


def rest() -> Operation[bool]:
    """Let other tasks run; return whether there is an event loop."""
    is_shared: bool = yield Rest()
    return is_shared
