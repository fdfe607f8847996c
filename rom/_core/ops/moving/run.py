"""Run of a move: the job that moves the rows of a model into the partitions of its group.

Two passes over the rows, in the order of their ids:

1. *Copy*: each row is written into its partition. Programs without `_shards` work on as ever.
2. *Close*: no more ids are given without partitions. Each row is compared with its copy, which is
   written again if it is behind, and then replaced by a mark, if it has not changed meanwhile.

Then copies without a row are removed, whose rows were deleted during the move. At last, the group
declares the model, and programs with `_shards` may begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from rom._core.ops.commits.commit import MOST_TRIES
from rom._core.ops.import_rows import put_ahead
from rom._core.ops.index_fingerprint import counted_in
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.keyspace import find, named
from rom._core.ops.maintenance.progress import Job
from rom._core.ops.maintenance.reindex import Reindexed
from rom._core.ops.migrations.record import every_record, unfinished
from rom._core.ops.moving.copies import Copies
from rom._core.ops.moving.record import CLOSING, COPYING, MOVED, Move
from rom._core.ops.moving.replicas import Replicas
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.ops.rows import Row
from rom._core.ops.search.row_scan import Stretch, count_rows, every_row, last_id, stretch
from rom._core.ops.shards.moved import counter_in, namespaces_before
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError, InvalidOperation, ServerError, UniqueKeyViolation

# The work of a pass on rows, which also writes the place behind them.
_Work: TypeAlias = Callable[[Sequence[Row], tuple[bytes, ...]], Operation[None]]
# Tries to stop the giving of ids: each means that one was given in between.
_MOST_IDS: Final = 1000
# Bytes of the rows that are compared at once.
_MOST_BYTES: Final = 8 * 1024 * 1024


def move(
    whole: Schema, size: int, source: str | None = None, forget: bool = False, replicas: int = 0
) -> Job[None]:
    """Move the rows of a model without partitions into those of its group.

    The job may be stopped at any time, and run again. Its progress counts each row twice.

    Args:
        whole: the schema of the model over all partitions.
        size: rows in one batch.
        source: the namespace of the rows; None: the name of the model's own, with or without
            braces around it.
        forget: delete the marks of the rows and words in the end.
        replicas: the number of replicas that must have the copy of a row before it is given up.

    Raises:
        InvalidOperation: there is nothing to move, the partitions have rows already, or another
            run has taken over.
        NotReplicatedError: too few replicas have the copies.
        CorruptRowError, InvalidColumnValue, UniqueKeyViolation: a row cannot be copied.
    """
    one = Move(whole, source or (yield from _source_of(whole)))
    waiting = Replicas(one, replicas)
    yield from one.take_over()
    yield from waiting.have_declaration()
    if one.state.phase != MOVED:
        try:
            yield from _Run(one, size, waiting).run()
        except (CorruptRowError, ServerError, UniqueKeyViolation) as error:
            # The marks and copies of another run look like damage.
            if (yield from one.is_taken_over()):
                raise one.taken_over() from error
            raise
    yield from one.give_up()
    yield from waiting.have_rows_given_up()
    yield from one.declare()
    yield from waiting.have_declaration()
    if forget:
        yield from _forget(one, size)


def _checked_migrations(move: Move) -> Operation[dict[bytes, bytes]]:
    """Return the records of migrations; refuse rows of which one has changed some, and others not.

    Raises:
        InvalidOperation: a migration was begun, and is not finished.
    """
    records = yield from every_record(move.old)
    if (name := unfinished(records)) is not None:
        raise InvalidOperation(
            f'{move.whole.name}: the migration {name!r} is not finished, and the partitions could '
            'not go on with it; no row was moved. Run rom migrate first, with the program that has '
            'no _shards'
        )
    return records


def _kept_migrations(move: Move) -> Operation[dict[bytes, bytes]]:
    """Record the migrations of the rows for the partitions, so that none runs on them again.

    Raises:
        InvalidOperation: a migration was begun, and is not finished.
    """
    records = yield from _checked_migrations(move)
    if records:
        key = move.whole.keys.migrations
        yield Pipeline(tuple(Command('HSETNX', key, *record) for record in records.items()))
    return records


def _source_of(whole: Schema) -> Operation[str]:
    """Return the namespace of the rows without partitions.

    Raises:
        InvalidOperation: there are several.
    """
    names = yield from namespaces_before(whole)
    replies = yield Pipeline(tuple(counter_in(whole, name) for name in names))
    found = [name for name, is_there in zip(names, replies, strict=True) if is_there]
    if len(found) > 1:
        raise InvalidOperation(
            f'{whole.name}: there are rows in the namespaces {" and ".join(map(repr, found))}, and '
            'only those of one can be moved; nothing was written. Name it: rom shard --from'
        )
    return (found or names)[0]


def _forget(move: Move, size: int) -> Job[None]:
    """Delete the marks that took the place of rows and words.

    The few other keys stay marks, and refuse programs: indexes of numbers and prefixes, unique
    values, the counter, the live bitmap, the fingerprint and the records of migrations.
    """
    found = yield from find(move.old)
    words = found.indexes.keys() - named(move.old).keys()
    keys = [*map(move.old.keys.row, sorted(found.ids)), *sorted(words)]
    for at in range(0, len(keys), size):
        some = keys[at : at + size]
        reads = tuple(Command('GET', key) for key in some)
        values = yield Pipeline(reads, optional=len(reads))
        marks = [key for key, value in zip(some, values, strict=True) if value == move.mark]
        if marks:
            yield Pipeline(tuple(Command('UNLINK', key) for key in marks))
        yield Reindexed(at + len(some), len(keys), len(some))


class _Run:
    """The passes over the rows."""

    def __init__(self, move: Move, size: int, replicas: Replicas) -> None:
        self._move, self._size, self._replicas = move, size, replicas
        self._copies = Copies(move)
        self._total = 0

    def run(self) -> Job[None]:
        self._total = yield from count_rows(self._move.old)
        if self._move.state.phase == COPYING:
            yield from _checked_migrations(self._move)  # before anything is copied in vain
            yield from self._pass(self._copy)
            yield from self._stop_ids()
        yield from self._pass(self._close)
        yield from self._remove_left_over()
        yield from self._replace_indexes()
        yield from put_ahead({self._move.whole: self._move.state.last})
        yield Reindexed(2 * self._total, 2 * self._total)

    def _pass(self, work: _Work) -> Job[None]:
        """Do the work of a phase on all rows behind the place of the record."""
        yield self._progress(0)
        query = every_row(self._move.old)
        while True:
            state = self._move.state
            found = yield from stretch(query, state.after, self._size)
            self._check_broken(found)
            for rows, last in _pieces(found):
                done = self._move.state._replace(after=last, done=self._move.state.done + len(rows))
                place = (b'after', b'%d' % done.after, b'done', b'%d' % done.done)
                yield from work(rows, place)
                self._move.state = done
                self._total = max(self._total, done.done)
                yield self._progress(len(rows))
            if found.is_end:
                return

    def _progress(self, rows: int) -> Reindexed:
        state, total = self._move.state, self._total
        done = state.done if state.phase == COPYING else total + state.done
        return Reindexed(min(done, 2 * total), 2 * total, rows)

    def _check_broken(self, found: Stretch) -> None:
        """Raise the error of a broken row, unless it may be one that is closed."""
        if found.broken and self._move.state.phase != CLOSING:
            raise found.broken[0]

    def _copy(self, rows: Sequence[Row], done: tuple[bytes, ...]) -> Operation[None]:
        copied = yield from self._copies.copy(rows)
        # The rows that have changed since are copied again when they are closed.
        yield from self._copies.close(copied, done)

    def _close(self, rows: Sequence[Row], done: tuple[bytes, ...]) -> Operation[None]:
        left = list(rows)
        for _ in range(MOST_TRIES):
            copied = yield from self._replicas.copied(self._copies, left)
            changed = yield from self._copies.close(copied, done, is_last=True)
            if not changed:
                return
            left = yield from load(self._move.old, changed, with_expired=True)
        raise ServerError(
            f'{MOST_TRIES} tries to move {self._move.whole.name} {changed[0]} each met a new '
            'change of it; find out which program writes it without pause'
        )

    def _stop_ids(self) -> Operation[None]:
        """Have no more ids given, and no migration begun or continued, without partitions."""
        schema = self._move.old
        for _ in range(_MOST_IDS):
            records = yield from _kept_migrations(self._move)
            # The counter may be behind the rows, or lost. It is read last, because it may change.
            last = yield from last_id(schema)
            counter = yield Command('GET', schema.keys.counter)
            highest = max(counted_in(schema, counter), last)
            if (yield from self._move.close(highest, counter, records)):
                return
        raise ServerError(
            f'{_MOST_IDS} tries to close {schema.keys.namespace!r} each met a new row; stop some '
            'of the programs that save rows, and run rom shard again'
        )

    def _remove_left_over(self) -> Operation[None]:
        """Remove the copies whose rows were deleted since they were copied."""
        for part in self._move.whole.parts:
            query, after, is_end = every_row(part), 0, False
            while not is_end:
                found = yield from stretch(query, after, self._size)
                after, is_end = found.last, found.is_end
                yield from self._copies.remove((yield from self._without_row(part, found.rows)))

    def _replace_indexes(self) -> Operation[None]:
        """Replace the indexes of rows that are gone by the mark, so that programs count none."""
        found = yield from find(self._move.old)
        # Keys of other programs may have the form of indexes.
        keys = sorted(key for key, maker in found.indexes.items() if maker is not None)
        for at in range(0, len(keys), self._size):
            some = keys[at : at + self._size]
            yield Pipeline(tuple(Command('SET', key, self._move.mark) for key in some))

    def _without_row(self, part: Schema, rows: Sequence[Row]) -> Operation[list[int]]:
        ids = [part.seen_id(row.id) for row in rows]
        if not ids:
            return []
        keys = self._move.old.keys
        replies = yield Pipeline(tuple(Command('EXISTS', keys.row(id)) for id in ids))
        return [id for id, is_there in zip(ids, replies, strict=True) if not is_there]


def _pieces(found: Stretch) -> Iterator[tuple[Sequence[Row], int]]:
    """Yield the rows of a stretch, a few megabytes at a time, and the id that each piece ends with.

    One request has all values of a piece, and keeps the server busy as long as it compares them.
    """
    begun = size = 0
    for place, row in enumerate(found.rows):
        own = sum(map(len, row.stored.values()))
        if size + own > _MOST_BYTES and place > begun:
            yield found.rows[begun:place], found.rows[place - 1].id
            begun, size = place, 0
        size += own
    if found.rows or found.broken:
        yield found.rows[begun:], found.last
