"""Slices of queries under both sessions, and results by index."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis

import rom
from tests.support.worlds import World


class SlicedRun(rom.Model):
    name = rom.Text(index=True, keygen=rom.SIMPLE)
    age = rom.Integer(index=True)


QUERY = SlicedRun.query


async def fill(s: Any) -> None:
    await s.save([SlicedRun(name=f'n{9 - age}', age=age) for age in range(9)])


def test_slices_are_queries(world: World, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            for query in (QUERY, QUERY.order_by('-age'), QUERY.order_by('name')):
                every = await s.ids(query)
                for place in (slice(2, 5), slice(None, 3), slice(7, None), slice(4, 4)):
                    trips.clear()
                    part = query[place]
                    assert not trips
                    assert [run.id for run in await s.all(part)] == every[place]
                    assert len(trips) == (place != slice(4, 4))
                    assert await s.ids(part) == every[place]
                    assert [run.id async for run in s.stream(part)] == every[place]
                    assert await s.exists(part) is bool(every[place])
            assert await s.count(QUERY[7:]) == 2
            assert (await s.first(QUERY.order_by('age')[5:])).age == 5
            assert await s.all(QUERY.select('age')[8:]) == [{'age': 8}]
            assert 'without the first 7' in str(await s.explain(QUERY[7:], run=True))
            assert await s.update_all(QUERY.order_by('age')[7:], age=100) == 2
            assert await s.delete_all(QUERY.order_by('age')[:2]) == 2
            assert [run.age for run in await s.all(QUERY.order_by('age')[:9])] == [
                2, 3, 4, 5, 6, 100, 100,
            ]  # fmt: skip

    world.run(story())


@pytest.mark.one_server
def test_an_index_gives_the_result(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for age in range(5):
        SlicedRun(name=f'n{age}', age=age).save()
    oldest = QUERY.order_by('-age')
    assert (oldest[0].age, oldest[4].age, oldest[1:3][1].age) == (4, 0, 2)
    assert oldest.select('age')[3] == {'age': 1}
    for query, place in ((oldest, 5), (oldest[1:3], 2), (QUERY.filter(age=77), 0)):
        with pytest.raises(IndexError, match='there are not so many results'):
            query[place]
    assert [run.age for run in oldest] == [4, 3, 2, 1, 0]
    raw.delete(f'SlicedRun:{oldest[0].id}')  # an entry without a row counts for no result
    assert oldest[0].age == 3


@pytest.mark.one_server
def test_an_index_cannot_be_awaited(client: redis.Redis) -> None:
    async def story() -> None:
        async with rom.AsyncSession():
            with pytest.raises(rom.InvalidOperation) as caught:
                QUERY.order_by('-age')[3]
            assert "`await s.first(SlicedRun.query.order_by('-age')[3:])`" in str(caught.value)
            assert QUERY[3:4].spec.offset == 3

    asyncio.run(story())
