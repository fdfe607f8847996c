"""Maintenance as programs call it: generators that carry a job out and say how far they have got.

All of it may run beside programs that write. It works in batches, each of which is atomic, so it
may be stopped at any time and begun again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from rom.drivers.connection import connection_of
from rom.drivers.sync import SyncDriver
from rom.exceptions import InvalidOperation
from rom.model import Model
from rom.ops.maintenance import jobs
from rom.ops.maintenance.progress import Job, Progress, advance, quietly
from rom.registry import MODELS
from rom.schema import Schema


def refresh_indices(
    model: type[Model], block_size: int = 100, scan: bool = True
) -> Iterator[tuple[int, int]]:
    """Write all index entries of a model again, as its columns say today.

    For a model whose indexes were changed, and for data that rom 1.x wrote: afterwards rows have no
    `-index-data-` (unless `_keep_index_data` says so), nothing that no row implies is left in the
    indexes, and the bitmap of live ids is there, so that ``count()`` takes no time.

    Indexes of a column that the model no longer has are found only where rows list them, as those
    of rom 1.x do.

    Args:
        model: whose indexes.
        block_size: rows, or entries of an index, in one batch.
        scan: find rows, and indexes of words, by looking at all keys of the server. Without it,
            rows are looked for by their ids, up to the counter, and of words only those that rows
            list in their `-index-data-` are cleaned up.

    Yields:
        ``(done, total)`` after each batch; rows and indexes count for one each.

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
        block_size: entries of an index in one batch.
        **ignored: what 1.x took.

    Yields:
        ``(done, total)`` after each batch; each index counts for one.

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


def _carried_out(model: type[Model], job: Job[None]) -> Iterator[tuple[int, int]]:
    driver = SyncDriver(connection_of(model))
    while isinstance(step := driver.run(advance(job)), Progress):
        yield step.done, step.total


# What the front for asyncio needs, too.


def checked(model: Any, block_size: Any) -> Schema:
    """The schema of a model to work on.

    Raises:
        InvalidOperation: it is no model, or the size is none.
    """
    if not (isinstance(model, type) and issubclass(model, Model)) or model is Model:
        raise InvalidOperation(f'maintenance takes a model, not {model!r}')
    if isinstance(block_size, bool) or not isinstance(block_size, int) or block_size < 1:
        raise InvalidOperation(f'block_size must be a number from 1 on, not {block_size!r}')
    return model._schema


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
