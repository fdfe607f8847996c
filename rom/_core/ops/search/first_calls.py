"""First calls of searches: the request that a search begins with, and its reply if it is the end.

A scattered query sends the first calls of all partitions in one round trip, and nearly all searches
end with it. So only a search that goes on needs an operation of its own: `None` says so.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from rom._core.ops.requests import Script
from rom._core.ops.rows import Row, SeenRows, ids_of
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.cursor import Cursor
from rom._core.ops.search.direct_tallies import note_refused
from rom._core.ops.search.search_calls import Search
from rom._core.ops.search.split_search import MOST_FILTERS, filters_in
from rom._core.ops.search.text_sums import UnusualTextError, as_added
from rom._core.query.aggregates import Aggregate, Facets
from rom._core.query.ordering import orders_for
from rom._core.query.query import Query
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

#: Returns the result of a partition's search, from its schema and the reply; None: it goes on.
Read: TypeAlias = Callable[[Schema, Sequence[Any]], Any]


class FirstCall(NamedTuple):
    """The first call of a search.

    Attributes:
        script: the request.
        read: reads the reply.
    """

    script: Script
    read: Read


#: Returns the first call of a search of one partition; None: its operation begins with another.
Begin: TypeAlias = Callable[[Query[Any]], 'FirstCall | None']


def of_count(query: Query[Any], bounds: Bounds) -> FirstCall | None:
    """Return the first call that counts the matches, whatever the limit."""
    asking = Search(query, bounds)
    cursor = asking.begin_with(None)
    return _begun(asking, cursor, 'count' if cursor.seen is None else 'ids', _count)


def of_exists(query: Query[Any], bounds: Bounds) -> FirstCall | None:
    """Return the first call that finds out whether there is a match."""
    asking = Search(query.first_only(), bounds)
    cursor = asking.begin()
    is_plain = not cursor.skip and cursor.seen is None
    return _begun(asking, cursor, 'count' if is_plain else 'ids', _exists)


def of_tally(query: Query[Any], tally: Aggregate | Facets, bounds: Bounds) -> FirstCall | None:
    """Return the first call that tallies the matches, whatever the limit."""
    asking = Search(query.limitless(), bounds, tally=tally)
    return _begun(asking, asking.begin(), 'tally', partial(_tallies, tally))


def of_rows(query: Query[Any], bounds: Bounds) -> FirstCall | None:
    """Return the first call that reads the rows of the results."""
    asking = Search(query, bounds, orders_for(query.schema, query.spec))
    cursor = asking.begin()
    if asking.needs_client_sort or cursor.need == 0:
        return None
    return _begun(asking, cursor, 'rows', partial(_rows, asking.names, cursor.need))


def _begun(asking: Search, cursor: Cursor, want: str, read: Read) -> FirstCall | None:
    if cursor.is_done or asking.is_ranked or filters_in(asking.where) > MOST_FILTERS:
        return None
    return FirstCall(asking.call(cursor, want), read)


def _count(schema: Schema, reply: Sequence[Any]) -> int | None:
    return int(reply[3]) if reply[0] == b'ok' and not reply[1] else None


def _exists(schema: Schema, reply: Sequence[Any]) -> bool | None:
    if reply[0] != b'ok':
        return None
    has_any = int(reply[3]) > 0
    return None if reply[1] and not has_any else has_any


def _tallies(
    tally: Aggregate | Facets, schema: Schema, reply: Sequence[Any]
) -> list[Sequence[Any]] | None:
    if reply[0] != b'ok':
        return None
    _, position, _, _, refused, found, broken, further = reply
    if refused:
        note_refused(schema)
    if position or broken or further:
        return None
    try:
        return [as_added(tally, found)] if found else []
    except UnusualTextError:
        return None  # the operation lets the script add


def _rows(
    names: Sequence[str], need: int | None, schema: Schema, reply: Sequence[Any]
) -> tuple[Sequence[Row], bool] | None:
    """Return the rows of a reply, and whether there are no more."""
    if reply[0] != b'ok':
        return None
    _, position, _, count, ids, packed, broken, further = reply
    found = int(count)
    is_filled = found == need
    if broken or further or found != len(ids) or (position and not is_filled):
        return None
    if need is not None and found > need:
        return None
    try:
        rows = SeenRows(schema, names, ids_of(ids), packed)
    except CorruptRowError:
        return None  # the operation raises it, and tells which rows it has read
    return rows, not is_filled
