"""Scattered queries: one query of several partitions, and their results as one.

Each partition sorts its own results, and returns as many as the whole query wants. They are merged
here, by the comparison that sorts results without an index.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rom._core.encoding.integers import ENDLESS
from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row, seen_row
from rom._core.ops.search.first_calls import Begin
from rom._core.ops.search.partition_answers import answered
from rom._core.ops.search.sorting import columns_for, merge_rows, standing
from rom._core.ops.shards.asking import check_can_merge, mark_in, query_in
from rom._core.ops.shards.lockstep import lockstep
from rom._core.ops.shards.targets import target_partitions
from rom._core.query.ordering import direction_of, orders_for
from rom._core.query.query import Query
from rom._core.query.sort_order import Order, SortCursor
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

T = TypeVar('T')
# Rows of one partition that are read at once, at least.
_FEWEST = 50
# Results of a query that is answered at once.
_SHORT = 1000
#: The rows of a partition, with global ids, and whether there are no more.
Found: TypeAlias = 'tuple[Sequence[Row], bool]'


class Finder(NamedTuple):
    """Finder of the rows of one partition.

    Attributes:
        find: answers a query with rows, and whether there are no more.
        begin: returns the first call of `find`.
    """

    find: Callable[[Query[Any]], Operation[tuple[list[Row], bool]]]
    begin: Begin


def of_each(
    query: Query[Any], answer: Callable[[Query[Any]], Operation[T]], begin: Begin
) -> Operation[list[T]]:
    """Answer a query in each partition that may have results; return their answers.

    Args:
        query: a query over partitions.
        answer: answers the query of one partition.
        begin: returns the first call of `answer`.
    """
    numbers = yield from target_partitions(query)

    def query_of(number: int) -> Query[Any]:
        return query_in(query, number)

    return (yield from answered(query, numbers, query_of, answer, begin))


def find_in_parts(
    query: Query[Any], finder: Finder, numbers: Sequence[int] | None = None
) -> Operation[tuple[list[Row], bool]]:
    """Return the rows of all results, in order, and whether there are no more results.

    Args:
        query: a query over partitions.
        finder: finds the rows of one partition.
        numbers: the partitions to ask; None: those that may have results.

    Raises:
        QueryError: the results of several partitions cannot be merged.
        CorruptRowError: the key of a row or an index holds another type; `entities` has the other
            rows.
    """
    check_can_merge(query)
    if numbers is None:
        numbers = yield from target_partitions(query)
    spec = query.spec
    need = None if spec.count is None else min(spec.offset + spec.count, ENDLESS)
    broken: list[CorruptRowError] = []

    def query_of(number: int) -> Query[Any]:
        return query_for(query, number, need)

    def answer(one: Query[Any]) -> Operation[Found]:
        return _found(finder.find, one, broken)

    each: list[Found] = yield from answered(query, numbers, query_of, answer, finder.begin)
    rows = yield from merged(query, [rows for rows, _ in each], need)
    count = sum([len(rows) for rows, _ in each])
    is_all = all(is_all for _, is_all in each) and (need is None or count <= need)
    rows = _known(rows, each, need)[spec.offset :]
    if broken:
        broken[0].entities = rows if query.selection is None else []
        raise broken[0]
    return rows, is_all


def _known(rows: list[Row], each: Sequence[Found], need: int | None) -> list[Row]:
    """Return the merged rows up to those that another row may precede.

    A partition whose rows are gone returns fewer than were asked for, and may have more.
    """
    ends: set[int] = set()
    for own, is_all in each:
        if not is_all and need is not None and len(own) < need:
            if not own:
                return []
            ends.add(own[-1].id)
    if not ends:
        return rows
    return rows[: next((at for at, row in enumerate(rows, 1) if row.id in ends), None)]


def _found(
    find: Callable[[Query[Any]], Operation[tuple[list[Row], bool]]],
    query: Query[Any],
    broken: list[CorruptRowError],
) -> Operation[Found]:
    """Return the rows of a partition with their global ids; note an error of some of them."""
    try:
        rows, is_all = yield from find(query)
    except CorruptRowError as error:
        broken.append(error)
        rows, is_all = error.entities, True
    return [seen_row(query.schema, row) for row in rows], is_all


def query_for(query: Query[Any], number: int, need: int | None) -> Query[Any]:
    """Return the query of a partition for the first results of the whole query."""
    spec, schema = query.spec, query.schema
    one = query_in(query, number)
    mark, selection = spec.mark, spec.selection
    if mark is not None:
        assert one.schema.part is not None
        mark = mark_in(mark, one.schema.part, _goes_down(schema, spec.orders, mark))
    if selection is not None and spec.orders:
        names = selection.columns
        more = [n for n in columns_for(schema, _without_ids(spec.orders)) if n not in names]
        selection = selection._replace(columns=(*names, *more))
    return one._with(offset=0, count=need, mark=mark, selection=selection)


def _without_ids(orders: Sequence[Order]) -> tuple[Order, ...]:
    return tuple(order for order in orders if order.kind != 'id')


def _goes_down(schema: Schema, orders: Sequence[Order], mark: SortCursor) -> bool:
    """Return whether rows in the place of a mark are sorted by descending ids."""
    if not orders or len(mark.places) < len(orders):
        return False
    last, place = orders[-1], mark.places[-1]
    if last.kind == 'id':
        return last.reverse
    is_scored = last.kind == 'score' and not last.or_stored
    is_absent = place.score is None if is_scored else not _has_value(schema, last, mark)
    return last.absent_first if is_absent else last.reverse


def _has_value(schema: Schema, order: Order, mark: SortCursor) -> bool:
    place = mark.places[-1]
    if order.or_stored and place.score is None:
        order = order._replace(kind='stored')
    return standing(schema, order)(place) not in (None, '', b'')


def merged(
    query: Query[Any], runs: Sequence[Sequence[Row]], most: int | None
) -> Operation[list[Row]]:
    """Return the first rows of all partitions in the order of a query; None: all rows."""
    orders = orders_for(query.schema, query.spec)
    if orders:
        plain = _without_ids(orders)
        return (yield from merge_rows(query.schema, plain, runs, direction_of(orders), most))
    # With a mark, a query without an order is sorted by ids.
    if query.spec.mark is not None:
        return list(islice(heapq.merge(*runs, key=lambda row: row.id), most))
    return list(islice(chain.from_iterable(runs), most))


class PartsCursor:
    """State of a scattered search between two blocks.

    Args:
        query: the query.
        numbers: the partitions to ask.

    Attributes:
        queries: the query of each partition.
        cursors: the cursor of each partition that may have more results; None at its beginning.
        waiting: the rows of each partition that were read and not returned yet, in order.
        skip: the number of results still to be skipped.
        need: the number of results still wanted; None: all.
        is_short: the query has a small limit, and is answered at once.
        ready: the results that are left of such a query.
        fresh: the rows that the last call read; some may wait.
    """

    __slots__ = ('cursors', 'fresh', 'is_short', 'need', 'queries', 'ready', 'skip', 'waiting')

    def __init__(self, query: Query[Any], numbers: Sequence[int]) -> None:
        check_can_merge(query)
        spec = query.spec
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


#: Returns some rows of one partition's query, and the cursor of the next ones or None.
Block = Callable[[Query[Any], Any, int], Operation[tuple[list[Row], Any]]]


def block_of_parts(
    query: Query[Any], cursor: PartsCursor | None, size: int, block: Block, finder: Finder
) -> Operation[tuple[list[Row], PartsCursor | None]]:
    """Return some rows of a query, and the cursor for the next ones; None when there are no more.

    Args:
        query: a query over partitions.
        cursor: the cursor that the last call returned; None to begin.
        size: the most rows to return.
        block: returns some rows of one partition.
        finder: finds all rows of one partition.
    """
    if cursor is None:
        numbers = yield from target_partitions(query)
        cursor = PartsCursor(query, numbers)
        if cursor.is_short:
            cursor.ready, _ = yield from find_in_parts(query, finder, numbers)
            cursor.fresh, cursor.cursors = cursor.ready, {}
    else:
        cursor.fresh = []
    if cursor.is_short:
        rows, cursor.ready = cursor.ready[:size], cursor.ready[size:]
        return rows, cursor if cursor.ready else None
    rows = []
    while not rows and not cursor.is_done:
        if query.spec.orders:
            rows = yield from _next_in_order(query, cursor, size, block)
        else:
            rows = yield from _next_of_first(cursor, size, block)
        rows = _within(cursor, rows)
    return rows, None if cursor.is_done else cursor


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
    rows, position = yield from block(one, cursor.cursors[number], size)
    if position is None:
        del cursor.cursors[number]
    else:
        cursor.cursors[number] = position
    return [seen_row(one.schema, row) for row in rows]


def _next_in_order(
    query: Query[Any], cursor: PartsCursor, size: int, block: Block
) -> Operation[list[Row]]:
    """Return the next rows in order: up to the last known row of each unfinished partition."""
    empty = [number for number in cursor.cursors if not cursor.waiting.get(number)]
    if empty:
        yield from _read_more(cursor, empty, size, block)
    ends: set[int] = set()
    for number in cursor.cursors:
        if not cursor.waiting[number]:
            return []  # it has returned no row, and may have more
        ends.add(cursor.waiting[number][-1].id)
    rows = yield from merged(query, list(cursor.waiting.values()), size)
    at = next((at for at, row in enumerate(rows) if row.id in ends), len(rows))
    rows = rows[: at + 1]
    for number, group in _in_groups(query.schema, rows).items():
        del cursor.waiting[number][: len(group)]
    return rows


def _read_more(
    cursor: PartsCursor, numbers: Sequence[int], size: int, block: Block
) -> Operation[None]:
    """Read the next rows of some partitions, in one round trip."""
    each = max(2 * size // max(len(cursor.queries), 1), min(size, _FEWEST))
    queries = [cursor.queries[number] for number in numbers]
    found = yield from lockstep(
        [block(one, cursor.cursors[n], each) for n, one in zip(numbers, queries, strict=True)]
    )
    for number, one, (rows, position) in zip(numbers, queries, found, strict=True):
        cursor.waiting[number] = [seen_row(one.schema, row) for row in rows]
        cursor.fresh += cursor.waiting[number]
        if position is None:
            del cursor.cursors[number]
        else:
            cursor.cursors[number] = position


def _in_groups(schema: Schema, rows: Sequence[Row]) -> dict[int, list[Row]]:
    """Return rows by the number of their partition."""
    assert schema.shards is not None
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(schema.shards.shards.partition_of(row.id), []).append(row)
    return groups
