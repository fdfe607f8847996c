"""Dumping: the models, the rows of a block, and its lines, in the order of ids.

A dump can be resumed. A program that is killed while it writes may leave an incomplete line at the
end of the file. A last line without a line end counts as incomplete, and is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rom._core.drivers.connections import connection_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.integers import LARGEST_ID, read_id
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.ops.requests import Command, Operation
from rom._core.ops.search.row_scan import Stretch, stretch
from rom._core.ops.shards.declaration import compare
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.moved import explaining
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError, InvalidOperation, LineError
from rom.jsonl.line import Reader, check_models, line_of

# The beginning of every line, and the bytes that are read at once when its start is searched.
_BEGINNING = b'{"model": '
_BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Block:
    """A block of rows of one model, as lines.

    Attributes:
        model: the model of the rows.
        text: the lines, each with its line end.
        rows: the number of lines.
        last: the id after which the next block begins.
        broken: the errors of the rows that are left out because they cannot be read.
    """

    model: type[Model]
    text: bytes
    rows: int
    last: int
    broken: tuple[CorruptRowError, ...]


def highest(model: type[Model]) -> int | None:
    """Return the last id that the counter gave, or None; for the progress of a dump.

    It is one command, where counting the rows may take a long search.

    Example::

        rom.jsonl.highest(User)
    """
    check_models('highest', [model])
    return SyncDriver(connection_of(model)).run(_counted(model._schema))


def _counted(schema: Schema) -> Operation[int | None]:
    if schema.placement is not None:
        each = yield from lockstep([_counted(part) for part in schema.parts])
        return max((found for found in each if found is not None), default=None)
    counted: bytes | None = yield Command('GET', schema.keys.counter)
    return None if counted is None else schema.seen_id(int(counted))


def models_to_dump(
    models: tuple[type[Model], ...], after: tuple[type[Model], int] | None
) -> list[tuple[type[Model], int]]:
    """Return the models to dump, each with the id after which its dump begins."""
    check_models('dump', models)
    todo = [(model, 0) for model in dict.fromkeys(models)]
    if after is None:
        return todo
    id = read_id(after[1]) if isinstance(after, tuple) and len(after) == 2 else None
    if id is None:
        raise InvalidOperation(
            f'dump(after=...): expected a tuple of a model and an id, got {show(after)}'
        )
    index = next((index for index, (model, _) in enumerate(todo) if model is after[0]), None)
    if index is None:
        raise InvalidOperation(
            f'dump(after=...): expected a model that is dumped, got {_shown(after[0])}; dump it, '
            'too'
        )
    return [(after[0], min(id, LARGEST_ID)), *todo[index + 1 :]]


def _shown(model: Any) -> str:
    return model.__name__ if isinstance(model, type) else show(model)


def read_rows(model: type[Model], after: int, with_expired: bool, size: int) -> Operation[Stretch]:
    """Read the next rows of a model."""
    placement = model._schema.placement
    if placement is not None:
        yield from compare(placement.group, [model._schema], is_write=False)
    query = model.query.with_deleted()  # a copy of the data must have them, too
    query = query.with_expired() if with_expired else query
    return (yield from explaining([model._schema], stretch(query, after, size)))


def block_from(model: type[Model], found: Stretch) -> Block:
    """Return rows as a block of lines; a row that cannot be read does not stop the others."""
    broken, lines = list(found.broken), []
    for row in found.rows:
        try:
            lines.append(line_of(model._schema, row))
        except CorruptRowError as error:
            broken.append(error)
    return Block(model, b''.join(lines), len(lines), found.last, tuple(broken))


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
    check_models('resume', models)
    file = open(path, 'r+b' if Path(path).exists() else 'x+b')  # noqa: SIM115 - the caller closes
    try:
        end = _line_start(file, file.seek(0, os.SEEK_END))
        after = _last_row(file, end, models)
        file.truncate(end)
        file.seek(end)
    except BaseException:
        file.close()
        raise
    return file, after


def _line_start(file: BinaryIO, offset: int) -> int:
    """Return the offset at which the line around an offset begins."""
    while offset > 0:
        start = max(offset - _BLOCK, 0)
        file.seek(start)
        found = file.read(offset - start).rfind(b'\n')
        if found >= 0:
            return start + found + 1
        offset = start
    return 0


def _last_row(
    file: BinaryIO, end: int, models: Sequence[type[Model]]
) -> tuple[type[Model], int] | None:
    """Return model and id of the last line; raise if the file is not a dump of these models."""
    file.seek(end)
    torn = file.read(len(_BEGINNING))
    if torn != _BEGINNING[: len(torn)]:
        raise InvalidOperation(
            f'{file.name}: expected a dump, got a last line that begins with {torn!r}; name '
            'another file'
        )
    if end == 0:
        return None
    start = _line_start(file, end - 1)
    file.seek(start)
    text = file.read(end - start)
    try:
        line = Reader(models).read(1, text)
    except LineError as error:
        problem = str(error).removeprefix('line 1: ')
        raise InvalidOperation(
            f'{file.name}: expected a dump of these models; its last line: {problem}'
        ) from None
    return line.model, line.row.id
