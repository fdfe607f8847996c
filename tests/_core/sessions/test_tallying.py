"""Aggregates under both sessions, with every kind of client."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import Counter
from typing import Any

import pytest
import redis

import rom
from tests.support.worlds import World

D = decimal.Decimal


class TallyUser(rom.Model):
    _namespace = '{tally}user'
    city = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    digest = rom.String()
    age = rom.Integer(index=True)
    big = rom.Integer()
    score = rom.Float(index=True)
    price = rom.Decimal()
    born = rom.Date(index=True)
    active = rom.Boolean(index=True)
    tags = rom.Json()
    boss = rom.ManyToOne('TallyUser', on_delete='set null')


USERS: list[dict[str, Any]] = [
    {'city': 'Oslo', 'age': 42, 'big': 10**30, 'score': 0.1, 'price': D('0.10'), 'active': True},
    {'city': 'Oslo', 'age': 17, 'big': 2**53 + 1, 'score': 0.2, 'digest': b'\xff\0'},
    {'city': 'Zürich', 'age': 18, 'big': -(10**30), 'score': 0.7, 'price': D('2.205')},
    {'born': dt.date(1990, 5, 17), 'active': False, 'digest': b'\xff\0'},
]


async def fill(s: Any) -> None:
    users = [TallyUser(**values) for values in USERS]
    users[1].boss = users[2].boss = users[0]
    await s.save(*users)


def test_aggregates(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            query = TallyUser.query
            assert await s.sum(query, 'age') == 0
            assert await s.avg(query, 'age') is None
            assert await s.min(query, 'age') is None
            assert await s.facets(query, 'city') == Counter()
            await fill(s)
            assert await s.sum(query, 'age') == 77
            assert await s.avg(query, 'age') == 77 / 3
            assert await s.sum(query, 'big') == 2**53 + 1
            assert await s.sum(query, 'score') == 1.0
            assert await s.avg(query, 'score') == 1.0 / 3
            total, mean = await s.sum(query, 'price'), await s.avg(query, 'price')
            assert (str(total), str(mean)) == ('2.305', '1.1525')
            oslo = query.filter(city='Oslo').order_by('-age').limit(1, 1)
            assert await s.sum(oslo, 'age') == 59
            assert (await s.min(oslo, 'age'), await s.max(oslo, 'age')) == (17, 42)
            assert await s.max(query.where(TallyUser.age < 18), 'score') == 0.2
            assert (await s.min(query, 'city'), await s.max(query, 'city')) == ('Oslo', 'Zürich')
            assert await s.min(query, 'born') == dt.date(1990, 5, 17)
            cities = await s.facets(query, 'city')
            assert isinstance(cities, Counter)
            assert list(cities.items()) == [('Oslo', 2), ('Zürich', 1), (None, 1)]
            assert await s.facets(query, 'city', 'age', 'active') == {
                'city': cities, 'age': {42: 1, 17: 1, 18: 1, None: 1}, 'active': {
                    None: 2, False: 1, True: 1,
                },
            }  # fmt: skip
            assert await s.facets(query, 'digest') == {b'\xff\0': 2, None: 2}
            assert await s.facets(query, 'active') == {None: 2, False: 1, True: 1}
            assert await s.facets(query, 'born') == {None: 3, dt.date(1990, 5, 17): 1}
            boss = (await s.get_by(TallyUser, age=42))[0].id
            assert await s.facets(query, 'boss') == {None: 2, boss: 2}
            assert await s.max(query, 'boss') == boss

    world.run(story())


def test_histograms(world: World, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            for query in (TallyUser.query, TallyUser.query.where(TallyUser.score < 99)):
                trips.clear()
                assert await s.histogram(query, 'age', [None, 17, 18, 20, 42]) == [0, 1, 1, 0]
                assert await s.histogram(query, 'age', (17, 42, None)) == [2, 1]
                assert await s.histogram(query, 'score', [0.1, 0.7, 0.8]) == [2, 1]
                assert await s.histogram(query, 'price', [0, D('0.1'), '2.205', None]) == [0, 1, 1]
                big = await s.histogram(query, 'big', [-(10**30), 2**53 + 1, 10**30, 10**31])
                assert (big, len(trips)) == ([1, 1, 1], 5)
            days = [None, dt.date(1990, 5, 17), dt.date(1990, 5, 18)]
            assert await s.histogram(TallyUser.query.limit(0, 1), 'born', days) == [0, 1]
            assert await s.histogram(TallyUser.query.filter(age=5), 'born', days) == [0, 0]

    world.run(story())


@pytest.mark.one_server
def test_what_is_refused(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            for method, column in (
                ('sum', 'city'),
                ('avg', 'id'),
                ('min', 'price'),
                ('max', 'active'),
                ('facets', 'tags'),
            ):
                with pytest.raises(rom.QueryError, match=rf'TallyUser.query.{method}\({column}\)'):
                    await getattr(s, method)(TallyUser.query, column)
            for columns, says in (
                (('city', 'tags'), r'facets\(tags\): the values of a Json'),
                (
                    ('city', 'age', 'city'),
                    "facets\\('city', 'age', 'city'\\): names a column twice",
                ),
                (('age',) * 17, 'takes 16 columns at most'),
            ):
                with pytest.raises(rom.QueryError, match=says):
                    await s.facets(TallyUser.query, *columns)

    world.run(story())


@pytest.mark.one_server
def test_queries_have_them_too(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for values in USERS:
        TallyUser(**values)
    rom.session.commit()
    query = TallyUser.query.filter(city='Oslo')
    assert (query.sum('age'), query.avg('age')) == (59, 29.5)
    assert (query.min('age'), query.max('age')) == (17, 42)
    assert query.facets('age') == {17: 1, 42: 1}
    assert query.select('city').sum('age') == 59
    assert query.histogram('age', [0, 18, None]) == [1, 1]
    assert query.facets('age', 'price')['price'] == {D('0.10'): 1, None: 1}
    # What counts is on the server, not what the session knows.
    raw.hset('{tally}user:1', 'age', 'x')
    with pytest.raises(rom.CorruptRowError, match=r"\{tally\}user:1, column 'age'"):
        TallyUser.query.sum('age')
