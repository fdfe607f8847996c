"""Sums by two native commands: which queries, and where the script adds.

That the sums are right is tested at random: test_tallying_random.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.requests import Command
from rom._core.ops.search import direct_tallies, native_sums
from rom.exceptions import QueryError

NATIVE_SUM_SHOP = rom.Shards('nativesums', 2)
COUNT = 200


class SummedMember(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer()
    score = rom.Float()
    price = rom.Decimal()
    bonus = rom.Integer(default=5)


class SummedPair(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True, required=True)
    score = rom.Float(index=True)
    price = rom.Decimal(index=True)
    compound_index = [('city', 'age'), ('city', 'score')]


class SummedPass(rom.Model):
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer()
    until = rom.ExpireAt()


class SummedOrder(rom.Model):
    _shards = NATIVE_SUM_SHOP
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer()


OSLO = SummedMember.query.filter(city='Oslo')


@pytest.fixture
def members(raw: redis.Redis) -> Iterator[list[SummedMember]]:
    rom.util.CONNECTION = raw
    made = [
        SummedMember(city='Oslo', age=n, score=n / 10, price=f'{n}.50') for n in range(1, COUNT + 1)
    ]
    rom.session.commit()
    direct_tallies.set_least()
    yield made
    direct_tallies.set_least()


def test_two_commands() -> None:
    operation = native_sums.native_total(OSLO, 'age')
    assert operation is not None
    assert next(operation) == Command('SCARD', b'SummedMember:city:Oslo:idx')
    asked = operation.send(300)
    assert asked == Command(
        'SORT_RO', b'SummedMember:city:Oslo:idx', b'BY', b'nosort', b'GET', b'SummedMember:*->age'
    )
    with pytest.raises(StopIteration) as end:
        operation.send([b'7', b'-9'])
    assert end.value.value == -2


@pytest.mark.parametrize('size', [0, 149, 10_001])
def test_few_rows_and_very_many_need_the_script(size: int) -> None:
    operation = native_sums.native_average(OSLO, 'age')
    assert operation is not None
    next(operation)
    assert not isinstance(operation.send(size), Command)


@pytest.mark.parametrize(
    'query',
    [
        SummedMember.query,
        SummedMember.query.filter(city=['Oslo', 'Rome']),
        OSLO.filter(id=(1, 9)),
        SummedPass.query.filter(city='Oslo'),
        SummedOrder.query.filter(city='Oslo'),
    ],
    ids=repr,
)
def test_queries_that_need_the_script(query: rom.Query[rom.Model]) -> None:
    assert native_sums.native_total(query, 'age') is None


@pytest.mark.parametrize('column', [['age'], None, 'nothing'])
def test_what_is_no_column(column: Any) -> None:
    with pytest.raises(QueryError, match='SummedMember'):
        OSLO.sum(column)
    with pytest.raises(QueryError, match='SummedMember'):
        OSLO.avg(column)


@pytest.mark.usefixtures('native')
def test_sums_are_those_of_the_script(raw: redis.Redis, members: list[SummedMember]) -> None:
    raw.config_resetstat()
    assert OSLO.sum('age') == COUNT * (COUNT + 1) // 2
    assert OSLO.avg('score') == pytest.approx((COUNT + 1) / 20, rel=1e-15)
    assert str(OSLO.sum('price')) == '20200.00'
    with pytest.raises(QueryError, match='city'):
        OSLO.sum('city')
    raw.hset('SummedMember:7', 'age', 'x')
    with pytest.raises(rom.exceptions.CorruptRowError, match='SummedMember:7'):
        OSLO.sum('age')
    raw.hset('SummedMember:7', 'score', 'inf')
    assert OSLO.sum('score') == float('inf')


@pytest.mark.usefixtures('native')
@pytest.mark.one_server
def test_a_row_without_the_value(raw: redis.Redis, members: list[SummedMember]) -> None:
    """Its default counts, and the next sums of the column do not ask by native commands."""
    raw.hdel('SummedMember:7', 'bonus')
    assert OSLO.sum('bonus') == 5 * COUNT
    assert native_sums.native_total(OSLO, 'bonus') is None
    assert native_sums.native_total(OSLO, 'age') is not None
    raw.delete('SummedMember:8')
    assert OSLO.sum('age') == COUNT * (COUNT + 1) // 2 - 8


@pytest.mark.usefixtures('native', 'members')
@pytest.mark.one_server
def test_asyncio(raw: redis.Redis) -> None:
    async def ask() -> tuple[int, float]:
        async with rom.AsyncSession() as session:
            await session.count(OSLO)  # a trip that is measured
            raw.config_resetstat()
            return await session.sum(OSLO, 'age'), await session.avg(OSLO, 'age')

    assert asyncio.run(ask()) == (COUNT * (COUNT + 1) // 2, (COUNT + 1) / 2)
    stats = raw.info('commandstats')
    assert stats['cmdstat_sort_ro']['calls'] == 2
    assert not {'cmdstat_evalsha', 'cmdstat_fcall_ro'} & stats.keys()


@pytest.fixture
def pairs(raw: redis.Redis) -> Iterator[list[SummedPair]]:
    rom.util.CONNECTION = raw
    numbers = [(n, n % 2 and n / 7) for n in range(-20, 180)]
    made = [
        SummedPair(city='Oslo' if age % 3 else 'Rome', age=age, score=score or None)
        for age, score in numbers
    ]
    rom.session.commit()
    direct_tallies.set_least()
    yield made
    direct_tallies.set_least()


IN_OSLO = SummedPair.query.filter(city='Oslo')


@pytest.mark.parametrize(
    ('query', 'column', 'key'),
    [
        (SummedPair.query.filter(age=(3, 90)), 'age', b'SummedPair:age:idx'),
        (SummedPair.query.filter(score=(None, 9)), 'score', b'SummedPair:score:idx'),
        (IN_OSLO, 'age', b'SummedPair:city+age:Oslo:cidx'),
        (IN_OSLO.filter(age=(5, 50)), 'age', b'SummedPair:city+age:Oslo:cidx'),
        (IN_OSLO.filter(score=(1, 5)), 'score', b'SummedPair:city+score:Oslo:cidx'),
    ],
)
@pytest.mark.usefixtures('native')
def test_scores_are_added(
    raw: redis.Redis, pairs: list[SummedPair], query: rom.Query[Any], column: str, key: bytes
) -> None:
    values = [v for one in query.all() if (v := getattr(one, column)) is not None]
    assert len(values) >= 10
    operation = native_sums.native_total(query, column)
    assert operation is not None
    first: Any = next(operation)
    read, stamp = ('ZRANGE', key), ('GET', b'SummedPair:id:indexes')
    if key.endswith(b':cidx'):
        assert [one.args[:2] for one in first.requests] == [read, stamp]
    else:
        assert first.args[:2] == read
    total, mean = query.sum(column), query.avg(column)
    assert total == math.fsum(values) and type(total) is type(values[0])
    assert mean == pytest.approx(total / len(values), rel=1e-15)
    nothing = SummedPair.query.filter(age=(1000, None))
    assert (nothing.sum('age'), nothing.avg('age')) == (0, None)


@pytest.mark.parametrize(
    ('query', 'column'),
    [
        (IN_OSLO, 'score'),  # rows without a score are in no compound index
        (IN_OSLO.filter(age=(5, 50)), 'score'),
        (SummedPair.query.filter(age=(5, 50)), 'score'),
        (SummedPair.query.filter(price=(5, 50)), 'price'),
    ],
    ids=str,
)
def test_other_scores_are_no_values(query: rom.Query[Any], column: str) -> None:
    assert native_sums._range_of(query, column) is None


@pytest.mark.usefixtures('native', 'pairs')
@pytest.mark.one_server
def test_a_compound_index_that_is_not_built(raw: redis.Redis) -> None:
    expected = IN_OSLO.sum('age')
    raw.delete('SummedPair:city+age:Oslo:cidx')
    stamp = json.loads(raw.get('SummedPair:id:indexes'))
    raw.set('SummedPair:id:indexes', json.dumps({k: stamp[k] for k in stamp if '+' not in k}))
    assert IN_OSLO.sum('age') == expected


@pytest.mark.usefixtures('native', 'pairs')
@pytest.mark.one_server
def test_numbers_that_scores_do_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    SummedPair(city='Oslo', age=2**53 + 1, score=1.5).save()
    SummedPair(city='Oslo', age=1000, score=float('inf')).save()
    large = SummedPair.query.filter(age=(500, None))
    assert large.sum('age') == 2**53 + 1001
    assert large.filter(score=(0, None)).sum('score') == math.inf
    assert SummedPair.query.filter(score=(1, None)).sum('score') == math.inf
    monkeypatch.setattr(native_sums, 'MOST', 10)
    every = SummedPair.query.filter(age=(None, 400))
    assert every.sum('age') == sum(range(-20, 180)), 'more than one command reads'
