"""Compilation of clauses about the primary key to nodes of a plan.

The primary key needs no declared index, because the live bitmap has the ids. A declared one is used
like that of any number, because data of rom 1.x may have no live bitmap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rom._core.columns import PrimaryKey
from rom._core.encoding.integers import LARGEST_ID
from rom._core.encoding.plain_values import plain
from rom._core.query.clause import Clause
from rom._core.query.filter_labels import FilterLabel, Sign
from rom._core.query.nodes import AnyOf, Ids, IdsBetween, Node


def is_of_ids(clause: Clause) -> bool:
    """Return whether a clause is about a primary key without a declared index."""
    column = clause.column
    return isinstance(column, PrimaryKey) and not column.index and not clause.part


def with_ids(clause: Clause, value: Any) -> Node:
    """Return the node for `filter(id=value)`: an id, several, or a range of them.

    Raises:
        QueryError: None, a range that is not a pair, or more than 20,000 ids.
        InvalidColumnValue: a value is not a number.
    """
    if isinstance(value, (list, set, frozenset)):
        return _among(clause, value, FilterLabel(clause.name, '=', list(value)))
    if not isinstance(value, tuple):
        return _among(clause, (value,), FilterLabel(clause.name, '=', value))
    low, high = clause.ends_of_range(value)
    return _between(
        None if low is None else math.ceil(_number(clause, low)),
        None if high is None else math.floor(_number(clause, high)),
        FilterLabel(clause.name, 'between', value),
    )


def compared_ids(clause: Clause, sign: str, value: Any) -> Node:
    """Return the node for `<`, `<=`, `>`, `>=` and 'between'.

    Raises:
        InvalidColumnValue: a value is not a number.
    """
    if sign == 'between':
        return with_ids(clause, value)
    number = _number(clause, value)
    low, high = None, None
    if sign in ('<', '<='):
        high = math.ceil(number) - 1 if sign == '<' else math.floor(number)
    else:
        low = math.floor(number) + 1 if sign == '>' else math.ceil(number)
    label: Sign = '<' if sign == '<' else '>' if sign == '>' else 'between'
    return _between(
        low, high, FilterLabel(clause.name, label, value if label == sign else (low, high))
    )


def _among(clause: Clause, values: Iterable[Any], label: FilterLabel) -> Node:
    numbers = {_number(clause, value) for value in values}
    ids = sorted(int(n) for n in numbers if 0 <= n <= LARGEST_ID and n == int(n))
    clause.check_listed(len(ids))
    return Ids(tuple(ids), label) if ids else AnyOf()


def _between(low: int | None, high: int | None, label: FilterLabel) -> Node:
    lowest = max(low or 0, 0)
    highest = None if high is None or high >= LARGEST_ID else high
    if lowest > (LARGEST_ID if highest is None else highest):
        return AnyOf()
    return IdsBetween(lowest, highest, label)


def _number(clause: Clause, value: Any) -> int | float:
    """Return a number to compare ids with; one beyond all ids becomes the next one beyond."""
    given = plain(value)
    if given is None:
        clause.wrong('None is no id; (None, None) finds all entities', None)
    if isinstance(given, float):
        clause.column.score(given)  # raises for NaN
    else:
        given = clause.column.check(given)
    number: int | float = max(-1, min(given, LARGEST_ID + 1))
    return number
