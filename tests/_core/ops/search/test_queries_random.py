"""Random rows, filters, orders and limits, against plain Python."""

from __future__ import annotations

import os
import warnings
from typing import Any, TypeAlias

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.ops.search import native_counts
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.native_reads import native_find
from rom._core.query.nodes import All, AnyOf, Node, Not
from rom.query import Query
from tests._core.ops.search.oracle import (
    CLAUSES,
    MODEL,
    NOTHING,
    ORDERS,
    ROWS,
    Clause,
    Holds,
    Values,
    in_order,
)
from tests._core.ops.search.search_support import Store, scripts_only
from tests.support.servers import Server

EXAMPLES = int(os.environ.get('ROM_TEST_EXAMPLES', '100'))

# Gather or walk; all in one call, or in many; few rows a page.
BOUNDS = st.builds(
    Bounds,
    page=st.sampled_from([1, 5, 1000]),
    small=st.sampled_from([0, 6, 50_000]),
    budget=st.sampled_from([1, 10, 20_000]),
    chunk=st.sampled_from([None, 1, 3]),
    bytes=st.sampled_from([None, 1, 100]),
)
_SIGNED = st.builds(
    lambda sign, name: sign + name, st.sampled_from(['', '-']), st.sampled_from(sorted(ORDERS))
)
Orders: TypeAlias = list[str]
ORDER = st.lists(_SIGNED, max_size=3, unique_by=lambda order: order.removeprefix('-'))
LIMIT = st.none() | st.tuples(st.integers(0, 12), st.integers(0, 12))


def asked(clauses: list[Clause], order: Orders, limit: tuple[int, int] | None) -> Query[Any]:
    query = Query(MODEL)
    for clause in clauses:
        query = getattr(query, clause.method)(**{clause.name: clause.value})
    if order:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', UserWarning)
            query = query.order_by(*order)
    return query if limit is None else query.limit(*limit)


def check(
    store: Store,
    query: Query[Any],
    rows: dict[int, Values],
    holds: Holds,
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    found = {id: row for id, row in rows.items() if holds(row)}
    offset, count = limit or (0, len(rows))
    # A limit counts where nothing else is asked for.
    is_alone = not query.spec.where.nodes and not order
    counted = [*found][offset : offset + count] if is_alone else found
    assert store.count(query, bounds) == len(counted)
    assert store.driver.run(native_counts.count(query)) == len(counted)
    ids = store.ids(query, bounds)
    with scripts_only():
        assert store.count(query, bounds) == len(counted)
        assert store.ids(query, bounds) == ids
    natively = native_find(query, {})
    if natively is not None:
        assert store.driver.run(natively)[0] == store.rows(query)
    if order:
        assert ids == in_order(order, found)[offset : offset + count]
    elif limit is None:
        assert sorted(ids) == sorted(found)
    else:
        everything = store.ids(query.limit(0, len(rows)), bounds)
        assert sorted(everything) == sorted(found)
        assert ids == everything[offset : offset + count]
    blocks = store.blocks(query, 3, bounds)
    assert all(len(block) <= 3 for block in blocks)
    assert [id for block in blocks for id in block] == ids
    if limit is None:
        pages = store.pages(query, 3, bounds)
        assert all(len(page) == 3 for page in pages[:-1])
        assert [id for page in pages for id in page] == in_order(order, found)
        back = store.pages_back(query, 3, bounds)
        assert all(len(page) == 3 for page in back[:-1])
        assert [id for page in reversed(back) for id in page] == in_order(order, found)


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, MODEL)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    live=st.booleans(),
    clauses=st.lists(CLAUSES, max_size=3),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
)
def test_clauses(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    live: bool,
    clauses: list[Clause],
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    store.write(rows, live)
    query = asked(clauses, order, limit)
    check(store, query, rows, lambda row: all(c.holds(row) for c in clauses), order, limit, bounds)


# --- trees of filters: what the script answers already, and `filter` cannot say yet ---------------

Tree = tuple[Node, Holds]


def leaf(clause: Clause) -> Tree:
    return asked([clause], [], None).spec.where.nodes[0], clause.holds


def both(parts: list[Tree]) -> Tree:
    return All(tuple(node for node, _ in parts)), lambda row: all(h(row) for _, h in parts)


def either(parts: list[Tree]) -> Tree:
    return AnyOf(tuple(node for node, _ in parts)), lambda row: any(h(row) for _, h in parts)


def neither(part: Tree) -> Tree:
    return Not(part[0]), lambda row: not part[1](row)


TREES = st.recursive(
    CLAUSES.map(leaf),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(both),
        st.lists(inner, max_size=3).map(either),
        inner.map(neither),
    ),
    max_leaves=5,
)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    live=st.booleans(),
    trees=st.lists(TREES, max_size=2),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
)
def test_trees(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    live: bool,
    trees: list[Tree],
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    store.write(rows, live)
    query = asked([], order, limit)
    where = All(tuple(node for node, _ in trees))
    query = query._with(where=where)
    check(store, query, rows, lambda row: all(h(row) for _, h in trees), order, limit, bounds)


# --- ids that no double holds --------------------------------------------------------------------

HUGE = st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 2**60 + 1, 2**63 - 1, 9, 10, 11])


@settings(max_examples=EXAMPLES)
@given(
    ids=st.lists(HUGE, unique=True, max_size=9),
    ages=st.lists(st.none() | st.integers(0, 2), min_size=9, max_size=9),
    order=ORDER,
    bounds=BOUNDS,
)
def test_huge_ids(
    server: Server,
    store: Store,
    ids: list[int],
    ages: list[int | None],
    order: Orders,
    bounds: Bounds,
) -> None:
    """Filters find them and orders sort them. (They have no place in a bitmap.)"""
    server.flush()
    rows = {
        id: {**NOTHING, 'id': id, 'label': 'x', 'age': age, 'price': 0.0}
        for id, age in zip(ids, ages, strict=False)
    }
    store.write(rows, live=False)
    clause = Clause('filter', 'label', 'x', lambda row: True)
    check(
        store,
        asked([clause], order, None),
        rows,
        clause.holds,
        order,
        None,
        bounds._replace(small=50_000),
    )
