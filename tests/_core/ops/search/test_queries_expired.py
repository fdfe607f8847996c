"""Queries of a model whose entities expire: against plain Python, and how many trips they take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import rom
from rom._core.encoding import keygens as kg
from rom._core.ops.requests import Script
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import Bounds
from rom.columns import Boolean, ExpireAt, Integer, Text
from rom.query import Query
from tests._core.ops.search.oracle import CLAUSES, MODEL, ROWS, Clause, Values
from tests._core.ops.search.search_support import Store, model_of
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

PAST = dt.datetime(2001, 2, 3)
LATER = dt.datetime(2101, 2, 3)
HOUR = dt.timedelta(hours=1)
UNTIL = st.sampled_from([None, PAST, PAST + HOUR, LATER, LATER + HOUR])

EXPIRING = model_of(**MODEL._schema.columns, until=ExpireAt())
CROWD = model_of(
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, keygen=kg.SIMPLE),
    city=Text(index=True, prefix=True, keygen=kg.IDENTITY_CI),
    age=Integer(index=True),
    flag=Boolean(index=True),
    until=ExpireAt(),
)


def lives(row: Values) -> bool:
    return row['until'] is None or row['until'] > PAST + HOUR


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, EXPIRING)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    until=st.lists(UNTIL, min_size=1, max_size=8),
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
    until: list[Any],
    live: bool,
    clauses: list[Clause],
    order: Orders,
    limit: tuple[int, int] | None,
    bounds: Bounds,
) -> None:
    server.flush()
    rows = {
        id: {**row, 'until': until[place % len(until)]}
        for place, (id, row) in enumerate(rows.items())
    }
    store.write(rows, live)
    query = Query(EXPIRING, asked(clauses, order, limit).spec)
    living = {id: row for id, row in rows.items() if lives(row)}

    def holds(row: Values) -> bool:
        return all(clause.holds(row) for clause in clauses)

    check(store, query, living, holds, order, limit, bounds)
    check(store, query.with_expired(), rows, holds, order, limit, bounds)


def until_of(id: int) -> dt.datetime | None:
    """Of ten, one has expired, two never will."""
    if id % 10 in (3, 7):
        return None
    return PAST + id * dt.timedelta(seconds=1) if id % 10 == 5 else LATER - id * HOUR


def crowd_of(raw: redis.Redis, until: Callable[[int], Any]) -> Store:
    found = Store(raw, raw, CROWD)
    found.driver = Trips(raw)
    found.write(
        {
            id: {
                'words': f'all w{id % 7}',
                'name': f'name {id % 50:02}',
                'city': f'City {id % 40:02}',
                'age': id % 9,
                'flag': id % 2 == 0,
                'until': until(id),
            }
            for id in range(1, 2001)
        }
    )
    return found


ASKED: list[Callable[[Any], Any]] = [
    lambda query: query,
    lambda query: query.filter(flag=True),
    lambda query: query.filter(flag=False),
    lambda query: query.filter(age=(2, 5)),
    lambda query: query.filter(age=(2, 5), flag=False),
    lambda query: query.filter(city='City 15'),
    lambda query: query.filter(until=(None, LATER)),
    lambda query: query.startswith(city='city 1'),
    lambda query: query.startswith(words='w'),
    lambda query: query.order_by('until'),
    lambda query: query.order_by('-until'),
    lambda query: query.filter(flag=False).order_by('until'),
    lambda query: query.filter(until=(None, LATER)).order_by('-until'),
    lambda query: query.order_by('name'),
    lambda query: query.order_by('-city'),
    lambda query: query.filter(age=3).order_by('city'),
]


@pytest.mark.one_server
@pytest.mark.parametrize('ask', ASKED)
@pytest.mark.parametrize('bounds', [Bounds(), Bounds(budget=100, chunk=10, small=20)])
def test_everything_of_a_query(raw: redis.Redis, ask: Any, bounds: Bounds) -> None:
    crowd = crowd_of(raw, until_of)
    every = crowd.ids(ask(crowd.query).with_expired(), bounds)
    expected = [id for id in every if id % 10 != 5]
    query = ask(crowd.query)
    assert crowd.ids(query, bounds) == expected
    assert crowd.count(query, bounds) == len(expected)
    assert crowd.count(query.with_expired(), bounds) == len(every)
    assert [id for page in crowd.blocks(query, 70, bounds) for id in page] == expected
    assert crowd.ids(query.limit(7, 20), bounds) == expected[7:27]
    assert crowd.driver.run(queries.exists(query, bounds)) == bool(expected)
    assert crowd.driver.run(queries.ids(query)) == expected
    rows = crowd.rows(query.select('flag'), bounds)
    assert [row.id for row in rows] == expected
    crowd.driver.run(queries.cache(query, b'cached', 60))
    assert [int(id) for id in raw.zrange('cached', 0, -1)] == expected


@pytest.mark.one_server
def test_all_expired(raw: redis.Redis) -> None:
    crowd = crowd_of(raw, lambda id: PAST)
    for ask in ASKED:
        assert crowd.ids(ask(crowd.query)) == []
        assert crowd.count(ask(crowd.query)) == 0
        assert not crowd.driver.run(queries.exists(ask(crowd.query)))


@pytest.mark.one_server
@pytest.mark.parametrize('until', [until_of, lambda id: LATER, lambda id: PAST])
def test_no_further_trips(raw: redis.Redis, until: Any) -> None:
    crowd = crowd_of(raw, until)
    for ask in ASKED:
        crowd.rows(ask(crowd.query).limit(0, 20))
        assert trips(crowd) == ['search']
        crowd.count(ask(crowd.query))
        assert trips(crowd) == ['search']


def commands_of(raw: redis.Redis, run: Callable[[], Any]) -> dict[str, int]:
    """How often each command was called meanwhile, by scripts too."""
    raw.execute_command('CONFIG', 'RESETSTAT')
    run()
    stats = raw.info('commandstats')
    return {name.removeprefix('cmdstat_'): value['calls'] for name, value in stats.items()}


@pytest.mark.one_server
def test_a_count_takes_few_commands(raw: redis.Redis) -> None:
    """With no filter or one, none of the entities is looked at; of those that expired, some are."""
    crowd = crowd_of(raw, until_of)
    asks = [lambda q: q, lambda q: q.filter(flag=False), lambda q: q.filter(age=(2, 5))]
    for ask in asks:
        query = ask(crowd.query)
        called = commands_of(raw, lambda query=query: crowd.count(query))
        assert sum(called.values()) < 25, called
    crowd = crowd_of(raw, lambda id: LATER)
    for ask in asks:
        with_them = commands_of(raw, lambda ask=ask: crowd.count(ask(crowd.query).with_expired()))
        without = commands_of(raw, lambda ask=ask: crowd.count(ask(crowd.query)))
        more = {name: n - with_them.get(name, 0) for name, n in without.items()}
        assert {name for name, n in more.items() if n} <= {'time', 'zcount'}


@pytest.mark.one_server
def test_rows_that_expire_between_pages_are_left_out(raw: redis.Redis) -> None:
    crowd = crowd_of(raw, lambda id: LATER)
    pages = []
    cursor = None
    while cursor is not None or not pages:
        rows, cursor = crowd.driver.run(queries.block(crowd.query, cursor, 500))
        pages.append([row.id for row in rows])
        raw.hset('Thing:1999', 'until', '5.0')
        raw.zadd('Thing:until:idx', {'1999': 5})
    assert [id for page in pages for id in page] == [*range(1, 1999), 2000]


@pytest.mark.one_server
@pytest.mark.parametrize('ask', ASKED)
def test_pages_while_others_expire(raw: redis.Redis, ask: Any) -> None:
    """What stays is found once, whether there was anything expired at the beginning or not."""
    crowd = crowd_of(raw, lambda id: LATER - id * HOUR)
    bounds = Bounds(budget=50, chunk=10, small=20)
    expected = crowd.ids(ask(crowd.query), bounds)
    gone: set[int] = set()
    found: list[int] = []
    cursor = None
    while True:
        rows, cursor = crowd.driver.run(queries.block(ask(crowd.query), cursor, 50, bounds))
        found += [row.id for row in rows]
        if cursor is None or not expected:
            break
        for id in {found[-1], expected[-len(found) // 2]}:
            gone.add(id)
            raw.hset(f'Thing:{id}', 'until', '5.0')
            raw.zadd('Thing:until:idx', {str(id): 5})
    assert len(found) == len(set(found))
    assert sorted(set(found) - gone) == sorted(set(expected) - gone)


@pytest.mark.one_server
def test_a_model_that_never_expires_asks_nothing_more() -> None:
    def request_of(model: Any) -> bytes:
        script = next(queries.search(Query(model)))
        assert isinstance(script, Script)
        return script.request

    assert b'Thing:until:idx' in request_of(EXPIRING)
    assert b'Thing:until:idx' not in request_of(MODEL)
    assert Query(MODEL).with_expired().spec.with_expired


class ExpShop(rom.Model):
    _namespace = 'exp:shop'
    lon = rom.Float()
    until = rom.ExpireAt()
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': 10})]


def test_the_nearest(server: Server, raw: redis.Redis) -> None:
    """Of those that live; `count` of them."""
    with rom.Session(raw) as s:
        for number in range(40):
            ExpShop(lon=number / 100, until=PAST if number % 4 < 3 else LATER)
        s.commit()
        s.rollback()
        query = ExpShop.query.near('at', 0, 10, 500, 'km', count=5)
        assert query.ids() == [4, 8, 12, 16, 20]
        assert query.count() == 5
        assert query.with_expired().ids() == [1, 2, 3, 4, 5]
        assert ExpShop.query.near('at', 0, 10, 500, 'km').count() == 10
