"""Ids: what a clause about the primary key means, as nodes of a plan.

No index of the ids needs to be declared: the bitmap of live ids has them. Where one is declared, it
is used as that of any number, for data of rom 1.x may have no bitmap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rom._core.columns import PrimaryKey
from rom._core.encoding.integers import LARGEST_ID
from rom._core.encoding.plain_values import plain
from rom._core.query.clause import Clause
from rom._core.query.filter_labels import Said, Sign
from rom._core.query.nodes import AnyOf, Ids, IdsBetween, Node


def is_of_ids(clause: Clause) -> bool:
    """Whether a clause is about the primary key, and no index of it is declared."""
    column = clause.column
    return isinstance(column, PrimaryKey) and not column.index and not clause.part


def with_ids(clause: Clause, value: Any) -> Node:
    """Return the node for `filter(id=value)`: an id, several, or a range of them.

    Raises:
        QueryError: None, a range that is no pair, or more than 20,000 ids.
        InvalidColumnValue: no number.
    """
    if isinstance(value, (list, set, frozenset)):
        return _among(clause, value, Said(clause.name, '=', list(value)))
    if not isinstance(value, tuple):
        return _among(clause, (value,), Said(clause.name, '=', value))
    low, high = clause.ends_of_range(value)
    return _between(
        None if low is None else math.ceil(_number(clause, low)),
        None if high is None else math.floor(_number(clause, high)),
        Said(clause.name, 'between', value),
    )


def compared_ids(clause: Clause, sign: str, value: Any) -> Node:
    """Return the node for `<`, `<=`, `>`, `>=` and 'between'.

    Raises:
        InvalidColumnValue: no number.
    """
    if sign == 'between':
        return with_ids(clause, value)
    number = _number(clause, value)
    low, high = None, None
    if sign in ('<', '<='):
        high = math.ceil(number) - 1 if sign == '<' else math.floor(number)
    else:
        low = math.floor(number) + 1 if sign == '>' else math.ceil(number)
    said: Sign = '<' if sign == '<' else '>' if sign == '>' else 'between'
    return _between(low, high, Said(clause.name, said, value if said == sign else (low, high)))


def _among(clause: Clause, values: Iterable[Any], said: Said) -> Node:
    numbers = {_number(clause, value) for value in values}
    ids = sorted(int(n) for n in numbers if 0 <= n <= LARGEST_ID and n == int(n))
    clause.check_listed(len(ids))
    return Ids(tuple(ids), said) if ids else AnyOf()


def _between(low: int | None, high: int | None, said: Said) -> Node:
    lowest = max(low or 0, 0)
    highest = None if high is None or high >= LARGEST_ID else high
    if lowest > (LARGEST_ID if highest is None else highest):
        return AnyOf()
    return IdsBetween(lowest, highest, said)


def _number(clause: Clause, value: Any) -> int | float:
    """Return a number that an id may be compared with; one that is past all ids as the next one."""
    given = plain(value)
    if given is None:
        clause.wrong('None is no id; (None, None) finds all entities', None)
    if isinstance(given, float):
        clause.column.score(given)  # refuses NaN
    else:
        given = clause.column.check(given)
    number: int | float = max(-1, min(given, LARGEST_ID + 1))
    return number
