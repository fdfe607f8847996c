"""Aggregates of random rows under random filters, against plain Python."""

from __future__ import annotations

import decimal
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.ops.search import (
    aggregates,
    direct_tallies,
    facets,
    native_sums,
    search_terms,
    text_sums,
)
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.histogram import histogram
from rom._core.query.nodes import All
from rom.columns import Decimal, Float, Integer
from rom.query import Query
from tests._core.ops.search.oracle import (
    CLAUSES,
    COLUMNS,
    ELEMENTS,
    MODEL,
    ORDERS,
    ROWS,
    Clause,
    Holds,
    Values,
)
from tests._core.ops.search.search_support import Store, model_of, scripts_only
from tests._core.ops.search.test_queries_random import (
    BOUNDS,
    EXAMPLES,
    LIMIT,
    ORDER,
    TREES,
    Orders,
    Tree,
    asked,
)
from tests.support.servers import Server

ADDED = ('age', 'big', 'price')
# The others have no order that an index gives by value.
SORTED = tuple(name for name in ORDERS if name not in ('own', 'own:x', 'flag'))


def nearest(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def float_sum(values: list[float], share: int = 1) -> float:
    """The sum, or its n-th part, rounded once."""
    if all(map(math.isfinite, values)):
        return nearest(sum(map(Fraction, values), Fraction()) / share)
    return sum(values) / share


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(found, float) and math.isnan(found)
    return type(found) is type(expected) and found == expected


def check_sums(store: Store, query: Query[Any], name: str, values: list[Any], b: Bounds) -> None:
    found = store.driver.run(aggregates.total(query, name, b))
    mean = store.driver.run(aggregates.average(query, name, b))
    count = len(values) or 1
    if name == 'price':
        expected, average = float_sum(values), float_sum(values, count)
    else:
        expected, average = sum(values), nearest(Fraction(sum(values), count))
    assert same(found, expected)
    assert same(mean, average) if values else mean is None
    # Beside a near server.
    native = native_sums.native_total(query, name), native_sums.native_average(query, name)
    if native[0] is not None and native[1] is not None:
        assert same(store.driver.run(native[0]), expected)
        mean = store.driver.run(native[1])
        assert same(mean, average) if values else mean is None


def check_facets(store: Store, query: Query[Any], name: str, values: list[Any], b: Bounds) -> None:
    found = store.driver.run(facets.facets(query, name, b))
    assert isinstance(found, Counter)
    encode = MODEL._schema.columns[name].encode
    if name in ELEMENTS:
        encode_all, encode = encode, lambda one: encode_all([one])
    assert found == counted(name, values)
    stored = {value: encode(value) for value in found if value is not None}
    places = [(-n, value is None, stored.get(value, b'')) for value, n in found.items()]
    if 0.0 not in found or name not in ('price', 'sizes'):  # which may be stored as -0.0, too
        assert places == sorted(places)


def counted(name: str, values: list[Any]) -> Counter[Any]:
    """How many rows have each value, or each element; None stands for rows without a value."""
    if name in ELEMENTS:
        rows = [[None] if value is None else [*dict.fromkeys(value)] for value in values]
        values = [one for row in rows for one in row]
    return Counter(values)


def in_intervals(values: Iterable[Any], edges: Sequence[Any]) -> list[int]:
    """How many values lie between each bound and the next; None is an open end."""
    there = [value for value in values if not is_nan(value)]
    return [
        sum((low is None or low <= v) and (high is None or v < high) for v in there)
        for low, high in pairwise(edges)
    ]


def is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, decimal.Decimal) else bool(value != value)


def edges_of(values: Iterable[Any], is_open: bool) -> list[Any]:
    """Bounds at the values themselves, where an error would show."""
    finite = {v for v in values if isinstance(v, int) or (not is_nan(v) and abs(v) < math.inf)}
    found = sorted(finite if len(finite) > 1 else {*finite, 0, 1})
    return [None, *found, None] if is_open else found


def check_histograms(
    store: Store, query: Query[Any], name: str, values: list[Any], b: Bounds
) -> None:
    for edges in (edges_of(values[:3], False), edges_of(values[2:6], True)):
        found = store.driver.run(histogram(query, name, edges, b))
        assert found == in_intervals(values, edges)


def check_extremes(
    store: Store, query: Query[Any], name: str, rows: list[Values], b: Bounds
) -> None:
    place = ORDERS[name]
    present = [row for row in rows if place(row) is not None]
    methods: tuple[tuple[Literal['min', 'max'], Any], ...] = (('min', min), ('max', max))
    for method, best in methods:
        found = store.driver.run(aggregates.extreme(query, method, name, b))
        if present:
            assert place({name: found}) == place(best(present, key=place))
            assert found in [row[name] for row in present]
        else:
            assert found is None


def check(
    store: Store, query: Query[Any], rows: dict[int, Values], holds: Holds, bounds: Bounds
) -> None:
    found = [row for row in rows.values() if holds(row)]
    together = store.driver.run(facets.facets_of_several(query, [*COLUMNS], bounds))
    assert together == {name: counted(name, [row[name] for row in found]) for name in COLUMNS}
    with scripts_only():
        facets_by_script = facets.facets_of_several(query, [*COLUMNS], bounds)
        assert store.driver.run(facets_by_script) == together
    for name in COLUMNS:
        values = [row[name] for row in found]
        check_facets(store, query, name, values, bounds)
        if name in ADDED:
            values = [value for value in values if value is not None]
            check_sums(store, query, name, values, bounds)
            check_histograms(store, query, name, values, bounds)
    for name in SORTED:
        check_extremes(store, query, name, found, bounds)


class Way(NamedTuple):
    """How the tallies are made: the least range for SORT_RO, and who adds up."""

    least: int | None
    adds_texts: bool

    def force(self) -> None:
        direct_tallies.set_least(self.least)
        search_terms.ADDED = text_sums.ADDED if self.adds_texts else {}


WAYS = st.builds(Way, st.sampled_from([0, 0, None]), st.booleans())


@pytest.fixture(autouse=True)
def usual_ways() -> Iterator[None]:
    yield
    Way(direct_tallies.USUAL, True).force()


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, MODEL)


@settings(max_examples=EXAMPLES // 3)
@given(
    rows=ROWS,
    live=st.booleans(),
    clauses=st.lists(CLAUSES, max_size=3),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
    way=WAYS,
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
    way: Way,
) -> None:
    """The order and the limit do not count."""
    way.force()
    server.flush()
    store.write(rows, live)
    query = asked(clauses, order, limit)
    check(store, query, rows, lambda row: all(c.holds(row) for c in clauses), bounds)


@settings(max_examples=EXAMPLES // 3)
@given(rows=ROWS, live=st.booleans(), trees=st.lists(TREES, max_size=2), bounds=BOUNDS)
def test_trees(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    live: bool,
    trees: list[Tree],
    bounds: Bounds,
) -> None:
    server.flush()
    store.write(rows, live)
    query = Query(MODEL)._with(where=All(tuple(node for node, _ in trees)))
    check(store, query, rows, lambda row: all(h(row) for _, h in trees), bounds)


# --- numbers of every kind -----------------------------------------------------------------------

NUMBERS = model_of(whole=Integer(), real=Float(), exact=Decimal())

WHOLE = st.one_of(
    st.integers(),
    st.integers(-(10**16), 10**16),
    st.builds(
        lambda size, more, sign: sign * (10**size + more),
        st.sampled_from([14, 15, 16, 29, 30, 31, 45, 400]),
        st.integers(-2, 2),
        st.sampled_from([1, -1]),
    ),
    st.sampled_from([2**52, -(2**52), 2**53 + 1, 2**1100]),
)
REAL = st.one_of(
    st.floats(),
    st.floats(-1e6, 1e6),
    st.sampled_from([1e16, -1e16, 1.0, 0.1, 1e308, -1e308, 5e-324, 2.0**990, -(2.0**990)]),
    st.integers(-(2**53), 2**53),
)
EXACT = st.one_of(
    st.decimals(places=2, min_value=-(10**9), max_value=10**9),
    st.decimals(min_value='-1E+40', max_value='1E+40', allow_nan=False),
    st.sampled_from(['0.00', '-0.0', '1E+3', '1E-30', '12345678901234567890.123456789', '5.']).map(
        decimal.Decimal
    ),
)
SPECIAL = st.sampled_from(['NaN', 'sNaN', 'Infinity', '-Infinity']).map(decimal.Decimal)

PLENTY = decimal.Context(prec=1000, traps=[])


def decimal_sum(values: list[decimal.Decimal]) -> decimal.Decimal:
    total = decimal.Decimal(0)
    for value in values:
        total = PLENTY.add(total, value)
    return total


@settings(max_examples=EXAMPLES)
@given(
    whole=st.lists(WHOLE, max_size=30),
    real=st.lists(REAL, max_size=30),
    exact=st.lists(EXACT, max_size=30),
    special=st.lists(SPECIAL, max_size=2),
    bounds=BOUNDS,
    way=WAYS,
)
@pytest.mark.one_server
def test_numbers(
    server: Server,
    raw: redis.Redis,
    whole: list[int],
    real: list[float],
    exact: list[decimal.Decimal],
    special: list[decimal.Decimal],
    bounds: Bounds,
    way: Way,
) -> None:
    way.force()
    server.flush()
    store = Store(raw, raw, NUMBERS)
    exact = exact + special
    rows: dict[int, dict[str, Any]] = {}
    for name, values in (('whole', whole), ('real', real), ('exact', exact)):
        for id, value in enumerate(values, 1):
            rows.setdefault(id, {})[name] = value
    store.write(rows)

    def ask(operation: Any, name: str) -> Any:
        return store.driver.run(operation(store.query, name, bounds._replace(page=3)))

    assert ask(aggregates.total, 'whole') == sum(whole)
    if whole:
        assert ask(aggregates.average, 'whole') == nearest(Fraction(sum(whole), len(whole)))
    floats = [float(value) for value in real]
    assert same(ask(aggregates.total, 'real'), float_sum(floats))
    if floats:
        assert same(ask(aggregates.average, 'real'), float_sum(floats, len(floats)))
    few = bounds._replace(page=3)
    for name, values in (('whole', whole), ('real', floats), ('exact', exact)):
        check_histograms(store, store.query, name, list(values), few)
    total, mean = ask(aggregates.total, 'exact'), ask(aggregates.average, 'exact')
    expected = decimal_sum(exact)
    assert isinstance(total, decimal.Decimal)
    if expected.is_nan():
        assert total.is_nan()
        assert mean.is_nan()
    else:
        assert total == expected
        assert mean == (total / len(exact) if exact else None)
