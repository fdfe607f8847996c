"""Changing rows in place: what a query finds gets new values, worked out on the rows as they are.

A search brings each row in the very call that found it, never later; its new values are worked out
here, and written by a commit that expects the whole row to be as it was seen. Since the filters of
a query depend on nothing but the row, what is written is a row that still matches. Where another
writer was faster, nothing is written, and all begins again with a new search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rom._core.ops.commits.commit import MOST_TRIES, commit
from rom._core.ops.load_rows import load_unique
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.search.search_calls import ALL_ROWS, BOUNDS, Bounds, Cursor
from rom._core.query.assignments import Assignments
from rom._core.query.query import Query
from rom._core.schema import Schema, Unique
from rom._core.writes.changes import Change
from rom.exceptions import DataRaceError, EntityDeletedError, ServerError

# No limit of rows: a row that came later than its match might have ceased to match.
_ALL: Final = ALL_ROWS
# So many take some milliseconds to read.
_FEW: Final = 1_000


def seen_rows(query: Query[Any], bounds: Bounds) -> Bounds:
    """Bounds for a search whose rows all come with their matches.

    Of many rows fewer may be looked at in a call, for each that matches is read as well.
    """
    bounds = bounds._replace(page=_ALL, bytes=_ALL)
    if query.asked.count is not None and query.asked.count <= _FEW:
        return bounds
    return bounds._replace(small=min(bounds.small, 5 * _FEW), budget=min(bounds.budget, 2 * _FEW))


def change_of(assignments: Assignments, row: Row) -> Change:
    """The change that gives a row its new values, if nobody has touched it since.

    Raises:
        CorruptRowError, InvalidColumnValue: as for `Assignments.of_row`.
    """
    schema = assignments.schema
    values = assignments.of_row(row.id, row.stored)
    wanted = {
        name: None if value is None else schema.columns[name].encode(value)
        for name, value in values.items()
    }
    return Change(schema, 'update', row.id, row.stored, wanted, values, rests_on=schema.names)


def update(
    query: Query[Any], assignments: Assignments, bounds: Bounds = BOUNDS
) -> Operation[list[Row]]:
    """Change all results in one commit; returns what their rows hold then.

    Raises:
        UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing was written.
        ServerError: other writers never paused; nothing was written.
    """
    for _ in range(MOST_TRIES):
        found = yield from queries.search(query, seen_rows(query, bounds))
        try:
            return (yield from _written(assignments, found))
        except (DataRaceError, EntityDeletedError):
            continue
    raise _too_many_races(query.schema)


def update_unique(
    assignments: Assignments, unique: Unique, value: Sequence[bytes]
) -> Operation[Row | None]:
    """Change the row with this unique value; returns what it holds then, None if there is none.

    Raises:
        UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing was written.
        ServerError: other writers never paused; nothing was written.
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
    # A search of several calls may find twice what another writer moved on; the last look counts.
    once = {row.id: row for row in rows}
    changes = [change_of(assignments, row) for row in once.values()]
    if not changes:
        return []
    done = yield from commit(changes)
    return [Row(id, stored) for id, stored in zip(once, done.rows, strict=True)]


def _too_many_races(schema: Schema) -> ServerError:
    return ServerError(
        f'{MOST_TRIES} tries to change rows of {schema.name} each met new changes of them; find '
        'out which program writes them without pause'
    )


class Blocks:
    """Changes the results of a query in blocks, each of them atomic and written once.

    The results are searched while others, and this very update, change them. So what is done is
    remembered: a row that its new value moves on along the index is found again, and left alone. A
    row that another writer was faster with waits for another pass.

    Args:
        query: what is asked.
        assignments: what is written.
        size: rows in a block, at most.
        bounds: how much one call of a script may do.
    """

    def __init__(
        self, query: Query[Any], assignments: Assignments, size: int, bounds: Bounds = BOUNDS
    ) -> None:
        asked = query.asked
        self.is_done = False
        self._query = query.limitless()
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
        """Change the next block; returns what its rows hold then. None may be left: see `is_done`.

        Raises:
            UniqueKeyViolation, CorruptRowError, InvalidColumnValue: nothing of the block was
                written; those before were.
            ServerError: other writers never paused.
        """
        while len(self._found) < self._size and not self._is_searched:
            yield from self._search()
        block = [self._found.pop(id) for id in list(self._found)[: self._room()]]
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
        """All that was found is done. Another pass, where there may be more."""
        has_done = len(self._done) > self._before
        is_full = self._count is not None and len(self._done) >= self._count
        # What was moved on and found again has taken a place within the limit.
        has_more = self._has_raced or (self._count is not None and has_done)
        self.is_done = is_full or not has_more
        self._passes = 0 if has_done else self._passes + 1
        if self._passes > MOST_TRIES:
            raise _too_many_races(self._query.schema)
        self._begin()
