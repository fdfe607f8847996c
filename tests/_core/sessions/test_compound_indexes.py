"""Compound indexes: what is written, what is asked, and what a reindex and a check do."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import redis

import rom
import rom.maintenance
from rom._core.drivers.sync_driver import SyncDriver
from tests.support.implied import assert_consistent
from tests.support.stories import both


class CompoundUser(rom.Model):
    _namespace = '{compound}user'
    name = rom.Text()
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    joined = rom.Date(index=True)
    score = rom.Float(index=True, required=True)
    compound_index = [('city', 'joined'), ('city', 'score')]


User = CompoundUser
DAY = dt.date(2026, 1, 1)


async def users(s: Any, count: int = 12) -> list[Any]:
    made = [
        User(
            name=f'n{number}',
            city='Rome' if number % 3 else 'Oslo',
            joined=None if number % 5 == 4 else DAY + dt.timedelta(number),
            score=float(-number),
        )
        for number in range(count)
    ]
    for one in made:
        s.add(one)
    await s.commit()
    return made


def forget_indexes(raw: redis.Redis) -> None:
    """The rows are older than the compound indexes."""
    for key in raw.scan_iter('*cidx', count=1000):
        raw.delete(key)
    declared = json.loads(raw.get('{compound}user:id:indexes'))
    before = {name: how for name, how in declared.items() if not name.startswith('compound')}
    assert len(before) == len(declared) - 2
    raw.set('{compound}user:id:indexes', json.dumps(before))


async def keys_of(s: Any, query: Any) -> list[str | None]:
    return [node.key for node in (await s.explain(query)).plan.filters]


@both(CompoundUser)
async def test_entries_follow_both_columns(s: Any, raw: redis.Redis) -> None:
    one, *others = await users(s)
    head = b'{compound}user:city+'
    assert raw.zrange(head + b'joined:Oslo:cidx', 0, -1) == [b'1', b'4', b'7']
    one.city = 'Bonn'
    others[2].score = 100.0
    others[5].joined = None
    await s.commit()
    assert raw.zrange(head + b'score:Bonn:cidx', 0, -1) == [b'1']
    assert raw.zrange(head + b'score:Oslo:cidx', -1, -1, withscores=True) == [(b'4', 100.0)]
    assert raw.zrange(head + b'joined:Oslo:cidx', 0, -1) == [b'4']
    assert_consistent(raw, User)
    await s.delete(one)
    await s.update_all(User.query.filter(city='Oslo'), score=User.score + 1)
    assert raw.exists(head + b'score:Bonn:cidx') == 0
    assert raw.zscore(head + b'score:Oslo:cidx', 4) == 101.0


@both(CompoundUser)
async def test_queries(s: Any) -> None:
    await users(s)
    first_days = User.query.filter(city='Oslo', joined=(DAY, DAY + dt.timedelta(3)))
    assert [user.id for user in await s.all(first_days)] == [1, 4]
    assert await s.count(first_days) == 2
    assert await keys_of(s, first_days) == ['{compound}user:city+joined:Oslo:cidx']
    lowest = User.query.filter(city='Rome').order_by('score').limit(0, 3)
    assert [user.id for user in await s.all(lowest)] == [12, 11, 9]
    assert await keys_of(s, lowest) == ['{compound}user:city+score:Rome:cidx']
    latest = User.query.filter(city='Oslo').order_by('-joined')
    assert [user.id for user in await s.all(latest)] == [7, 4, 1, 10]  # 10 has not joined
    assert await keys_of(s, latest) == ['{compound}user:city:Oslo:idx']
    assert await s.count(User.query.filter(city='Paris', score=(None, 0))) == 0


@both(CompoundUser)
async def test_one_trip(s: Any) -> None:
    """And a walk that meets no other city."""
    await users(s, count=300)
    query = User.query.filter(city='Oslo').order_by('-score').limit(0, 5)
    ran = (await s.explain(query, run=True)).run
    assert ran is not None
    assert (len(ran.calls), ran.looked, ran.results) == (1, 5, 5)


@both(CompoundUser)
async def test_before_a_reindex(s: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries find what they found before; rom tries the index again after some seconds."""
    await users(s)
    forget_indexes(raw)
    trips: list[Any] = []
    perform = SyncDriver.perform
    monkeypatch.setattr(
        SyncDriver, 'perform', lambda self, request: trips.append(1) or perform(self, request)
    )
    query = User.query.filter(city='Oslo', score=(-4, None)).order_by('score')
    for expected in (2, 1, 1):
        trips.clear()
        with rom.Session(raw) as session:
            assert [user.id for user in session.all(query)] == [4, 1]
        assert len(trips) == expected
    rom.util.CONNECTION = raw
    for _ in rom.maintenance.reindex(User):
        pass
    rom.util.CONNECTION = None
    assert await s.count(query) == 2
    assert await keys_of(s, query) == ['{compound}user:city+score:Oslo:cidx']
    assert_consistent(raw, User)


@both(whole=False)
async def test_a_check_finds_and_repairs_entries(s: Any, raw: redis.Redis) -> None:
    await users(s)
    key = '{compound}user:city+score:Oslo:cidx'
    raw.zadd(key, {'4': 5, '2': 0, '99': 1})
    raw.zrem(key, '1')
    rom.util.CONNECTION = raw
    try:
        found = sorted(str(finding) for finding in rom.maintenance.check(User, repair=True))
        assert len(found) == 4
        assert all(key in line for line in found)
        assert list(rom.maintenance.check(User)) == []
    finally:
        rom.util.CONNECTION = None
    assert_consistent(raw, User)


@both(CompoundUser)
async def test_a_reindex_drops_one_that_is_no_longer_declared(s: Any, raw: redis.Redis) -> None:
    await users(s)
    declared = json.loads(raw.get('{compound}user:id:indexes'))
    former = {**declared, 'compound score+joined': 'Float: index, Date: index'}
    raw.set('{compound}user:id:indexes', json.dumps(former))
    raw.zadd('{compound}user:score+joined:1.0:cidx', {'1': 1})
    rom.util.CONNECTION = raw
    try:
        for _ in rom.maintenance.reindex(User):
            pass
    finally:
        rom.util.CONNECTION = None
    assert not raw.exists('{compound}user:score+joined:1.0:cidx')
    assert json.loads(raw.get('{compound}user:id:indexes')) == declared
    assert_consistent(raw, User)


@pytest.mark.parametrize(
    ('declared', 'message'),
    [
        ([('city', 'nothing')], "with index=True, got 'nothing'"),
        ([('city', 'name')], "with index=True, got 'name'"),
        ([('city', 'city')], 'expected two columns'),
        ([('title', 'score')], "keygen of 'title' must give words"),
        ([('own', 'score')], "keygen of 'own' must give words"),
        ([('score', 'city')], "index of 'city' has no numbers"),
        ([('city', 'score'), ('city', 'score')], 'is declared twice'),
        ('city score', 'expected a list of pairs of column names'),
        (['city', 'score'], 'expected a list of pairs of column names'),
        ([('city', 'score', 'name')], 'expected a list of pairs of column names'),
    ],
)
def test_wrong_declarations(declared: Any, message: str) -> None:
    with pytest.raises(rom.ColumnError, match=message):

        class CompoundWrong(rom.Model):
            name = rom.Text()
            city = rom.Text(index=True, keygen=rom.IDENTITY)
            title = rom.Text(index=True, keygen=rom.SIMPLE)
            own = rom.Text(index=True, keygen=lambda value: [value])
            score = rom.Float(index=True)
            compound_index = declared
