"""Searches, counts and pages on real servers, with every kind of client."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import redis

from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding import keygens as kg
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.selected_values import selected
from rom._core.query.results import as_lists, as_tuples
from rom.columns import Boolean, DateTime, Float, Integer, String, Text
from rom.exceptions import CorruptRowError, QueryError
from tests._core.ops.search.search_support import Store, model_of
from tests.support.servers import dump


def parts(value: str) -> Any:
    return {'': len(value), 'x': value.count('x')} if 'x' in value else [value]


MODEL = model_of(
    words=Text(index=True, prefix=True, suffix=True, keygen=kg.FULL_TEXT),
    name=Text(index=True, prefix=True, keygen=kg.SIMPLE),
    city=Text(index=True, prefix=True, keygen=kg.IDENTITY_CI),
    blob=String(index=True, prefix=True, suffix=True, keygen=kg.IDENTITY_STRING),
    note=Text(index=True, keygen=kg.IDENTITY),
    own=Text(index=True, keygen=parts),
    age=Integer(index=True),
    score=Float(index=True),
    born=DateTime(index=True),
    flag=Boolean(index=True),
)

PEOPLE: dict[int, dict[str, Any]] = {
    1: {'words': 'The quick Fox', 'name': 'Ann', 'city': 'Oslo', 'age': 30, 'flag': True},
    2: {'words': 'the lazy dog', 'name': 'Bob', 'city': 'Bergen', 'age': 20, 'flag': False},
    3: {'words': 'fox and dog', 'name': 'Cyd', 'city': 'oslo', 'age': 20},
    4: {'words': '', 'name': 'abcdefgz', 'score': 1.5, 'own': 'axx'},
    5: {'words': "it's Dog!", 'name': 'abcdefga', 'score': -1.5, 'own': 'b'},
    10: {'name': 'Ann', 'city': 'Ålesund', 'age': 40, 'born': dt.datetime(2020, 1, 1)},
}


@pytest.fixture
def store(client: redis.Redis, raw: redis.Redis) -> Store:
    found = Store(client, raw, MODEL)
    found.write(PEOPLE)
    return found


def test_everything(store: Store) -> None:
    assert store.ids(store.query) == [1, 2, 3, 4, 5, 10]
    assert store.count(store.query) == 6
    assert store.ids(store.query.filter()) == [1, 2, 3, 4, 5, 10]
    [first, *_] = store.rows(store.query)
    assert first.stored['name'] == b'Ann'
    assert first.stored['flag'] == b'1'
    assert 'born' not in first.stored


def test_nothing(client: redis.Redis, raw: redis.Redis) -> None:
    store = Store(client, raw, MODEL)
    for query in (store.query, store.query.filter(age=5), store.query.order_by('age')):
        assert store.ids(query) == []
        assert store.count(query) == 0
        assert store.blocks(query, 5) == [[]]
    assert dump(raw) == {}


@pytest.mark.parametrize(
    ('clause', 'found'),
    [
        ({'words': 'fox'}, {1, 3}),
        ({'words': 'DOG fox'}, {3}),
        ({'words': ['quick', 'lazy']}, {1, 2}),
        ({'words': "it's"}, {5}),
        ({'words': '!'}, set()),
        ({'city': 'OSLO'}, {1, 3}),
        ({'city': 'ålesund'}, {10}),
        ({'flag': True}, {1}),
        ({'flag': False}, {2}),
        ({'flag': [True, False]}, {1, 2}),
        ({'age': 20}, {2, 3}),
        ({'age': (None, 30)}, {1, 2, 3}),
        ({'age': (21, None)}, {1, 10}),
        ({'age': (None, None)}, {1, 2, 3, 10}),
        ({'age': (30, 20)}, set()),
        ({'age': [30, 40]}, {1, 10}),
        ({'age': []}, set()),
        ({'score': 1.5}, {4}),
        ({'born': dt.datetime(2020, 1, 1)}, {10}),
        ({'own': 3}, {4}),
        ({'own': 'x'}, {4}),
        ({'own': 'b'}, {5}),
        ({'own': 'nothing'}, set()),
        ({'own:x': 2}, {4}),
        ({'own:x': (3, None)}, set()),
        ({'own:y': 2}, set()),
        ({'age': 20, 'words': 'dog'}, {2, 3}),
        ({'age': 20, 'flag': False}, {2}),
    ],
)
def test_filters(store: Store, clause: dict[str, Any], found: set[int]) -> None:
    query = store.query.filter(**clause)
    assert set(store.ids(query)) == found
    assert store.count(query) == len(found)


@pytest.mark.parametrize(
    ('method', 'clause', 'found'),
    [
        ('startswith', {'words': 'do'}, {2, 3, 5}),
        ('startswith', {'words': 'DO'}, {2, 3, 5}),
        ('startswith', {'words': ''}, {1, 2, 3, 5}),
        ('startswith', {'city': 'Å'}, {10}),
        ('startswith', {'name': 'A'}, {1, 10}),
        ('startswith', {'name': 'A', 'city': 'o'}, {1}),
        ('endswith', {'words': 'OX'}, {1, 3}),
        ('like', {'words': 'f!x'}, {1, 3}),
        ('like', {'words': '*g'}, {2, 3, 5}),
        ('like', {'words': 'it.s'}, set()),
        ('like', {'city': '?l*nd'}, {10}),
        ('like', {'name': 'abcdefg+'}, {4, 5}),
    ],
)
def test_strings(store: Store, method: str, clause: dict[str, str], found: set[int]) -> None:
    query = getattr(store.query, method)(**clause)
    assert set(store.ids(query)) == found
    assert store.count(query) == len(found)


@pytest.mark.parametrize(
    ('order', 'found'),
    [
        ('age', [2, 3, 1, 10, 4, 5]),
        ('-age', [10, 1, 3, 2, 4, 5]),
        ('name', [1, 10, 2, 3, 5, 4]),
        ('-name', [4, 5, 3, 2, 10, 1]),
        ('city', [2, 1, 3, 10, 4, 5]),
        ('-city', [10, 3, 1, 2, 4, 5]),
        ('score', [5, 4, 1, 2, 3, 10]),
        ('own:x', [4, 1, 2, 3, 5, 10]),
        ('born', [10, 1, 2, 3, 4, 5]),
        ('flag', [2, 1, 3, 4, 5, 10]),
        ('-flag', [1, 2, 3, 4, 5, 10]),
    ],
)
def test_orders(store: Store, order: str, found: list[int]) -> None:
    query = store.query.order_by(order)
    assert store.ids(query) == found
    assert store.ids(query.limit(1, 3)) == found[1:4]
    assert store.ids(query.filter(age=(None, None))) == [id for id in found if id in {1, 2, 3, 10}]


@pytest.mark.parametrize('reverse', [False, True])
@pytest.mark.parametrize('several', [97, 10_007], ids=['ties', 'none equal'])
def test_the_first_of_many_that_are_sorted(store: Store, reverse: bool, several: int) -> None:
    scores = {id: id * 7919 % several / 2 - 20 for id in range(100, 500)}
    store.write({id: {'words': 'wanted', 'score': score} for id, score in scores.items()})
    store.write({id: {'words': 'wanting'} for id in range(500, 510)})
    order = sorted(scores, key=lambda id: (scores[id], id), reverse=reverse)
    order += range(500, 510)
    query = store.query.startswith(words='want').order_by('-score' if reverse else 'score')
    assert store.ids(query) == order
    assert store.ids(query.limit(0, 5)) == order[:5]
    assert store.ids(query.limit(30, 15)) == order[30:45]
    pages = store.pages(query, 45)
    assert [id for page in pages for id in page] == order


def test_an_order_by_what_is_stored(store: Store) -> None:
    with pytest.warns(UserWarning, match='order_by'):
        query = store.query.order_by('words')
    assert store.ids(query) == [1, 3, 5, 2, 4, 10]
    with pytest.warns(UserWarning, match='order_by'):
        query = store.query.order_by('note')
    assert store.ids(query.limit(2, 2)) == [3, 4]
    # It has numbers, so these count; without them it would be what is stored.
    with pytest.warns(UserWarning, match='order_by'):
        query = store.query.order_by('-own')
    assert store.ids(query)[:2] == [4, 1]
    store.raw.delete(store.schema.keys.scores('own'))
    assert store.ids(query)[:3] == [5, 4, 1]


def test_limits(store: Store) -> None:
    assert store.ids(store.query.limit(1, 2)) == [2, 3]
    assert store.ids(store.query.limit(5, 10)) == [10]
    assert store.ids(store.query.limit(6, 10)) == []
    assert store.ids(store.query.limit(0, 0)) == []
    # As in rom 1.x, a limit alone counts; beside a filter or an order it does not.
    assert store.count(store.query.limit(1, 2)) == 2
    assert store.count(store.query.limit(5, 10)) == 1
    assert store.count(store.query.limit(6, 10)) == store.count(store.query.limit(0, 0)) == 0
    assert store.count(store.query.limit(1, 2).filter(age=(None, None))) == 4
    assert store.count(store.query.limit(1, 2).order_by('age')) == 6
    assert store.blocks(store.query.limit(1, 3), 2) == [[2, 3], [4]]


def test_sets_by_id_and_ranges_by_score(store: Store) -> None:
    assert store.ids(store.query.filter(words='dog')) == [2, 3, 5]
    assert store.ids(store.query.filter(age=(None, None))) == [2, 3, 1, 10]
    assert store.ids(store.query.startswith(city='')) == [2, 1, 3, 10]


# --- selected data --------------------------------------------------------------------------------


def test_selected(store: Store) -> None:
    query = store.query.filter(age=30).select('name', 'age', 'born')
    rows = store.rows(query)
    assert set(rows[0].stored) <= {'name', 'age', 'born'}
    assert selected(query, rows) == [{'name': 'Ann', 'age': 30, 'born': None}]


def test_selected_with_the_primary_key(store: Store) -> None:
    query = store.query.order_by('-age').limit(0, 2).select('age', include_pk=True, ff=as_tuples)
    assert selected(query, store.rows(query)) == [(40, 10), (30, 1)]
    query = store.query.filter(age=40).select('born', 'flag', include_pk=True, decode=False)
    assert selected(query, store.rows(query)) == [
        {'born': '1577836800.0', 'flag': None, 'id': '10'}
    ]


def test_selected_of_a_row_that_has_none_of_it(store: Store) -> None:
    query = store.query.filter(own='x').select('born', ff=as_lists)
    assert selected(query, store.rows(query)) == [[None]]


def test_a_factory_gets_the_names_once(store: Store) -> None:
    asked: list[object] = []

    def factory(columns: tuple[str, ...]) -> Any:
        asked.append(columns)
        return lambda values: asked.append(values) or len(asked)

    query = store.query.filter(age=20).select('name', ff=factory)
    assert selected(query, store.rows(query)) == [2, 3]
    assert asked == [('name',), ['Bob'], ['Cyd']]


def test_selected_and_sorted_by_another_column(store: Store) -> None:
    query = store.query.order_by('-city').select('age')
    found = selected(query, store.rows(query))
    assert found[:4] == [{'age': 40}, {'age': 20}, {'age': 30}, {'age': 20}]


def test_a_value_that_does_not_decode(store: Store) -> None:
    store.raw.hset('Thing:1', 'age', 'many')
    query = store.query.filter(age=30).select('age')
    with pytest.raises(CorruptRowError, match="Thing:1, column 'age'"):
        selected(query, store.rows(query))


# --- data that are not in order -------------------------------------------------------------------


def test_entries_without_a_row_are_skipped(store: Store) -> None:
    store.raw.delete('Thing:1', 'Thing:3')
    assert store.ids(store.query.filter(words='fox')) == []
    assert store.ids(store.query.order_by('age')) == [2, 10, 4, 5]
    assert store.ids(store.query) == [2, 4, 5, 10]
    assert store.blocks(store.query, 2) == [[2], [4], [5, 10]]


def test_a_row_of_another_type(store: Store) -> None:
    store.raw.delete('Thing:2')
    store.raw.set('Thing:2', 'x')
    for query in (store.query, store.query.order_by('age'), store.query.order_by('city')):
        with pytest.raises(CorruptRowError, match='Thing:2 should hold a hash') as error:
            store.rows(query)
        assert sorted(row.id for row in error.value.entities) == [1, 3, 4, 5, 10]
    with pytest.raises(CorruptRowError) as error:
        store.rows(store.query.order_by('age'), Bounds(page=1))
    assert [row.id for row in error.value.entities] == [3, 1, 10, 4, 5]
    with pytest.raises(CorruptRowError) as error:
        store.rows(store.query.select('age'))
    assert error.value.entities == []
    assert store.ids(store.query.filter(age=30)) == [1]
    assert store.count(store.query) == 6


def test_a_row_of_another_type_where_rows_decide(store: Store) -> None:
    store.write({20: {'age': 2**60, 'name': 'abcdefgm'}, 21: {'age': 2**60 + 1}})
    store.raw.delete('Thing:20')
    store.raw.set('Thing:20', 'x')
    assert store.ids(store.query.filter(age=2**60 + 1)) == [21]
    with pytest.raises(CorruptRowError, match='Thing:20') as error:
        store.rows(store.query.order_by('name'))
    assert [row.id for row in error.value.entities][:4] == [1, 10, 2, 3]


@pytest.mark.parametrize(
    ('key', 'ask'),
    [
        ('Thing:age:idx', lambda query: query.filter(age=5)),
        ('Thing:age:idx', lambda query: query.order_by('age')),
        ('Thing:words:fox:idx', lambda query: query.filter(words='fox')),
        ('Thing:words:pre', lambda query: query.startswith(words='fox')),
        ('Thing:blob:suf', lambda query: query.endswith(blob='fox')),
        ('Thing:city:pre', lambda query: query.order_by('city')),
        ('Thing:id:live', lambda query: query),
    ],
)
def test_an_index_of_another_type(store: Store, key: str, ask: Any) -> None:
    store.raw.delete(key)
    store.raw.hset(key, 'x', 'y')
    with pytest.raises(CorruptRowError, match=f'{key} should be an index of Thing') as error:
        store.rows(ask(store.query))
    assert error.value.key == key


def test_a_counter_of_another_type(store: Store) -> None:
    store.raw.delete('Thing:id:live', 'Thing:id:')
    store.raw.hset('Thing:id:', 'x', 'y')
    with pytest.raises(CorruptRowError, match='Thing:id: should be'):
        store.count(store.query)


def test_ids_that_are_too_many_to_list(store: Store) -> None:
    store.raw.delete('Thing:id:live')
    store.raw.set('Thing:id:', 2**53 + 1)
    with pytest.raises(QueryError, match=r'the ids go up to 90071992547409\d\d'):
        store.rows(store.query)
    with pytest.raises(QueryError, match='filter by an indexed column'):
        store.count(store.query)
    assert store.ids(store.query.filter(age=20)) == [2, 3]


def test_data_of_rom_1(store: Store) -> None:
    """It has no bitmap."""
    store.raw.delete('Thing:id:live', 'Thing:4')
    assert store.ids(store.query) == [1, 2, 3, 5, 10]
    assert store.count(store.query) == 5
    assert store.ids(store.query.order_by('age')) == [2, 3, 1, 10, 5]


def test_reading_writes_nothing(store: Store) -> None:
    before = dump(store.raw)
    for query in (
        store.query,
        store.query.filter(words='the fox', age=(None, 50)).order_by('-name'),
        store.query.order_by('city').limit(1, 2),
    ):
        store.rows(query)
        store.count(query)
        store.blocks(query, 2)
    assert dump(store.raw) == before


def test_reading_needs_no_right_to_write(store: Store) -> None:
    store.raw.execute_command(
        'ACL', 'SETUSER', 'reader', 'on', 'nopass', 'resetkeys', '~*', 'resetchannels',
        '-@all', '+@read', '+evalsha', '+eval', '+auth', '+client', '+hello',
    )  # fmt: skip
    settings = store.raw.connection_pool.connection_kwargs
    reader = redis.Redis(unix_socket_path=settings['path'], username='reader', password='')
    try:
        driver = SyncDriver(reader)
        query = store.query.filter(words='fox').order_by('age')
        assert [row.id for row in driver.run(queries.search(query))] == [3, 1]
        assert driver.run(queries.count(store.query)) == 6
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.set('x', 'y')
    finally:
        reader.close()
        store.raw.execute_command('ACL', 'DELUSER', 'reader')


SMALL = Bounds(page=2, small=3, budget=2, chunk=1)


@pytest.mark.parametrize('bounds', [Bounds(), SMALL])
def test_ids_and_whether_there_are_any(store: Store, bounds: Bounds) -> None:
    query = store.query
    for asked in (
        query,
        query.filter(age=20),
        query.filter(age=(20, 30), flag=True),
        query.filter(age=30, flag=False),
        query.startswith(words='d'),
        query.does_not_startwith(words=['d', 'f']),
        query.does_not_endwith(words='x').filter(age=(None, 20)),
        query.filter(words='nothing'),
        query.order_by('-age'),
        query.order_by('name'),
        query.filter(age=(20, None)).order_by('name'),
    ):
        for limited in (asked, asked.limit(1, 2), asked.limit(2, 10), asked.limit(0, 0)):
            wanted = store.ids(limited)
            assert store.driver.run(queries.ids(limited, bounds)) == wanted
            assert store.driver.run(queries.exists(limited, bounds)) is bool(wanted)


def test_ids_of_rows_that_are_gone_are_left_out(store: Store, raw: redis.Redis) -> None:
    raw.delete(store.schema.keys.row(3))
    assert store.driver.run(queries.ids(store.query.filter(age=20))) == [2]


def test_cached_ids_come_in_parts(
    store: Store, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, '_CACHED', 2)
    key = store.schema.keys.cached(b'x')
    query = store.query.order_by('-age').limit(1, 1)
    for _ in range(2):
        store.driver.run(queries.cache(query, key, 20))
        assert [int(id) for id in raw.zrange(key, 0, -1)] == store.ids(query.limitless())
        assert raw.zscore(key, '1') == 1


@pytest.mark.one_server
def test_the_first_is_one_whose_row_is_there(store: Store) -> None:
    """What an index has of rows that are gone hides nothing."""
    store.write({id: {'age': id} for id in range(1, 41)})
    query = store.query.order_by('age')
    for gone, expected in ((0, 1), (1, 2), (30, 31), (39, 40)):
        for id in range(1, gone + 1):
            store.raw.delete(f'Thing:{id}')
        row = store.driver.run(queries.first_row(query))
        assert row is not None
        assert row.id == expected
    for some in (query.limit(0, 0), query.limit(0, 3), query.limit(40, 3), query.filter(age=99)):
        assert store.driver.run(queries.first_row(some)) is None
    found = store.driver.run(queries.first_row(query.limit(38, 2)))
    assert found is not None
    assert found.id == 40
