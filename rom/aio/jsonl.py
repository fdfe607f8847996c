"""JSON lines under asyncio: dump models to lines of JSON, and load them into another server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from rom._core.model import Model
from rom._core.ops.id_counters import put_ahead
from rom._core.ops.import_rows import ImportCounts, OnConflict
from rom.aio.clients import client_of, driver_on
from rom.jsonl import dumping, loading
from rom.jsonl.dumping import Block
from rom.jsonl.loading import Loaded


async def dump(
    *models: type[Model],
    after: tuple[type[Model], int] | None = None,
    with_expired: bool = False,
    block_size: int = 500,
) -> AsyncIterator[Block]:
    """Yield the rows of models as lines of JSON.

    Arguments, yielded values and errors are those of :func:`rom.jsonl.dump`.

    Example::

        async for block in rom.aio.jsonl.dump(User):
            file.write(block.text)
    """
    for model, first in dumping.models_to_dump(models, after, block_size):
        driver = await driver_on(client_of(model))
        last, is_end = first, False
        while not is_end:
            found = await driver.run(dumping.read_rows(model, last, with_expired, block_size))
            last, is_end = found.last, found.is_end
            yield dumping.block_from(model, found)


async def load(
    lines: Iterable[bytes],
    *models: type[Model],
    on_conflict: OnConflict = 'update',
    from_line: int = 1,
    batch_size: int = 500,
) -> AsyncIterator[Loaded]:
    """Write rows from lines of JSON, with the ids they have.

    Arguments, yielded values and errors are those of :func:`rom.jsonl.load`.

    Example::

        async for done in rom.aio.jsonl.load(file, User):
            print(done.line)
    """
    loading.check_arguments(models, on_conflict, from_line, batch_size)
    done = Loaded(from_line - 1)
    for batch in loading.read_batches(lines, models, from_line, batch_size):
        rows = ImportCounts()
        if batch.lines:
            driver = await driver_on(client_of(batch.lines[0].model))
            rows = await driver.run(batch.write(on_conflict))
        done = loading.progress_after(done, batch, rows)
        yield done


async def reserve(lines: Iterable[bytes], *models: type[Model]) -> dict[type[Model], int]:
    """Put the counters of ids ahead of all that are in lines, which are to be loaded later.

    Arguments and result are those of :func:`rom.jsonl.reserve`.

    Example::

        await rom.aio.jsonl.reserve(file, User)
    """
    highest = loading.highest_ids(lines, models)
    for model, id in highest.items():
        driver = await driver_on(client_of(model))
        await driver.run(put_ahead({model._schema: id}))
    return highest
