"""Tallies by SORT_RO: what they read, and where the server refuses the command.

That the answers are right is tested at random: test_tallying_random.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding import keygens as kg
from rom._core.ops.search import aggregates, direct_tallies, facets
from rom._core.ops.search.histogram import histogram
from rom._core.schema_builder import build
from rom.columns import Float, Integer, PrimaryKey, Text
from tests._core.ops.search.search_support import Store, model_of
from tests._core.ops.search.test_queries_trips import Trips, trips
from tests.support.servers import Server

MODEL = model_of(
    city=Text(index=True, keygen=kg.IDENTITY),
    age=Integer(index=True),
    size=Float(default=0.5),
    born=Integer(),
    note=Text(),
)
COUNT = 700


class DirectStop(rom.Model):
    _shards = rom.Shards('directstops', 3)
    city = rom.Text()
    age = rom.Integer(index=True)


@pytest.fixture
def store(raw: redis.Redis) -> Iterator[Store]:
    """Many rows: one has a year of birth, none has a size, and every tenth has a long note."""
    found = Store(raw, raw, MODEL)
    found.driver = Trips(raw)
    found.write(
        {
            id: {'city': f'City {id % 7}', 'age': id, 'note': 'x' * 20_000 if id % 10 == 0 else 'y'}
            for id in range(1, COUNT + 1)
        }
    )
    raw.hset('Thing:5', 'born', '1990')
    direct_tallies.set_least()
    yield found
    direct_tallies.set_least()


def sorts(raw: redis.Redis) -> int:
    """The number of SORT_RO that the server has carried out."""
    stats: Any = raw.info('commandstats')
    return int(stats.get('cmdstat_sort_ro', {}).get('calls', 0))


@pytest.mark.one_server
def test_a_range_is_read_without_a_command_for_each_row(raw: redis.Redis, store: Store) -> None:
    query = store.query.filter(age=(1, 600))
    raw.config_resetstat()
    assert store.driver.run(aggregates.total(query, 'age')) == 600 * 601 / 2
    cities = store.driver.run(facets.facets(query, 'city'))
    assert (cities['City 1'], cities.total()) == (86, 600)
    together = store.driver.run(facets.facets_of_several(query, ['city', 'age']))
    assert (together['city'], len(together['age'])) == (cities, 600)
    assert store.driver.run(histogram(query, 'age', [1, 11, 601])) == [10, 590]
    stats: Any = raw.info('commandstats')
    assert trips(store) == ['search'] * 4
    assert 0 < sorts(raw) < 40
    assert 'cmdstat_hget' not in stats
    assert 'cmdstat_hmget' not in stats
    store.driver.run(facets.facets(store.query.filter(age=(1, 100)), 'city'))  # a small range
    store.driver.run(facets.facets(store.query.filter(city='City 1', age=(1, 600)), 'city'))
    assert sorts(raw) < 40


@pytest.mark.one_server
def test_values_that_most_rows_lack(raw: redis.Redis, store: Store) -> None:
    query = store.query.filter(age=(1, 600))
    raw.config_resetstat()
    born = store.driver.run(facets.facets(query, 'born'))
    assert born[None] == 599
    assert born.total() == 600
    assert store.driver.run(aggregates.total(query, 'size')) == 300
    assert sorts(raw) == 2  # after the first rows, the others are read one by one


@pytest.mark.one_server
def test_long_values_are_read_a_few_at_a_time(raw: redis.Redis, store: Store) -> None:
    raw.config_resetstat()
    notes = store.driver.run(facets.facets(store.query.filter(age=(1, 600)), 'note'))
    assert notes == {'x' * 20_000: 60, 'y': 540}
    assert {trip.partition('+')[0] for trip in trips(store)} == {'search', 'tally'}


def test_a_user_who_may_not_read_all_keys(server: Server, raw: redis.Redis, store: Store) -> None:
    """The call that was refused answers all the same, and the next ones do not ask."""
    query = store.query.filter(age=(1, 600))
    rights = ('on', '>secret', 'resetchannels', '~Thing:*', '+@all')
    raw.execute_command('ACL', 'SETUSER', 'few', *rights)
    raw.config_resetstat()
    with server.connect(username='few', password='secret') as client:
        driver = SyncDriver(client)
        for _ in range(2):
            assert driver.run(facets.facets(query, 'city')).total() == 600
            assert driver.run(aggregates.total(query, 'age')) == 600 * 601 / 2
            assert direct_tallies.least_direct(MODEL._schema) is None
        assert driver.run(histogram(query, 'age', [1, 601])) == [600]
    assert sorts(raw) <= 1
    raw.execute_command('ACL', 'DELUSER', 'few')


@pytest.mark.one_server
def test_a_user_who_may_not_read_all_keys_of_partitions(server: Server, raw: redis.Redis) -> None:
    """The partitions are asked once, all in one trip."""
    rom.util.CONNECTION = raw
    for number in range(1, 13):
        DirectStop(city='Oslo', age=number).save()
    direct_tallies.set_least(1)
    parts = [DirectStop._schema.at(number) for number in range(3)]
    rights = ('on', '>secret', 'resetchannels', '~*DirectStop:*', '~{directstops*', '+@all')
    raw.execute_command('ACL', 'SETUSER', 'few', *rights)
    with server.connect(username='few', password='secret') as client:
        found = SyncDriver(client).run(facets.facets(DirectStop.query.filter(age=(1, 12)), 'city'))
    raw.execute_command('ACL', 'DELUSER', 'few')
    assert found == {'Oslo': 12}
    assert [direct_tallies.least_direct(part) for part in parts] == [None] * 3
    direct_tallies.set_least()


@pytest.mark.one_server
def test_a_user_who_may_read_all_keys(server: Server, raw: redis.Redis, store: Store) -> None:
    rights = ('on', '>secret', '~Thing:*', '%R~*', '-@all', '+evalsha', '+eval', '+zcount')
    also = ('+sort_ro', '+zrange')
    raw.execute_command('ACL', 'SETUSER', 'reader', *rights, *also)
    raw.config_resetstat()
    with server.connect(username='reader', password='secret') as client:
        found = SyncDriver(client).run(facets.facets(store.query.filter(age=(1, 600)), 'city'))
    assert found.total() == 600
    assert sorts(raw) > 1
    raw.execute_command('ACL', 'DELUSER', 'reader')


def test_a_prefix_of_keys_that_a_pattern_cannot_have() -> None:
    schema = build('Th*ng', {'id': PrimaryKey(), 'age': Integer()}, None, None, False)
    assert direct_tallies.least_direct(schema) is None
    assert direct_tallies.least_direct(MODEL._schema) == direct_tallies.USUAL


@pytest.mark.one_server
def test_a_field_that_a_pattern_cannot_have(raw: redis.Redis) -> None:
    model = model_of(city=Text(stored_as='\0city'), kind=Text(), age=Integer(index=True))
    store = Store(raw, raw, model)
    store.write({id: {'kind': 'a', 'age': id} for id in range(1, 201)})
    for id in range(1, 201):
        raw.hset(f'Thing:{id}', '\0city', 'Oslo')
    query = store.query.filter(age=(1, 200))
    found = store.driver.run(facets.facets_of_several(query, ['city', 'kind']))
    assert found == {'city': {'Oslo': 200}, 'kind': {'a': 200}}
