"""What one call would hold the server for is done in parts, with the same results."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.search.split_search import MOST_FILTERS, filters_in
from rom._core.query.query import Query

SIZE = 1200
# Above what a script gathers, and above what it reads of one group.
LARGE = 6500

Ask = Callable[[Query[Any]], Query[Any]]


@pytest.fixture
def thing(raw: redis.Redis) -> Any:
    class Part(rom.Model):
        _conn = raw
        n = rom.Integer(index=True)
        tag = rom.Text(index=True, keygen=rom.IDENTITY)
        words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
        name = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY_CI)
        grade = rom.Text(index=True, keygen=rom.SIMPLE_CI)
        lon = rom.Float()
        lat = rom.Float()
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]

    return Part


def fill(thing: Any, size: int) -> None:
    drawn = random.Random(3)
    for n in range(1, size + 1):
        thing(
            n=n, tag=f't{n % 3}', words=f'all {"abc"[n % 3]}x', name=f'{"aäÄ"[n % 3]}{n:05}',
            grade=f'gradual{(n * 7919) % size:05}', lon=drawn.uniform(-2, 2),
            lat=drawn.uniform(49, 51),
        )  # fmt: skip
        if n % 2000 == 0:
            rom.session.commit()
            rom.session.rollback()
    rom.session.commit()
    rom.session.rollback()


def calls(raw: redis.Redis) -> int:
    stats: Any = raw.info('commandstats')
    names = ('eval', 'evalsha', 'fcall_ro')
    return sum(stats.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in names)


@pytest.mark.one_server
def test_large_indexes(thing: Any, raw: redis.Redis) -> None:
    """Each of these took one call that gathered all, or more."""
    fill(thing, LARGE)
    query, every = thing.query, range(1, LARGE + 1)

    def where(holds: Callable[[int], bool]) -> list[int]:
        return [n for n in every if holds(n)]

    def is_a(n: int) -> bool:
        return n % 3 == 0

    assert sorted(query.startswith(words='a').ids()) == list(every)
    both = query.startswith(words='a').startswith(words='al')
    assert both.count() == LARGE
    assert sorted(both.ids()) == list(every)
    assert both.startswith(words='ax').ids() == where(is_a)
    latest = query.startswith(words='a').order_by('-n')
    assert latest.limit(0, 5).ids() == [*reversed(every)][:5]
    assert latest.limit(4000, 5).ids() == [*reversed(every)][4000:4005]
    first = latest.page(7)
    assert [e.n for e in first.items] == [*reversed(every)][:7]
    second = latest.page(7, first.next)
    assert [e.n for e in second.items] == [*reversed(every)][7:14]
    assert [e.n for e in latest.page(7, before=second.previous)] == [*reversed(every)][:7]
    newest = query.startswith(words='a').order_by('-id')
    second = newest.page(7, newest.page(7).next)
    assert [e.n for e in second] == [*reversed(every)][7:14]
    assert [e.n for e in newest.page(7, before=second.previous)] == [*reversed(every)][:7]
    assert latest.filter(tag='t0').limit(2, 3).ids() == where(is_a)[::-1][2:5]
    some = query.startswith(words='a').filter(n=(3, 90)).order_by('-n').limit(0, 5)
    assert some.ids() == [90, 89, 88, 87, 86]
    by_grade = sorted(every, key=lambda n: (n * 7919) % LARGE)
    assert query.order_by('grade').limit(10, 5).ids() == by_grade[10:15]
    assert query.order_by('-grade').filter(n=(1, 9)).ids() == [
        n for n in reversed(by_grade) if n < 10
    ]
    named = query.startswith(name='ä').filter(tag='t1')
    assert sorted(named.ids()) == where(lambda n: n % 3 == 1)
    assert named.count() == len(where(lambda n: n % 3 == 1))
    assert named.order_by('-n').limit(0, 3).ids() == where(lambda n: n % 3 == 1)[::-1][:3]
    assert query.startswith(words='a').sum('n') == sum(every)
    assert list(query.startswith(words='a').order_by('n').iter_result(pagesize=999))[-1].n == LARGE


@pytest.mark.one_server
def test_near_many(thing: Any, raw: redis.Redis) -> None:
    fill(thing, LARGE)
    around = ('at', 0.5, 50, 5000, 'km')
    far = {
        e.id: raw.geodist('Part:at:geo', 'me', e.id)
        for e in (raw.geoadd('Part:at:geo', (0.5, 50, 'me')), *thing.query)[1:]
    }
    raw.zrem('Part:at:geo', 'me')
    nearest = sorted(far, key=lambda id: far[id] or 0)
    raw.delete(f'Part:{nearest.pop(1)}')  # its row is gone: it is no place
    found = thing.query.near(*around).ids()
    assert sorted(found) == sorted(nearest)
    distances = [far[id] or 0 for id in found]
    assert all(one <= other + 1 for one, other in pairwise(distances))
    assert thing.query.near(*around).count() == len(nearest)
    assert set(thing.query.near(*around, 5000).ids()) == set(found[:5000])
    assert thing.query.near(*around).limit(0, 5).ids() == found[:5]
    tagged = thing.query.near(*around).filter(tag='t1').ids()
    assert tagged == [id for id in found if id % 3 == 1]
    latest = thing.query.near(*around).order_by('-n').limit(0, 3)
    assert latest.ids() == sorted(nearest)[::-1][:3]


@pytest.mark.one_server
def test_all_at_one_place(thing: Any) -> None:
    for n in range(4500):
        thing(n=n, lon=10, lat=50)
    rom.session.commit()
    rom.session.rollback()
    assert thing.query.near('at', 10, 50, 1, 'm').count() == 4500
    assert len(thing.query.near('at', 10, 50, 1, 'km').limit(0, 3).ids()) == 3
    assert thing.query.near('at', 10.1, 50, 1, 'km').count() == 0


def test_very_many_values(thing: Any, raw: redis.Redis) -> None:
    fill(thing, SIZE)
    numbers = [*range(1, 5 * SIZE, 2)]
    odd = list(range(1, SIZE + 1, 2))
    assert filters_in(thing.query.filter(n=numbers).spec.where) > MOST_FILTERS
    query = thing.query.filter(n=numbers)
    assert query.ids() == odd
    assert query.count() == len(odd)
    assert query.exists()
    assert query.order_by('-n').limit(1, 3).ids() == odd[::-1][1:4]
    assert query.filter(tag='t1').ids() == [n for n in odd if n % 3 == 1]
    assert thing.query.where(~thing.n.in_(numbers)).ids() == list(range(2, SIZE + 1, 2))
    assert thing.query.filter(n=numbers, tag=[f't{n}' for n in numbers]).count() == len(
        [n for n in odd if n % 3 == 1]
    )
    assert query.sum('n') == sum(odd)
    told = query.explain(run=True)
    assert (told.plan.way, told.plan.filters) == ('parts', ())
    assert told.run is not None and told.run.results == len(odd)
    assert 'several calls' in str(told)
    assert query.update(tag='odd') == len(odd)
    assert thing.query.filter(tag='odd').ids() == odd


@pytest.mark.one_server
def test_long_rows_come_in_several_replies(thing: Any, raw: redis.Redis) -> None:
    for n in range(300):
        thing(n=n, words=None, name=None, grade='x' * 10_000)
    rom.session.commit()
    rom.session.rollback()
    raw.config_resetstat()
    found = thing.query.filter(n=(0, 299)).all()
    assert [(e.n, len(e.grade)) for e in found] == [(n, 10_000) for n in range(300)]
    assert calls(raw) >= 3
    rom.session.rollback()
    again = thing.get([e.id for e in found])
    assert [e.n for e in again] == list(range(300))
    assert thing.query.facets('grade') == {'x' * 10_000: 300}
    together = thing.query.facets('n', 'grade')
    assert (together['grade'], len(together['n'])) == ({'x' * 10_000: 300}, 300)
