"""The run of a migration: its begin, and the batches that are left.

Without rows, a migration is done at once, and its columns are not checked: it may be older than the
model.
"""

from __future__ import annotations

from rom._core.migrations.migration import Migration
from rom._core.ops.index_fingerprint import counted_in
from rom._core.ops.maintenance.progress import Job
from rom._core.ops.migrations.batches import Batches
from rom._core.ops.migrations.keeper import Fence, Keeper
from rom._core.ops.migrations.record import Record, merged, record_in
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.search.row_scan import count_rows, last_id
from rom._core.ops.shards.declaration import compare
from rom._core.schema import Schema
from rom._core.support.clock import server_time
from rom._version import VERSION


def begin(migration: Migration) -> Operation[None]:
    """Note that a migration over partitions begins, in the record of the model.

    Raises:
        InvalidOperation: the data was stored with another declaration of the partitions.
    """
    schema: Schema = migration.model._schema
    if schema.placement is None:
        return
    yield from compare(schema.placement.group, [schema], is_write=True)
    now = server_time(schema.keys.attempts)
    record = Record(migration.name, now, VERSION, 0, (yield from count_rows(schema)))
    yield Command('HSETNX', schema.keys.migrations, migration.name, record.packed())


def finish(migration: Migration) -> Operation[None]:
    """Note that a migration is done in all partitions of its model."""
    schema: Schema = migration.model._schema
    if schema.placement is None:
        return
    raws = yield Pipeline(
        tuple(Command('HGET', part.keys.migrations, migration.name) for part in schema.parts)
    )
    record = merged([record_in(schema, migration.name, raw) for raw in raws], [0] * len(raws))
    if record is not None and record.ended is not None:
        yield Command('HSET', schema.keys.migrations, migration.name, record.packed())


def migrate(
    migration: Migration, fence: Fence, size: int, skips: bool = False, number: int | None = None
) -> Job[None]:
    """Carry out a migration, or continue it where it stopped.

    The number of rows that are done stays below the total if others delete rows meanwhile.

    Args:
        migration: the migration.
        fence: the lock, which this migrator has acquired.
        size: the most rows of a batch.
        skips: skip rows that fail.
        number: the partition; None for a model without partitions.

    Raises:
        MigrationError: a row cannot be migrated, or another migrator has taken over.
    """
    whole: Schema = migration.model._schema
    own = whole if number is None else whole.at(number)
    raw = yield Command('HGET', own.keys.migrations, migration.name)
    record = record_in(own, migration.name, raw)
    if record is not None and record.ended is not None:
        return
    keeper = Keeper(own, migration.name, raw, fence)
    if record is None:
        record = yield from _begun(own, migration.name)
        yield from keeper.write((), record)
    if record.ended is None:
        yield from Batches(migration, keeper, record, size, skips, number).run()


def _begun(schema: Schema, name: str) -> Operation[Record]:
    """Return the record of a migration that begins now; without rows, it is done at once."""
    counter = yield Command('GET', schema.keys.counter)
    total = yield from count_rows(schema)
    # The counter may be behind the rows, or lost.
    highest = max(counted_in(schema, counter), (yield from last_id(schema)))
    until = highest and schema.seen_id(highest)
    now = server_time(schema.keys.attempts)
    return Record(name, now, VERSION, until, total, ended=None if total else now)
