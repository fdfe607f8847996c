"""Aggregates: sums, averages, counts by value, minimum and maximum.

One call of `lua/search.lua` finds the matches and tallies the values of the first page of rows. It
returns the ids of further matches, which `lua/tally.lua` tallies in pages, or a position from which
the next call continues. Where several calls might find an id twice, the calls return only ids, and
each new id is tallied once.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from rom._core.ops.requests import Operation
from rom._core.ops.rows import unreadable
from rom._core.ops.search.queries import first_row
from rom._core.ops.search.search_calls import BOUNDS, Bounds, Search, SearchReply
from rom._core.ops.search.totals import Reply, Totals, counts, value_of
from rom._core.query.aggregates import Aggregate, adding, by_extreme, counting
from rom._core.query.query import Query

# A value takes the server one or two microseconds; a call looks at candidates, too.
TALLY_BOUNDS = BOUNDS._replace(page=5500, budget=5000)


def total(query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS) -> Operation[Any]:
    """Return the sum of a column's values; 0 without any. Ignores the limit and the order.

    Raises:
        QueryError: the column does not hold numbers.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    return (yield from _add_up(query, adding(query.schema, 'sum', column), bounds)).sum


def average(query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS) -> Operation[Any]:
    """Return the mean of a column's values; None without any. Otherwise as `total`."""
    return (yield from _add_up(query, adding(query.schema, 'avg', column), bounds)).average


def facets(
    query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS
) -> Operation[Counter[Any]]:
    """Return the number of entities for each value. Ignores the limit and the order.

    Raises:
        QueryError: a value is not hashable.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    tally = counting(query.schema, column)
    replies = yield from _tally(query, tally, bounds)
    return counts(query.schema, tally, replies)


def extreme(
    query: Query[Any], method: Literal['min', 'max'], column: str, bounds: Bounds = BOUNDS
) -> Operation[Any]:
    """Return the smallest or the largest value; None without any. Ignores the limit and the order.

    Raises:
        QueryError: no index sorts the column.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    row = yield from first_row(by_extreme(query, method, column), bounds)
    if row is None:
        return None
    schema = query.schema
    if column == schema.primary:
        return row.id
    raw = row.stored.get(column)
    if raw is None:
        return schema.defaults.get(column)
    # An empty string is in no index, and so comes last, with the rows that have no value.
    if not raw and schema.columns[column].is_string:
        return None
    return value_of(schema, column, raw, row.id)


def _add_up(query: Query[Any], tally: Aggregate, bounds: Bounds) -> Operation[Totals]:
    replies = yield from _tally(query, tally, bounds)
    return Totals(query.schema, tally, replies)


def _tally(query: Query[Any], tally: Aggregate, bounds: Bounds) -> Operation[list[Reply]]:
    """Return the tallies of all matches."""
    asking = Search(query.limitless(), bounds, tally=tally)
    cursor = asking.begin()
    found: list[SearchReply] = []
    while not cursor.is_done:
        answer = yield from asking.ask(cursor, 'tally')
        found.append(answer)
        found += yield from asking.tally_of(answer.further)
    for answer in found:
        if answer.broken:
            raise unreadable(query.schema, answer.broken[0])
    return [answer.tally for answer in found if answer.tally]
