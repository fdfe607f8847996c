"""Resuming: a file of lines that was broken off, to go on with.

A program that ends in the middle of a line leaves a part of it at the end of the file. Whatever has
no line end is such a part, and is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from rom.exceptions import InvalidOperation, LineError
from rom.lines.line import Reader
from rom.model import Model

_BEGINNING = b'{"model": '
_BLOCK = 65536


def resume(
    path: str | os.PathLike[str], *models: type[Model]
) -> tuple[BinaryIO, tuple[type[Model], int] | None]:
    """Open a file to go on with a dump of the same models, in the same order.

    Args:
        path: of the file; a new one is made where there is none.
        *models: that are dumped.

    Returns:
        The file, to be written at its end, and what :func:`rom.lines.dump` takes as `after`; None:
        there is no whole line in it.

    Raises:
        InvalidOperation: the file holds something else than a dump of these models. It is as it
            was.
        OSError: it cannot be opened.

    Example::

        file, after = rom.lines.resume('users.jsonl', User)
        with file:
            for block in rom.lines.dump(User, after=after):
                file.write(block.text)
    """
    file = open(path, 'r+b' if Path(path).exists() else 'x+b')  # noqa: SIM115 - for the caller
    try:
        end = _line_start(file, file.seek(0, os.SEEK_END))
        after = _place_of(file, end, models)
        file.truncate(end)
        file.seek(end)
    except BaseException:
        file.close()
        raise
    return file, after


def _line_start(file: BinaryIO, place: int) -> int:
    """Where the line begins that this place is in: behind the line end before it."""
    while place > 0:
        start = max(place - _BLOCK, 0)
        file.seek(start)
        found = file.read(place - start).rfind(b'\n')
        if found >= 0:
            return start + found + 1
        place = start
    return 0


def _place_of(
    file: BinaryIO, end: int, models: Sequence[type[Model]]
) -> tuple[type[Model], int] | None:
    """The row of the last line; refuses what is no dump of these models."""
    file.seek(end)
    torn = file.read(len(_BEGINNING))
    if torn != _BEGINNING[: len(torn)]:
        raise InvalidOperation(f'{file.name} is no dump: it ends with {torn!r}')
    if end == 0:
        return None
    start = _line_start(file, end - 1)
    file.seek(start)
    text = file.read(end - start)
    try:
        line = Reader(models).read(1, text)
    except LineError as error:
        what = str(error).removeprefix('line 1: ')
        raise InvalidOperation(f'{file.name} is no dump of these; its last line: {what}') from None
    return line.model, line.arrival.id
