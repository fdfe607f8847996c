"""Sums by two native commands: which queries, and where the script adds.

That the sums are right is tested at random: test_tallying_random.
"""

from __future__ import annotations

import asyncio
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
