"""Random equalities, ranges and orders that compound indexes answer, against plain Python."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.encoding import keygens as kg
from rom._core.ops.compound_state import write_fingerprint
from rom._core.ops.search.bounds import Bounds
from rom.columns import Boolean, Float, Integer, Text
from rom.query import Query
from tests._core.ops.search.oracle import BIGS, FLOATS, Values
from tests._core.ops.search.search_support import Store, model_of
from tests._core.ops.search.test_queries_random import BOUNDS, EXAMPLES, LIMIT, check
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
    schema = MODEL._schema
    store.write(rows)
    store.driver.run(write_fingerprint(schema))  # so that the index is tried in each example
    if not is_built:
        store.raw.delete(schema.keys.indexes, *store.raw.scan_iter('*:cidx', count=1000))
    query: Query[Any] = Query(MODEL)
    for name, value in (*equal, *ranges):
        query = query.filter(**{name: value})
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        query = query.order_by(*order) if order else query

    def holds(row: Values) -> bool:
        return all(matches(row, name, value) for name, value in (*equal, *ranges))

    check(store, query, rows, holds, order, None, bounds)
    if limit is not None:
        check(store, query.limit(*limit), rows, holds, order, limit, bounds)
