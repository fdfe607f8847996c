"""Maintenance of indexes under asyncio: jobs that yield their progress, and may be cancelled.

All jobs may run beside programs that write. They work in batches, each of which is atomic, so a job
may be stopped at any time and begun again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, TypeAlias

from rom._core.encoding.integers import check_count
from rom._core.model import Model
from rom._core.ops.commits.replication import number_of_replicas
from rom._core.ops.maintenance import check as check_ops
from rom._core.ops.maintenance import jobs
from rom._core.ops.maintenance import reindex as reindex_ops
from rom._core.ops.maintenance.arguments import checked, checked_rate, every_model, unsafe_jobs
from rom._core.ops.maintenance.findings import CheckTotals, Finding
from rom._core.ops.maintenance.progress import Job, Meter, Progress, advance, quietly
from rom._core.ops.maintenance.reindex import Pace, Reindexed, Status
from rom._core.ops.moving.arguments import checked_move
from rom._core.ops.moving.run import move
from rom._core.ops.shards.recover import Recovered, recovery
from rom._core.sharding.shards import Shards
from rom.aio.clients import Client, client_of, driver_on

__all__ = [
    'Check',
    'Finding',
    'Recovered',
    'Report',
    'Status',
    'check',
    'clean_old_index',
    'clean_unsafe_cols',
    'recover',
    'refresh_all_indexes',
    'refresh_indices',
    'reindex',
    'shard',
    'show_progress',
    'status',
]

#: A function that is called with the progress of a job: (done, total).
Report: TypeAlias = Callable[[int, int], object]


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> AsyncIterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns are declared now.

    Use it after a change of indexes, and for data that rom 1.x wrote. Afterwards rows have no
    `-index-data-` (unless `_keep_index_data` is set), the indexes have no entries without a row,
    and the live bitmap exists, so that ``count()`` reads only one key.

    Indexes of a column that the model no longer has are found if the data's fingerprint names them,
    or if rows list them, as those of rom 1.x do. (:func:`rom.aio.reindex` does the same,
    and can be stopped and resumed.)

    Args:
        model: the model.
        block_size: rows in one batch.
        scan: find rows, and indexes of words, by scanning all keys of the server. Without it, rows
            are looked up by their ids, up to the counter, and only the words that rows list in
            their `-index-data-` are cleaned up.

    Yields:
        ``(done, total)`` after each batch, in entities.

    Raises:
        BulkError: at the end: some rows could not be read, or share a unique value. Its `errors`
            name them; all others are done.

    Example::

        async for done, total in rom.aio.refresh_indices(User):
            print(f'{done} of {total}')
    """
    schema, size = checked(model), check_count('block_size', block_size)
    return _carried_out(client_of(model), jobs.refresh(schema, size, bool(scan)))


def clean_old_index(
    model: type[Model], block_size: int = 100, **ignored: Any
) -> AsyncIterator[tuple[int, int]]:
    """Remove from a model's indexes all entries that no row implies.

    These are entries of rows that were deleted or have other values, unique values without a row,
    bits of the live bitmap, and the data that early versions of rom 1.x kept in the hash ``N::``.

    Args:
        model: the model.
        block_size: rows in one batch.
        **ignored: arguments of 1.x.

    Yields:
        ``(done, total)`` after each batch, in entities.

    Raises:
        BulkError: as for :func:`refresh_indices`.

    Example::

        await rom.aio.show_progress(rom.aio.clean_old_index(User))
    """
    schema, size = checked(model), check_count('block_size', block_size)
    return _carried_out(client_of(model), jobs.clean(schema, size))


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
        *models: the models; default: all that the program has defined.
        block_size: keys in one batch.

    Returns:
        The number of keys found, and the number of them that were deleted.

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


class Check(CheckTotals, AsyncIterator[Finding]):
    """A running check: an iterator of its findings, which also counts them.

    Attributes:
        done: the number of entities checked so far.
        total: the number of entities to check, as far as it is known.
        counts: the number of findings of each kind.
        unrepaired: the number of findings that are not repaired.
    """

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
    """Compare every index of a model with every row, and repair the indexes on request.

    Rows and entries are each read once and compared by checksums; only where those differ does it
    look closer. It may run beside programs that write: before it reports a difference, it reads the
    row and its entries again, at one moment. It reads in batches, and writes nothing without
    `repair`; with it, only indexes, never a row. A finding that no repair can decide names the
    remedy.

    It compares with the declaration of this program. For data of rom 1.x, and after a change of
    indexes, use :func:`rom.aio.reindex` first. Otherwise nearly every entry is a finding.

    Args:
        model: the model.
        repair: repair the indexes.
        batch: rows in one request.
        progress: called with (done, total) after each batch, in entities. The total grows by the
            entities that must be checked once more.

    Returns:
        An iterator of ``Finding``, which has ``model``, ``kind``, ``key``, ``id``, ``message``
        and ``repaired``. The iterator has ``counts``, the findings by kind, and ``unrepaired``, the
        number of those that are not repaired.

    Raises:
        InvalidOperation: `model` is not a model, or `batch` is not an int of at least 1.

    Example::

        found = rom.aio.check(User, repair=True)
        async for finding in found:
            print(finding)
        print(found.counts, found.unrepaired)
    """
    schema, size = checked(model), check_count('batch', batch)
    return Check(client_of(model), check_ops.check(schema, bool(repair), size), progress)


def reindex(
    model: type[Model],
    rate: float | None = None,
    batch: int = 1000,
    restart: bool = False,
    everything: bool = False,
) -> AsyncIterator[tuple[int, int]]:
    """Build the indexes that a model declares: after a change of them, and for old data.

    It builds only the indexes that differ from the fingerprint of the data, and reads each row
    once; indexes that are no longer declared are removed. If nothing differs, or there is no
    fingerprint, it checks all indexes, and builds again those whose entries do not match the rows.
    It may run beside programs that write, if they have the same declaration.

    Its position is kept in Redis. After it was stopped, even by SIGKILL, the next call resumes
    there, unless the declaration has changed since or `restart` is given.

    Args:
        model: the model.
        rate: the limit of entities a second; None: no limit.
        batch: rows in one step.
        restart: start at the beginning, even if an earlier call was stopped half way.
        everything: check all indexes, even those that match the fingerprint: after a change in what
            a keygen or a default returns.

    Yields:
        ``(done, total)`` after each step, in entities.

    Raises:
        InvalidOperation: `model` is not a model, `batch` is not an int of at least 1, or `rate` is
            not above 0.
        BulkError: at the end: some rows could not be indexed. All others are.

    Example::

        await rom.aio.show_progress(rom.aio.reindex(User, rate=2000))
    """
    schema = checked(model)
    size = checked_rate(rate, check_count('batch', batch))
    job = reindex_ops.reindex(schema, size, bool(restart), bool(everything))
    return _paced(client_of(model), job, Pace(rate))


def shard(
    model: type[Model],
    into: Shards | str,
    rate: float | None = None,
    batch: int = 1000,
    source: str | None = None,
    forget: bool = False,
    durable: bool | int = False,
) -> AsyncIterator[tuple[int, int]]:
    """Move the rows of a model without partitions into those of its group.

    The model is declared as it will be, with ``_shards``. Rows keep their ids. First, each row is
    copied into its partition, while programs without ``_shards`` read and write as ever. Then each
    row is compared with its copy, which is written again if it has changed, and given up. From then
    on, those programs get `ModelMovedError` for this row. Programs with ``_shards`` get it until
    the last row is moved, and work from then on.

    It may be stopped at any time, even by SIGKILL, and run again. A second run takes over from one
    that is still at work.

    Args:
        model: the model, with ``_shards`` and neither ``_shard_by`` nor ``_shard_with``.
        into: the group of the model, or its name, so that no other is meant.
        rate: the limit of rows a second; None: no limit.
        batch: rows in one step.
        source: the namespace of the rows; None: that of the model without its group, which may
            have braces around it.
        forget: in the end, also delete the marks that refuse programs without ``_shards`` for each
            row and word. Stop those programs before: they would find no rows.
        durable: the number of replicas that must have the copies of rows before these are given up;
            True: one. Without it, a failover at that moment may lose rows.

    Yields:
        ``(done, total)`` after each step, in rows. Each row counts twice: copied, and given up.
        With `forget`, the marks are counted afterwards.

    Raises:
        InvalidOperation: an argument is invalid; or there is nothing to move, or the group has rows
            of the model already, or another run has taken over.
        CorruptRowError, InvalidColumnValue, UniqueKeyViolation: a row cannot be copied. Correct it,
            and run this again.
        NotReplicatedError: too few replicas have the copies after two seconds. Run this again.

    Example::

        async for done, total in rom.aio.shard(User, into=shop):
            print(f'{done} of {total}')
    """
    schema = checked_move(model, into, source)
    size = checked_rate(rate, check_count('batch', batch))
    job = move(schema, size, source, bool(forget), number_of_replicas(durable))
    return _paced(client_of(model), job, Pace(rate))


async def recover(*models: type[Model]) -> Recovered:
    """Finish the commits over several partitions that programs left behind when they died.

    A commit or a read that meets such a rest finishes it, too. So this is needed only for rows that
    are not read. It may run at any time, beside writers. A commit that is not decided is given up
    once it is 5 seconds old.

    Args:
        *models: models with ``_shards``; default: all of them that the program has defined. All
            models of their groups are recovered.

    Returns:
        A ``Recovered``, with three numbers: ``carried_out``, commits that were decided, and are
        carried out now; ``undone``, parts of commits that were not; ``under_way``, parts of commits
        that are too young.

    Raises:
        CorruptRowError: a key holds another type, so that a commit cannot be carried out.

    Example::

        await rom.aio.recover(User)
    """
    groups = {
        schema.placement.group._key if schema.placement else b'': model
        for model in models or every_model()
        for schema in (checked(model),)
    }
    found = []
    for model in groups.values():
        driver = await driver_on(client_of(model))
        found.append(await driver.run(recovery(model._schema)))
    return Recovered(*map(sum, zip(*found, strict=True))) if found else Recovered()


async def status(*models: type[Model]) -> list[Status]:
    """Compare the indexes that models declare with those of their data; one trip for each model.

    Args:
        *models: default: all models that the program has defined.

    Returns:
        A ``Status`` for each model: ``model``, its name; ``state``: 'right', 'stale', 'unknown'
        (there is data without a fingerprint, as that of rom 1.x) or 'empty'; ``changes``, a line
        for each difference; ``stopped_at``, the id at which a reindex stopped half way, or None;
        and ``is_due``: a reindex is needed.

    Example::

        for status in await rom.aio.status():
            if status.is_due:
                print(status.model, status.state, status.changes)
    """
    found = []
    for model in models or every_model():
        schema = checked(model)
        driver = await driver_on(client_of(model))
        found.append(await driver.run(reindex_ops.status(schema)))
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
