"""Batches: the rows of a migration, read in the order of their ids, and written in parts.

A batch takes two round trips: one reads rows, one writes those that a step has changed, their index
entries and unique values, and the place in the record. If another program has written a row in
between, nothing is written. The rows are read again, the steps run again on those that differ, and
the next part is smaller: so a hot row delays its neighbours only for a moment.

A row that fails ends the run. The rows before it are written first, so the next run begins at it.
Or it is skipped: then the record gets its id and the reason, and the run continues behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from rom._core.columns import ExpireAt
from rom._core.encoding.integers import LARGEST_ID, read_digits
from rom._core.encoding.text import shorten
from rom._core.migrations.migration import Migration
from rom._core.migrations.row import MigrationRow
from rom._core.ops.commits.commit import MOST_TRIES
from rom._core.ops.commits.commit_errors import error_of, same_row
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.progress import Job
from rom._core.ops.maintenance.reindex import Reindexed
from rom._core.ops.migrations.keeper import Keeper
from rom._core.ops.migrations.record import Record, Skipped
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row, seen_row
from rom._core.ops.search.row_scan import every_row, stretch
from rom._core.ops.shards.placing import located
from rom._core.ops.time_slices import rest
from rom._core.support.clock import elapsed, server_time
from rom._core.writes.changes import Write
from rom._core.writes.planner import plan
from rom.exceptions import (
    CorruptRowError,
    InvalidColumnValue,
    MigrationError,
    ORMError,
    ServerError,
    UniqueKeyViolation,
)

R = TypeVar('R', Row, MigrationRow)

# Rows, index entries and unique values in one commit: some 15 milliseconds of the server's time.
_MOST_WRITTEN: Final = 12_000
# Bytes of the rows in one commit.
_MOST_BYTES: Final = 8 * 1024 * 1024
# Rows in the first commit.
_FIRST: Final = 200
# Seconds after which the steps of a batch are interrupted, and what is ready is written.
_LONGEST: Final = 1.0
# Seconds after which other tasks of an event loop may run.
_TURN: Final = 0.005
# Rows that may be skipped. If so many fail, the step is wrong, and not the rows.
_MOST_SKIPPED: Final = 1000
# Characters of the reason that the record has.
_REASON: Final = 200
# Objections of the script after which rows are read again.
_RACES: Final = (b'race', b'deleted', b'expired')


@dataclass(frozen=True, slots=True)
class Migrated(Reindexed):
    """Progress of a migration, with the number of rows since the last report.

    Attributes:
        skipped: the rows that failed and were skipped so far.
    """

    skipped: tuple[Skipped, ...] = ()


class Batches:
    """Rows of a migration, batch by batch.

    All ids in here are those that programs see; only those of requests are of the partition.

    Args:
        migration: the migration.
        keeper: writes rows with the record.
        record: the record as it is stored.
        size: the most rows of a batch.
        skips: skip rows that fail, instead of ending the run.
        number: the partition, or None for a model without partitions.
    """

    def __init__(
        self,
        migration: Migration,
        keeper: Keeper,
        record: Record,
        size: int,
        skips: bool = False,
        number: int | None = None,
    ) -> None:
        self._migration, self._keeper, self._record, self._size = migration, keeper, record, size
        self._skips = skips
        self._schema = migration.schema if number is None else migration.schema.at(number)
        self._query = every_row(self._schema)
        # It is not known yet how many index entries a row has.
        self._at_once = min(size, _FIRST)
        # Rows that have expired by the clock of the server, if not yet by that of this program.
        self._expired: set[int] = set()
        self._races = 0
        self._failed: _Failure | None = None

    def run(self) -> Job[None]:
        """Migrate all rows that are left."""
        yield self._progress(0)
        while self._record.ended is None:
            schema, after, until = self._schema, self._record.after, self._record.until
            found = yield from stretch(self._query, after and schema.local_id(after), self._size)
            rows = [row for row in self._seen(found.rows) if row.id <= until]
            for error in found.broken:
                self._fail(self._id_in(error), error)
            if self._failed is not None and self._failed.id > until:
                self._failed = None
            is_end = found.is_end or schema.seen_id(found.last) >= until
            yield from self._block(self._before_failure(rows), is_end)
            if self._failed is not None:
                yield from self._skip(self._failed)

    def _seen(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows with the ids that programs see."""
        return [seen_row(self._schema, row) for row in rows]

    def _progress(self, rows: int) -> Migrated:
        record = self._record
        return Migrated(record.done, record.total, rows, record.skipped)

    def _skip(self, failed: '_Failure') -> Job[None]:
        """Write the place behind a row that failed, and the reason.

        Raises:
            MigrationError: rows are not skipped, or too many were.
        """
        if not self._skips:
            raise self._error(failed)
        if len(self._record.skipped) >= _MOST_SKIPPED:
            raise self._too_many_failed(failed)
        one = Skipped(failed.id, shorten(failed.reason, _REASON))
        record = self._record._replace(
            after=failed.id, done=self._record.done + 1, skipped=(*self._record.skipped, one)
        )
        yield from self._keeper.write((), record)
        self._record, self._failed, self._races = record, None, 0
        yield self._progress(1)

    def _block(self, rows: Sequence[Row], is_end: bool) -> Job[None]:
        """Migrate rows that follow each other, as far as none fails.

        Args:
            rows: the rows, in the order of their ids.
            is_end: there are no further rows.
        """
        while rows:
            ready, rows = yield from self._prepared(rows)
            while ready:
                some, later = self._cut(ready)
                is_last = is_end and not later and not rows and self._failed is None
                if (yield from self._write(some, is_last)):
                    yield self._progress(len(some))
                elif self._failed is None:
                    later = (yield from self._again(some)) + later
                else:
                    later = some + later
                ready = self._before_failure(later)
            rows = self._before_failure(rows)
        if is_end and self._failed is None and self._record.ended is None:
            yield from self._write([], True)

    def _prepared(self, rows: Sequence[Row]) -> Operation[tuple[list[MigrationRow], Sequence[Row]]]:
        """Run the steps on rows, for a second at most; return the results, and the rows left."""
        ready: list[MigrationRow] = []
        begun = rested = elapsed()
        for place, row in enumerate(rows, 1):
            try:
                ready.append(self._migration.migrated(row.id, row.stored))
            except Exception as error:  # steps are code of the program
                self._fail(row.id, error)
                return ready, ()
            now = elapsed()
            if now - begun > _LONGEST:
                return ready, rows[place:]
            if now - rested > _TURN:
                yield from rest()
                rested = elapsed()
        return ready, ()

    def _cut(self, ready: list[MigrationRow]) -> tuple[list[MigrationRow], list[MigrationRow]]:
        """Return the rows of the next commit, and those after it."""
        size = count = 0
        for row in ready[: self._at_once]:
            size += sum(map(len, row.stored.values()))
            if size > _MOST_BYTES and count:
                break
            count += 1
        return ready[:count], ready[count:]

    def _again(self, rows: Sequence[MigrationRow]) -> Operation[list[MigrationRow]]:
        """Read rows again, and run the steps again on those that other programs have written."""
        if self._races > MOST_TRIES:
            raise ServerError(
                f'{MOST_TRIES} tries to migrate rows of {self._schema.name} each met new changes '
                'of them; find out which program writes them without pause'
            )
        before = {row.id: row for row in rows}
        try:
            ids = [self._schema.local_id(id) for id in before]
            found = yield from load(self._schema, ids, with_expired=True)
        except CorruptRowError as error:
            found = error.entities
            self._fail(self._id_in(error), error)
        again: list[MigrationRow] = []
        for row in self._before_failure(self._seen(found)):
            if row.stored == before[row.id].stored:
                again.append(before[row.id])
            else:
                again += (yield from self._prepared([row]))[0]
        return again

    def _write(self, rows: Sequence[MigrationRow], is_last: bool) -> Operation[bool]:
        """Write rows with their place; return False if nothing was written.

        Then either a row fails, which is noted, or other programs have written rows meanwhile.
        """
        writes = self._writes(rows)
        if writes is None:
            return False
        record = self._record._replace(
            after=rows[-1].id if rows else self._record.after,
            done=self._record.done + len(rows),
            changed=self._record.changed + len(writes),
            ended=server_time(self._schema.keys.attempts) if is_last else None,
        )
        try:
            status, *details = yield from self._keeper.write(writes, record)
        except (CorruptRowError, InvalidColumnValue) as error:
            self._fail(self._schema.seen_id(_culprit(writes)), error)
            return False
        except UniqueKeyViolation as error:
            if error.id is None:
                raise
            self._fail(error.id, error)
            return False
        if status == b'ok':
            self._record, self._races = record, 0
            fitting = _MOST_WRITTEN * len(rows) // max(self._keeper.size, 1)
            self._at_once = max(1, min(self._size, 2 * self._at_once, fitting))
            return True
        write = writes[same_row(writes, status, details)]
        assert write.change.id is not None
        id = self._schema.seen_id(write.change.id)
        if status in _RACES:
            self._races += 1
            self._at_once = max(1, len(rows) // 2)
            if status == b'expired':
                self._expired.add(id)
        else:
            self._fail(id, error_of(write, status, details))
        return False

    def _writes(self, rows: Sequence[MigrationRow]) -> list[Write] | None:
        """Return the writes of the rows that the steps have changed; None if a row fails."""
        writes = []
        for row in rows:
            try:
                write = self._write_of(row)
            except Exception as error:  # columns and keygens may be code of the program
                self._fail(row.id, error)
                return None
            if write is not None:
                writes.append(write)
        return writes

    def _write_of(self, row: MigrationRow) -> Write | None:
        schema = self._schema
        expiry = None if schema.expiry is None else schema.columns[schema.expiry]
        is_past = isinstance(expiry, ExpireAt) and expiry.is_past(row.stored.get(expiry.name))
        change = row.change(is_past or row.id in self._expired)
        if change is None:
            return None
        [change] = located([change])
        try:
            return plan(change)
        except CorruptRowError as error:
            if error.column not in change.wanted:
                raise
            # The old value is of the former type, so its entries are those of a former index, which
            # the reindex removes. The row must still be as it was read.
            return plan(change._replace(forced=True, depends_on=schema.names))

    def _id_in(self, error: CorruptRowError) -> int:
        """Return the id of the row that an error names."""
        id = read_digits(error.key.rpartition(':')[2].encode('utf-8', 'replace'))
        return self._schema.seen_id(id) if id else LARGEST_ID

    def _fail(self, id: int, cause: Exception) -> None:
        """Note a row that cannot be migrated; the first one counts."""
        if self._failed is None or id < self._failed.id:
            self._failed = _Failure(id, cause)

    def _before_failure(self, rows: Sequence[R]) -> list[R]:
        failed = self._failed
        return list(rows) if failed is None else [row for row in rows if row.id < failed.id]

    def _error(self, failed: '_Failure') -> MigrationError:
        name, model = self._migration.name, self._schema.name
        error = MigrationError(
            f'migration {name!r}: {model} {failed.id}: {failed.reason}. All rows before it are '
            'migrated, and nothing of this one was written. Correct the row or the step, and run '
            'the migration again: it continues at this row. Or skip such rows: skip_failing=True',
            name,
            model,
            failed.id,
        )
        error.__cause__ = failed.cause
        return error

    def _too_many_failed(self, failed: '_Failure') -> MigrationError:
        name, model = self._migration.name, self._schema.name
        return MigrationError(
            f'migration {name!r}: {model} {failed.id}: {failed.reason}. {_MOST_SKIPPED:,} rows '
            'have failed before it, and were skipped; no more are. Correct the step, and run the '
            'migration again: it continues at this row',
            name,
            model,
            failed.id,
        )


class _Failure(NamedTuple):
    """Row that cannot be migrated, and the error of its step."""

    id: int
    cause: Exception

    @property
    def reason(self) -> str:
        """The error of the step; with its type, if it is not one of rom."""
        text = str(self.cause) or type(self.cause).__name__
        if isinstance(self.cause, ORMError):
            return text
        return f'{type(self.cause).__name__}: {shorten(text, _REASON)}'


def _culprit(writes: Sequence[Write]) -> int:
    """Return the id of the first row whose index entries cannot be made."""
    for write in writes:
        try:
            _ = write.removed, write.added  # both are computed on first use
        except ORMError:
            return write.change.id or 0
    return writes[0].change.id or 0
