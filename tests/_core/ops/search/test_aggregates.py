"""Aggregates: how many trips they take, what is in no index or in no row, and broken rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from rom._core.encoding import keygens as kg
from rom._core.ops.search import aggregates, direct_tallies, facets, queries
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.histogram import histogram
from rom.columns import Date, Float, Integer, Text
from rom.exceptions import CorruptRowError, QueryError
from rom.query import Query
from tests._core.ops.search.search_support import Store, model_of
from tests._core.ops.search.test_queries_trips import Trips, trips

MODEL = model_of(
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, keygen=kg.SIMPLE),
    city=Text(index=True, prefix=True, keygen=kg.IDENTITY),
    age=Integer(index=True),
    size=Float(),
    born=Date(index=True),
)
COUNT = 12_000


@pytest.fixture
def store(raw: redis.Redis) -> Iterator[Store]:
    found = Store(raw, raw, MODEL)
    found.driver = Trips(raw)
    yield found
    direct_tallies.set_least()


@pytest.fixture
def crowd(store: Store) -> Store:
    store.write(
        {
            id: {
                'words': f'all w{id % 7}',
                'city': f'City {id % 40:02}',
                'age': id % 10,
                'size': id / 2,
            }
            for id in range(1, COUNT + 1)
        }
    )
    return store


def run(store: Store, operation: Any) -> Any:
    return store.driver.run(operation)


@pytest.mark.one_server
@pytest.mark.parametrize('is_direct', [True, False], ids=['direct', 'by ids'])
def test_one_trip_for_a_page_of_matches(crowd: Store, is_direct: bool) -> None:
    direct_tallies.set_least(0 if is_direct else None)
    some: list[tuple[Query[Any], range]] = [
        (crowd.query.filter(city='City 03'), range(3, COUNT + 1, 40)),
        (crowd.query.filter(age=(2, 5)), range(0)),
        (crowd.query.filter(age=3).order_by('-age').limit(5, 5), range(3, COUNT + 1, 10)),
        (crowd.query.startswith(words='w3'), range(3, COUNT + 1, 7)),
        (crowd.query.filter(city='nowhere'), range(0)),
    ]
    for query, ids in some:
        total = run(crowd, aggregates.total(query, 'size'))
        assert trips(crowd) == ['search']
        if ids:
            assert total == sum(ids) / 2
        run(crowd, aggregates.average(query, 'age'))
        assert trips(crowd) == ['search']
        cities = run(crowd, facets.facets(query, 'city'))
        assert trips(crowd) == ['search']
        together = run(crowd, facets.facets_of_several(query, ['age', 'city']))
        # A row of two columns takes longer, so that one call reads fewer of them, row by row.
        is_one_call = is_direct or sum(cities.values()) < 3600
        assert trips(crowd) == (['search'] if is_one_call else ['search', 'tally'])
        assert (together['city'], [*together]) == (cities, ['age', 'city'])
        assert run(crowd, histogram(query, 'size', [None, 0, None])) == [0, sum(cities.values())]
        assert trips(crowd) == ['search']
        run(crowd, aggregates.extreme(query, 'max', 'age'))
        assert trips(crowd) == ['search']


@pytest.mark.one_server
def test_more_come_a_piece_at_a_time(crowd: Store) -> None:
    assert run(crowd, aggregates.total(crowd.query, 'size')) == sum(range(COUNT + 1)) / 2
    assert trips(crowd) == ['search'] * 3
    # A range gives more rows a call, but fewer with many different values.
    every = crowd.query.filter(age=(0, 9))
    assert run(crowd, aggregates.total(every, 'size')) == sum(range(COUNT + 1)) / 2
    assert trips(crowd) == ['search', 'search']
    assert set(run(crowd, facets.facets(every, 'size')).values()) == {1}
    assert trips(crowd) == ['search', 'tally', 'search']
    # Gathered at once, tallied in pages.
    query = crowd.query.filter(city=[f'City {n:02}' for n in range(30)])
    at_once = aggregates.TALLY_BOUNDS._replace(small=20_000)
    assert run(crowd, facets.facets(query, 'age', at_once)) == dict.fromkeys(range(10), 900)
    assert trips(crowd) == ['search', 'tally']
    # Numbers of an index are counted without a look at them, however many they are.
    ages = run(crowd, histogram(crowd.query, 'age', [0, 1, 5, None]))
    assert ages == [COUNT // 10, COUNT * 4 // 10, COUNT // 2]
    assert trips(crowd) == ['search+search+search']
    # Too many for that: in parts.
    assert run(crowd, facets.facets(query, 'age')) == dict.fromkeys(range(10), 900)
    assert trips(crowd)[-1].startswith('tally')
    bounds = Bounds(page=100, small=100, budget=1000)
    assert run(crowd, facets.facets(query, 'age', bounds)) == dict.fromkeys(range(10), 900)
    assert len(trips(crowd)) > 10
    for method in ('min', 'max'):
        run(crowd, aggregates.extreme(crowd.query, method, 'age'))
        assert trips(crowd) == ['search']


@pytest.mark.one_server
def test_what_several_words_find_counts_once(crowd: Store) -> None:
    """Where it takes several calls, which do not know of each other."""
    query = crowd.query.startswith(words='')
    for bounds in (aggregates.TALLY_BOUNDS, Bounds(page=500, budget=700, chunk=50)):
        assert run(crowd, aggregates.total(query, 'age', bounds)) == sum(
            id % 10 for id in range(COUNT + 1)
        )
        sent = trips(crowd)
        assert sent.count('search') > 3
        assert any('tally' in trip for trip in sent)


@pytest.mark.parametrize('live', [True, False])
def test_entries_of_rows_that_are_gone(raw: redis.Redis, store: Store, live: bool) -> None:
    """`ids` leaves them out, and so do aggregates. (`count` looks at the index alone.)"""
    store.write({id: {'city': 'x', 'age': id, 'words': 'a b'} for id in range(1, 41)}, live)
    for id in (*range(1, 31), 40):
        raw.delete(f'Thing:{id}')
    ranged = store.query.filter(age=(1, 40))
    for query, least in (
        (store.query, None),
        (store.query.filter(city='x'), None),
        (ranged, None),
        (ranged, 0),
        (store.query.startswith(words=''), None),
    ):
        direct_tallies.set_least(least)
        assert sorted(run(store, queries.ids(query))) == list(range(31, 40))
        assert run(store, aggregates.total(query, 'age')) == sum(range(31, 40))
        assert run(store, aggregates.average(query, 'age')) == 35
        assert run(store, facets.facets(query, 'city')) == {'x': 9}
        assert run(store, facets.facets(query, 'size')) == {None: 9}
        together = run(store, facets.facets_of_several(query, ['city', 'size']))
        assert together == {'city': {'x': 9}, 'size': {None: 9}}
        assert run(store, aggregates.extreme(query, 'min', 'age')) == 31
        assert run(store, aggregates.extreme(query, 'max', 'age')) == 39
        assert run(store, aggregates.extreme(query, 'min', 'city')) == 'x'


@pytest.mark.one_server
def test_no_row_is_left(raw: redis.Redis, store: Store) -> None:
    store.write({id: {'age': id} for id in range(1, 41)})
    for id in range(1, 41):
        raw.delete(f'Thing:{id}')
    assert run(store, aggregates.extreme(store.query, 'min', 'age')) is None
    assert run(store, aggregates.total(store.query, 'age')) == 0
    assert run(store, aggregates.average(store.query, 'age')) is None


@pytest.mark.one_server
def test_values_are_those_of_the_rows(raw: redis.Redis, store: Store) -> None:
    """Also where the column has no index, or an index has no place for a value."""
    store.write({1: {'name': '', 'age': 2**60 + 1}, 2: {'name': ''}, 3: {'age': 2**60}})
    assert run(store, aggregates.extreme(store.query, 'min', 'name')) is None
    assert run(store, facets.facets(store.query, 'name')) == {'': 2, None: 1}
    assert run(store, aggregates.extreme(store.query, 'max', 'age')) == 2**60 + 1
    assert run(store, aggregates.extreme(store.query, 'min', 'age')) == 2**60
    assert run(store, aggregates.total(store.query, 'age')) == 2**61 + 1
    store.write({4: {'name': 'b'}, 5: {'name': 'a'}})
    assert run(store, aggregates.extreme(store.query, 'min', 'name')) == 'a'
    assert run(store, aggregates.extreme(store.query, 'max', 'name')) == 'b'


@pytest.mark.parametrize('bounds', [aggregates.TALLY_BOUNDS, Bounds(page=2, budget=2, chunk=2)])
def test_a_value_that_does_not_decode(raw: redis.Redis, store: Store, bounds: Bounds) -> None:
    store.write({id: {'age': id, 'size': 0.5, 'city': 'x'} for id in range(1, 10)})
    raw.hset('Thing:7', mapping={'age': 'x', 'size': '0x1p3', 'city': b'\xff'})
    raw.zadd('Thing:age:idx', {'7': 100})
    for operation, column in (
        (aggregates.total(store.query, 'age', bounds), 'age'),
        (aggregates.average(store.query, 'age', bounds), 'age'),
        (aggregates.total(store.query, 'size', bounds), 'size'),
        (facets.facets(store.query, 'city', bounds), 'city'),
        (facets.facets_of_several(store.query, ['born', 'city'], bounds), 'city'),
        (histogram(store.query.filter(age=(1, None)), 'age', [1, 2], bounds), 'age'),
        (histogram(store.query, 'size', [1.0, 2.0], bounds), 'size'),
        (aggregates.extreme(store.query, 'max', 'age', bounds), 'age'),
    ):
        with pytest.raises(CorruptRowError, match=f"Thing:7, column '{column}': the stored") as e:
            run(store, operation)
        assert (e.value.key, e.value.column) == ('Thing:7', column)
    for least in (0, None):
        direct_tallies.set_least(least)
        assert run(store, aggregates.total(store.query.filter(age=(1, 9)), 'age', bounds)) == 38
        with pytest.raises(CorruptRowError, match="Thing:7, column 'size'"):
            run(store, aggregates.total(store.query.filter(age=(1, 100)), 'size', bounds))


@pytest.mark.parametrize('bounds', [aggregates.TALLY_BOUNDS, Bounds(page=2, budget=2, chunk=2)])
def test_a_key_that_holds_no_row(raw: redis.Redis, store: Store, bounds: Bounds) -> None:
    store.write({id: {'age': id, 'words': 'a b'} for id in range(1, 10)})
    raw.delete('Thing:1')
    raw.set('Thing:1', 'x')
    direct_tallies.set_least(0)
    ranged = store.query.filter(age=(1, 9))
    for query in (store.query, store.query.startswith(words=''), ranged):
        for operation in (
            aggregates.total(query, 'age', bounds),
            facets.facets(query, 'age', bounds),
            facets.facets_of_several(query, ['age', 'city'], bounds),
            histogram(query, 'size', [0.0, 1.0], bounds),
            aggregates.extreme(query, 'min', 'age', bounds),
        ):
            with pytest.raises(CorruptRowError, match='Thing:1 should hold a hash'):
                run(store, operation)


@pytest.mark.one_server
def test_a_key_that_holds_no_index(raw: redis.Redis, store: Store) -> None:
    store.write({1: {'age': 1}})
    raw.set('Thing:city:x:idx', 'x')
    with pytest.raises(CorruptRowError, match='Thing:city:x:idx should be an index'):
        run(store, aggregates.total(store.query.filter(city='x'), 'age'))


@pytest.mark.one_server
def test_what_is_wrong_is_said_before_anything_is_sent(store: Store) -> None:
    for operation in (
        aggregates.total(store.query, 'born'),
        aggregates.average(store.query, 'city'),
        facets.facets(store.query, 'id'),
        facets.facets_of_several(store.query, ['age', 'id']),
        histogram(store.query, 'age', [2, 1]),
        aggregates.extreme(store.query, 'min', 'words'),
    ):
        with pytest.raises(QueryError):
            run(store, operation)
    assert trips(store) == []
