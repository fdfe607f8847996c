"""Bulk update: gives the results of a query new values, computed from the stored rows.

The search reads each row in the call that finds it, never later. The new values are computed in
this process, and written by a commit that expects the whole row to be as it was read. Filters
depend only on the row, so every row that is written still matches. Where another writer was faster,
nothing is written, and a new search begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rom._core.ops.commits.commit import MOST_TRIES
from rom._core.ops.load_rows import load_unique
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import ALL_ROWS, BOUNDS, Bounds
from rom._core.ops.search.cursor import Cursor
from rom._core.ops.shards.placing import by_partition, located, seen_after
from rom._core.ops.shards.writing import commit
from rom._core.query.assignments import Assignments
from rom._core.query.query import Query
from rom._core.schema import Schema, Unique
from rom._core.writes.changes import Change
from rom.exceptions import DataRaceError, EntityDeletedError, ServerError

# No limit of rows: a row that is read in a later call than its match may no longer match.
_ALL: Final = ALL_ROWS
# Rows that Redis reads in some milliseconds.
_FEW: Final = 1_000


def seen_rows(query: Query[Any], bounds: Bounds) -> Bounds:
    """Return bounds for a search that reads each row in the call that finds it.

    A search without a small limit examines fewer candidates in a call, because the call also reads
    the rows of all that match.
    """
    bounds = bounds._replace(page=_ALL, bytes=_ALL)
    if query.spec.count is not None and query.spec.count <= _FEW:
        return bounds
    return bounds._replace(small=min(bounds.small, 5 * _FEW), budget=min(bounds.budget, 2 * _FEW))


def change_of(assignments: Assignments, row: Row) -> Change:
    """Return the change that gives a row its new values, if it has not changed since.

    Raises:
        CorruptRowError, InvalidColumnValue: as for `Assignments.of_row`.
    """
    schema = assignments.schema
    values = assignments.of_row(row.id, row.stored)
    wanted = {
        name: None if value is None else schema.columns[name].encode(value)
        for name, value in values.items()
    }
    return Change(
        schema, 'update', row.id, row.stored, wanted, values, depends_on=schema.names,
        checks_links=True, references=assignments.references,
    )  # fmt: skip


def update(
    query: Query[Any], assignments: Assignments, bounds: Bounds = BOUNDS
) -> Operation[list[Row]]:
    """Change all results in one commit; return their new rows.

    Raises:
        UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing was written.
        ServerError: other writers were faster at every try; nothing was written.
    """
    for _ in range(MOST_TRIES):
        found = yield from queries.search(query.for_writes(), seen_rows(query, bounds))
        try:
            return (yield from _written(assignments, found))
        except (DataRaceError, EntityDeletedError):
            continue
    raise _too_many_races(query.schema)


def update_unique(
    assignments: Assignments, unique: Unique, value: Sequence[bytes]
) -> Operation[Row | None]:
    """Change the row with this unique value; return the new row, or None without a row.

    Raises:
        UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing was written.
        ServerError: other writers were faster at every try; nothing was written.
    """
    schema = assignments.schema
    for _ in range(MOST_TRIES):
        found = (yield from load_unique(schema, unique.key, value))[:1]
        if not found:
            return None
        try:
            [row] = yield from _written(assignments, found)
        except (DataRaceError, EntityDeletedError):
            continue
        return row
    raise _too_many_races(schema)


def _written(assignments: Assignments, rows: Iterable[Row]) -> Operation[list[Row]]:
    # A search of several calls finds a row twice if another writer moves it along the index
    # meanwhile; the later one is more recent.
    once = {row.id: row for row in rows}
    changes = [change_of(assignments, row) for row in once.values()]
    if not changes:
        return []
    changes = located(changes)
    done = yield from commit(changes)
    return [
        Row(*seen_after(change, known_id(change), stored))
        for change, stored in zip(changes, done.rows, strict=True)
    ]


def known_id(change: Change) -> int:
    """Return the id of the change of an existing row."""
    assert change.id is not None
    return change.id


def _too_many_races(schema: Schema) -> ServerError:
    return ServerError(
        f'{MOST_TRIES} tries to change rows of {schema.name} each met new changes of them; find '
        'out which program writes them without pause'
    )


class Blocks:
    """Changes the results of a query in blocks, each of them atomic, and each row once.

    A block has rows of one partition only.

    The search runs while other writers, and this update itself, change the results. So the ids that
    are done are remembered: a row whose new value moves it along the index is found again, and
    skipped. A row that another writer changed first waits for the next pass.

    Args:
        query: the query.
        assignments: the new values.
        size: the most rows of a block.
        bounds: limits of the work of one call of a script.
    """

    def __init__(
        self, query: Query[Any], assignments: Assignments, size: int, bounds: Bounds = BOUNDS
    ) -> None:
        asked = query.spec
        self.is_done = False
        self._query = query.for_writes().limitless()
        self._offset, self._count = asked.offset, asked.count
        if asked.count is not None:
            self._query = self._query.at_most(asked.offset + asked.count)
        self._assignments = assignments
        self._size = size
        self._bounds = seen_rows(self._query, bounds)
        self._done: set[int] = set()
        self._passes = 0
        self._begin()

    def _begin(self) -> None:
        """Begin a pass through the results."""
        self._cursor: Cursor | None = None
        self._is_searched = self._count == 0
        self._found: dict[int, Row] = {}
        self._skipped: set[int] = set()
        self._before = len(self._done)
        self._has_raced = False

    def next(self) -> Operation[list[Row]]:
        """Change the next block; return its new rows, possibly none. `is_done` tells the end.

        Raises:
            UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing of the block was
                written; earlier blocks were.
            ServerError: other writers were faster at every try.
        """
        while len(self._found) < self._size and not self._is_searched:
            yield from self._search()
        # A commit is that of one partition; the other rows wait for the next block.
        groups = by_partition(self._query.schema, self._found, int)
        block = [self._found.pop(id) for id in groups[0][: self._room()]] if groups else []
        while block:
            try:
                rows = yield from _written(self._assignments, block)
            except (DataRaceError, EntityDeletedError) as error:
                self._has_raced = True
                block = [row for row in block if row.id != error.id]
                continue
            self._done.update(row.id for row in rows)
            return rows
        if not self._found or not self._room():
            self._end()
        return []

    def _room(self) -> int:
        left = self._size if self._count is None else self._count - len(self._done)
        return min(self._size, left)

    def _search(self) -> Operation[None]:
        rows, self._cursor = yield from queries.block(self._query, self._cursor, _ALL, self._bounds)
        for row in rows:
            if row.id in self._done or row.id in self._skipped:
                continue
            if len(self._skipped) < self._offset:
                self._skipped.add(row.id)
            else:
                self._found[row.id] = row
        self._is_searched = self._cursor is None

    def _end(self) -> None:
        """End a pass, and begin another where there may be more results."""
        has_done = len(self._done) > self._before
        is_full = self._count is not None and len(self._done) >= self._count
        # Rows that moved along the index and were found again counted towards the limit of the
        # search, so that others may be left.
        has_more = self._has_raced or (self._count is not None and has_done)
        self.is_done = is_full or not has_more
        self._passes = 0 if has_done else self._passes + 1
        if self._passes > MOST_TRIES:
            raise _too_many_races(self._query.schema)
        self._begin()
