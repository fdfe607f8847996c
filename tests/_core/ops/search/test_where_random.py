"""Random expressions, mixed with filters, against plain Python."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.columns.expressions import Expression
from rom._core.ops.search.bounds import Bounds
from tests._core.ops.search.oracle import (
    BIGS,
    CLAUSES,
    ELEMENTS,
    FLOATS,
    IDS,
    MODEL,
    ROWS,
    Clause,
    Holds,
    Values,
    has_words,
    own_length,
    words,
)
from tests._core.ops.search.search_support import Store
from tests._core.ops.search.test_queries_random import (
    BOUNDS,
    EXAMPLES,
    LIMIT,
    ORDER,
    Orders,
    asked,
    check,
)
from tests.support.servers import Server

COLUMNS: dict[str, Any] = MODEL._schema.columns
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    '==': operator.eq,
    '<': operator.lt,
    '<=': operator.le,
    '>': operator.gt,
    '>=': operator.ge,
}
Tree: TypeAlias = tuple[Expression, Holds]


def label(clause: Clause) -> Tree:
    """A clause of the other methods, as an expression."""
    column, value = COLUMNS[clause.name], clause.value
    if clause.method != 'filter':
        return getattr(column, clause.method)(value), clause.holds
    if clause.name in ELEMENTS:
        several = value if isinstance(value, list) else [value]
        is_one = value is not several
        found = column.contains(value) if is_one else column.overlaps(*several)
        return found, clause.holds
    if isinstance(value, list):
        return column.in_(value), clause.holds
    if not isinstance(value, tuple):
        return column == value, clause.holds
    low, high = value
    if low is None or high is None:
        if low is None and high is None:
            return ~column.is_none(), clause.holds
        return (column <= high if low is None else column >= low), clause.holds
    return column.between(low, high), clause.holds


def sayable(clause: Clause) -> bool:
    """No column stands for a sub-index; what an own keygen has nothing of, nobody can tell."""
    known = clause.method in ('filter', 'startswith', 'endswith', 'like')
    asks = clause.name, clause.value
    return known and clause.name != 'own:x' and asks != ('own', (None, None))


def numbers(
    name: str, values: st.SearchStrategy[Any], number: Callable[[Values], Any] | None = None
) -> st.SearchStrategy[Tree]:
    of = number or (lambda row: row[name])

    def compared(sign: str, value: Any) -> Tree:
        compare = SIGNS[sign]

        def holds(row: Values) -> bool:
            return of(row) is not None and compare(of(row), value)

        return compare(COLUMNS[name], value), holds

    def differs(value: Any) -> Tree:
        return COLUMNS[name] != value, lambda row: of(row) is None or of(row) != value

    return st.one_of(
        st.builds(compared, st.sampled_from(sorted(SIGNS)), values), values.map(differs)
    )


def contains_all(name: str) -> st.SearchStrategy[Tree]:
    def tree(values: list[Any]) -> Tree:
        holds = [has_words(name, value) for value in values]
        return COLUMNS[name].contains_all(*values), lambda row: all(each(row) for each in holds)

    return st.lists(ELEMENTS[name], max_size=3).map(tree)


def has_nothing(name: str) -> Tree:
    if name in ('id', 'age', 'big', 'price', 'flag'):
        return COLUMNS[name].is_none(), lambda row: row[name] is None
    return COLUMNS[name].is_none(), lambda row: not words(name, row[name])


LEAVES = st.one_of(
    CLAUSES.filter(sayable).map(label),
    *map(contains_all, ELEMENTS),
    numbers('id', IDS | st.sampled_from([0.5, 9.5, -0.5])),
    numbers('age', st.integers(-1, 5) | st.sampled_from([0.5, 2.5])),
    numbers('big', BIGS | st.sampled_from([0.5, 2.0**53, -(2.0**60)])),
    numbers('price', FLOATS | st.sampled_from([5e-324, 1, -1e300])),
    numbers('own', st.integers(0, 5), own_length),
    st.sampled_from(
        [
            'id',
            'words',
            'name',
            'nick',
            'label',
            'tag',
            'blob',
            'raw',
            'marks',
            'age',
            'big',
            'price',
            'flag',
        ]
    ).map(has_nothing),
)


def both(one: Tree, other: Tree) -> Tree:
    return one[0] & other[0], lambda row: one[1](row) and other[1](row)


def either(one: Tree, other: Tree) -> Tree:
    return one[0] | other[0], lambda row: one[1](row) or other[1](row)


def neither(one: Tree) -> Tree:
    return ~one[0], lambda row: not one[1](row)


TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(both, inner, inner), st.builds(either, inner, inner), inner.map(neither)
    ),
    max_leaves=6,
)


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, MODEL)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    live=st.booleans(),
    clauses=st.lists(CLAUSES, max_size=1),
    trees=st.lists(TREES, min_size=1, max_size=2),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
)
def test_where(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    live: bool,
    clauses: list[Clause],
    trees: list[Tree],
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    store.write(rows, live)
    query = asked(clauses, order, limit).where(*(tree for tree, _ in trees))

    def holds(row: Values) -> bool:
        return all(c.holds(row) for c in clauses) and all(h(row) for _, h in trees)

    check(store, query, rows, holds, order, limit, bounds)
