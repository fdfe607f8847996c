"""Blocks of scattered queries: their results, some at a time, in the order of all partitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row, seen_row
from rom._core.ops.search.result_order import ResultOrder
from rom._core.ops.search.scattered import Finder, find_in, query_for, whole_query
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.placing import by_number
from rom._core.ops.shards.targets import target_partitions
from rom._core.query.query import Query

# Rows of one partition that are read at once, at least.
_FEWEST = 50
# Results of a query that is answered at once.
_SHORT = 1000


class PartsCursor:
    """State of a scattered search between two blocks.

    Args:
        query: the query.
        numbers: the partitions to ask.

    Attributes:
        query: the query.
        order: the order of the results.
        queries: the query of each partition.
        cursors: the cursor of each partition that may have more results; None at its beginning.
        waiting: the rows of each partition that were read and not returned yet, in order.
        skip: the number of results still to be skipped.
        need: the number of results still wanted; None: all.
        is_short: the query has a small limit, and is answered at once.
        ready: the results that are left of such a query.
        fresh: the rows that the last call read; some may wait.
    """

    __slots__ = (
        'cursors', 'fresh', 'is_short', 'need', 'order', 'queries', 'query', 'ready', 'skip',
        'waiting',
    )  # fmt: skip

    def __init__(self, query: Query[Any], numbers: Sequence[int]) -> None:
        spec = query.spec
        self.query = query
        self.order = ResultOrder(query, len(numbers) > 1)
        self.is_short = spec.count is not None and spec.offset + spec.count <= _SHORT
        self.ready: list[Row] = []
        self.fresh: list[Row] = []
        self.queries = {number: query_for(query, number, None) for number in numbers}
        self.cursors: dict[int, Any] = dict.fromkeys(numbers)
        self.waiting: dict[int, list[Row]] = {}
        self.skip = spec.offset
        self.need = spec.count

    @property
    def is_done(self) -> bool:
        """True once no more results will come."""
        return self.need == 0 or not (self.cursors or any(self.waiting.values()))


#: Returns some rows of one partition's query, and the cursor of the next ones or None. The last
#: argument is as for a `Finder`.
Block = Callable[[Query[Any], Any, int, dict[int, float]], Operation[tuple[list[Row], Any]]]


def block_of_parts(
    query: Query[Any],
    cursor: PartsCursor | None,
    size: int,
    block: Block,
    finder: Finder,
    scores: dict[int, float] | None = None,
) -> Operation[tuple[list[Row], PartsCursor | None]]:
    """Return some rows of a query, and the cursor for the next ones; None when there are no more.

    Args:
        query: a query over partitions.
        cursor: the cursor that the last call returned; None to begin.
        size: the most rows to return.
        block: returns some rows of one partition.
        finder: finds all rows of one partition.
        scores: gets the scores of the rows, where they are sorted by relevance.
    """
    if cursor is None:
        cursor = yield from _begun(query, finder)
    else:
        cursor.fresh = []
    if cursor.is_short:
        rows, cursor.ready = cursor.ready[:size], cursor.ready[size:]
        is_done = not cursor.ready
    else:
        rows = yield from _next_rows(cursor, size, block)
        is_done = cursor.is_done
    known = cursor.order.scores
    if scores is not None and known:
        scores.update((row.id, known[row.id]) for row in rows if row.id in known)
    return rows, None if is_done else cursor


def _begun(query: Query[Any], finder: Finder) -> Operation[PartsCursor]:
    """Return the cursor at the beginning; it has all results of a query with a small limit."""
    query = yield from whole_query(query, finder)
    numbers = yield from target_partitions(query)
    cursor = PartsCursor(query, numbers)
    if cursor.is_short:
        cursor.ready, _ = yield from find_in(query, finder, numbers, cursor.order)
        cursor.fresh, cursor.cursors = cursor.ready, {}
    return cursor


def _next_rows(cursor: PartsCursor, size: int, block: Block) -> Operation[list[Row]]:
    """Return the next rows; none at the end."""
    rows: list[Row] = []
    while not rows and not cursor.is_done:
        if cursor.order.is_sorted:
            rows = yield from _next_in_order(cursor, size, block)
        else:
            rows = yield from _next_of_first(cursor, size, block)
        rows = _within(cursor, rows)
    return rows


def _within(cursor: PartsCursor, rows: list[Row]) -> list[Row]:
    """Return rows without those that the query skips, and those beyond its limit."""
    skipped = min(cursor.skip, len(rows))
    cursor.skip -= skipped
    rows = rows[skipped:]
    if cursor.need is not None:
        rows = rows[: cursor.need]
        cursor.need -= len(rows)
    return rows


def _next_of_first(cursor: PartsCursor, size: int, block: Block) -> Operation[list[Row]]:
    """Return the next rows where any order will do: partition after partition."""
    number = next(iter(cursor.cursors))
    one = cursor.queries[number]
    rows, position = yield from block(one, cursor.cursors[number], size, {})
    if position is None:
        del cursor.cursors[number]
    else:
        cursor.cursors[number] = position
    return [seen_row(one.schema, row) for row in rows]


def _next_in_order(cursor: PartsCursor, size: int, block: Block) -> Operation[list[Row]]:
    """Return the next rows in order: up to the last known row of each unfinished partition."""
    empty = [number for number in cursor.cursors if not cursor.waiting.get(number)]
    if empty:
        yield from _read_more(cursor, empty, size, block)
    ends: set[int] = set()
    for number in cursor.cursors:
        if not cursor.waiting[number]:
            return []  # it has returned no row, and may have more
        ends.add(cursor.waiting[number][-1].id)
    rows = yield from cursor.order.merged(list(cursor.waiting.values()), size)
    at = next((at for at, row in enumerate(rows) if row.id in ends), len(rows))
    rows = rows[: at + 1]
    placement = cursor.query.schema.placement
    assert placement is not None
    for number, group in by_number(placement.group, rows, attrgetter('id')).items():
        del cursor.waiting[number][: len(group)]
    return rows


def _read_more(
    cursor: PartsCursor, numbers: Sequence[int], size: int, block: Block
) -> Operation[None]:
    """Read the next rows of some partitions, in one round trip."""
    each = max(2 * size // max(len(cursor.queries), 1), min(size, _FEWEST))
    queries = [cursor.queries[number] for number in numbers]
    found = yield from lockstep(
        [
            _noted(block, one, cursor.cursors[number], each, cursor.order)
            for number, one in zip(numbers, queries, strict=True)
        ]
    )
    for number, one, (rows, position) in zip(numbers, queries, found, strict=True):
        cursor.waiting[number] = [seen_row(one.schema, row) for row in rows]
        cursor.fresh += cursor.waiting[number]
        if position is None:
            del cursor.cursors[number]
        else:
            cursor.cursors[number] = position
    yield from cursor.order.measure([(cursor.queries[n], cursor.waiting[n]) for n in numbers])


def _noted(
    block: Block, one: Query[Any], position: Any, size: int, order: ResultOrder
) -> Operation[tuple[list[Row], Any]]:
    """Return some rows of a partition, and note what sorts them."""
    scores: dict[int, float] = {}
    rows, position = yield from block(one, position, size, scores)
    order.note(one, scores)
    return rows, position
