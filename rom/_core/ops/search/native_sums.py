"""Native sums: the sum of a column over one word's rows, by two native commands.

`SCARD` shows whether there are few enough, and `SORT_RO` reads the column of all these rows. It
takes the server half the time of the script, in two round trips. The driver decides whether that is
faster: see `rom._core.drivers.native_reads`.

The command reads the rows at one moment. If one of them lacks the value, or the server refuses the
command, or a value is not a plain number, the script answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rom._core.ops.requests import Command, Operation
from rom._core.ops.search.aggregates import Totals, average, total
from rom._core.ops.search.direct_tallies import (
    is_sparse,
    least_direct,
    note_refused,
    note_sparse,
)
from rom._core.ops.search.text_sums import UnusualTextError, added
from rom._core.query.aggregates import Aggregate, adding
from rom._core.query.nodes import InSet
from rom._core.query.query import Query
from rom._core.schema import Schema
from rom.exceptions import ServerError

#: The most rows of one command.
MOST: Final = 10_000


def native_total(query: Query[Any], column: str) -> Operation[Any] | None:
    """Return an operation with the result of `total`; None: the query needs the script."""
    node = _word_of(query, column)
    return None if node is None else _total(query, column, node)


def native_average(query: Query[Any], column: str) -> Operation[Any] | None:
    """Return an operation with the result of `average`; None: the query needs the script."""
    node = _word_of(query, column)
    return None if node is None else _average(query, column, node)


def _total(query: Query[Any], column: str, node: InSet) -> Operation[Any]:
    found = yield from _totals(query, column, node)
    return (yield from total(query, column)) if found is None else found.sum


def _average(query: Query[Any], column: str, node: InSet) -> Operation[Any]:
    found = yield from _totals(query, column, node)
    return (yield from average(query, column)) if found is None else found.average


def _word_of(query: Query[Any], column: str) -> InSet | None:
    """Return the one filter of the query, if its rows may be read by native commands."""
    schema, spec = query.schema, query.spec
    nodes = spec.where.nodes
    if len(nodes) != 1 or type(nodes[0]) is not InSet or schema.placement is not None:
        return None
    if not isinstance(column, str):
        return None  # `total` names the error
    leaves_out = schema.expiry is not None or schema.soft_delete is not None
    if leaves_out or least_direct(schema) is None:
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
