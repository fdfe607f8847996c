"""Status of migrations: those that are declared, compared with those that are recorded."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from rom._core.encoding.text import show, show_names
from rom._core.migrations.migration import REINDEX, Migration
from rom._core.model import Model
from rom._core.ops.maintenance import reindex as reindex_ops
from rom._core.ops.migrations.record import Record, Skipped, merged, read_records
from rom._core.ops.requests import Operation
from rom._core.ops.search.row_scan import count_rows
from rom._core.ops.shards.lockstep import lockstep
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom.exceptions import InvalidOperation

MigrationState: TypeAlias = Literal['done', 'started', 'pending', 'unknown']


class MigrationProgress(NamedTuple):
    """Progress of a run of migrations.

    Attributes:
        name: the name of the migration; 'reindex' for the indexes that are built at the end.
        model: the name of the model.
        done: the number of rows that are done.
        total: the number of rows when the migration began.
        skipped: the rows that failed and were skipped so far, each with its ``id`` and ``reason``.
    """

    name: str
    model: str
    done: int
    total: int
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """State of a migration, as it is recorded beside the data.

    Attributes:
        name: the name of the migration.
        model: the name of its model.
        state: 'done'; 'started': it runs, or was stopped; 'pending': it was never begun;
            'unknown': it is recorded, and this program does not declare it.
        steps: the steps, as a text; '' where they are unknown.
        total: the number of rows: when the migration began, or now if it is pending.
        done: the number of rows that are done.
        changed: the number of those that a step has changed.
        after: the last id that is done.
        begun: the time at which it was begun; seconds since 1970, or None.
        ended: the time at which it was finished, or None.
        version: the version of rom that began it, or None.
        skipped: the rows that failed and were left as they are, each with its ``id`` and
            ``reason``.
    """

    name: str
    model: str
    state: MigrationState
    steps: str
    total: int
    done: int = 0
    changed: int = 0
    after: int = 0
    begun: int | None = None
    ended: int | None = None
    version: str | None = None
    skipped: tuple[Skipped, ...] = ()

    @property
    def is_due(self) -> bool:
        """True if the migration must be run, or continued."""
        return self.state in ('started', 'pending')

    @property
    def rows_left(self) -> int:
        """The number of rows that a run would visit; an estimate after the migration began."""
        return max(self.total - self.done, 0) if self.is_due else 0


def status_of(model_migrations: Sequence[Migration]) -> Operation[list[MigrationStatus]]:
    """Return the states of migrations of one model, then of those that are only recorded.

    One round trip for the records, and one to count the rows; with partitions, as many again while
    one is under way.
    """
    schema: Schema = model_migrations[0].model._schema
    records, others = yield from read_records(schema, [each.name for each in model_migrations])
    rows = yield from count_rows(schema)
    if schema.placement is not None:
        for name, record in records.items():
            if record is not None and record.ended is None:
                parts, counts = yield from parts_of(schema, name)
                records[name] = merged(parts, counts) or record
    found = [
        _status(schema, each.name, records[each.name], rows, each) for each in model_migrations
    ]
    unknown = sorted(others, key=lambda record: record.begun)
    return found + [_status(schema, record.name, record, rows, None) for record in unknown]


def parts_of(schema: Schema, name: str) -> Operation[tuple[list[Record | None], list[int]]]:
    """Return the record of a migration in each partition, and the number of rows there."""
    read = yield from lockstep([read_records(part, [name]) for part in schema.parts])
    counts = yield from lockstep([count_rows(part) for part in schema.parts])
    return [records[name] for records, _ in read], counts


def progress_of_parts(migration: Migration) -> Operation[dict[int | None, MigrationProgress]]:
    """Return the progress of a migration in each partition; under None without partitions."""
    schema: Schema = migration.model._schema
    nothing = MigrationProgress(migration.name, schema.name, 0, 0)
    if schema.placement is None:
        return {None: nothing}
    parts, counts = yield from parts_of(schema, migration.name)
    return {
        number: nothing._replace(total=count)
        if record is None
        else nothing._replace(done=record.done, total=record.total, skipped=record.skipped)
        for number, (record, count) in enumerate(zip(parts, counts, strict=True))
    }


def summed(parts: Iterable[MigrationProgress]) -> MigrationProgress:
    """Return the progress in some partitions as one."""
    each = list(parts)
    return each[0]._replace(
        done=sum(one.done for one in each),
        total=sum(one.total for one in each),
        skipped=tuple(row for one in each for row in one.skipped),
    )


def _status(
    schema: Schema, name: str, record: Record | None, rows: int, migration: Migration | None
) -> MigrationStatus:
    steps = '' if migration is None else str(migration)
    if record is None:
        return MigrationStatus(name, schema.name, 'pending', steps, rows)
    state: MigrationState = 'done' if record.ended is not None else 'started'
    return MigrationStatus(
        name,
        schema.name,
        state if migration is not None else 'unknown',
        steps,
        record.total,
        record.done,
        record.changed,
        record.after,
        record.begun,
        record.ended,
        record.version,
        record.skipped,
    )


def reindex_due(
    model_migrations: Sequence[Migration], names: Collection[str]
) -> Operation[MigrationStatus | None]:
    """Return the reindex with which a run of migrations would end; None without one.

    Args:
        model_migrations: all migrations of a model.
        names: the migrations that would run.
    """
    schema: Schema = model_migrations[0].model._schema
    found = yield from reindex_ops.status(schema)
    if found.state != 'stale' and found.stopped_at is None:
        return None
    states = yield from status_of(model_migrations)
    if any(each.is_due and each.name not in names for each in states):
        return None  # a run that stops before the last migration builds nothing
    state: MigrationState = 'pending' if found.stopped_at is None else 'started'
    total = yield from count_rows(schema)
    return MigrationStatus(REINDEX, schema.name, state, '; '.join(found.changes), total)


def all_done(model_migrations: Sequence[Migration]) -> Operation[bool]:
    """Return whether no migration of a model is left to be run."""
    found = yield from status_of(model_migrations)
    return not any(each.is_due for each in found)


def by_model(migrations: Sequence[Migration]) -> list[list[Migration]]:
    """Return the migrations of each model, both in the order of the declaration."""
    found: dict[type[Model], list[Migration]] = {}
    for each in migrations:
        found.setdefault(each.model, []).append(each)
    return list(found.values())


def up_to(migrations: Sequence[Migration], name: str | None) -> list[Migration]:
    """Return the migrations up to one of them.

    Raises:
        InvalidOperation: no migration has this name.
    """
    if name is None:
        return list(migrations)
    names = [each.name for each in migrations]
    if name not in names:
        raise InvalidOperation(
            f'no migration is called {show(name)}; there are {show_names(names)}'
        )
    return list(migrations[: names.index(name) + 1])


publish('rom.migrations', MigrationProgress, MigrationStatus, Skipped)
