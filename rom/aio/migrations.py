"""Migrations under asyncio: run the migrations of a module, each once, beside programs that write.

:class:`rom.migrations.Migration` declares one, and the ready steps are beside it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple, TypeAlias

from rom._core.encoding.integers import check_count
from rom._core.encoding.text import show
from rom._core.migrations.migration import (
    REINDEX,
    Migration,
    Source,
    collect,
    migration,
)
from rom._core.migrations.row import MigrationRow
from rom._core.migrations.steps import Step, backfill, drop, rename, retype, split
from rom._core.ops.maintenance import reindex as reindex_ops
from rom._core.ops.maintenance.arguments import checked_rate
from rom._core.ops.maintenance.progress import Job, Progress, advance
from rom._core.ops.maintenance.reindex import Pace, Reindexed
from rom._core.ops.migrations import run
from rom._core.ops.migrations.batches import Migrated
from rom._core.ops.migrations.keeper import Fence
from rom._core.ops.migrations.record import Skipped
from rom._core.ops.migrations.status import (
    MigrationProgress,
    MigrationStatus,
    all_done,
    by_model,
    progress_of_parts,
    reindex_due,
    status_of,
    summed,
    up_to,
)
from rom._core.ops.requests import Command, Operation
from rom.aio.clients import client_of, driver_on
from rom.aio.locks import Lock
from rom.exceptions import InvalidOperation, MigrationError

__all__ = [
    'Migration',
    'MigrationProgress',
    'MigrationRow',
    'MigrationStatus',
    'Skipped',
    'Step',
    'backfill',
    'drop',
    'migrate',
    'migration',
    'plan',
    'rename',
    'retype',
    'split',
    'status',
]

#: A run of migrations; ``aclose()`` stops it, and releases its lock.
Steps: TypeAlias = AsyncGenerator[MigrationProgress, None]

#: Seconds for which a migrator that was killed keeps others out.
LEASE = 10.0


def migrate(
    *sources: Source,
    to: str | None = None,
    rate: float | None = None,
    batch: int = 1000,
    wait: float = 15.0,
    take_over: bool = False,
    reindex: bool = True,
    skip_failing: bool = False,
) -> Steps:
    """Run the migrations of modules that were not run yet, in the order of their declaration.

    A migration visits the rows that exist when it begins, by ascending id. A batch writes rows,
    their index entries and unique values, and the place of the migration, in one commit. So the
    migration may be stopped at any time, even by SIGKILL, and the next call continues there; no row
    is migrated twice. Programs may write meanwhile. A row that one of them has changed is read and
    migrated again.

    One migrator works on a model at a time. Its lock expires 10 seconds after its last batch.

    If the indexes of a model have changed as well, they are built at the end, as
    :func:`rom.aio.reindex` does it.

    Args:
        *sources: modules of migrations, or their names; or single migrations.
        to: the name of the last migration to run; default: all.
        rate: the limit of rows a second; None: no limit.
        batch: rows in one step.
        wait: how long to wait for another migrator of the model, in seconds.
        take_over: begin at once, although another migrator has the lock. That one can write nothing
            from then on.
        reindex: build the indexes that the models declare and the data lacks, after the last
            migration of each.
        skip_failing: leave a row that cannot be migrated as it is, and continue behind it, for at
            most 1,000 rows of a migration. Its id and the reason are recorded: see
            ``MigrationStatus.skipped``.

    Yields:
        a ``MigrationProgress`` after each batch: ``name``, of the migration, or 'reindex';
        ``model``, ``done`` and ``total``, in rows; ``skipped``, the rows that failed.

    Raises:
        MigrationError: a row cannot be migrated; or another migrator is at work. Earlier batches
            stay written.
        InvalidOperation: an argument is invalid.
        BulkError: at the end: some rows could not be indexed.

    Example::

        async for step in rom.aio.migrations.migrate('shop.migrations', rate=2000):
            print(step.name, step.done, step.total)
    """
    found = collect(sources)
    todo = up_to(found, to)
    checked_wait(wait)
    size = checked_rate(rate, check_count('batch', batch))
    manner = _Manner(size, Pace(rate), wait, bool(take_over), bool(skip_failing))
    return _steps(todo, found if reindex else [], manner)


class _Manner(NamedTuple):
    """Manner in which migrations are run: see :func:`migrate`."""

    size: int
    pace: Pace
    wait: float
    take_over: bool
    skips: bool


async def _steps(todo: list[Migration], reindexed: list[Migration], manner: _Manner) -> Steps:
    """Run migrations, and then build the indexes of the models of `reindexed`."""
    due = {each.name for each in await _statuses(todo) if each.is_due}
    for each in todo:
        if each.name not in due:
            continue
        await _on_server(each, run.begin(each))
        parts = await _on_server(each, progress_of_parts(each))
        for number in parts:
            lock = await _locked(each, number, manner)
            try:
                fence = Fence(lock._key, lock._token, LEASE)
                job = run.migrate(each, fence, manner.size, manner.skips, number)
                async for step in _paced(each, job, manner.pace):
                    parts[number] = step
                    yield summed(parts.values())
            finally:
                await lock.release()
        await _on_server(each, run.finish(each))
    for own in by_model(reindexed):
        async for step in _reindexed(own, manner.size, manner.pace):
            yield step


async def plan(
    *sources: Source, to: str | None = None, reindex: bool = True
) -> list[MigrationStatus]:
    """Return the migrations that :func:`migrate` would run, and write nothing.

    Args:
        *sources: as for :func:`migrate`.
        to: as for :func:`migrate`.
        reindex: as for :func:`migrate`.

    Returns:
        A ``MigrationStatus`` for each, with ``rows_left``, the number of rows to visit; then one
        with the name 'reindex' for each model whose indexes would be built.

    Raises:
        InvalidOperation: an argument is invalid; or a migration assigns a column that its model
            does not declare.

    Example::

        for each in await rom.aio.migrations.plan('shop.migrations'):
            print(each.name, each.model, each.steps, each.rows_left)
    """
    declared = collect(sources)
    todo = up_to(declared, to)
    found = [each for each in await _statuses(todo) if each.is_due]
    names = {each.name for each in found if each.rows_left}
    for each in todo:
        if each.name in names:
            each.check_columns()
    due = {each.name for each in found}
    for own in by_model(declared) if reindex else []:
        built = await _on_server(own[0], reindex_due(own, due))
        found += [built] if built is not None else []
    return found


async def status(*sources: Source) -> list[MigrationStatus]:
    """Return the state of each migration; a few round trips for each model.

    Args:
        *sources: as for :func:`migrate`.

    Returns:
        A ``MigrationStatus`` for each migration, in the order of their declaration, and then for
        those that are recorded in Redis and not declared here.

    Raises:
        InvalidOperation: an argument is invalid.
        CorruptRowError: a record holds something that rom did not write.

    Example::

        for each in await rom.aio.migrations.status('shop.migrations'):
            print(each.name, each.state, each.done, each.total)
    """
    return await _statuses(collect(sources), with_unknown=True)


async def _statuses(found: list[Migration], with_unknown: bool = False) -> list[MigrationStatus]:
    states: dict[str, MigrationStatus] = {}
    unknown: list[MigrationStatus] = []
    for own in by_model(found):
        for each in await _on_server(own[0], status_of(own)):
            if each.state == 'unknown':
                unknown.append(each)
            else:
                states[each.name] = each
    return [states[each.name] for each in found] + (unknown if with_unknown else [])


async def _on_server(migration: Migration, operation: Operation[Any]) -> Any:
    driver = await driver_on(client_of(migration.model))
    return await driver.run(operation)


async def _locked(migration: Migration, number: int | None, manner: _Manner) -> Lock:
    """Return the lock of the migrators of a model, or of a partition of it, acquired."""
    schema = migration.model._schema
    keys = (schema if number is None else schema.at(number)).keys
    lock = Lock(client_of(migration.model), keys.migrations, manner.wait, LEASE)
    if manner.take_over:
        await _on_server(migration, _released(lock._key))
    if not await lock.acquire():
        raise _held(migration, manner.wait)
    return lock


async def _reindexed(
    own: list[Migration], size: int, pace: Pace
) -> AsyncIterator[MigrationProgress]:
    """Build the indexes of a model, if they differ and all of its migrations are done."""
    schema = own[0].model._schema
    found = await _on_server(own[0], reindex_ops.status(schema))
    is_due = found.state == 'stale' or found.stopped_at is not None
    if is_due and await _on_server(own[0], all_done(own)):
        job = reindex_ops.reindex(schema, size, restart=False)
        async for step in _paced(own[0], job, pace, REINDEX):
            yield step


async def _paced(
    migration: Migration, job: Job[None], pace: Pace, name: str | None = None
) -> AsyncIterator[MigrationProgress]:
    driver = await driver_on(client_of(migration.model))
    before: MigrationProgress | None = None
    while isinstance(step := await driver.run(advance(job)), Progress):
        skipped = step.skipped if isinstance(step, Migrated) else ()
        found = MigrationProgress(
            name or migration.name, migration.model.__name__, step.done, step.total, skipped
        )
        if found != before:
            yield (before := found)
        if isinstance(step, Reindexed):
            await asyncio.sleep(pace.wait(step.rows, time.monotonic()))


def _released(key: bytes) -> Operation[None]:
    yield Command('DEL', key)


def checked_wait(wait: Any) -> None:
    """Refuse a time that is not a number of seconds from 0 on.

    Raises:
        InvalidOperation: it is not.
    """
    is_number = isinstance(wait, (int, float)) and not isinstance(wait, bool)
    if not is_number or not wait >= 0:
        raise InvalidOperation(f'wait: expected a number of seconds from 0 on, got {show(wait)}')


def _held(migration: Migration, wait: float) -> MigrationError:
    model = migration.model.__name__
    return MigrationError(
        f'migration {migration.name!r}: another migrator of {model} has worked for more than '
        f'{wait:g} s; wait for its end. If its process was killed, its lock expires {LEASE:g} s '
        'after its last batch; take_over=True does not wait for that',
        migration.name,
        model,
    )
