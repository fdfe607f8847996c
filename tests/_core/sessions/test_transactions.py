"""Commits over partitions from sessions: trips, unique values, faults between any two trips."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.commits.attempts import forget_doubts
from rom._core.ops.requests import Command, Pipeline, Script
from rom._core.ops.shards.partitions import partitions_of
from rom._core.ops.shards.recover import recover
from tests.support.stories import both
from tests.support.worlds import ASYNC, World

pytestmark = pytest.mark.one_server
SHARDS = rom.Shards('deals', 5)
PARTITIONS = partitions_of(SHARDS)


class DealUser(rom.Model):
    _shards = SHARDS
    email = rom.Text(unique=True)
    gold = rom.Integer(index=True, default=0)
    a = rom.Integer()
    b = rom.Integer()
    friend = rom.OneToOne('DealUser', on_delete='no action', unique=True)
    word = rom.Text(index=True, keygen=lambda word: 1 / len(word))
    unique_together = [('a', 'b')]


async def users(s: Any, count: int, **values: Any) -> list[Any]:
    """Users of different partitions, each with its email."""
    made = []
    for number in range(count):
        user = DealUser(email=f'u{number}', gold=10, **values)
        await s.save(user)
        made.append(user)
    assert len({SHARDS.partition_of(user.id) for user in made}) == count
    return made


def left(raw: redis.Redis) -> list[bytes]:
    """The keys of transactions that are not finished."""
    ends = (b':intents', b':prepared', b':unfinished')
    return [key for key in raw.scan_iter() if key.endswith(ends)]


@both(DealUser)
async def test_trips(s: Any, trips: list[Any], raw: redis.Redis) -> None:
    one, other, *_ = await users(s, 3)
    await s.count(DealUser.query)

    async def count(work: Any) -> int:
        trips.clear()
        await work
        return len(trips)

    assert await count(s.save(DealUser(email='new'))) == 2
    one.email = 'changed'
    assert await count(s.save(one)) == 3  # the last one releases the old value
    one.gold += 1
    assert await count(s.save(one)) == 1
    one.gold, other.gold = one.gold - 5, other.gold + 5
    assert await count(s.commit()) == 4
    s.rollback()
    assert await count(s.get(DealUser, [one.id, other.id])) == 1
    s.rollback()
    trips.clear()
    assert (await s.get_by(DealUser, email='changed')).gold == 6
    assert len(trips) == 2
    assert await s.get_by(DealUser, email='u0') is None
    found = await s.get_by(DealUser, email=['u1', 'nobody', 'u2'])
    assert [user.email for user in found] == ['u1', 'u2']
    assert left(raw) == []


@both(DealUser)
async def test_unique_values(s: Any, raw: redis.Redis) -> None:
    one, other, third = await users(s, 3)
    with pytest.raises(rom.UniqueKeyViolation, match="email='u1' belongs to") as caught:
        await s.save(DealUser(email='u1'))
    assert (caught.value.holder, caught.value.value) == (other.id, 'u1')
    s.rollback()
    one, other, third = await s.get(DealUser, [one.id, other.id, third.id])
    one.email = other.email = 'same'
    with pytest.raises(rom.UniqueKeyViolation, match='two entities of this commit'):
        await s.commit()
    one.email, other.email = 'u1', 'u0'
    with pytest.raises(rom.InvalidOperation, match='moves from an entity of one partition'):
        await s.commit()
    s.rollback()
    assert sorted(user.email for user in await s.all(DealUser.query)) == ['u0', 'u1', 'u2']
    one, other, third = await s.get(DealUser, [one.id, other.id, third.id])
    one.a, one.b, other.a, other.b = 1, 2, 1, 2
    with pytest.raises(rom.UniqueKeyViolation, match='have a=1, b=2, and'):
        await s.commit()
    other.b = 3
    await s.commit()
    other.friend = third
    await s.commit()
    one.friend = third
    with pytest.raises(rom.UniqueKeyViolation, match=f"{one.id}: friend=<.*email='u2'.*> bel") as e:
        await s.commit()
    assert (e.value.id, e.value.holder, e.value.value) == (one.id, other.id, third)
    one.friend = other.friend = other.email = None
    await s.commit()
    one.email = 'u1'
    await s.commit()
    await s.delete(one)
    third.email = 'u1'
    await s.save(third)
    await s.delete([other, third])
    assert await s.count(DealUser.query) == 0 and left(raw) == []
    assert [key for key in raw.scan_iter() if key.endswith(b':dir')] == []


@both(DealUser)
@pytest.mark.parametrize(('word', 'why'), [('', 'the keygen failed'), ('a', 'its keygen returned')])
async def test_an_error_names_the_model_and_no_partition(s: Any, word: str, why: str) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=rf'^{{deals}}DealUser\.word: {why}'):
        await s.save(DealUser(word=word))


@both(DealUser)
async def test_values_that_two_rows_of_a_partition_swap(s: Any) -> None:
    made = [DealUser(email=f'e{number}') for number in range(2)]
    await s.commit()  # they share a partition
    made[0].email, made[1].email = 'e1', 'e0'
    await s.commit()
    assert (await s.get_by(DealUser, email='e0')).id == made[1].id
    with pytest.raises(rom.UniqueKeyViolation):
        await s.save(DealUser(email='e1'))
    s.rollback()


@both(DealUser)
async def test_a_race(s: Any, raw: redis.Redis) -> None:
    one, other, _ = await users(s, 3)
    part = DealUser._schema.at_id(other.id)
    raw.hset(part.keys.row(part.part.local_id(other.id)), 'gold', '99')
    one.gold, other.gold = 5, 15
    with pytest.raises(rom.DataRaceError) as caught:
        await s.commit()
    assert caught.value.id == other.id and left(raw) == []
    s.rollback()
    assert [user.gold for user in await s.get(DealUser, [one.id, other.id])] == [10, 99]
    await s.update_all(DealUser.query.filter(id=[other.id]), gold=10)


class Fault:
    """Interrupts the trips of a transaction, before or after one of them is carried out.

    Attributes:
        number: the trip, from 0; -1 interrupts none.
        is_after: the server carries it out.
        error: what the driver raises.
    """

    def __init__(self) -> None:
        self.number, self.is_after = -1, False
        self.error: Callable[[], BaseException] = rom.ServerUnavailable

    def meets(self, request: Any) -> bool:
        """Return whether this is the trip."""
        if not isinstance(request, (Command, Script, Pipeline)) or self.number < 0:
            return False
        self.number -= 1
        return self.number < 0


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    """What befalls the next transaction."""
    fault, (sync, awaited) = Fault(), (SyncDriver.perform, AsyncDriver.perform)

    def perform(self: Any, request: Any) -> Any:
        if not fault.meets(request):
            return sync(self, request)
        if fault.is_after:
            sync(self, request)
        raise fault.error()

    async def perform_awaited(self: Any, request: Any) -> Any:
        if not fault.meets(request):
            return await awaited(self, request)
        if fault.is_after:
            await awaited(self, request)
        raise fault.error()

    monkeypatch.setattr(SyncDriver, 'perform', perform)
    monkeypatch.setattr(AsyncDriver, 'perform', perform_awaited)
    yield fault
    forget_doubts()


@pytest.mark.parametrize('is_after', [False, True])
@pytest.mark.parametrize('number', range(4))
def test_a_lost_answer_and_the_same_commit_again(
    number: int, is_after: bool, fault: Fault, world: World, raw: redis.Redis
) -> None:
    """It is carried out once, whichever trip got no answer."""

    async def story() -> None:
        async with world.session() as s:
            one, other, _ = await users(s, 3)
            one.gold, other.gold, one.email = 5, 15, 'renamed'
            fault.number, fault.is_after = number, is_after
            try:
                await s.commit()
            except rom.ServerUnavailable:
                assert number < 2  # what is decided is not an error
                await s.commit()
            s.rollback()
            both_ = await s.get(DealUser, [one.id, other.id])
            assert [(user.gold, user.email) for user in both_] == [(5, 'renamed'), (15, 'u1')]
            await s.save(DealUser(email='u0'))

    world.run(story())
    done = SyncDriver(raw).run(recover(PARTITIONS))
    assert (done.undone, done.under_way) == (0, 0) and left(raw) == []


@pytest.mark.parametrize('is_after', [False, True])
@pytest.mark.parametrize('number', range(4))
def test_a_program_that_dies(
    number: int, is_after: bool, fault: Fault, world: World, raw: redis.Redis
) -> None:
    """Another one finds all of its commit or nothing, as soon as it looks."""
    fault.error = asyncio.CancelledError if world.kind == ASYNC else KeyboardInterrupt

    async def story() -> None:
        async with world.session() as s:
            one, other, _ = await users(s, 3)
            one.gold, other.gold, one.email = 5, 15, 'renamed'
            fault.number, fault.is_after = number, is_after
            with suppress(asyncio.CancelledError, KeyboardInterrupt):
                await s.commit()
            s.rollback()
            forget_doubts()
        async with world.session() as s:
            found = await s.get(DealUser, [one.id, other.id])
            is_done = number > 1 or (number == 1 and is_after)
            assert [user.gold for user in found] == ([5, 15] if is_done else [10, 10])
            renamed = await s.get_by(DealUser, email='renamed')
            assert (renamed is not None) is is_done
            found[0].gold = 1
            await s.save(found[0])
            found[1].gold = 2
            await s.save(found[1])

    world.run(story())


@both(DealUser)
async def test_a_commit_that_is_interrupted_behind_the_decision(
    s: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next commit ends it: queries see all of it, and old values are free."""
    pair = await users(s, 2)
    for user in pair:
        user.gold = 99
    pair[0].email = 'changed'

    class Interrupted(BaseException):
        pass

    driver: Any = AsyncDriver if isinstance(s, rom.AsyncSession) else SyncDriver
    perform = driver.perform

    def interrupt(self: Any, request: Any) -> Any:
        if b'shard_apply' in repr(request).encode():
            monkeypatch.undo()
            raise Interrupted
        return perform(self, request)

    monkeypatch.setattr(driver, 'perform', interrupt)
    with pytest.raises(Interrupted):
        await s.commit()
    assert left(raw)
    await s.commit()
    assert left(raw) == []
    assert await s.count(DealUser.query.filter(gold=99)) == 2
    assert [
        key for key in raw.scan_iter() if key.endswith(b':dir') and raw.hexists(key, 'u0')
    ] == []
