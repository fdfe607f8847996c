"""Row scan: the rows of a model in the order of their ids, some at a time.

The position is an id, so a scan can stop and continue later, even in another process. It reads each
row as it is at that moment, and misses what other programs write meanwhile behind its position.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search import queries
from rom._core.ops.search.queries import find
from rom._core.query.query import Query
from rom._core.query.schema_queries import query_of
from rom._core.query.sort_order import SortCursor
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError


@dataclass(slots=True)
class Stretch:
    """Part of a row scan.

    Attributes:
        rows: the rows in the order of their ids.
        broken: an error for each key that should hold a row and holds another type.
        last: the id behind which the next stretch begins.
        is_end: True if there are no more rows.
    """

    rows: list[Row] = field(default_factory=list)
    broken: list[CorruptRowError] = field(default_factory=list)
    last: int = 0
    is_end: bool = False


def every_row(schema: Schema) -> Query[Row]:
    """Return the query of all rows, including expired and soft-deleted ones."""
    return query_of(schema).with_expired().with_deleted()


def count_rows(schema: Schema) -> Operation[int]:
    """Return the number of all rows, including expired and soft-deleted ones."""
    return (yield from queries.count(every_row(schema)))


def last_id(schema: Schema) -> Operation[int]:
    """Return the highest id of a row; 0 without rows."""
    order = f'-{schema.primary}'
    return max((yield from queries.ids(every_row(schema).order_by(order).at_most(1))), default=0)


def stretch(query: Query[Any], after: int, count: int) -> Operation[Stretch]:
    """Return the next rows behind an id; usually one round trip.

    Args:
        query: selects the rows; it must have no order.
        after: an id, whether or not it has a row; 0 for the beginning.
        count: the most rows to return.
    """
    try:
        rows, is_end = yield from find(query.marked(SortCursor(after)).at_most(count))
    except CorruptRowError:
        return (yield from _one_by_one(query, after, count))
    return Stretch(rows, [], rows[-1].id if rows else after, is_end)


def _one_by_one(query: Query[Any], after: int, count: int) -> Operation[Stretch]:
    """Return a stretch that contains broken keys, row by row: each error names only one key."""
    found = Stretch(last=after)
    head = len(query.schema.keys.namespace) + 1
    while not found.is_end and len(found.rows) + len(found.broken) < count:
        try:
            rows, found.is_end = yield from find(query.marked(SortCursor(found.last)).at_most(1))
        except CorruptRowError as error:
            if error.column is not None or not error.key[head:].isdigit():
                raise  # the key of an index, not of a row
            found.broken.append(error)
            found.last = int(error.key[head:])
        else:
            found.rows += rows
            found.last = rows[-1].id if rows else found.last
    return found
