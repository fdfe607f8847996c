"""Pagination: a page of results, with page cursors that say where its neighbours are.

A cursor is a text that holds the id of a row, and its place in each order of the query. The next
page begins behind the last row of this one, even if rows were inserted or deleted meanwhile, that
row included. The page before ends in front of the first row: it is searched in the reverse order,
and turned round. A cursor comes back from outside the program, so its form is checked.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from rom._core.encoding.integers import check_count, read_digits
from rom._core.encoding.text import show
from rom._core.encoding.wire import pack, unpack
from rom._core.ops.requests import Command, Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.ops.search.queries import Scores, find
from rom._core.ops.search.sorting import sort_cursor_of
from rom._core.ops.shards.asking import query_in
from rom._core.query.nodes import Near
from rom._core.query.query import Query
from rom._core.query.sort_order import Order, SortCursor, SortKey
from rom._core.query.string_filters import index_string
from rom.exceptions import QueryError

# Where no row bounds a page: its rows begin at the first result, or end at the last one.
BEGINNING = SortCursor(0)
_RELEVANCE = Order('', True, 'score')
_DIGEST = 4
# The attribute of a page that holds the argument of this name.
_OF = {'after': 'next', 'before': 'previous'}
# The numbers that Redis reads as scores, and those that the script compares as integers.
_SCORE = re.compile(rb'-?(inf|[0-9]{1,350}(\.[0-9]{1,350})?(e[-+]?[0-9]{1,3})?)')
_INTEGER = re.compile(rb'-?[0-9]+')


def page(
    query: Query[Any],
    size: int,
    after: str | None = None,
    before: str | None = None,
    bounds: Bounds = BOUNDS,
    scores: Scores | None = None,
) -> Operation[tuple[list[Row], str | None, str | None]]:
    """Return the rows of a page, the cursor of the next page, and that of the page before.

    A page that was reached from a neighbour has a cursor back to it, without a look at whether its
    rows are still there.

    Args:
        query: the query, without a limit.
        size: the most rows of the page, at least 1.
        after: the cursor of this page, as the `next` of another one; None for the first page.
        before: the same as the `previous` of another one.
        bounds: limits of the work of one call.
        scores: gets the scores of the rows, where they are sorted by relevance.

    Raises:
        QueryError: the query cannot be paged, or the size or a cursor is wrong.
        CorruptRowError: as for `rom._core.ops.search.queries.search`.
    """
    size = _check(query, size, after, before)
    if query.spec.ranking is not None:
        return (yield from _ranked_page(query, size, after, bounds, scores))
    if before is not None:
        mark = read_cursor(query, before, 'before')
        rows, has_more = yield from _rows(*_reversed(query, mark), size, bounds)
        rows.reverse()
        previous = (yield from _cursor_at(query, rows[0])) if has_more else None
        if not rows:
            return rows, None if mark == BEGINNING else write_open_cursor(query), None
        is_last = mark == BEGINNING
        return rows, None if is_last else (yield from _cursor_at(query, rows[-1])), previous
    mark = BEGINNING if after is None else read_cursor(query, after)
    rows, has_more = yield from _rows(query, mark, size, bounds)
    following = (yield from _cursor_at(query, rows[-1])) if has_more else None
    if mark == BEGINNING:
        return rows, following, None
    if not rows:
        return rows, None, write_open_cursor(query)
    return rows, following, (yield from _cursor_at(query, rows[0]))


def _ranked_page(
    query: Query[Any], size: int, after: str | None, bounds: Bounds, scores: Scores | None
) -> Operation[tuple[list[Row], str | None, str | None]]:
    """Return the same for a search, whose cursor holds the score; no page has one before it.

    The script keeps the best matches only, so it cannot find those before a mark.
    """
    mark = BEGINNING if after is None else read_cursor(query, after)
    scores = {} if scores is None else scores
    rows, has_more = yield from _rows(query, mark, size, bounds, scores)
    if not has_more:
        return rows, None, None
    last = rows[-1].id
    return rows, _as_text(query, last, [[repr(scores[last]).encode('ascii'), None]]), None


def _rows(
    query: Query[Any],
    mark: SortCursor,
    size: int,
    bounds: Bounds,
    scores: Scores | None = None,
) -> Operation[tuple[list[Row], bool]]:
    """Return the first rows behind a mark, and whether there are more."""
    wanted = size + 1
    while True:
        rows, is_all = yield from find(query.marked(mark).at_most(wanted), bounds, scores)
        if len(rows) > size or is_all:
            return rows[:size], len(rows) > size
        # Some matches have no row (deleted meanwhile, or left in an index): ask for more.
        wanted *= 2


def _reversed(query: Query[Any], mark: SortCursor) -> tuple[Query[Any], SortCursor]:
    """Return the query with its results the other way round, and the mark in that order."""
    orders = query.spec.orders
    if not orders:
        orders = (Order(query.schema.primary, False, 'id'),)
        mark = mark if mark == BEGINNING else mark._replace(places=(SortKey(None, None),))
    return query._with(orders=tuple(order.reversed() for order in orders)), mark


def _cursor_at(query: Query[Any], row: Row) -> Operation[str]:
    """Return the cursor at a row."""
    unplaced = yield from _unplaced(query, row)
    return write_cursor(query, row, unplaced)


def _unplaced(query: Query[Any], row: Row) -> Operation[frozenset[str]]:
    """Return the columns that a row lacks and for which it has no index entry of the default.

    A row that was stored before the column got its default has none until a reindex. It comes
    last, as a row without a value, and its cursor must say so.
    """
    if query.schema.placement is not None:
        query = query_in(query, query.schema.placement.group.partition_of(row.id))
        row = row._replace(id=query.schema.local_id(row.id))
    schema, found = query.schema, set()
    for order in query.spec.orders:
        default = schema.defaults.get(order.column)
        if default is None or not order.key or order.column in row.stored:
            continue
        member = b'%d' % row.id
        if order.kind == 'text':
            member = index_string(schema.columns[order.column], default) + b'\0' + member
        if (yield Command('ZSCORE', order.key, member)) is None:
            found.add(order.column)
    return frozenset(found)


def write_cursor(query: Query[Any], row: Row, unplaced: frozenset[str] = frozenset()) -> str:
    """Return the cursor at a row, as text that is safe in a URL.

    Args:
        query: the query.
        row: the first or the last row of a page.
        unplaced: the columns in whose index the row has no entry, so that it came last.
    """
    orders = query.spec.orders
    mark = sort_cursor_of(query.schema, orders, row)
    pairs = zip(orders, mark.places, strict=True)
    places = [
        [None, None] if order.column in unplaced else [place.score, place.raw]
        for order, place in pairs
    ]
    return _as_text(query, mark.id, places)


def write_open_cursor(query: Query[Any]) -> str:
    """Return the cursor that leaves out no row: an empty page has it for its neighbour."""
    return _as_text(query, BEGINNING.id, [])


def _as_text(query: Query[Any], id: int, places: Sequence[Sequence[bytes | None]]) -> str:
    packed = pack({'id': b'%d' % id, 'places': places})
    return urlsafe_b64encode(_digest(query) + packed).decode('ascii').rstrip('=')


def read_cursor(query: Query[Any], text: object, name: str = 'after') -> SortCursor:
    """Return the mark that a cursor holds.

    Args:
        query: the query.
        text: the cursor.
        name: the argument that has it, for the message.

    Raises:
        QueryError: the text is not a cursor, or belongs to a query with another order.
    """
    if not isinstance(text, str) or not text.isascii():
        _refuse(query, name, text, f'it is a text that an earlier page gave as its `{_OF[name]}`')
    try:
        raw = urlsafe_b64decode(text + '=' * (-len(text) % 4))
        digest, packed = raw[:_DIGEST], raw[_DIGEST:]
        found = unpack(packed)
        mark = SortCursor(_id_in(found), tuple(SortKey(*place) for place in found['places']))
        is_good = all(map(_is_good, _orders(query), mark.places))
    except (ValueError, TypeError, KeyError, RecursionError):
        is_good = False
    if not is_good or len(digest) < _DIGEST:
        _refuse(query, name, text, 'it is damaged; begin again at the first page')
    is_complete = mark == BEGINNING or len(mark.places) == len(_orders(query))
    if digest != _digest(query) or not is_complete:
        _refuse(query, name, text, 'it is that of another model or another order_by')
    return mark


def _orders(query: Query[Any]) -> tuple[Order, ...]:
    """Return the orders of a query, of which relevance is one."""
    return query.spec.orders if query.spec.ranking is None else (_RELEVANCE,)


def _id_in(found: Mapping[str, Any]) -> int:
    """Return the id in an unpacked cursor.

    Raises:
        ValueError: the cursor holds something else in place of an id.
    """
    raw = found['id']
    id = read_digits(raw) if isinstance(raw, bytes) else None
    if id is None:
        raise ValueError('no id')
    return id


def _is_good(order: Order, place: SortKey) -> bool:
    """Return whether the script can compare a place: its numbers must be well formed."""
    if not all(value is None or isinstance(value, bytes) for value in place):
        return False
    if place.score is not None and not _SCORE.fullmatch(place.score):
        return False
    return order.tie != 'integer' or not place.raw or bool(_INTEGER.fullmatch(place.raw))


def _digest(query: Query[Any]) -> bytes:
    """Return a digest of the model and the order: a cursor is valid for any filters of these."""
    ranking = query.spec.ranking
    orders: list[Any] = [(order.column, order.reverse) for order in query.spec.orders]
    if ranking is not None:
        orders.append((ranking.match, ranking.columns, ranking.terms))
    label = repr((query.schema.keys.namespace, orders)).encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(label, digest_size=_DIGEST).digest()


def _check(query: Query[Any], size: object, after: object, before: object) -> int:
    where = f'{query.schema.name}.query.page({show(size)})'
    most = check_count(f'{query.schema.name}.query.page(size)', size, error=QueryError)
    if after is not None and before is not None:
        raise QueryError(f'{where}: takes after= or before=, and not both')
    if before is not None and query.spec.ranking is not None:
        raise QueryError(
            f'{where}: a search has no pages before others; keep the cursors of earlier pages, or '
            'sort by a column with order_by()'
        )
    if query.spec.offset or query.spec.count is not None:
        raise QueryError(f'{where}: a page has its own size and place; leave limit() out')
    if not query.spec.orders and any(isinstance(n, Near) for n in query.spec.where.flat()):
        raise QueryError(
            f'{where}: no cursor says a distance; page with limit(offset, count), or sort by a '
            'column with order_by()'
        )
    return most


def _refuse(query: Query[Any], name: str, text: object, why: str) -> NoReturn:
    raise QueryError(f'{query.schema.name}.query.page({name}={show(text)}): no such cursor: {why}')
