"""Maintenance of indexes: generators that carry out a job and yield their progress.

All jobs may run beside programs that write. They work in batches, each of which is atomic, so a job
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

#: A function that is called with the progress of a job: (done, total).
Report: TypeAlias = Callable[[int, int], object]


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> Iterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns are declared now.

    Use it after a change of indexes, and for data that rom 1.x wrote. Afterwards rows have no
    `-index-data-` (unless `_keep_index_data` is set), the indexes have no entries without a row,
    and the live bitmap exists, so that ``count()`` reads only one key.

    Indexes of a column that the model no longer has are found if the data's fingerprint names them,
    or if rows list them, as those of rom 1.x do. (:func:`rom.maintenance.reindex` does the same,
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

        for done, total in rom.util.refresh_indices(User):
            print(f'{done} of {total}')
    """
    schema = checked(model, block_size)
    return _carried_out(model, jobs.refresh(schema, block_size, bool(scan)))


def clean_old_index(
    model: type[Model], block_size: int = 100, **ignored: Any
) -> Iterator[tuple[int, int]]:
    """Remove from a model's indexes all entries that no row implies.

    These are entries of rows that are gone or have other values, unique values without a row, bits
    of the live bitmap, and the data that early versions of rom 1.x kept in the hash ``N::``.

    Args:
        model: the model.
        block_size: rows in one batch.
        **ignored: arguments of 1.x.

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
    """Refresh the indexes of all models that the program has defined, and print the progress.

    Example::

        rom.util.refresh_all_indexes()
    """
    for model in every_model():
        print('updating', model.__name__)
        show_progress(refresh_indices(model))


def show_progress(job: Iterable[tuple[int, int]]) -> None:
    """Run a job to its end, and print its progress, at most once a second.

    Example::

        rom.util.show_progress(rom.util.refresh_indices(User))
    """
    meter = Meter()
    for done, total in job:
        meter.note(done, total)
    meter.end()


def clean_unsafe_cols(*models: type[Model], block_size: int = 1000) -> tuple[int, int]:
    """Remove the keys of UnsafeColumns that belong to no row any more.

    Args:
        *models: the models; default: all that the program has defined.
        block_size: keys in one batch.

    Returns:
        The number of keys found, and the number of them that were deleted.

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
    """A running check: an iterator of its findings, which also counts them.

    Attributes:
        done: the number of entities checked so far.
        total: the number of entities to check, as far as it is known.
        counts: the number of findings of each kind.
        left: the number of findings that are not mended.
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
    """Compare every index of a model with every row, and mend the indexes on request.

    Rows and entries are each read once and compared by checksums; only where those differ does it
    look closer. It may run beside programs that write: before it reports a difference, it reads the
    row and its entries again, at one moment. It reads in batches, and writes nothing without
    `repair`; with it, only indexes, never a row. A finding that no repair can decide names the
    remedy.

    It compares with the declaration of this program. For data of rom 1.x, and after a change of
    indexes, use :func:`rom.maintenance.reindex` first. Otherwise nearly every entry is a finding.

    Args:
        model: the model.
        repair: mend the indexes.
        batch: rows in one request.
        progress: called with (done, total) after each batch, in entities. The total grows by the
            entities that must be checked once more.

    Returns:
        An iterator of ``Finding``, which has ``model``, ``kind``, ``key``, ``id``, ``what`` and
        ``mended``. The iterator has ``counts``, the findings by kind, and ``left``, the number
        that are not mended.

    Raises:
        InvalidOperation: `model` is not a model, or `batch` is not a whole number of at least 1.

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
        InvalidOperation: `model` is not a model, `batch` is not a whole number of at least 1, or
            `rate` is not above 0.
        BulkError: at the end: some rows could not be indexed. All others are.

    Example::

        rom.util.show_progress(rom.maintenance.reindex(User, rate=2000))
    """
    schema = checked(model, batch, 'batch')
    size = checked_rate(rate, batch)
    job = reindex_ops.reindex(schema, size, bool(restart), bool(everything))
    return _paced(model, job, Pace(rate))


def status(*models: type[Model]) -> list[Status]:
    """Compare the indexes that models declare with those of their data; one trip for each model.

    Args:
        *models: default: all models that the program has defined.

    Returns:
        A ``Status`` for each model: ``model``, its name; ``state``: 'right', 'stale', 'unknown'
        (there is data without a fingerprint, as that of rom 1.x) or 'empty'; ``changes``, a line
        for each difference; ``stopped_at``, the id at which a reindex stopped half way, or None;
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


# The asyncio functions use these as well.


def checked(model: Any, block_size: Any, name: str = 'block_size') -> Schema:
    """Return the schema of a model, after a check of both arguments.

    Raises:
        InvalidOperation: `model` is not a model, or the size is not a whole number of at least 1.
    """
    if not (isinstance(model, type) and issubclass(model, Model)) or model is Model:
        raise InvalidOperation(f'maintenance takes a model, not {show(model)}')
    if isinstance(block_size, bool) or not isinstance(block_size, int) or block_size < 1:
        raise InvalidOperation(f'{name} must be a number from 1 on, not {show(block_size)}')
    return model._schema


def checked_rate(rate: Any, batch: int) -> int:
    """Return the size of a batch that takes at most a second at this rate.

    Raises:
        InvalidOperation: the rate is not a number above 0.
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
    """Return every model once; each is registered under several names."""
    return [model for model in dict.fromkeys(MODELS.values()) if model is not Model]


def unsafe_jobs(
    models: Iterable[type[Model]], block_size: int
) -> list[tuple[type[Model], Job[tuple[int, int]]]]:
    """Return the jobs of :func:`clean_unsafe_cols`; no models means all."""
    schemas = [(model, checked(model, block_size)) for model in list(models) or every_model()]
    return [(m, jobs.clean_unsafe(schema, block_size)) for m, schema in schemas if schema.unsafe]


class Meter:
    """Prints the progress of a job, at most once a second."""

    def __init__(self) -> None:
        self._begun = self._shown = time.monotonic()
        self._total = 0

    def note(self, done: int, total: int) -> None:
        """Take note of progress, and print it if a second has passed."""
        self._total = total
        now = time.monotonic()
        if now - self._shown >= 1 and done < total:
            self._shown = now
            self._show(done, now)

    def end(self) -> None:
        """Print that the job is complete."""
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
