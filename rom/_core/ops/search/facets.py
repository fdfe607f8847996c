"""Facets: the number of rows for each value of a column.

There may be as many values as rows, so the replies are merged in turns, between which other tasks
of an event loop run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rom._core.encoding.text import show
from rom._core.ops.requests import Operation
from rom._core.ops.search.aggregates import TALLY_BOUNDS, Reply, in_groups, tallies, value_of
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.sorting import sorted_in_turns
from rom._core.ops.time_slices import TURN, rest, turns
from rom._core.query.aggregates import Aggregate, counting, counting_several
from rom._core.query.query import Query
from rom._core.schema import Schema
from rom.exceptions import QueryError


def facets(
    query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS
) -> Operation[Counter[Any]]:
    """Return the number of entities for each value. Ignores the limit and the order.

    Raises:
        QueryError: a value is not hashable.
        CorruptRowError: a row, a value or an index is corrupt.
    """
    tally = counting(query.schema, column)
    replies = yield from tallies(query, tally, _with_page(bounds, query.schema, (column,)))
    return (yield from counts(query.schema, tally, replies))


def distinct_ids(
    query: Query[Any], column: str, bounds: Bounds = TALLY_BOUNDS
) -> Operation[set[int]]:
    """Return the ids that a stored relation of the results leads to, each once.

    Unlike `facets`, it leaves out the default of rows that lack the column, because no index has
    it, and so no other search finds these rows by it.

    Raises:
        CorruptRowError: a row, a value or an index is corrupt.
    """
    schema = query.schema
    tally = Aggregate(column, schema.keys.field(column), 'values')
    replies = yield from tallies(query, tally, _with_page(bounds, schema, (column,)))
    found = yield from counts(schema, tally, replies)
    return {id for id in found if id is not None}


def facets_of_several(
    query: Query[Any], columns: Sequence[str], bounds: Bounds = TALLY_BOUNDS
) -> Operation[dict[str, Counter[Any]]]:
    """Return the number of entities for each value, by column; otherwise as `facets`."""
    tally = counting_several(query.schema, tuple(columns))
    replies = yield from tallies(query, tally, _with_page(bounds, query.schema, columns))
    found: dict[str, Counter[Any]] = {}
    for place, one in enumerate(tally.each):
        own = [reply[place] for reply in replies]
        found[one.column] = yield from counts(query.schema, one, own)
    return found


# The time that the values of a collection take, as a multiple of that of one value.
_COLLECTION: Final = 8


def _with_page(bounds: Bounds, schema: Schema, columns: Sequence[str]) -> Bounds:
    """Return bounds for counts of these columns: the more a row takes, the fewer a call has."""
    several = [schema.columns[name].is_links or schema.columns[name].element for name in columns]
    weight = sum(_COLLECTION if one else 1 for one in several)
    return bounds._replace(page=max(2 * bounds.page // (weight + 1), 1))


def counts(schema: Schema, tally: Aggregate, replies: Sequence[Reply]) -> Operation[Counter[Any]]:
    """Return the number of rows for each value; None stands for rows without a value.

    For a collection, it is the number of rows that have each element; an empty one adds none.

    Raises:
        CorruptRowError: a value does not decode.
        QueryError: a value is not hashable.
    """
    is_shared = sum(len(parts) for _, parts, _ in replies) > TURN and (yield from rest())
    stored = yield from _stored_counts(replies, is_shared)
    merged: Counter[Any] = Counter()
    for some in turns(stored):
        for raw, number, holder in some:
            for key in _keys(schema, tally, raw, holder):
                merged[key] += number
        if is_shared:
            yield from rest()
    column = schema.columns[tally.column]
    pairs = [*merged.items()]
    if column.element is not None and tally.way == 'values':
        pairs = yield from sorted_in_turns(
            pairs, lambda pair: column.encode([pair[0]]), False, is_shared
        )
    without = sum(int(reply[0]) for reply in replies)
    if column.is_links:
        without += merged.pop(None, 0)
        pairs = yield from sorted_in_turns(
            [*merged.items()], lambda pair: pair[0], False, is_shared
        )
    if without:
        pairs.append((None, without))
    # Values with equal numbers stay in their order.
    pairs = yield from sorted_in_turns(pairs, lambda pair: pair[1], True, is_shared)
    return Counter(dict(pairs))


def _stored_counts(
    replies: Sequence[Reply], is_shared: bool
) -> Operation[list[tuple[bytes, int, bytes]]]:
    """Return each stored value with its number and a row that has it, sorted by the values."""
    found: Counter[bytes] = Counter()
    holders: dict[bytes, bytes] = {}
    for _, parts, _ in replies:
        for some in turns(parts, 3 * TURN):
            for raw, count, id in in_groups(some, 3):
                found[raw] += int(count)
                holders[raw] = id
            if is_shared:
                yield from rest()
    triples = [(raw, number, holders[raw]) for raw, number in found.items()]
    return (yield from sorted_in_turns(triples, lambda triple: triple[0], False, is_shared))


def _keys(schema: Schema, tally: Aggregate, raw: bytes, id: bytes) -> Iterable[Any]:
    """Return the keys of a counted value: the value, the elements of a collection, or the links."""
    value = value_of(schema, tally.column, raw, id)
    if schema.columns[tally.column].is_links:
        return value or (None,)
    if schema.columns[tally.column].element is not None:
        elements: Iterable[Any] = dict.fromkeys(value)
        return elements
    try:
        hash(value)
    except TypeError as error:
        raise QueryError(
            f'{schema.name}.query.facets({tally.column}): {show(value)}, which '
            f'{schema.name} {int(id)} has, is no key of a dict ({error})'
        ) from None
    return (value,)
