"""Retry policy: how long, and with which pauses, a refused request is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

#: Seconds that a request waits for a server that refuses requests for a while.
PATIENCE: Final = 10.0
#: The first pause between two tries, and the longest, in seconds; each doubles the one before.
FIRST: Final = 0.002
LONGEST: Final = 0.25


def pauses() -> Iterator[float]:
    """Yield the seconds to wait before each try, without end."""
    pause = FIRST
    while True:
        yield pause
        pause = min(pause * 2, LONGEST)
