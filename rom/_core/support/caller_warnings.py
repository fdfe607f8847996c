"""Warnings at the line of the program that called rom, whatever the depth of the call in rom."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Final

#: Modules of Python between a program and rom: a `with`, a step of a task, a thread.
_BETWEEN: Final = frozenset(('asyncio', 'concurrent', 'contextlib', 'contextvars', 'threading'))


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the program that called rom.

    A coroutine that awaits rom is on the stack like any caller. If the stack has no line of a
    program, as in a thread that ends, the warning points at the nearest line outside rom.

    Example::

        warn('the index is out of date', StaleIndexWarning)
    """
    warnings.warn(message, category, stacklevel=_level_of_program())


def _level_of_program() -> int:
    """Return the level of that line, as `warnings.warn` counts it in the calling function."""
    level, nearest = 0, None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        level += 1
        package = frame.f_globals.get('__name__', '').partition('.')[0]
        if package != 'rom' and package not in _BETWEEN:
            return level
        if package != 'rom' and nearest is None:
            nearest = level
        frame = frame.f_back
    return nearest or level
