"""Barriers of a transaction: where a durable commit waits, and what it does if replicas lack it."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
from rom._core.ops.commits import replication
from rom._core.ops.requests import NO_TRIP, Pipeline, Script
from tests.support.stories import both
from tests.support.worlds import World

SHARDS = rom.Shards('barriers', 4)
#: What each trip of a commit over partitions does, with the waits of a durable one.
TRIPS = [
    'shard_prepare', 'WAIT', 'shard_commit', 'WAIT', 'shard_apply', 'WAIT', 'shard_finish',
]  # fmt: skip


class BarredPurse(rom.Model):
    _shards = SHARDS
    name = rom.Text(unique=True)
    balance = rom.Integer(index=True)


def kind_of(trip: Any) -> str:
    """Return the name of the first script of a trip, or WAIT."""
    requests = trip.requests if isinstance(trip, Pipeline) else (trip,)
    names = [one.name if isinstance(one, Script) else str(one.args[0]) for one in requests]
    return 'WAIT' if 'WAIT' in names else names[0]


def left_in(raw: redis.Redis) -> list[bytes]:
    return [key for key in raw.scan_iter() if key.endswith((b':intents', b':unfinished'))]


async def pair_of(s: Any) -> list[BarredPurse]:
    purses = [BarredPurse(balance=100) for _ in range(2)]
    for purse in purses:
        await s.save(purse)
    assert len({SHARDS.partition_of(purse.id) for purse in purses}) == 2
    for purse in purses:
        purse.balance += 1
    return purses


@pytest.fixture
def have_it(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many replicas have each of the next writes; after them, enough."""
    counts: list[int] = []
    ask = replication._replicas_of

    def asked(schema: Any, receipts: Any, wanted: int, *rest: Any) -> Any:
        yield from ask(schema, receipts, wanted, *rest)
        found = counts.pop(0) if counts else wanted
        return [found] * len(receipts)

    monkeypatch.setattr(replication, 'LONGEST', 1)
    monkeypatch.setattr(replication, '_replicas_of', asked)
    return counts


@both(BarredPurse)
async def test_a_durable_commit_waits_between_its_trips(
    s: Any, trips: list[Any], have_it: list[int]
) -> None:
    await pair_of(s)
    trips.clear()
    assert await s.commit(durable=True) == 2
    assert [kind_of(trip) for trip in trips if not isinstance(trip, NO_TRIP)] == TRIPS
    trips.clear()
    purses = await s.all(BarredPurse.query)
    purses[0].balance += 1
    trips.clear()
    assert await s.commit(durable=True) == 1
    assert [kind_of(trip) for trip in trips] == ['shard_commit', 'WAIT']


@both(BarredPurse, whole=False)  # keys that were written for a wait expire after ten seconds
async def test_a_commit_that_cannot_be_kept_is_given_up(
    s: Any, raw: redis.Redis, have_it: list[int]
) -> None:
    purses = await pair_of(s)
    purses[0].name = 'x'
    have_it.append(0)
    with pytest.raises(rom.ServerUnavailable, match='nothing was written'):
        await s.commit(durable=True)
    assert left_in(raw) == []
    assert await s.count(BarredPurse.query.filter(balance=100)) == 2
    assert [*raw.scan_iter('*:dir')] == []
    assert await s.commit(durable=True) == 3


@pytest.mark.parametrize('enough', [1, 2], ids=['decided', 'applied'])
@both(BarredPurse, whole=False)
async def test_a_decision_that_no_replica_has_is_left_to_others(
    s: Any, raw: redis.Redis, have_it: list[int], enough: int
) -> None:
    """The commit counts; whoever meets it carries it out, if it was not lost."""
    purses = await pair_of(s)
    ids = [purse.id for purse in purses]
    have_it += [*[1] * enough, 0]
    with pytest.raises(rom.NotReplicatedError, match='carried the commit out'):
        await s.commit(durable=True)
    assert have_it == [], 'it was not waited for once more'
    assert left_in(raw) != []
    assert await s.commit() == 0
    s.rollback()
    assert [purse.balance for purse in await s.get(BarredPurse, ids)] == [101, 101]


@both(BarredPurse, whole=False)
async def test_a_durable_session_reads_no_decision_that_could_be_lost(
    s: Any, world: World, have_it: list[int]
) -> None:
    """It reads the row before, until enough replicas have the decision."""
    async with world.session(durable=True) as durable:
        purses = await pair_of(durable)
        ids = [purse.id for purse in purses]
        have_it += [1, 0]
        with pytest.raises(rom.NotReplicatedError):
            await durable.commit()
        durable.rollback()
        have_it += [0]
        found = [purse.balance for purse in await durable.get(BarredPurse, ids)]
        assert sorted(found) == [100, 101]  # the coordinator's row, and the one before
        durable.rollback()
        assert [purse.balance for purse in await durable.get(BarredPurse, ids)] == [101, 101]


@both(BarredPurse, whole=False)
async def test_a_commit_may_do_without_replicas_in_a_durable_session(
    s: Any, world: World, trips: list[Any], have_it: list[int]
) -> None:
    async with world.session(durable=True) as durable:
        await pair_of(durable)
        trips.clear()
        assert await durable.commit(durable=False) == 2
        assert 'WAIT' not in map(kind_of, trips)
