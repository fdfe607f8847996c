"""Answering queries.

One call of the script answers most searches. A search that finds more than a page of rows gets the
ids of the others with the first ones, and reads their rows in further calls; one that has to look
at very many candidates is told where to go on, so that no call holds the server up for long.

The script sorts by numbers. Where few strings match, or no index sorts, it is here that they are
sorted, by what their rows hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from rom._core.encoding.wire import pack
from rom._core.ops.requests import Operation, Script
from rom._core.ops.rows import Row, unreadable
from rom._core.ops.search.client_sort import sort_ids
from rom._core.ops.search.search_calls import BOUNDS, Answer, Bounds, Cursor, Search
from rom._core.ops.time_slices import rest, turns
from rom._core.query.nodes import Order
from rom._core.query.ordering import orders_for
from rom._core.query.query import Query
from rom._core.writes.decoded_row import read_absent

R = TypeVar('R')

NOTHING_RELATED: Final[Mapping[str, Sequence[Any]]] = MappingProxyType({})
# Of a row of which only the id is wanted, more may come in one trip.
IDS_BOUNDS = BOUNDS._replace(page=3000)
# So many times more results are looked at, as long as the rows of those before are gone.
_MORE = 4
# Ids in one call that stores them.
_CACHED = 5000


def search(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[list[Row]]:
    """The rows of all results, in order.

    Raises:
        CorruptRowError: a key holds no row, or no index; `entities` has the rows of the others.
    """
    rows, _ = yield from find(query, bounds)
    return rows


def find(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[tuple[list[Row], bool]]:
    """The rows of all results, in order; and whether there are no more of them.

    Of as many results as the limit allows, some may be gone before they are read: then there are
    fewer rows than that, and more results all the same.

    Raises:
        CorruptRowError: as for `search`.
    """
    rows: list[Row] = []
    broken: list[bytes] = []
    asking = Search(query, bounds, orders_for(query))
    cursor = asking.begin()
    while not cursor.is_done:
        answer = yield from _go_on(asking, cursor, None)
        rows += answer.rows
        broken += answer.broken
    return _unless_broken(query, rows, broken), cursor.need != 0


def block(
    query: Query[Any], cursor: Cursor | None, size: int, bounds: Bounds = BOUNDS
) -> Operation[tuple[list[Row], Cursor | None]]:
    """Some results, and the cursor for the next ones; None when there are no more.

    The cursor is for this process alone; that of `rom._core.ops.search.pagination` is for
    another day.

    Args:
        query: what is asked.
        cursor: what the call before returned; None: at the beginning.
        size: at most so many rows come.

    Raises:
        CorruptRowError: as for `search`.
    """
    asking = Search(query, bounds._replace(page=size), orders_for(query))
    cursor = cursor or asking.begin()
    rows: Sequence[Row] = ()
    broken: Sequence[bytes] = ()
    while not rows and not broken and not cursor.is_done:
        answer = yield from _go_on(asking, cursor, size)
        rows, broken = answer.rows, answer.broken
    found = _unless_broken(query, list(rows), broken)
    return found, None if cursor.is_done else cursor


def first_row(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[Row | None]:
    """The row of the first result; None if there is none.

    What an index has of a row that is gone is skipped, and the next results are looked at.

    Raises:
        CorruptRowError: as for `search`.
    """
    skip, some, most = query.asked.offset, 1, query.asked.count
    while most is None or most > 0:
        some = some if most is None else min(some, most)
        rows, is_all = yield from find(query.limit(skip, some), bounds)
        if rows:
            return rows[0]
        if is_all:
            return None
        skip, some, most = skip + some, some * _MORE, None if most is None else most - some
    return None


def count(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[int]:
    """How many entities there are.

    As in rom 1.x, a limit counts where nothing else is asked for; beside a filter or an order, it
    does not: there a program pages, and wants to know how many there are of all pages.

    Raises:
        CorruptRowError: a key that should be an index is none.
    """
    asking = Search(query, bounds)
    cursor = asking.begin()
    cursor.skip, cursor.need = 0, None
    total = 0
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'count' if cursor.seen is None else 'ids')
        total += answer.count
    asked = query.asked
    if asked.where.nodes or asked.orders:
        return total
    rest = max(total - asked.offset, 0)
    return rest if asked.count is None else min(rest, asked.count)


def exists(query: Query[Any], bounds: Bounds = BOUNDS) -> Operation[bool]:
    """Whether there is any result, the limit considered.

    Raises:
        CorruptRowError: a key that should be an index is none.
    """
    asking = Search(query.first_only(), bounds)
    cursor = asking.begin()
    is_plain = not cursor.skip and cursor.seen is None
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'count' if is_plain else 'ids')
        if answer.count:
            return True
    return False


def ids(query: Query[Any], bounds: Bounds = IDS_BOUNDS) -> Operation[list[int]]:
    """The ids of all results, in order.

    Raises:
        CorruptRowError: a key holds no row, or no index.
    """
    primary = query.schema.primary
    rows = yield from search(query.select(primary), bounds)
    return [row.id for row in rows]


def cache(query: Query[Any], key: bytes, timeout: int) -> Operation[None]:
    """Keep the ids of all results, whatever the limit, in a sorted set that expires.

    Each call tells the place of each id, so that one that is repeated changes nothing.

    Args:
        query: what is asked.
        key: a new one, that nobody knows yet.
        timeout: in seconds.
    """
    found = yield from ids(query.limitless())
    for first in range(0, len(found), _CACHED):
        some = [b'%d' % id for id in found[first : first + _CACHED]]
        request = {'ids': some, 'first': b'%d' % first, 'timeout': b'%d' % timeout}
        yield Script('store', key, pack(request))


def selected(
    query: Query[R], rows: Sequence[Row], related: Mapping[str, Sequence[Any]] = NOTHING_RELATED
) -> list[R]:
    """What the query selects of each row, as its factory makes it. Pure.

    Args:
        query: what is asked.
        rows: the results.
        related: by column, what each row has there, of the columns that no row says.

    Raises:
        CorruptRowError: a value does not decode.
    """
    selection = query.selection
    assert selection is not None
    make = selection.factory(selection.columns)
    return [make(_values(query, row, place, related)) for place, row in enumerate(rows)]


def select(
    query: Query[R], rows: Sequence[Row], related: Mapping[str, Sequence[Any]]
) -> Operation[list[R]]:
    """The same of many rows: in an event loop, other tasks run in between."""
    selection = query.selection
    assert selection is not None
    make = selection.factory(selection.columns)
    results: list[R] = []
    for places in turns(range(len(rows))):
        results += [make(_values(query, rows[place], place, related)) for place in places]
        yield from rest()
    return results


def _values(
    query: Query[Any], row: Row, place: int, related: Mapping[str, Sequence[Any]]
) -> list[Any]:
    """What the query selects of a row."""
    selection, schema = query.selection, query.schema
    assert selection is not None
    values: list[Any] = []
    for name in selection.columns:
        if name in related:
            values.append(related[name][place])
            continue
        raw, column = row.stored.get(name), schema.columns.get(name)
        if name == schema.primary:
            values.append(row.id if selection.decode else str(row.id))
        elif column is None:
            values.append(None)  # a OneToMany has nothing in the row
        elif raw is None:
            values.append(read_absent(column) if selection.decode else None)
        elif selection.decode:
            values.append(column.read_stored(raw, f'{schema.keys.namespace}:{row.id}'))
        else:
            values.append(raw.decode('utf-8', 'surrogateescape'))
    return values


def _unless_broken(query: Query[Any], rows: list[Row], broken: Sequence[bytes]) -> list[Row]:
    if broken:
        error = unreadable(query.schema, broken[0])
        error.entities = rows if query.selection is None else []
        raise error
    return rows


def _go_on(asking: Search, cursor: Cursor, size: int | None) -> Operation[Answer]:
    """The next rows of a search: at most `size`, or as many as are known to come."""
    if cursor.ids:
        return (yield from _load_next(asking, cursor, size))
    if asking.is_for_us:
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
    """What sorts the results, as there is no index to sort by."""
    return order._replace(kind='stored') if order.or_stored else order


def _load_next(asking: Search, cursor: Cursor, size: int | None) -> Operation[Answer]:
    """The rows of the next ids of a cursor; those that are known need not be read."""
    ids, cursor.ids = cursor.ids[:size], [] if size is None else cursor.ids[size:]
    found = cursor.known
    missing = [id for id in ids if id not in found]
    broken: Sequence[bytes] = ()
    if missing:
        answer = yield from asking.load(missing)
        broken = answer.broken
        found = found | {b'%d' % row.id: row for row in answer.rows}
    rows = [row for id in ids if (row := found.get(id)) is not None]
    return Answer(b'ok', rows, (), broken, len(rows))


def _sort_here(
    asking: Search, cursor: Cursor, matches: Answer | None, size: int | None
) -> Operation[Answer]:
    """Sort all matches by what their rows hold; the first rows, the cursor having the other ids.

    Args:
        matches: all of them, if they were found already.
    """
    asking.is_for_us = True
    if matches is None:
        matches = yield from _all_matches(asking)
    others = yield from asking.load(matches.further, asking.sorting_names)
    rows = [*matches.rows, *others.rows]
    asked = asking.asked
    ids = yield from sort_ids(asking.schema, asking.orders, rows, asked.mark, asking.direction)
    stop = None if cursor.need is None else cursor.skip + cursor.need
    cursor.ids, cursor.position = ids[cursor.skip : stop], None
    if cursor.need is not None:
        cursor.need -= len(cursor.ids)
    cursor.known = {b'%d' % row.id: row for row in matches.rows}
    first = yield from _load_next(asking, cursor, size)
    return first._replace(broken=[*matches.broken, *others.broken, *first.broken])


def _all_matches(asking: Search) -> Operation[Answer]:
    """Every match, in any order: some rows, and the ids of the others."""
    cursor = asking.begin()
    cursor.skip, cursor.need = 0, None
    rows: list[Row] = []
    further: list[bytes] = []
    broken: list[bytes] = []
    while not cursor.is_done:
        is_page = len(rows) >= asking.bounds.page
        answer = yield from asking.ask(cursor, 'ids' if is_page else 'rows')
        rows += answer.rows
        further += answer.further
        broken += answer.broken
    return Answer(b'ok', rows, further, broken, len(rows) + len(further))
