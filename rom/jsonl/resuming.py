"""Resume a dump whose file ends in the middle.

A program that is killed while it writes may leave an incomplete line at the end of the file. A last
line without a line end counts as incomplete, and is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from rom._core.model import Model
from rom.exceptions import InvalidOperation, LineError
from rom.jsonl.line import Reader

_BEGINNING = b'{"model": '
_BLOCK = 65536


def resume(
    path: str | os.PathLike[str], *models: type[Model]
) -> tuple[BinaryIO, tuple[type[Model], int] | None]:
    """Open a file to continue a dump of the same models, in the same order.

    Args:
        path: path of the file; it is created if it does not exist.
        *models: the models of the dump.

    Returns:
        The file, positioned at its end, and the argument `after` for :func:`rom.jsonl.dump`, or
        None where the file has no complete line.

    Raises:
        InvalidOperation: the file is not a dump of these models. It is left unchanged.
        OSError: the file cannot be opened.

    Example::

        file, after = rom.jsonl.resume('users.jsonl', User)
        with file:
            for block in rom.jsonl.dump(User, after=after):
                file.write(block.text)
    """
    file = open(path, 'r+b' if Path(path).exists() else 'x+b')  # noqa: SIM115 - the caller closes
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
    """Return the offset at which the line around an offset begins."""
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
    """Return model and id of the last line; raise if the file is not a dump of these models."""
    file.seek(end)
    torn = file.read(len(_BEGINNING))
    if torn != _BEGINNING[: len(torn)]:
        raise InvalidOperation(f'{file.name} is not a dump: its last line begins with {torn!r}')
    if end == 0:
        return None
    start = _line_start(file, end - 1)
    file.seek(start)
    text = file.read(end - start)
    try:
        line = Reader(models).read(1, text)
    except LineError as error:
        what = str(error).removeprefix('line 1: ')
        raise InvalidOperation(
            f'{file.name} is not a dump of these models; its last line: {what}'
        ) from None
    return line.model, line.arrival.id
