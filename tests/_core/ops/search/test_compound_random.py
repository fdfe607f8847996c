"""Random equalities, ranges and orders that compound indexes answer, against plain Python."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.encoding import keygens as kg
from rom._core.ops import compound_state
from rom._core.ops.index_fingerprint import stamp_of
from rom._core.ops.search.search_calls import Bounds
from rom.columns import Boolean, Float, Integer, Text
from rom.query import Query
from tests._core.ops.search.oracle import BIGS, FLOATS, Values
from tests._core.ops.search.search_support import Store, model_of
from tests._core.ops.search.test_queries_random import BOUNDS, EXAMPLES, LIMIT
from tests.support.servers import Server

COMPOUNDS = [
    ('city', 'age'), ('city', 'price'), ('words', 'big'), ('flag', 'big'), ('age', 'price'),
    ('rank', 'age'),
]  # fmt: skip
MODEL: Any = model_of(
    compound_index=COMPOUNDS,
    city=Text(index=True, keygen=kg.IDENTITY),
    words=Text(index=True, keygen=kg.FULL_TEXT),
    flag=Boolean(index=True),
    rank=Float(index=True),
    age=Integer(index=True, required=True),
    price=Float(index=True),
    big=Integer(index=True),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    'city': st.sampled_from(['a', 'b', 'b:idx', 'é', '']),
    'words': st.sampled_from(['red', 'blue red', 'blue']),
    'flag': st.booleans(),
    'rank': st.sampled_from([0.0, -0.0, 1.0, 0.1]),
    'age': st.integers(0, 4),
    'price': FLOATS,
    'big': BIGS,
}
ROWS = st.dictionaries(
    st.integers(1, 60),
    st.fixed_dictionaries(
        {n: v if n == 'age' else st.none() | v for n, v in VALUES.items()}  # age is required
    ),
    max_size=24,
)
NUMBERS = ('age', 'price', 'big')
EQUALITIES = st.one_of(
    st.tuples(st.just(name), values) for name, values in VALUES.items() if name not in NUMBERS[1:]
)
RANGES = st.one_of(
    st.tuples(st.just(name), st.tuples(st.none() | VALUES[name], st.none() | VALUES[name]))
    for name in NUMBERS
)
ORDER = st.lists(
    st.tuples(st.sampled_from(['', '-']), st.sampled_from(NUMBERS)).map(''.join), max_size=1
)


def matches(row: Values, name: str, value: Any) -> bool:
    mine = row[name]
    if mine is None:
        return False
    if isinstance(value, tuple):
        low, high = value
        return (low is None or mine >= low) and (high is None or mine <= high)
    if name == 'words':
        return set(value.split()) <= set(mine.split())
    return bool(mine == value) and value != ''


def in_order(found: dict[int, Values], order: list[str]) -> list[int]:
    ids = sorted(found)
    if not order:
        return ids
    name, down = order[0].removeprefix('-'), order[0][0] == '-'
    there = sorted(
        (id for id in ids if found[id][name] is not None),
        key=lambda id: (found[id][name], id),
        reverse=down,
    )
    return there + [id for id in ids if found[id][name] is None]


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, MODEL)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    is_built=st.booleans(),
    equal=st.lists(EQUALITIES, min_size=1, max_size=2),
    ranges=st.lists(RANGES, max_size=2),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
)
def test_compound_indexes(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    is_built: bool,
    equal: list[tuple[str, Any]],
    ranges: list[tuple[str, Any]],
    order: list[str],
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    compound_state.forget()
    schema = MODEL._schema
    store.write(rows)
    if is_built:
        store.raw.set(schema.keys.indexes, stamp_of(schema))
    else:
        for key in store.raw.scan_iter('*:cidx', count=1000):
            store.raw.delete(key)
    query: Query[Any] = Query(MODEL)
    for name, value in (*equal, *ranges):
        query = query.filter(**{name: value})
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        query = query.order_by(*order) if order else query
    found = {
        id: row
        for id, row in rows.items()
        if all(matches(row, name, value) for name, value in (*equal, *ranges))
    }
    assert store.count(query, bounds) == len(found)
    everything = store.ids(query, bounds)
    if order:
        assert everything == in_order(found, order)
    assert sorted(everything) == sorted(found)
    assert [id for block in store.blocks(query, 3, bounds) for id in block] == everything
    pages = [id for page in store.pages(query, 3, bounds) for id in page]
    assert pages == in_order(found, order)
    if limit is not None:
        offset, count = limit
        assert store.ids(query.limit(*limit), bounds) == everything[offset : offset + count]
