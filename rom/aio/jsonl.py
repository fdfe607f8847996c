"""JSON lines under asyncio: dump rows as lines of JSON, load them, reserve their ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from rom._core.encoding.integers import check_count
from rom._core.model import Model
from rom._core.ops.import_rows import ImportCounts, OnConflict, put_ahead
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
    """Yield the rows of models as lines of JSON, for :func:`rom.aio.jsonl.load`.

    Other programs may write meanwhile: the dump is not a snapshot, but each row is as it was at
    some moment of the dump. Memory use does not grow with the number of rows.

    Args:
        *models: the models, dumped one after the other.
        after: continue after this id of this model; the models before it are skipped.
        with_expired: include expired rows that are not removed yet.
        block_size: number of rows read at once.

    Raises:
        InvalidOperation: no models, an invalid size, or `after` names a model that is not dumped.

    Example::

        with open('users.jsonl', 'wb') as file:
            async for block in rom.aio.jsonl.dump(User):
                file.write(block.text)
    """
    size = check_count('dump(block_size=...)', block_size)
    for model, first in dumping.models_to_dump(models, after):
        driver = await driver_on(client_of(model))
        last, is_end = first, False
        while not is_end:
            found = await driver.run(dumping.read_rows(model, last, with_expired, size))
            last, is_end = found.last, found.is_end
            yield dumping.block_from(model, found)


async def load(
    lines: Iterable[bytes],
    *models: type[Model],
    on_conflict: OnConflict = 'update',
    from_line: int = 1,
    batch_size: int = 500,
) -> AsyncIterator[Loaded]:
    """Write rows from lines of JSON, as :func:`rom.aio.jsonl.dump` yields them, with their ids.

    A batch is one atomic commit, and takes three or four trips. It may run beside programs that
    write. New entities of those get ids above all that were loaded so far. Call
    :func:`rom.aio.jsonl.reserve` first, so that no later line has such an id. Loading the same
    lines again changes nothing, unless other programs have changed those rows in between.

    Hooks are not called. The targets of relations are not checked, so the order of lines does not
    matter. Expired rows are loaded, too.

    Args:
        lines: bytes, as from a file that is open for reading bytes. Empty lines are skipped.
        *models: the models whose lines may occur.
        on_conflict: the treatment of an existing row with the same id. 'update' writes the columns
            that the line has, 'replace' also removes the others, 'skip' leaves the row as it is,
            'fail' refuses the line.
        from_line: skip the lines before this one.
        batch_size: lines in a commit; fewer, where an id comes twice.

    Yields:
        the progress after each batch.

    Raises:
        InvalidOperation: there are no models; or a size, a line number or `on_conflict` is invalid.
        BulkError: lines cannot be loaded; its `errors` are a :class:`rom.exceptions.LineError`
            each. Nothing of their batch was written; all batches before it are in.

    Example::

        with open('users.jsonl', 'rb') as file:
            async for done in rom.aio.jsonl.load(file, User):
                print(done.line)
    """
    loading.check_arguments(models, on_conflict, from_line)
    size = check_count('load(batch_size=...)', batch_size)
    done = Loaded(from_line - 1)
    for batch in loading.read_batches(lines, models, from_line, size):
        rows = ImportCounts()
        if batch.lines:
            driver = await driver_on(client_of(batch.lines[0].model))
            rows = await driver.run(batch.write(on_conflict))
        done = loading.progress_after(done, batch, rows)
        yield done


async def reserve(lines: Iterable[bytes], *models: type[Model]) -> dict[type[Model], int]:
    """Put the counters above all ids in lines that are to be loaded later.

    Then programs may make new entities while the lines are loaded. An invalid line is left out: its
    id may be anything, even the largest possible one, after which no ids are left.

    Args:
        lines: as :func:`rom.aio.jsonl.load` takes them.
        *models: the models whose lines may occur.

    Returns:
        The highest id of each model that has lines.

    Example::

        with open('users.jsonl', 'rb') as file:
            await rom.aio.jsonl.reserve(file, User)
            file.seek(0)
            async for done in rom.aio.jsonl.load(file, User):
                print(done.line)
    """
    highest = loading.highest_ids(lines, models)
    for model, id in highest.items():
        driver = await driver_on(client_of(model))
        await driver.run(put_ahead({model._schema: id}))
    return highest
