"""Native sums: the sum of a column over one range or one word's rows, by native commands.

In a range of the column itself, or of a compound index that ends with it, the scores are the
values: `ZRANGE` reads them all. So one command replaces the script.

For the rows of a word, `SCARD` shows whether there are few enough, and `SORT_RO` reads the column
of all of them. It takes the server half the time of the script, in two round trips. The driver
decides whether that is faster: see `rom._core.drivers.native_reads`. If a row lacks the value, or
the server refuses the command, or a value is not a plain number, the script answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from rom._core.columns import Float, Integer
from rom._core.ops.compound_state import may_use_compounds, read_index
from rom._core.ops.requests import Command, Operation
from rom._core.ops.search.aggregates import Totals, average, total
from rom._core.ops.search.direct_tallies import (
    is_sparse,
    least_direct,
    note_refused,
    note_sparse,
)
from rom._core.ops.search.text_sums import UnusualTextError, added, summed
from rom._core.query.aggregates import Aggregate, adding
from rom._core.query.compound_filters import with_compounds
from rom._core.query.nodes import InRange, InSet
from rom._core.query.query import Query
from rom._core.query.sort_order import Order
from rom._core.schema import Schema
from rom.exceptions import ServerError

#: The most rows of one command.
MOST: Final = 10_000
# Columns whose values are their scores, exactly. Those of larger integers are not.
_EXACT: Final = (Float, Integer)


def native_total(query: Query[Any], column: str) -> Operation[Any] | None:
    """Return an operation with the result of `total`; None: the query needs the script."""
    found = _native(query, column)
    return None if found is None else _total(query, column, found)


def native_average(query: Query[Any], column: str) -> Operation[Any] | None:
    """Return an operation with the result of `average`; None: the query needs the script."""
    found = _native(query, column)
    return None if found is None else _average(query, column, found)


def _total(query: Query[Any], column: str, native: Operation[Totals | None]) -> Operation[Any]:
    found = yield from native
    return (yield from total(query, column)) if found is None else found.sum


def _average(query: Query[Any], column: str, native: Operation[Totals | None]) -> Operation[Any]:
    found = yield from native
    return (yield from average(query, column)) if found is None else found.average


def _native(query: Query[Any], column: str) -> Operation[Totals | None] | None:
    """Return an operation with the sum and the number of values; its None: the script must add."""
    schema = query.schema
    if not isinstance(column, str) or schema.placement is not None:
        return None  # `total` names the error
    if schema.expiry is not None or schema.soft_delete is not None:
        return None
    within = _range_of(query, column)
    if within is not None:
        return _of_scores(query, column, within)
    node = _word_of(query, column)
    return None if node is None else _totals(query, column, node)


def _range_of(query: Query[Any], column: str) -> InRange | None:
    """Return the range of a sorted set that has the matches, with the column's values as scores."""
    schema, nodes = query.schema, query.spec.where.nodes
    index = schema.indexes.get(column)
    if index is None or type(index.column) not in _EXACT:
        return None
    if schema.compounds and may_use_compounds(schema):
        order = Order(column, False, 'score', index.numbers_key)
        nodes, _ = with_compounds(schema, nodes, (order,))
    node = nodes[0] if len(nodes) == 1 else None
    if not isinstance(node, InRange) or node.exact is not None:
        return None
    if node.key == index.numbers_key:
        return node
    ending = {compound.name for compound in schema.compounds if compound.second is index}
    label = node.label
    is_ours = label is not None and label.sign == 'compound' and label.column in ending
    return node if is_ours else None


def _of_scores(query: Query[Any], column: str, node: InRange) -> Operation[Totals | None]:
    """Return the sum and the number of the scores in a range; None: the script must add them.

    Raises:
        QueryError: the column does not hold numbers.
    """
    schema, tally = query.schema, adding(query.schema, 'sum', column)
    limits = (b'BYSCORE', b'LIMIT', b'0', b'%d' % (MOST + 1), b'WITHSCORES')
    command = Command('ZRANGE', node.key, node.low, node.high, *limits)
    is_compound = node.key != schema.indexes[column].numbers_key
    try:
        reply = yield from read_index(schema, command, is_compound)
    except ServerError:
        return None  # the script finds the same error, and names the key
    if not reply:
        return None
    # RESP3 has a pair for each entry.
    numbers = [*map(float, reply[1::2] if type(reply[0]) is bytes else map(itemgetter(1), reply))]
    if len(numbers) > MOST:
        return None
    try:
        return Totals(schema, tally, [(b'%d' % len(numbers), summed(tally.way, numbers), ())])
    except UnusualTextError:
        return None


def _word_of(query: Query[Any], column: str) -> InSet | None:
    """Return the one filter of the query, if its rows may be read by native commands."""
    schema, nodes = query.schema, query.spec.where.nodes
    if len(nodes) != 1 or type(nodes[0]) is not InSet or least_direct(schema) is None:
        return None
    return None if is_sparse(schema, column) else nodes[0]


def _totals(query: Query[Any], column: str, node: InSet) -> Operation[Totals | None]:
    """Return the sum and the number of values; None: the script must add them.

    Raises:
        QueryError: the column does not hold numbers.
    """
    schema, tally = query.schema, adding(query.schema, 'sum', column)
    least = least_direct(schema)
    try:
        size = yield Command('SCARD', node.key)
    except ServerError:
        return None  # the script finds the same error, and names the key
    if least is None or not least <= size <= MOST:
        return None
    pattern = schema.keys.head + b'*->' + tally.field
    try:
        texts = yield Command('SORT_RO', node.key, b'BY', b'nosort', b'GET', pattern)
    except ServerError:
        note_refused(schema)
        return None
    return _added(schema, tally, texts)


def _added(schema: Schema, tally: Aggregate, texts: Sequence[bytes | None]) -> Totals | None:
    there = [text for text in texts if text is not None]
    if len(there) < len(texts):
        note_sparse(schema, tally.column)
        return None
    try:
        return Totals(schema, tally, [(b'%d' % len(there), added(tally.way, there), ())])
    except UnusualTextError:
        return None
