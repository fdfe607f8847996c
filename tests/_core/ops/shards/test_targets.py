"""Queries by unique values: which partitions they ask, and in how many round trips."""

from typing import Any

import pytest
import redis

import rom
from rom._core.ops.requests import Pipeline, Script
from rom._core.ops.shards.partitions import partitions_of
from tests.support.stories import both

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('targets', 5)


class TargetUser(rom.Model):
    _shards = SHARDS
    email = rom.Text(unique=True)
    gold = rom.Integer(index=True)


class TargetOrder(rom.Model):
    _shards = SHARDS
    _shard_by = 'number'
    number = rom.Integer(unique=True)


def scripts(trips: list[Any]) -> list[int]:
    """The number of scripts in each trip."""
    found = [one.requests if isinstance(one, Pipeline) else (one,) for one in trips]
    return [sum(isinstance(one, Script) for one in requests) for requests in found]


@both(TargetUser, TargetOrder)
async def test_a_unique_value_is_looked_up(s: Any, trips: list[Any], raw: redis.Redis) -> None:
    made = [TargetUser(email=f'u{number}', gold=number) for number in range(10)]
    for user in made:
        await s.save(user)
    await s.save(TargetOrder(number=7))
    query = TargetUser.query

    async def asked(work: Any) -> tuple[Any, list[int]]:
        trips.clear()
        found = await work
        return found, scripts(trips)

    one = query.filter(email='u3')
    assert await asked(s.count(one)) == (1, [0, 1])
    assert await asked(s.count(query.filter(email='nobody'))) == (0, [0])
    assert await asked(s.count(one.filter(gold=3))) == (1, [0, 1])
    assert await asked(s.count(one.filter(id=made[3].id))) == (1, [1])
    assert (await asked(s.first(one))) == (made[3], [0, 1])
    assert (await asked(s.all(one))) == ([made[3]], [0, 1])
    several = query.filter(email=['u1', 'u6', 'nobody']).order_by('-gold')
    together = 1 if SHARDS.partition_of(made[1].id) == SHARDS.partition_of(made[6].id) else 2
    assert await asked(s.all(several)) == ([made[6], made[1]], [0, together])
    many = query.filter(email=[f'u{number}' for number in range(5)])
    assert await asked(s.count(many)) == (5, [5]), 'as many values as partitions'
    assert await asked(s.count(TargetOrder.query.filter(number=7))) == (1, [1]), 'no directory'
    [number] = (await s.explain(one)).partitions
    assert number == SHARDS.partition_of(made[3].id)
    assert await s.update_all(one, gold=30) == 1
    assert (await s.first(one)).gold == 30
    assert await s.delete_all(one) == 1
    assert await s.all(one) == []


@both(TargetUser)
async def test_a_malformed_entry(s: Any, raw: redis.Redis) -> None:
    await s.save(TargetUser(email='x'))
    key = partitions_of(SHARDS).directory(b'TargetUser:email:uidx', b'x')
    entry = raw.hget(key, 'x')
    raw.hset(key, 'x', '9:token:1')
    with pytest.raises(rom.CorruptRowError) as caught:
        await s.all(TargetUser.query.filter(email='x'))
    assert caught.value.key == key.decode()
    raw.hset(key, 'x', entry)
