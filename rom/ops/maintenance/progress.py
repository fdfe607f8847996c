"""How far a job has got."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from rom.ops.requests import Request

T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of all is done. The total is what is known of it by now, and may grow."""

    done: int
    total: int


#: Yields requests, as an operation does, and in between how far it has got.
Job: TypeAlias = Generator[Request | Progress, Any, T]
