"""What a write leaves behind in an entity, in both sessions."""

from typing import Any

import msgpack
import numpy
import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.commits import commit as commit_module
from rom._core.ops.requests import Script
from rom._core.sessions.flush import with_referred
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class WrittenThing(rom.Model):
    name = rom.Text(unique=True)
    number = rom.Integer(index=True)
    next = rom.ManyToOne('WrittenThing', 'no action')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each commit wrote."""
    found: list[int] = []
    for driver in (SyncDriver, AsyncDriver):
        perform: Any = driver.perform

        def noting(self: Any, request: Any, perform: Any = perform) -> Any:
            if isinstance(request, Script) and request.name == 'commit':
                asked = msgpack.unpackb(request.request, raw=True)
                new, old = asked.get(b'new', {}), asked.get(b'old', {})
                found.append(len(new.get(b'inserts', ())) + len(old.get(b'updates', ())))
            return perform(self, request)

        monkeypatch.setattr(driver, 'perform', noting)
    return found


def test_what_was_set_back_is_not_modified(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = WrittenThing(number=1)
            await s.commit()
            thing.name = 'a'
            thing.name = None
            thing.number = 2
            assert await s.commit() == 1
            assert not thing._modified
            assert await s.commit() == 0
            thing.number = 2
            assert await s.save(thing) == 0
            assert not thing._modified
            assert_consistent(raw, WrittenThing)

    world.run(story())


def test_what_was_set_before_a_delete_comes_back_with_it(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = WrittenThing(name='a', number=1)
            await s.commit()
            thing.number = None
            await s.delete(thing)
            assert await s.commit() == 0
            await s.save(thing, force=True)
            assert thing.number is None
            assert raw.hgetall('WrittenThing:1') == {b'id': b'1', b'name': b'a'}
            assert_consistent(raw, WrittenThing)

    world.run(story())


def test_referred_ones_come_first() -> None:
    a, b, c = WrittenThing(), WrittenThing(), WrittenThing()
    a.next, b.next = b, c
    assert with_referred([a]) == [c, b, a]
    assert with_referred([b, a, c]) == [c, b, a]
    c.next = a  # a circle: any order, each once
    assert {id(e) for e in with_referred([b])} == {id(a), id(b), id(c)}
    assert len(with_referred([a, b, c, a])) == 3
    assert with_referred([]) == []


# --- batches, and how much a commit holds --------------------------------------------------------


def test_a_commit_in_batches(world: World, raw: redis.Redis, commits: list[int]) -> None:
    async def story() -> None:
        async with world.session() as s:
            for number in range(10):
                WrittenThing(number=number)
            assert await s.commit(batch=4) == 10 * len(WrittenThing._columns)
            assert commits == [4, 4, 2]
            things = await s.all(WrittenThing.query)
            for thing in things[:5]:
                thing.number += 100
            commits.clear()
            assert await s.flush(batch=numpy.int64(3)) == 5
            assert commits == [3, 2]
            commits.clear()
            assert await s.commit(batch=3) == 0
            assert commits == []

    world.run(story())
    assert_consistent(raw, WrittenThing)


def test_a_batch_that_fails_leaves_those_before_it(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await s.save(WrittenThing(name='taken'))
            names = ['a', 'b', 'c', 'taken', 'd', 'e']
            made = [WrittenThing(name=name) for name in names]
            with pytest.raises(rom.UniqueKeyViolation):
                await s.commit(batch=2)
            assert [thing._new for thing in made] == [False, False, True, True, True, True]
            made[3].name = 'free'
            await s.commit(batch=2)
            assert [thing.name for thing in await s.all(WrittenThing.query)] == [
                'taken', 'a', 'b', 'c', 'free', 'd', 'e',
            ]  # fmt: skip

    world.run(story())
    assert_consistent(raw, WrittenThing)


@pytest.mark.one_server
@pytest.mark.parametrize('batch', [0, -1, 1.5, True, '5'])
def test_what_is_no_batch(world: World, batch: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            with pytest.raises(rom.InvalidOperation, match='expected an int of at least 1'):
                await s.commit(batch=batch)

    world.run(story())


@pytest.mark.one_server
def test_a_commit_has_a_size(
    world: World, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with world.session() as s:
            made = [WrittenThing(number=number) for number in range(6)]
            rom.util.limit_commits(5)
            with pytest.raises(
                rom.InvalidOperation, match=r'6 changes.*5 are the most.*batch=1000'
            ):
                await s.commit()
            rom.util.limit_commits(None)
            monkeypatch.setattr(commit_module, 'MOST_BYTES', 100)
            with pytest.raises(rom.InvalidOperation, match=r'bytes is too large.*100 are the most'):
                await s.commit(batch=3)
            assert raw.keys('WrittenThing:*idx') == []
            monkeypatch.setattr(commit_module, 'MOST_BYTES', 10_000)
            await s.commit(batch=3)
            assert not any(thing._new for thing in made)

    try:
        world.run(story())
    finally:
        rom.util.limit_commits(None)
    assert_consistent(raw, WrittenThing)


@pytest.mark.one_server
@pytest.mark.parametrize('most', [150, 1000])
def test_a_commit_has_a_limit_of_entries(world: World, raw: redis.Redis, most: int) -> None:
    """Many entities, or one long text: the error names the column, and nothing is written."""

    class Entered(rom.Model):
        number = rom.Integer(index=True, unique=True)
        words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)

    async def story() -> None:
        async with world.session() as s:
            many = [Entered(number=n, words='a b') for n in range(most // 7 + 1)]
            with pytest.raises(rom.InvalidOperation, match=rf'^Entered.words: .*{most:,} are'):
                await s.commit()
            assert raw.keys('Entered:[0-9]*') == raw.keys('Entered:*idx') == []
            await s.commit(batch=10)
            assert len(await s.all(Entered.query)) == len(many)
            for entity in many:
                entity.words = 'c d'
            with pytest.raises(rom.InvalidOperation, match=r'^Entered.words: '):
                await s.commit()
            assert await s.count(Entered.query.filter(words='c')) == 0
            await s.commit(batch=10)
            long = Entered(words=' '.join(f'w{n}' for n in range(most)))
            with pytest.raises(rom.InvalidOperation, match=r'^Entered.words: .*max_length') as told:
                await s.save(long)
            assert len(str(told.value)) <= 500
            assert await s.count(Entered.query.filter(words='w1')) == 0
            long.words = 'short'
            await s.commit()

    rom.util.limit_commits(most)
    try:
        world.run(story())
    finally:
        rom.util.limit_commits(None)


@pytest.mark.parametrize('entries', [0, -1, 1.5, '5', True, float('nan')])
def test_what_is_no_limit_of_entries(entries: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='expected an int of at least 1, or None'):
        rom.util.limit_commits(entries)


@pytest.mark.one_server
@pytest.mark.parametrize('count', [1, 2])
@pytest.mark.parametrize('value', [b'-3', b'01', b'9223372036854775807'])
def test_a_counter_that_does_not_go_on(
    world: World, raw: redis.Redis, count: int, value: bytes
) -> None:
    """Redis itself counts on from -3, so that there would be rows with negative ids."""
    raw.set('WrittenThing:id:', value)

    async def story() -> None:
        async with world.session() as s:
            things = [WrittenThing(number=n) for n in range(count)]
            with pytest.raises(rom.CorruptRowError, match='should hold the last id') as caught:
                await s.commit()
            assert caught.value.key == 'WrittenThing:id:'
            raw.set('WrittenThing:id:', 7)
            await s.commit()
            assert [thing.id for thing in things] == list(range(8, 8 + count))

    world.run(story())
