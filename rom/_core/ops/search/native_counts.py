"""Native counts: the count of a query with one filter, by one command in place of the script.

The index has the number: `SCARD` of a word's set, `ZCOUNT` or `ZLEXCOUNT` of a range. It is one
round trip, as the script is, so it is always faster. In all other cases the script counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rom._core.encoding.stems import bounds_of
from rom._core.ops.compound_state import read_index
from rom._core.ops.requests import Command, Operation
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import BOUNDS
from rom._core.ops.search.search_calls import Search
from rom._core.query.nodes import InRange, InSet, StartsWith
from rom._core.query.query import Query
from rom.exceptions import ServerError


def count(query: Query[Any]) -> Operation[int]:
    """Return the number of matching entities, as `queries.count` does."""
    schema, nodes = query.schema, query.spec.where.nodes
    # Without a compound index, several filters need the script.
    if nodes and (len(nodes) == 1 or schema.compounds) and schema.placement is None:
        try:
            counted = yield from _counted(Search(query, BOUNDS))
        except ServerError:
            counted = None  # the script finds the same error, and names the key
        if counted is not None:
            return counted
    return (yield from queries.count(query))


def _counted(asking: Search) -> Operation[int | None]:
    """Return the number that the index has; None: the script must count."""
    nodes = asking.where.nodes
    make = _COMMANDS.get(type(nodes[0])) if len(nodes) == 1 else None
    command = None if make is None or asking.leaves_out else make(nodes[0])
    if command is None:
        return None
    is_compound = asking.plain is not None
    counted: int | None = yield from read_index(asking.schema, command, is_compound)
    return counted


def _of_set(node: InSet) -> Command:
    return Command('SCARD', node.key)


def _of_range(node: InRange) -> Command | None:
    return Command('ZCOUNT', node.key, node.low, node.high) if node.exact is None else None


def _of_strings(node: StartsWith) -> Command | None:
    # An entity with several strings may have more than one in the range.
    if node.whole is None or node.pattern or node.without or b'\0' in node.head:
        return None
    return Command('ZLEXCOUNT', node.key, *bounds_of(node.head))


_COMMANDS: Final[dict[type, Callable[[Any], Command | None]]] = {
    InSet: _of_set,
    InRange: _of_range,
    StartsWith: _of_strings,
}
