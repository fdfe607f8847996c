"""Maintenance under asyncio: the jobs of `rom.maintenance`, cancellable at any time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from rom._core.model import Model
from rom._core.ops.maintenance import check as check_ops
from rom._core.ops.maintenance import jobs
from rom._core.ops.maintenance import reindex as reindex_ops
from rom._core.ops.maintenance.findings import Finding, Tally
from rom._core.ops.maintenance.progress import Job, Progress, advance, quietly
from rom._core.ops.maintenance.reindex import Pace, Reindexed, Status
from rom.aio.clients import Client, client_of, driver_on
from rom.maintenance import Meter, Report, checked, checked_rate, every_model, unsafe_jobs


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> AsyncIterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns are declared now.

    Arguments, yielded values and errors are those of :func:`rom.util.refresh_indices`.

    Example::

        async for done, total in rom.aio.refresh_indices(User):
            print(f'{done} of {total}')
    """
    schema = checked(model, block_size)
    return _carried_out(client_of(model), jobs.refresh(schema, block_size, bool(scan)))


def clean_old_index(
    model: type[Model], block_size: int = 100, **ignored: Any
) -> AsyncIterator[tuple[int, int]]:
    """Remove from a model's indexes all entries that no row implies.

    Arguments, yielded values and errors are those of :func:`rom.util.clean_old_index`.

    Example::

        await rom.aio.show_progress(rom.aio.clean_old_index(User))
    """
    schema = checked(model, block_size)
    return _carried_out(client_of(model), jobs.clean(schema, block_size))


async def refresh_all_indexes() -> None:
    """Refresh the indexes of all models that the program has defined, and print the progress.

    Example::

        await rom.aio.refresh_all_indexes()
    """
    for model in every_model():
        print('updating', model.__name__)
        await show_progress(refresh_indices(model))


async def show_progress(job: AsyncIterable[tuple[int, int]]) -> None:
    """Run a job to its end, and print its progress, at most once a second.

    Example::

        await rom.aio.show_progress(rom.aio.refresh_indices(User))
    """
    meter = Meter()
    async for done, total in job:
        meter.note(done, total)
    meter.end()


async def clean_unsafe_cols(*models: type[Model], block_size: int = 1000) -> tuple[int, int]:
    """Remove the keys of UnsafeColumns that belong to no row any more.

    Args:
        *models: the models; default: all defined models.
        block_size: number of keys in one batch.

    Returns:
        The number of keys examined, and the number of keys deleted.

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


class Check(Tally, AsyncIterator[Finding]):
    """A running check: :class:`rom.maintenance.Check` for ``async for``."""

    def __init__(self, client: Client, job: Job[None], progress: Report | None) -> None:
        super().__init__()
        self._steps = self._run(client, job, progress)

    async def __anext__(self) -> Finding:
        return await anext(self._steps)

    async def _run(
        self, client: Client, job: Job[None], progress: Report | None
    ) -> AsyncIterator[Finding]:
        driver = await driver_on(client)
        while isinstance(step := await driver.run(advance(job)), Progress):
            for finding in self.note(step):
                yield finding
            if progress is not None:
                progress(step.done, step.total)


def check(
    model: type[Model], repair: bool = False, batch: int = 1000, progress: Report | None = None
) -> Check:
    """Compare every index of a model with every row, and mend the indexes on request.

    Arguments, yielded values and errors are those of :func:`rom.maintenance.check`.

    Example::

        found = rom.aio.check(User, repair=True)
        async for finding in found:
            print(finding)
        print(found.counts, found.left)
    """
    schema = checked(model, batch, 'batch')
    return Check(client_of(model), check_ops.check(schema, bool(repair), batch), progress)


def reindex(
    model: type[Model],
    rate: float | None = None,
    batch: int = 1000,
    restart: bool = False,
    everything: bool = False,
) -> AsyncIterator[tuple[int, int]]:
    """Build the indexes that a model declares: after a change of them, and for old data.

    Arguments, yielded values and errors are those of :func:`rom.maintenance.reindex`.

    Example::

        await rom.aio.show_progress(rom.aio.reindex(User, rate=2000))
    """
    schema = checked(model, batch, 'batch')
    size = checked_rate(rate, batch)
    job = reindex_ops.reindex(schema, size, bool(restart), bool(everything))
    return _paced(client_of(model), job, Pace(rate))


async def status(*models: type[Model]) -> list[Status]:
    """Compare the indexes that models declare with those of their data; one trip for each model.

    Arguments and result are those of :func:`rom.maintenance.status`.

    Example::

        due = [status.model for status in await rom.aio.status() if status.is_due]
    """
    found = []
    for model in models or every_model():
        driver = await driver_on(client_of(model))
        found.append(await driver.run(reindex_ops.status(checked(model, 1))))
    return found


async def _paced(client: Client, job: Job[None], pace: Pace) -> AsyncIterator[tuple[int, int]]:
    driver = await driver_on(client)
    while isinstance(step := await driver.run(advance(job)), Progress):
        yield step.done, step.total
        if isinstance(step, Reindexed):
            await asyncio.sleep(pace.wait(step.rows, time.monotonic()))


async def _carried_out(client: Client, job: Job[None]) -> AsyncIterator[tuple[int, int]]:
    driver = await driver_on(client)
    while isinstance(step := await driver.run(advance(job)), Progress):
        yield step.done, step.total
