"""Patience: how long, and how often, something is tried again that will pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: Seconds that a request waits for a server that takes none for a while.
PATIENCE: Final = 10.0
#: The first pause between two tries, and the longest; each is twice as long as the one before.
FIRST: Final = 0.002
LONGEST: Final = 0.25


def pauses() -> Iterator[float]:
    """Seconds to wait before each try, without an end."""
    pause = FIRST
    while True:
        yield pause
        pause = min(pause * 2, LONGEST)
