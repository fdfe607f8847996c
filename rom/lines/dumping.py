"""Dumping: models as lines of JSON, block by block, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rom.drivers.connection import connection_of
from rom.drivers.sync import SyncDriver
from rom.exceptions import CorruptRowError, InvalidOperation
from rom.lines.line import line_of
from rom.maintenance import checked
from rom.model import Model
from rom.ops.requests import Command, Operation
from rom.ops.walking import Stretch, stretch


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a model, as lines.

    Attributes:
        model: whose rows.
        text: whole lines.
        rows: how many.
        last: the id to go on behind.
        broken: the errors of the rows that cannot be read, and are left out.
    """

    model: type[Model]
    text: bytes
    rows: int
    last: int
    broken: tuple[CorruptRowError, ...]


def dump(
    *models: type[Model],
    after: tuple[type[Model], int] | None = None,
    with_expired: bool = False,
    block_size: int = 500,
) -> Iterator[Block]:
    """Give the rows of models as lines of JSON, which :func:`rom.lines.load` takes.

    It may run beside programs that write: each row is as it was at some moment meanwhile, and
    different rows at different moments. The memory that it takes does not grow with the rows.

    Args:
        *models: one after the other.
        after: go on behind this id of this model; the models before it are done.
        with_expired: also what has expired, and is not removed yet.
        block_size: rows read at once.

    Raises:
        InvalidOperation: no models, or no such size; or `after` names another model.

    Example::

        with open('users.jsonl', 'wb') as file:
            for block in rom.lines.dump(User):
                file.write(block.text)
    """
    for model, first in whole(models, after, block_size):
        driver = SyncDriver(connection_of(model))
        last, is_end = first, False
        while not is_end:
            found = driver.run(some(model, last, with_expired, block_size))
            last, is_end = found.last, found.is_end
            yield block_of(model, found)


def highest(model: type[Model]) -> int | None:
    """The highest id that was given out, to tell how far a dump is; None: none was.

    One question, where to count the rows may be a long search.

    Example::

        rom.lines.highest(User)
    """
    found = SyncDriver(connection_of(model)).run(_counter(model))
    return None if found is None else int(found)


def _counter(model: type[Model]) -> Operation[bytes | None]:
    counted: bytes | None = yield Command('GET', model._schema.keys.counter)
    return counted


# What the front for asyncio needs, too.


def whole(
    models: tuple[type[Model], ...], after: tuple[type[Model], int] | None, block_size: int
) -> list[tuple[type[Model], int]]:
    """The models to dump, and the id to begin behind for each."""
    if not models:
        raise InvalidOperation('dump takes models, one or more')
    for model in models:
        checked(model, block_size)
    todo = [(model, 0) for model in dict.fromkeys(models)]
    if after is None:
        return todo
    place = next((place for place, (model, _) in enumerate(todo) if model is after[0]), None)
    if place is None:
        raise InvalidOperation(f'dump cannot go on behind a {after[0].__name__}: name that model')
    return [after, *todo[place + 1 :]]


def some(model: type[Model], after: int, with_expired: bool, size: int) -> Operation[Stretch]:
    """The next rows of a model."""
    query = model.query.with_expired() if with_expired else model.query
    return stretch(query, after, size)


def block_of(model: type[Model], found: Stretch) -> Block:
    """Rows as lines. One that cannot be read is no reason to go without the others."""
    broken, lines = list(found.broken), []
    for row in found.rows:
        try:
            lines.append(line_of(model._schema, row))
        except CorruptRowError as error:
            broken.append(error)
    return Block(model, b''.join(lines), len(lines), found.last, tuple(broken))
