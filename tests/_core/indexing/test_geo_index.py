"""GeoIndex (contract, sections 3, 5, 8 and difference 4), and `near`."""

import asyncio
import math
import random
from typing import Any

import pytest
import redis

import rom
from rom.exceptions import (
    ColumnError,
    CorruptRowError,
    DataRaceError,
    InvalidColumnValue,
    ORMError,
    QueryError,
)
from tests.support.implied import assert_consistent

seen: list[Any] = []


def home(e: Any) -> dict[str, Any]:
    seen.append((e.lon, e['lat']))
    return {'lon': e.lon, 'lat': e['lat']}


class GeoShop(rom.Model):
    name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    size = rom.Integer(index=True)
    lon = rom.Float()
    lat = rom.Float()
    geo_index = [rom.GeoIndex('at', home)]


# Declaring.


@pytest.mark.parametrize(
    'wrong', [rom.GeoIndex('a', home), (rom.GeoIndex('a', home),), [5], 'a', [('a', home)],
              [rom.GeoIndex(5, home)], [rom.GeoIndex('a', 5)], [rom.GeoIndex('', home)]]
)  # fmt: skip
def test_what_is_no_list_of_geo_indexes(wrong: Any) -> None:
    with pytest.raises(ORMError, match=r'Thing\.geo_index'):
        type('Thing', (rom.Model,), {'geo_index': wrong})


def test_two_of_one_name() -> None:
    with pytest.raises(ColumnError, match="two indexes 'a'"):
        type('Thing', (rom.Model,), {'geo_index': [rom.GeoIndex('a', home)] * 2})


def test_it_is_inherited() -> None:
    class Market(GeoShop):
        pass

    assert Market._schema.places['at'].key == b'Market:at:geo'


# Writing.


def test_an_entry_follows_the_entity(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    shop = GeoShop(name='a', lon=10.0, lat=50.0)
    shop.save()
    keyspace = assert_consistent(raw, GeoShop)
    assert keyspace[b'GeoShop:at:geo'] == {b'1': 3666804695560495.0}  # what 1.1.2 stores
    [(lon, lat)] = raw.geopos('GeoShop:at:geo', '1')
    assert (round(lon, 4), round(lat, 4)) == (10, 50)
    shop.lat = 51
    shop.save()
    assert_consistent(raw, GeoShop)
    shop.lat = None
    shop.save()
    assert raw.exists('GeoShop:at:geo') == 0
    shop.lat = 49.0
    shop.name = 'b'
    shop.save()
    assert_consistent(raw, GeoShop)
    shop.save(full=True)
    shop.save(force=True)
    assert_consistent(raw, GeoShop)
    shop.delete()
    assert raw.exists('GeoShop:at:geo') == 0
    assert_consistent(raw, GeoShop)


def test_callbacks_see_no_missing_values(client: redis.Redis, raw: redis.Redis) -> None:
    """Difference 4."""
    rom.util.CONNECTION = client
    seen.clear()
    GeoShop(name='a', lon=1.0)
    GeoShop(name='b', lat=1.0)
    GeoShop(name='c')
    GeoShop(name='d', lon=1.0, lat=0.0)
    rom.session.commit()
    assert seen == [(1.0, 0.0)]
    assert_consistent(raw, GeoShop)
    assert GeoShop.query.near('at', 1, 0, 10).select('name').all() == [{'name': 'd'}]


@pytest.mark.one_server
def test_what_a_callback_is_given(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    found: list[Any] = []

    def look(e: Any) -> Any:
        found.append(
            (dict(e), 'b' in e, 'c' in e, 'd' in e, len(e), e.get('c', 5), e.get('nope', 7), e.id)
        )
        try:
            return [e.b]
        except Exception:
            return [{'lon': 0, 'lat': 0}]  # a missing value is no exception that it could catch

    class Team(rom.Model):
        pass

    class Thing(rom.Model):
        a = rom.Integer()
        b = rom.Text()
        c = rom.Date()
        team = rom.ManyToOne('Team', 'no action')
        geo_index = [rom.GeoIndex('it', look), rom.GeoIndex('by', lambda e: {
            'lon': e.team.id, 'lat': 0})]  # fmt: skip

    team = Team()
    Thing(a=1, team=team).save()
    assert found == []  # c is missing, and get() looks at it
    assert raw.zcard('Thing:by:geo') == 1
    assert raw.exists('Thing:it:geo') == 0


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('found', 'count'),
    [
        (None, 0),
        ([], 0),
        ((), 0),
        ([{'lon': 1, 'lat': 2}], 1),
        ([{'lon': 1, 'lat': 2}, {'lon': 3.5, 'lat': 4}], 1),
        ({'lon': '1.5', 'lat': rom.columns.Decimal().check('2')}, 1),
        ({'lon': 180, 'lat': -85.05112878, 'more': None}, 1),
    ],
)
def test_what_a_callback_may_return(client: Any, raw: Any, found: Any, count: int) -> None:
    """One point an entity: of a list the last one counts, as in 1.1.2."""
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        geo_index = [rom.GeoIndex('it', lambda e: found)]

    Thing().save()
    assert raw.zcard('Thing:it:geo') == count
    if isinstance(found, list) and len(found) == 2:
        assert raw.zscore('Thing:it:geo', '1') == 3379635327899310  # what 1.1.2 stores


@pytest.mark.one_server
@pytest.mark.parametrize(
    'wrong',
    [
        {'lon': 180.1, 'lat': 0},
        {'lon': 0, 'lat': 85.06},
        {'lon': 0, 'lat': -90},
        {'lon': math.nan, 'lat': 0},
        {'lon': math.inf, 'lat': 0},
        {'lon': 'x', 'lat': 0},
        {'lon': None, 'lat': 0},
        {'lon': 1},
        (1, 2),
        5,
        'x',
        [{'lon': 1, 'lat': 2}, None],
        [{'lon': 200, 'lat': 2}, {'lon': 1, 'lat': 2}],
    ],
)
def test_what_is_no_point(client: redis.Redis, raw: redis.Redis, wrong: Any) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        a = rom.Integer(index=True)
        geo_index = [rom.GeoIndex('it', lambda e: wrong)]

    with pytest.raises(InvalidColumnValue, match="Thing, geo index 'it'"):
        Thing(a=1).save()
    assert raw.keys('Thing:[1a]*') == []


@pytest.mark.one_server
@pytest.mark.parametrize('callback', [lambda e: e.nope, lambda e: e['nope'], lambda e: 1 / 0])
def test_a_callback_that_fails(client: redis.Redis, callback: Any) -> None:
    rom.util.CONNECTION = client

    class Thing(rom.Model):
        geo_index = [rom.GeoIndex('it', callback)]

    with pytest.raises(InvalidColumnValue, match='its callback failed'):
        Thing().save()


@pytest.mark.one_server
def test_what_it_looks_at_is_part_of_the_race_check(client: Any, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    GeoShop(lon=10.0, lat=50.0).save()
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(GeoShop, 1), two.get(GeoShop, 1)
        assert mine is not None and other is not None
        mine.lon = 20.0
        one.commit()
        other.lat = 60.0
        two.commit()
    assert_consistent(raw, GeoShop)
    with rom.Session() as one, rom.Session() as two:
        mine, other = one.get(GeoShop, 1), two.get(GeoShop, 1)
        assert mine is not None and other is not None
        mine.lon, other.lon = 1.0, 2.0
        one.commit()
        with pytest.raises(DataRaceError):
            two.commit()
        other = two.get(GeoShop, 1)
    assert_consistent(raw, GeoShop)


# What rom 1.x stored.


@pytest.mark.parametrize(
    'listed',
    [
        b'[{},{},{},["at"],{}]',  # under the suffixes, as 1.1.2 does
        b'[[],[],[],[],["at"]]',
        b'[{},{},{},["at","at"],{}]',
        b'[{},{},{},{},{}]',  # after its next save it has forgotten
    ],
)
@pytest.mark.parametrize('keep', [False, True])
@pytest.mark.one_server
def test_rows_that_1x_wrote(client: Any, raw: redis.Redis, listed: bytes, keep: bool) -> None:
    rom.util.CONNECTION = client
    body = {'_keep_index_data': keep, '_namespace': 'GeoShop', 'a': rom.Text(), 'lon': rom.Float(),
            'lat': rom.Float(), 'geo_index': [rom.GeoIndex('at', home)]}  # fmt: skip
    rom.MODELS.pop('GeoShop')
    model: Any = type('Old', (rom.Model,), body)

    def old() -> Any:
        rom.session.rollback()
        raw.flushdb()
        raw.hset(
            'GeoShop:1', mapping={'id': '1', 'lon': '10.0', 'lat': '50.0', '-index-data-': listed}
        )
        raw.geoadd('GeoShop:at:geo', (10, 50, '1'))
        raw.set('GeoShop:id:', '1')
        return model.get(1)

    shop = old()
    assert model.query.near('at', 10, 50, 10).all() == [shop]
    shop.a = 'x'
    shop.save()
    assert raw.zrange('GeoShop:at:geo', 0, -1) == [b'1']
    kept = b'[[], [], [], [], ["at"]]' if keep else None
    assert raw.hget('GeoShop:1', '-index-data-') == kept
    shop.lat = None
    shop.save()
    assert raw.exists('GeoShop:at:geo') == 0
    shop = old()
    shop.lon = None
    shop.save()
    assert raw.exists('GeoShop:at:geo') == 0
    shop = old()
    shop.delete()
    assert raw.exists('GeoShop:at:geo') == 0
    # 1.x itself moved it to nowhere, and left the entry.
    raw.hset('GeoShop:1', mapping={'id': '1', '-index-data-': b'[{},{},{},{},{}]'})
    raw.geoadd('GeoShop:at:geo', (10, 50, '1'))
    shop = model.get(1)
    shop.a = 'y'
    shop.save()
    assert raw.exists('GeoShop:at:geo') == 0


# Searching.


def fill() -> list[GeoShop]:
    shops = [
        GeoShop(name='oslo', lon=10.75, lat=59.91, size=5),
        GeoShop(name='bergen', lon=5.32, lat=60.39, size=1),
        GeoShop(name='drammen', lon=10.20, lat=59.74, size=3),
        GeoShop(name='oslo', lon=10.76, lat=59.91, size=9),
        GeoShop(name='nowhere', size=5),
    ]
    rom.session.commit()
    return shops


def test_near(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    oslo, bergen, drammen, east, _ = fill()
    query = GeoShop.query.near('at', 10.75, 59.91, 100, 'km')
    assert query.all() == [oslo, east, drammen]
    assert GeoShop.query.near('at', 10.20, 59.74, 100000).all() == [drammen, oslo, east]
    assert query.count() == 3 and query.first() is oslo and list(query) == query.all()
    assert query.limit(1, 1).all() == [east]
    assert GeoShop.query.near('at', 10.75, 59.91, 1, 'km', count=1).all() == [oslo]
    assert GeoShop.query.near('at', 10.75, 59.91, 1, unit='m').all() == [oslo]
    # The names that rom 1.x gave them.
    where = {'name': 'at', 'lon': 10.75, 'lat': 59.91}
    near = GeoShop.query.near
    assert near(**where, distance=1, measure='m', count=5).all() == [oslo]
    assert near(**where, distance=1, measure='km').spec == near(**where, radius=1, unit='km').spec
    for wrong in ({}, {'distance': 1, 'radius': 1}, {'distance': 1, 'unit': 'm', 'measure': 'm'}):
        with pytest.raises(TypeError, match='near'):
            near(**where, **wrong)
    assert GeoShop.query.near('at', 10.75, 59.91, 350, 'mi').count() == 4
    assert GeoShop.query.near('at', 10.75, 59.91, 350, 'ft').count() == 1
    assert query.filter(name='oslo').all() == [oslo, east]
    assert query.filter(size=(4, None)).order_by('-size').all() == [east, oslo]
    assert query.order_by('size').all() == [drammen, oslo, east]
    assert query.startswith(name='dr').all() == [drammen]
    assert GeoShop.query.filter(name='oslo').near('at', 10.76, 59.91, 1, 'km').all() == [east, oslo]
    assert query.filter(name='bergen').all() == []
    # The nearest `count` first; other clauses choose among those.
    assert GeoShop.query.near('at', 10.75, 59.91, 9, 'km', count=1).filter(size=9).all() == []
    assert query.near('at', 10.20, 59.74, 1, 'km').all() == [drammen]
    assert query.select('name').first() == {'name': 'oslo'}
    assert bergen not in query.all()


def test_wrong_questions() -> None:
    """Contract, section 5: an unknown geo index or unit is a ValueError."""
    for name, unit in (('nope', 'm'), ('lon', 'm'), ('at', 'M'), ('at', 'cm'), ('at', '')):
        with pytest.raises(ValueError, match=r'GeoShop\.query\.near\('):
            GeoShop.query.near(name, 0, 0, 1, unit)
    for lon, lat, radius, count in (
        (181, 0, 1, None), (0, 86, 1, None), (0, 0, -1, None), (0, 0, math.nan, None),
        (0, 0, math.inf, None), ('x', 0, 1, None), (0, None, 1, None), (0, 0, 1, 0),
        (0, 0, 1, -1), (0, 0, 1, 'x'), (0, 0, 1, 1.5),
    ):  # fmt: skip
        with pytest.raises(QueryError, match=r'GeoShop\.query\.near\('):
            GeoShop.query.near('at', lon, lat, radius, 'm', count)


def test_entries_of_rows_that_are_gone(client: redis.Redis, raw: redis.Redis) -> None:
    """As rom 1.x leaves them behind: they are no results, and do not count."""
    rom.util.CONNECTION = client
    oslo, *_ = fill()
    for id in range(100, 150):
        raw.geoadd('GeoShop:at:geo', (10.75, 59.91, str(id)))
    assert GeoShop.query.near('at', 10.75, 59.91, 10).all() == [oslo]
    assert GeoShop.query.near('at', 10.75, 59.91, 10).count() == 1
    assert GeoShop.query.near('at', 10.75, 59.91, 10, 'km', count=2).count() == 2
    assert GeoShop.query.near('at', 10.75, 59.91, 1000, 'km', count=9).count() == 4


@pytest.mark.one_server
def test_a_key_of_another_type(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    raw.set('GeoShop:at:geo', 'x')
    with pytest.raises(CorruptRowError, match='GeoShop:at:geo'):
        GeoShop.query.near('at', 0, 0, 1).all()
    with pytest.raises(CorruptRowError, match='GeoShop:at:geo'):
        GeoShop(lon=1.0, lat=1.0).save()


def metres(one: tuple[float, float], two: tuple[float, float]) -> float:
    (lon1, lat1), (lon2, lat2) = (tuple(map(math.radians, point)) for point in (one, two))
    u, v = math.sin((lat2 - lat1) / 2), math.sin((lon2 - lon1) / 2)
    return (
        2 * 6372797.560856 * math.asin(math.sqrt(u * u + math.cos(lat1) * math.cos(lat2) * v * v))
    )


def test_against_a_plain_search(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    rng = random.Random(3)
    for number in range(300):
        GeoShop(lon=rng.uniform(-180, 180), lat=rng.uniform(-85, 85), size=number % 7)
    rom.session.commit()
    shops = GeoShop.query.all()
    for _ in range(30):
        point, radius = (rng.uniform(-180, 180), rng.uniform(-85, 85)), rng.uniform(1e5, 9e6)
        expected = sorted(
            (metres(point, (shop.lon, shop.lat)), shop.id)  # type: ignore[arg-type]
            for shop in shops
            if shop.size != 3
        )
        wanted = [id for distance, id in expected if distance <= radius]
        query = GeoShop.query.near('at', *point, radius)
        found = query.filter(size=[0, 1, 2, 4, 5, 6])
        assert [shop.id for shop in found.all()] == wanted
        assert found.count() == len(wanted)
        page = [shop.id for shop in found.limit(2, 3).all()]
        assert page == wanted[2:5]
        by_size = sorted(wanted, key=lambda id: ((id - 1) % 7, id))
        assert [shop.id for shop in found.order_by('size').all()] == by_size


def test_on_a_replica(server: Any, raw: redis.Redis) -> None:
    """Difference 8: reading never writes."""
    rom.util.CONNECTION = raw
    oslo, *_ = fill()
    # Nobody is there; a replica without its master refuses writes all the same.
    raw.execute_command('REPLICAOF', '127.0.0.1', '1')
    try:
        with pytest.raises(rom.ServerError):
            GeoShop(lon=1.0, lat=1.0).save()
        query = GeoShop.query.near('at', 10.75, 59.91, 100, 'km')
        assert query.first() is oslo
        assert query.filter(name='oslo').order_by('-size').count() == 2
    finally:
        raw.execute_command('REPLICAOF', 'NO', 'ONE')


def test_under_an_async_session(server: Any, raw: redis.Redis) -> None:
    async def story() -> None:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            shop = GeoShop(lon=10.0, lat=50.0)
            GeoShop(lon=10.001, lat=50.0)
            await s.commit()
            query = GeoShop.query.near('at', 10, 50, 1, 'km')
            assert (await s.all(query))[0] is shop
            assert await s.count(query) == 2
            assert [found.id async for found in s.stream(query)] == [1, 2]
            await s.delete(shop)
            assert await s.count(query) == 1
            assert_consistent(raw, GeoShop)

    asyncio.run(story())
