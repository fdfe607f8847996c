"""Queries: the operations that answer them.

One call of the script answers most searches. If it finds more than a page of rows, it returns the
ids of the others, whose rows are read in further calls. If there are very many candidates, it
returns a position from which the next call continues, so that no call blocks Redis for long.

The script sorts by numbers, and by strings where many match. Where few strings match, or no index
sorts, the results are sorted in this process by the values in their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from rom._core.encoding.wire import pack
from rom._core.ops.requests import Operation, Script
from rom._core.ops.rows import Row, unreadable
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.cursor import Cursor
from rom._core.ops.search.row_pages import load
from rom._core.ops.search.search_calls import Search
from rom._core.ops.search.search_reply import SearchReply
from rom._core.ops.search.sorting import sort_ids
from rom._core.query.ordering import orders_for
from rom._core.query.query import Query
from rom._core.query.sort_order import Order

if TYPE_CHECKING:
    from rom._core.ops.search.scattered import Finder

#: The scores of results by id.
Scores: TypeAlias = dict[int, float]

# Bounds for rows with only an id: they are short, so a page may have more of them.
IDS_BOUNDS = BOUNDS._replace(page=3000)
# Factor by which more results are read each time, as long as the rows of those before are gone.
_MORE = 4
# Ids that one call stores.
_CACHED = 5000


def search(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[list[Row]]:
    """Return the rows of all results, in order.

    Raises:
        CorruptRowError: the key of a row or an index holds another type; `entities` has the other
            rows.
    """
    rows, _ = yield from find(query, bounds)
    return rows


def find(
    query: Query[Any], bounds: Bounds = BOUNDS, scores: Scores | None = None
) -> Operation[tuple[list[Row], bool]]:
    """Return the rows of all results, in order, and whether there are no more results.

    Rows may be gone before they are read. Then fewer rows than the limit are returned, although
    there may be more results.

    Args:
        query: the query.
        bounds: limits of the work of one call.
        scores: gets the scores of the rows, where they are sorted by relevance.

    Raises:
        CorruptRowError: as for `search`.
    """
    if query.schema.placement is not None:
        from rom._core.ops.search.scattered import find_in_parts

        return (yield from find_in_parts(query, finder(bounds), scores))
    rows: list[Row] = []
    broken: list[bytes] = []
    asking = Search(query, bounds, orders_for(query.schema, query.spec))
    cursor = asking.begin()
    while not cursor.is_done:
        answer = yield from _go_on(asking, cursor, None)
        rows += answer.rows
        broken += answer.broken
    _note_scores(cursor, rows, scores)
    return _unless_broken(query, rows, broken), cursor.need != 0


def finder(bounds: Bounds = BOUNDS) -> Finder:
    """Return the finder of the rows of one partition."""
    from rom._core.ops.search.first_calls import of_rows
    from rom._core.ops.search.scattered import Finder

    return Finder(lambda one, scores: find(one, bounds, scores), partial(of_rows, bounds=bounds))


def block(
    query: Query[Any],
    cursor: Any,
    size: int,
    bounds: Bounds = BOUNDS,
    scores: Scores | None = None,
) -> Operation[tuple[list[Row], Any]]:
    """Return some rows, and the cursor for the next ones; None when there are no more.

    The cursor lives in this process only; page cursors (`rom._core.ops.search.pagination`) can
    be stored.

    Args:
        query: the query.
        cursor: the cursor that the last call returned; None to begin.
        size: the most rows to return.
        bounds: limits of the work of one call.
        scores: as for `find`.

    Raises:
        CorruptRowError: as for `search`.
    """
    if query.schema.placement is not None:
        from rom._core.ops.search.scattered_blocks import block_of_parts

        return (
            yield from block_of_parts(
                query,
                cursor,
                size,
                lambda one, at, size, own: block(one, at, size, bounds, own),
                finder(bounds),
                scores,
            )
        )
    asking = Search(query, bounds._replace(page=size), orders_for(query.schema, query.spec))
    cursor = cursor or asking.begin()
    rows: Sequence[Row] = ()
    broken: Sequence[bytes] = ()
    while not rows and not broken and not cursor.is_done:
        answer = yield from _go_on(asking, cursor, size)
        rows, broken = answer.rows, answer.broken
    _note_scores(cursor, rows, scores)
    found = _unless_broken(query, list(rows), broken)
    return found, None if cursor.is_done else cursor


def first_row(
    query: Query[Any], bounds: Bounds = BOUNDS, scores: Scores | None = None
) -> Operation[Row | None]:
    """Return the row of the first result; None without results.

    Skips index entries whose row is gone, and reads the next results instead.

    Raises:
        CorruptRowError: as for `search`.
    """
    skip, some, most = query.spec.offset, 1, query.spec.count
    while most is None or most > 0:
        some = some if most is None else min(some, most)
        rows, is_all = yield from find(query.limit(skip, some), bounds, scores)
        if rows:
            return rows[0]
        if is_all:
            return None
        if query.schema.placement is not None:
            # Rows that are gone do not count in several partitions, so nothing is skipped.
            if some == most:
                return None
            some *= _MORE
            continue
        skip, some, most = skip + some, some * _MORE, None if most is None else most - some
    return None


def _note_scores(cursor: Cursor, rows: Sequence[Row], scores: Scores | None) -> None:
    found = cursor.scores
    if scores is not None and found:
        scores.update((row.id, found[id]) for row in rows if (id := b'%d' % row.id) in found)


def count(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[int]:
    """Return the number of matching entities.

    As in rom 1.x, the limit counts only in a query without filters and orders. With these, a
    program usually pages, and wants the number of entities on all pages.

    Raises:
        CorruptRowError: the key of an index holds another type.
    """
    spec = query.spec
    total = yield from _count_all(query, bounds)
    if spec.where.nodes or spec.orders:
        return total
    rest = max(total - spec.offset, 0)
    return rest if spec.count is None else min(rest, spec.count)


def _count_all(query: Query[Any], bounds: Bounds) -> Operation[int]:
    """Return the number of matching entities, whatever the limit."""
    if query.schema.placement is not None:
        from rom._core.ops.search.first_calls import of_count
        from rom._core.ops.search.scattered import of_each

        begin = partial(of_count, bounds=bounds)
        each = yield from of_each(query, lambda one: _count_all(one, bounds), begin, finder(bounds))
        return sum(each)
    asking = Search(query, bounds)
    cursor = asking.begin_with(None)
    total = 0
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'count' if cursor.seen is None else 'ids')
        total += answer.count
    return total


def exists(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[bool]:
    """Return whether there is any result within the limit.

    Raises:
        CorruptRowError: the key of an index holds another type.
    """
    if query.schema.placement is not None:
        if query.spec.count == 0 or query.spec.offset:
            total = 0 if query.spec.count == 0 else (yield from _count_all(query, bounds))
            return total > query.spec.offset
        from rom._core.ops.search.first_calls import of_exists
        from rom._core.ops.search.scattered import of_each

        begin = partial(of_exists, bounds=bounds)
        found = yield from of_each(query, lambda one: exists(one, bounds), begin, finder(bounds))
        return any(found)
    asking = Search(query.first_only(), bounds)
    cursor = asking.begin()
    is_plain = not cursor.skip and cursor.seen is None
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'count' if is_plain else 'ids')
        if answer.count:
            return True
    return False


def ids(query: Query[Any], bounds: Bounds = IDS_BOUNDS) -> Operation[list[int]]:
    """Return the ids of all results, in order.

    Raises:
        CorruptRowError: the key of a row or an index holds another type.
    """
    primary = query.schema.primary
    rows = yield from search(query.select(primary), bounds)
    return [row.id for row in rows]


def cache(query: Query[Any], key: bytes, timeout: int) -> Operation[None]:
    """Store the ids of all results, whatever the limit, in a sorted set that expires.

    Each call of the script gives each id its position, so that a repeated call changes nothing.

    Args:
        query: the query.
        key: a new key, which no other program uses yet.
        timeout: the lifetime of the key, in seconds.
    """
    found = yield from ids(query.limitless())
    for first in range(0, len(found), _CACHED):
        some = [b'%d' % id for id in found[first : first + _CACHED]]
        request = {'ids': some, 'first': b'%d' % first, 'timeout': b'%d' % timeout}
        yield Script('cache_ids', key, pack(request))


def _unless_broken(query: Query[Any], rows: list[Row], broken: Sequence[bytes]) -> list[Row]:
    if broken:
        error = unreadable(query.schema, broken[0])
        error.entities = rows if query.selection is None else []
        raise error
    return rows


def _go_on(asking: Search, cursor: Cursor, size: int | None) -> Operation[SearchReply]:
    """Return the next rows of a search: at most `size`; None for all that are known by now."""
    if cursor.ids:
        return (yield from _load_next(asking, cursor, size))
    if asking.needs_client_sort:
        return (yield from _sort_here(asking, cursor, None, size))
    answer = yield from asking.ask(cursor, 'rows')
    if answer.status == b'ok':
        cursor.ids = list(answer.further)
        return answer
    if answer.status == b'unsorted':
        return (yield from _sort_here(asking, cursor, answer, size))
    orders = tuple(without_index(order) for order in asking.sorted_by)
    asking = Search(asking.query, asking.bounds, orders)
    return (yield from _sort_here(asking, cursor, None, size))


def without_index(order: Order) -> Order:
    """Return the order that sorts by stored values, where the index to sort by may be absent."""
    return order._replace(kind='stored') if order.or_stored else order


def _load_next(asking: Search, cursor: Cursor, size: int | None) -> Operation[SearchReply]:
    """Return the rows of the next ids of a cursor; reads only those that it does not hold."""
    ids, cursor.ids = cursor.ids[:size], [] if size is None else cursor.ids[size:]
    found = cursor.known
    missing = [id for id in ids if id not in found]
    broken: Sequence[bytes] = ()
    if missing:
        answer = yield from load(asking, missing)
        broken = answer.broken
        found = found | {b'%d' % row.id: row for row in answer.rows}
    rows = [row for id in ids if (row := found.get(id)) is not None]
    return SearchReply(b'ok', rows, (), broken, len(rows))


def _sort_here(
    asking: Search, cursor: Cursor, matches: SearchReply | None, size: int | None
) -> Operation[SearchReply]:
    """Sort all matches in this process; return the first rows and keep the other ids in `cursor`.

    Args:
        matches: all matches, if they were found already.
    """
    asking.needs_client_sort = True
    if matches is None:
        matches = yield from _all_matches(asking)
    others = yield from load(asking, matches.further, asking.sorting_names)
    rows = [*matches.rows, *others.rows]
    spec = asking.spec
    ids = yield from sort_ids(asking.schema, asking.orders, rows, spec.mark, asking.direction)
    stop = None if cursor.need is None else cursor.skip + cursor.need
    cursor.ids, cursor.position = ids[cursor.skip : stop], None
    if cursor.need is not None:
        cursor.need -= len(cursor.ids)
    cursor.known = {b'%d' % row.id: row for row in matches.rows}
    first = yield from _load_next(asking, cursor, size)
    return first._replace(broken=[*matches.broken, *others.broken, *first.broken])


def _all_matches(asking: Search) -> Operation[SearchReply]:
    """Return every match in any order: some as rows, the others as ids."""
    cursor = asking.begin_with(None)
    rows: list[Row] = []
    further: list[bytes] = []
    broken: list[bytes] = []
    while not cursor.is_done:
        is_page = len(rows) >= asking.bounds.page
        answer = yield from asking.ask(cursor, 'ids' if is_page else 'rows')
        rows += answer.rows
        further += answer.further
        broken += answer.broken
    return SearchReply(b'ok', rows, further, broken, len(rows) + len(further))
