"""Maintenance as programs call it: generators that carry a job out and say how far they have got.

All of it may run beside programs that write. It works in batches, each of which is atomic, so it
may be stopped at any time and begun again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from rom._core.drivers.connections import connection_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.text import show
from rom._core.model import Model
from rom._core.model_registry import MODELS
from rom._core.ops.maintenance import check as check_ops
from rom._core.ops.maintenance import jobs
from rom._core.ops.maintenance import reindex as reindex_ops
from rom._core.ops.maintenance.findings import Finding, Tally
from rom._core.ops.maintenance.progress import Job, Progress, advance, quietly
from rom._core.ops.maintenance.reindex import Pace, Reindexed, Status
from rom._core.schema import Schema
from rom.exceptions import InvalidOperation

__all__ = [
    'Check',
    'Finding',
    'Report',
    'Status',
    'check',
    'clean_old_index',
    'clean_unsafe_cols',
    'refresh_all_indexes',
    'refresh_indices',
    'reindex',
    'show_progress',
    'status',
]

#: What is told how far a job has got: (done, total).
Report: TypeAlias = Callable[[int, int], object]


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> Iterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns say today.

    For a model whose indexes were changed, and for data that rom 1.x wrote: afterwards rows have no
    `-index-data-` (unless `_keep_index_data` says so), nothing that no row implies is left in the
    indexes, and the bitmap of live ids is there, so that ``count()`` takes no time.

    Indexes of a column that the model no longer has are found where the data itself tells that it
    had them, or rows list them, as those of rom 1.x do. (:func:`rom.maintenance.reindex` does the
    same, and can be stopped and gone on with.)

    Args:
        model: whose indexes.
        block_size: rows in one batch.
        scan: find rows, and indexes of words, by looking at all keys of the server. Without it,
            rows are looked for by their ids, up to the counter, and of words only those that rows
            list in their `-index-data-` are cleaned up.

    Yields:
        ``(done, total)`` after each batch, in entities.

    Raises:
        BulkError: at the end: some rows could not be read, or share a unique value. Its `errors`
            say which; all others are done.

    Example::

        for done, total in rom.util.refresh_indices(User):
            print(f'{done} of {total}')
    """
    schema = checked(model, block_size)
    return _carried_out(model, jobs.refresh(schema, block_size, bool(scan)))


def clean_old_index(
    model: type[Model], block_size: int = 100, **ignored: Any
) -> Iterator[tuple[int, int]]:
    """Remove what no row implies from a model's indexes: entries of rows that are gone or have
    other values, unique values that belong to nobody, bits of the bitmap of live ids, and what
    early versions of rom 1.x kept in the hash ``N::``.

    Args:
        model: whose indexes.
        block_size: rows in one batch.
        **ignored: what 1.x took.

    Yields:
        ``(done, total)`` after each batch, in entities.

    Raises:
        BulkError: as for :func:`refresh_indices`.

    Example::

        rom.util.show_progress(rom.util.clean_old_index(User))
    """
    schema = checked(model, block_size)
    return _carried_out(model, jobs.clean(schema, block_size))


def refresh_all_indexes() -> None:
    """Refresh the indexes of all models that there are, and print how far it has got.

    Example::

        rom.util.refresh_all_indexes()
    """
    for model in every_model():
        print('updating', model.__name__)
        show_progress(refresh_indices(model))


def show_progress(job: Iterable[tuple[int, int]]) -> None:
    """Run a job to its end, and print a line whenever it has got on, at most one a second.

    Example::

        rom.util.show_progress(rom.util.refresh_indices(User))
    """
    meter = Meter()
    for done, total in job:
        meter.note(done, total)
    meter.end()


def clean_unsafe_cols(*models: type[Model], block_size: int = 1000) -> tuple[int, int]:
    """Remove what UnsafeColumns left behind: keys whose entity is gone.

    Args:
        *models: whose columns; default: all models that there are.
        block_size: keys in one batch.

    Returns:
        How many keys there were, and how many of them were deleted.

    Example::

        examined, deleted = rom.util.clean_unsafe_cols(Player)
    """
    examined = deleted = 0
    for model, job in unsafe_jobs(models, block_size):
        found, removed = SyncDriver(connection_of(model)).run(quietly(job))
        examined += found
        deleted += removed
    return examined, deleted


class Check(Tally, Iterator[Finding]):
    """A check that is going on: an iterator of what it finds, which counts along.

    Attributes:
        done: how many entities were looked at.
        total: how many there are to look at, as far as is known.
        counts: how many findings there are of each kind.
        left: how many of them are not mended.
    """

    def __init__(self, model: type[Model], job: Job[None], progress: Report | None) -> None:
        super().__init__()
        self._steps = self._run(SyncDriver(connection_of(model)), job, progress)

    def __next__(self) -> Finding:
        return next(self._steps)

    def _run(
        self, driver: SyncDriver, job: Job[None], progress: Report | None
    ) -> Iterator[Finding]:
        while isinstance(step := driver.run(advance(job)), Progress):
            yield from self.note(step)
            if progress is not None:
                progress(step.done, step.total)


def check(
    model: type[Model], repair: bool = False, batch: int = 1000, progress: Report | None = None
) -> Check:
    """Compare every index of a model with every row, and mend the indexes if that is wanted.

    Rows and entries are each read once and compared as sums; only where those differ is more looked
    at. It may run beside programs that write: what looks wrong is looked at again, at one moment,
    before it is told. It reads in batches, and writes nothing unless it repairs; and then indexes
    only, never a row. What no repair can decide it tells with the remedy.

    The declaration of this program is what counts. For data of rom 1.x, and after a change of
    indexes, use :func:`rom.maintenance.reindex` first, or it finds as much as there are entries.

    Args:
        model: whose indexes.
        repair: mend them.
        batch: rows in one look.
        progress: called with (done, total) after each, in entities. The total grows by those that
            must be looked at once more.

    Returns:
        An iterator of ``Finding``, which has ``model``, ``kind``, ``key``, ``id``, ``what`` and
        ``mended``. It has the numbers, too: ``counts`` by kind, and
        ``left``, which are not mended.

    Raises:
        InvalidOperation: no model, or no number from 1 on.

    Example::

        found = rom.maintenance.check(User, repair=True)
        for finding in found:
            print(finding)
        print(found.counts, found.left)
    """
    schema = checked(model, batch, 'batch')
    return Check(model, check_ops.check(schema, bool(repair), batch), progress)


def reindex(
    model: type[Model],
    rate: float | None = None,
    batch: int = 1000,
    restart: bool = False,
    everything: bool = False,
) -> Iterator[tuple[int, int]]:
    """Make a model's indexes those that it declares: after a change of them, and for old data.

    Only what differs from the stamp of the data is built, each row being read once; indexes that
    are declared no more go. Where nothing differs, or nothing is known, all indexes are gone
    through: those whose entries are not what the rows imply are built again. It may run beside
    programs that write, if they have the same declaration.

    How far it has got is kept in Redis. One that was stopped, however hard, goes on where it was
    when it is called again; unless the declaration has changed since, or `restart` is given.

    Args:
        model: whose indexes.
        rate: so many entities a second at most; None: as fast as it goes.
        batch: rows in one step.
        restart: begin at the beginning, even if one was stopped half way.
        everything: go through all indexes, also those that the stamp says are right: after a change
            of what a keygen does, or of a default.

    Yields:
        ``(done, total)`` after each step, in entities.

    Raises:
        InvalidOperation: no model, or no number from 1 on; a rate that is not above 0.
        BulkError: at the end: some rows could not be indexed. All others are.

    Example::

        rom.util.show_progress(rom.maintenance.reindex(User, rate=2000))
    """
    schema = checked(model, batch, 'batch')
    size = checked_rate(rate, batch)
    job = reindex_ops.reindex(schema, size, bool(restart), bool(everything))
    return _paced(model, job, Pace(rate))


def status(*models: type[Model]) -> list[Status]:
    """Compare the indexes that models declare with those that their data has; a trip each.

    Args:
        *models: default: all models that there are.

    Returns:
        For each model a ``Status``: ``model``, its name; ``state``: 'right', 'stale', 'unknown'
        (there is data, of which nothing is known, as that of rom 1.x) or 'empty'; ``changes``, what
        differs, a line each; ``stopped_at``, the id at which a reindex stopped half way, else None;
        and ``is_due``: a reindex is needed.

    Example::

        for status in rom.maintenance.status():
            if status.is_due:
                print(status.model, status.state, status.changes)
    """
    return [
        SyncDriver(connection_of(model)).run(reindex_ops.status(checked(model, 1)))
        for model in models or every_model()
    ]


def _paced(model: type[Model], job: Job[None], pace: Pace) -> Iterator[tuple[int, int]]:
    driver = SyncDriver(connection_of(model))
    while isinstance(step := driver.run(advance(job)), Progress):
        yield step.done, step.total
        if isinstance(step, Reindexed):
            time.sleep(pace.wait(step.rows, time.monotonic()))


def _carried_out(model: type[Model], job: Job[None]) -> Iterator[tuple[int, int]]:
    driver = SyncDriver(connection_of(model))
    while isinstance(step := driver.run(advance(job)), Progress):
        yield step.done, step.total


# What the front for asyncio needs, too.


def checked(model: Any, block_size: Any, name: str = 'block_size') -> Schema:
    """The schema of a model to work on.

    Raises:
        InvalidOperation: it is no model, or the size is none.
    """
    if not (isinstance(model, type) and issubclass(model, Model)) or model is Model:
        raise InvalidOperation(f'maintenance takes a model, not {show(model)}')
    if isinstance(block_size, bool) or not isinstance(block_size, int) or block_size < 1:
        raise InvalidOperation(f'{name} must be a number from 1 on, not {show(block_size)}')
    return model._schema


def checked_rate(rate: Any, batch: int) -> int:
    """The size of a batch that takes no longer than a second at this rate.

    Raises:
        InvalidOperation: the rate is no number above 0.
    """
    if rate is None:
        return batch
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if not is_number or not 0 < rate < math.inf:
        raise InvalidOperation(
            f'rate must be a number of entities a second above 0, not {show(rate)}'
        )
    return max(1, min(batch, int(rate)))


def every_model() -> list[type[Model]]:
    """All models that there are; each is registered under several names."""
    return [model for model in dict.fromkeys(MODELS.values()) if model is not Model]


def unsafe_jobs(
    models: Iterable[type[Model]], block_size: int
) -> list[tuple[type[Model], Job[tuple[int, int]]]]:
    """What :func:`clean_unsafe_cols` has to do; no model means all."""
    schemas = [(model, checked(model, block_size)) for model in list(models) or every_model()]
    return [(m, jobs.clean_unsafe(schema, block_size)) for m, schema in schemas if schema.unsafe]


class Meter:
    """Prints how far a job has got, whenever it has got on, at most once a second."""

    def __init__(self) -> None:
        self._begun = self._shown = time.monotonic()
        self._total = 0

    def note(self, done: int, total: int) -> None:
        """So much of all is done."""
        self._total = total
        now = time.monotonic()
        if now - self._shown >= 1 and done < total:
            self._shown = now
            self._show(done, now)

    def end(self) -> None:
        """All of it is."""
        self._show(self._total, time.monotonic())

    def _show(self, done: int, now: float) -> None:
        elapsed = now - self._begun
        share = done / self._total if self._total else 1.0
        remaining = elapsed * (1 - share) / share if share else 0.0
        print(
            f'{share * 100:.1f}% complete, {elapsed:.1f} seconds elapsed, '
            f'{remaining:.1f} seconds remaining',
            flush=True,
        )
