"""Maintenance under asyncio: the jobs of `rom.maintenance`, which may be cancelled at any time."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from rom.aio.clients import Client, client_of, driver_on
from rom.maintenance import Meter, checked, every_model, unsafe_jobs
from rom.model import Model
from rom.ops.maintenance import jobs
from rom.ops.maintenance.progress import Job, Progress, advance, quietly


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> AsyncIterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns say today.

    Arguments, what it yields and what it raises are those of :func:`rom.util.refresh_indices`.

    Example::

        async for done, total in rom.aio.refresh_indices(User):
            print(f'{done} of {total}')
    """
    schema = checked(model, block_size)
    return _carried_out(client_of(model), jobs.refresh(schema, block_size, bool(scan)))


def clean_old_index(
    model: type[Model], block_size: int = 100, **ignored: Any
) -> AsyncIterator[tuple[int, int]]:
    """Remove what no row implies from a model's indexes.

    Arguments, what it yields and what it raises are those of :func:`rom.util.clean_old_index`.

    Example::

        await rom.aio.show_progress(rom.aio.clean_old_index(User))
    """
    schema = checked(model, block_size)
    return _carried_out(client_of(model), jobs.clean(schema, block_size))


async def refresh_all_indexes() -> None:
    """Refresh the indexes of all models that there are, and print how far it has got.

    Example::

        await rom.aio.refresh_all_indexes()
    """
    for model in every_model():
        print('updating', model.__name__)
        await show_progress(refresh_indices(model))


async def show_progress(job: AsyncIterable[tuple[int, int]]) -> None:
    """Run a job to its end, and print a line whenever it has got on, at most one a second.

    Example::

        await rom.aio.show_progress(rom.aio.refresh_indices(User))
    """
    meter = Meter()
    async for done, total in job:
        meter.note(done, total)
    meter.end()


async def clean_unsafe_cols(*models: type[Model], block_size: int = 1000) -> tuple[int, int]:
    """Remove what UnsafeColumns left behind: keys whose entity is gone.

    Args:
        *models: whose columns; default: all models that there are.
        block_size: keys in one batch.

    Returns:
        How many keys there were, and how many of them were deleted.

    Example::

        examined, deleted = await rom.aio.clean_unsafe_cols(Player)
    """
    examined = deleted = 0
    for model, job in unsafe_jobs(models, block_size):
        driver = await driver_on(client_of(model))
        found, removed = await driver.run(quietly(job))
        examined += found
        deleted += removed
    return examined, deleted


async def _carried_out(client: Client, job: Job[None]) -> AsyncIterator[tuple[int, int]]:
    driver = await driver_on(client)
    while isinstance(step := await driver.run(advance(job)), Progress):
        yield step.done, step.total
