"""Histograms: the number of results in each interval of a column.

Where an index has the exact numbers and nothing is filtered, the server counts the entries between
two scores, without a look at them. Otherwise the script reads the value of each match, see
`lua/lib/intervals.lua`, and returns those that doubles cannot tell from a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rom._core.ops.requests import Operation, Pipeline
from rom._core.ops.search.aggregates import TALLY_BOUNDS, Reply, tallies, value_of
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.search_calls import Search
from rom._core.query.histogram import Histogram, histogram_of, ranges_of
from rom._core.query.nodes import InRange
from rom._core.query.query import Query
from rom._core.schema import Schema


def histogram(
    query: Query[Any], column: str, asked: Sequence[Any], bounds: Bounds = TALLY_BOUNDS
) -> Operation[list[int]]:
    """Return the number of entities in each interval. Ignores the limit and the order.

    Raises:
        QueryError: the column has no numbers or times, or the bounds are wrong.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    schema = query.schema
    tally = histogram_of(schema, column, asked)
    is_whole = not query.spec.where.nodes and schema.placement is None
    ranges = ranges_of(schema, tally) if is_whole else None
    if ranges is not None:
        counts = yield from _counts_of_ranges(query, ranges, bounds)
        if counts is not None:
            return counts
    replies = yield from tallies(query, tally, bounds)
    return tally.asked(_total(schema, tally, replies))


def _counts_of_ranges(
    query: Query[Any], ranges: Sequence[InRange], bounds: Bounds
) -> Operation[list[int] | None]:
    """Return the number of entities in each range, in one round trip.

    None: one of them cannot be counted without a look at each entity.
    """
    whole = query.limitless()
    searches = [Search(whole._also([each]), bounds) for each in ranges]
    scripts = tuple(search.count_script(search.begin()) for search in searches)
    replies = yield Pipeline(scripts)
    pairs = zip(searches, replies, strict=True)
    counts = [search.whole_count(reply) for search, reply in pairs]
    return None if None in counts else [count for count in counts if count is not None]


def _total(schema: Schema, tally: Histogram, replies: Sequence[Reply]) -> list[int]:
    """Return the counts of all intervals, those below and above the bounds included."""
    totals = [0] * (len(tally.bounds) + 1)
    for _, counts, rest in replies:
        for place, count in enumerate(counts):
            totals[place] += int(count)
        for found in _places_of(schema, tally, rest):
            totals[found] += 1
    return totals


def _places_of(schema: Schema, tally: Histogram, rest: Sequence[bytes]) -> Iterator[int]:
    """Yield the intervals of the values that the script could not compare."""
    for id, raw in zip(rest[::2], rest[1::2], strict=True):
        place = tally.place_of(value_of(schema, tally.column, raw, id), raw)
        if place is not None:
            yield place
