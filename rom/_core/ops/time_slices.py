"""Resting: work that takes long in the program itself, cut into turns.

An event loop runs one task at a time, so that a task that sorts 200,000 rows would keep all others
waiting. Between two turns it lets them run. Without a loop, nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from rom._core.ops.requests import Operation, Rest

T = TypeVar('T')

#: Rows that are worked on in one turn: some milliseconds.
TURN: Final = 1000


def turns(items: Sequence[T], size: int = TURN) -> Iterator[Sequence[T]]:
    """Cut what is to be worked on into turns.

    >>> list(turns('abcde', 2))
    ['ab', 'cd', 'e']
    """
    if len(items) <= size:
        return iter((items,))
    return (items[start : start + size] for start in range(0, len(items), size))


def rest() -> Operation[bool]:
    """Let other tasks run; returns whether there is an event loop."""
    is_shared: bool = yield Rest()
    return is_shared
