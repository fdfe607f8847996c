"""Queries of a model with soft deletes: against plain Python, and how many trips they take."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.ops.search import facets, queries
from rom._core.ops.search.bounds import Bounds
from rom._core.schema_builder import build
from rom.columns import DateTime, ExpireAt, Integer
from rom.query import Query
from tests._core.ops.search.oracle import CLAUSES, MODEL, ROWS, Clause, Values
from tests._core.ops.search.search_support import Store
from tests._core.ops.search.test_queries_expired import UNTIL, lives
from tests._core.ops.search.test_queries_random import (
    BOUNDS,
    EXAMPLES,
    LIMIT,
    ORDER,
    Orders,
    asked,
    check,
)
from tests._core.ops.search.test_queries_trips import Trips, trips
from tests.support.servers import Server

GONE = st.sampled_from([None, None, dt.datetime(2001, 2, 3), dt.datetime(2101, 2, 3)])


def soft_model(**columns: Any) -> type[Any]:
    """A model whose rows are deleted by a time in `gone`."""
    columns['gone'] = DateTime(index=True)
    for name, column in columns.items():
        column.name = name
    schema = build('Thing', columns, None, None, False, soft_delete='gone')
    return type('Thing', (), {'_schema': schema})


SOFT = soft_model(**MODEL._schema.columns, until=ExpireAt())
CROWD = soft_model(id=MODEL._schema.columns['id'], age=Integer(index=True), n=Integer(index=True))


@settings(max_examples=EXAMPLES // 2)
@given(
    rows=ROWS,
    gone=st.lists(GONE, min_size=1, max_size=8),
    until=st.lists(UNTIL, min_size=1, max_size=5),
    live=st.booleans(),
    clauses=st.lists(CLAUSES.filter(lambda clause: clause.name != 'code'), max_size=3),
    order=ORDER,
    limit=LIMIT,
    bounds=BOUNDS,
)
def test_clauses(
    server: Server,
    raw: redis.Redis,
    rows: dict[int, Values],
    gone: list[Any],
    until: list[Any],
    live: bool,
    clauses: list[Clause],
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    store = Store(raw, raw, SOFT)
    rows = {
        id: {**row, 'gone': gone[place % len(gone)], 'until': until[place % len(until)]}
        for place, (id, row) in enumerate(rows.items())
    }
    store.write(rows, live)
    query = Query(SOFT, asked(clauses, order, limit).spec)

    def holds(row: Values) -> bool:
        return all(clause.holds(row) for clause in clauses)

    there = {id: row for id, row in rows.items() if row['gone'] is None}
    living = {id: row for id, row in there.items() if lives(row)}
    check(store, query, living, holds, order, limit, bounds)
    check(store, query.with_expired(), there, holds, order, limit, bounds)
    every = query.with_expired().with_deleted()
    check(store, every, rows, holds, order, limit, bounds)
    found = store.driver.run(facets.facets(query, 'age', bounds))
    assert sum(found.values()) == sum(map(holds, living.values()))


@pytest.mark.one_server
def test_one_trip_beside_many_deleted_rows(raw: redis.Redis) -> None:
    """Also where half of all rows are deleted."""
    store = Store(raw, raw, CROWD)
    store.driver = Trips(raw)
    store.write(
        {
            id: {'age': id % 9, 'n': id, 'gone': dt.datetime(2001, 2, 3) if id % 2 else None}
            for id in range(1, 2001)
        }
    )
    for query, expected in (
        (store.query, range(2, 2001, 2)),
        (store.query.filter(age=3), range(12, 2001, 18)),
        (store.query.order_by('-n'), range(2000, 0, -2)),
        (store.query.order_by('-n').limit(0, 20), range(2000, 1960, -2)),
        (store.query.order_by('-id').limit(0, 20), range(2000, 1960, -2)),
        (store.query.with_deleted().filter(gone=(None, None)).order_by('n'), range(1, 2001, 2)),
    ):
        trips(store)
        found = store.driver.run(queries.ids(query))
        assert (found if query.spec.orders else sorted(found)) == list(expected)
        assert trips(store) == ['search']
        if query.spec.count is None:
            assert store.count(query) == len(expected)
            assert trips(store) == ['search']
