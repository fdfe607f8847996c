"""Paging: a page of results, and a text that says where the next one begins.

The text, a cursor, holds where the last row of the page stood in the orders of the query, and its
id. The next page is what comes behind that place, whatever was inserted and deleted meanwhile, that
row included. It comes back from the outside, so nothing in it is trusted: its form is checked.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NoReturn

from rom._core.encoding.integers import read_count, read_digits
from rom._core.encoding.text import show
from rom._core.encoding.wire import pack, unpack
from rom._core.ops.requests import Command, Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.queries import find
from rom._core.ops.search.search_calls import BOUNDS, Bounds
from rom._core.ops.search.sort_cursors import mark_of
from rom._core.query.nodes import Mark, Near, Order, Place
from rom._core.query.query import Query
from rom._core.query.string_filters import index_string
from rom.exceptions import QueryError

BEGINNING = Mark(0)
_DIGEST = 4
# As Redis reads a score, and as the script compares integers.
_SCORE = re.compile(rb'-?(inf|[0-9]{1,350}(\.[0-9]{1,350})?(e[-+]?[0-9]{1,3})?)')
_INTEGER = re.compile(rb'-?[0-9]+')


def page(
    query: Query[Any], size: int, after: str | None, bounds: Bounds = BOUNDS
) -> Operation[tuple[list[Row], str | None]]:
    """The rows of a page, and the cursor of the next one; None when there is none.

    Args:
        query: what is asked.
        size: at most so many rows come.
        after: the cursor of this page; None: the first.

    Raises:
        QueryError: a query or a size that makes no sense here, or no cursor of this query.
        CorruptRowError: as for `rom._core.ops.search.queries.search`.
    """
    size = _check(query, size)
    mark = read_cursor(query, after) if after is not None else BEGINNING
    wanted = size + 1
    while True:
        rows, is_all = yield from find(query.marked(mark).at_most(wanted), bounds)
        if len(rows) > size:
            last = rows[size - 1]
            unplaced = yield from _unplaced(query, last)
            return rows[:size], write_cursor(query, last, unplaced)
        if is_all:
            return rows, None
        wanted *= 2  # rows that were found went before they were read, or had gone before


def _unplaced(query: Query[Any], row: Row) -> Operation[frozenset[str]]:
    """The columns that a row lacks, and whose default no index has of it before a reindex.

    Such a row comes last, as one without a value, and its cursor must say that.
    """
    schema, found = query.schema, set()
    for order in query.asked.orders:
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
    """The place behind a row, as text that may stand in a URL.

    Args:
        query: what is asked.
        row: the last of a page.
        unplaced: columns by which it came last, as it has no place in their index.
    """
    orders = query.asked.orders
    mark = mark_of(query.schema, orders, row)
    pairs = zip(orders, mark.places, strict=True)
    places = [
        [None, None] if order.column in unplaced else [place.score, place.raw]
        for order, place in pairs
    ]
    packed = pack({'id': b'%d' % mark.id, 'places': places})
    return urlsafe_b64encode(_digest(query) + packed).decode('ascii').rstrip('=')


def read_cursor(query: Query[Any], text: object) -> Mark:
    """The mark that a cursor says.

    Raises:
        QueryError: it is none, or that of a query with another order.
    """
    if not isinstance(text, str) or not text.isascii():
        _refuse(query, text, 'it is a text that an earlier page gave as its `next`')
    try:
        raw = urlsafe_b64decode(text + '=' * (-len(text) % 4))
        digest, packed = raw[:_DIGEST], raw[_DIGEST:]
        found = unpack(packed)
        mark = Mark(_id_in(found), tuple(Place(*place) for place in found['places']))
        is_good = all(map(_is_good, query.asked.orders, mark.places))
    except (ValueError, TypeError, KeyError, RecursionError):
        is_good = False
    if not is_good or len(digest) < _DIGEST:
        _refuse(query, text, 'it is damaged; begin again at the first page')
    if digest != _digest(query) or len(mark.places) != len(query.asked.orders):
        _refuse(query, text, 'it is that of another model or another order_by')
    return mark


def _id_in(found: Mapping[str, Any]) -> int:
    """Return the id that a cursor says.

    Raises:
        ValueError: what it says is no id.
    """
    raw = found['id']
    id = read_digits(raw) if isinstance(raw, bytes) else None
    if id is None:
        raise ValueError('no id')
    return id


def _is_good(order: Order, place: Place) -> bool:
    """Whether the script can compare a place: it takes numbers to be numbers."""
    if not all(value is None or isinstance(value, bytes) for value in place):
        return False
    if place.score is not None and not _SCORE.fullmatch(place.score):
        return False
    return order.tie != 'integer' or not place.raw or bool(_INTEGER.fullmatch(place.raw))


def _digest(query: Query[Any]) -> bytes:
    """What a cursor is good for: a model's rows in one order, whatever the filters."""
    orders = [(order.column, order.reverse) for order in query.asked.orders]
    said = repr((query.schema.keys.namespace, orders)).encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(said, digest_size=_DIGEST).digest()


def _check(query: Query[Any], size: object) -> int:
    where = f'{query.schema.name}.query.page({show(size)})'
    most = read_count(size)
    if most is None:
        raise QueryError(f'{where}: a page has a size of 1 or more')
    if query.asked.offset or query.asked.count is not None:
        raise QueryError(f'{where}: a page has its own size and place; leave limit() out')
    if not query.asked.orders and any(isinstance(n, Near) for n in query.asked.where.flat()):
        raise QueryError(
            f'{where}: no cursor says a distance; page with limit(offset, count), or sort by a '
            'column with order_by()'
        )
    return most


def _refuse(query: Query[Any], text: object, why: str) -> NoReturn:
    raise QueryError(f'{query.schema.name}.query.page(after={show(text)}): no such cursor: {why}')
