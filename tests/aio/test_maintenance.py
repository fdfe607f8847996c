"""Maintenance under asyncio, beside other tasks; what it does is in tests/test_maintenance.py."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import redis

import rom
import rom.aio
from tests.support.implied import assert_consistent
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.slow import Slow
from tests.support.worlds import ASYNC, World

pytestmark = pytest.mark.one_server


class MendAio(rom.Model):
    name = rom.Text(unique=True, index=True, keygen=rom.FULL_TEXT)
    number = rom.Integer(index=True)
    own = rom.UnsafeColumn()


def make(raw: redis.Redis, count: int = 40) -> None:
    """Entities, half of whose index entries are wrong."""
    rom.util.CONNECTION = raw
    for number in range(count):
        MendAio(name=f'n{number} all', number=number)
    rom.session.commit()
    rom.session.rollback()
    raw.sadd('MendAio:name:ghost:idx', 900, 3)
    raw.hset('MendAio:name:uidx', 'nobody', 904)
    raw.zremrangebyscore('MendAio:number:idx', 0, count // 2)
    raw.delete('MendAio:id:live')


def run(story: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    asyncio.run(story())


async def steps(job: Any) -> list[tuple[int, int]]:
    return [step async for step in job]


def test_the_client_is_that_of_the_session(server: Server, raw: redis.Redis) -> None:
    make(raw)
    raw.set('MendAio:77:own', 'lost')

    async def story() -> None:
        async with World(ASYNC, server.socket).session():
            assert len(await steps(rom.aio.refresh_indices(MendAio, block_size=10))) > 4
            assert await rom.aio.clean_unsafe_cols(MendAio) == (1, 1)
            await rom.aio.show_progress(rom.aio.clean_old_index(MendAio))
        raw.set('MendAio:78:own', 'lost')
        assert (await steps(rom.aio.refresh_indices(MendAio)))[-1] == (0, 0)
        assert await rom.aio.clean_unsafe_cols(MendAio) == (0, 0)
        raw.delete('MendAio:78:own')

    rom.util.CONNECTION = redis.Redis(unix_socket_path=server.socket, db=1)
    run(story)
    assert_consistent(raw, MendAio)


@pytest.mark.parametrize('name', ['refresh_indices', 'clean_old_index'])
def test_bad_arguments_are_told_at_the_call(name: str) -> None:
    for arguments in ((None,), (rom.Model,), (MendAio, 0), (MendAio, True)):
        with pytest.raises(rom.InvalidOperation):
            getattr(rom.aio, name)(*arguments)


def test_all_arguments_are_looked_at_before_anything_is_done(raw: redis.Redis) -> None:
    make(raw)
    raw.set('MendAio:77:own', 'lost')
    with pytest.raises(rom.InvalidOperation):
        run(lambda: rom.aio.clean_unsafe_cols(MendAio, 'MendAio'))  # type: ignore[arg-type]
    assert raw.exists('MendAio:77:own')


def test_other_tasks_go_on(raw: redis.Redis) -> None:
    make(raw)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def story() -> None:
        other = asyncio.create_task(tick())
        done = await steps(rom.aio.refresh_indices(MendAio, block_size=5))
        other.cancel()
        assert ticks > len(done) > 8

    run(story)
    assert_consistent(raw, MendAio)


def test_beside_tasks_that_write(raw: redis.Redis) -> None:
    make(raw, 100)
    written = [0, 0]

    async def write(seed: int, stop: asyncio.Event) -> None:
        async with rom.AsyncSession() as s:
            while not stop.is_set():
                written[seed] += 1
                entity = await s.get(MendAio, (written[seed] * 7 + seed) % 100 + 1)
                try:
                    if entity is not None and written[seed] % 11 == 0:
                        await s.delete(entity)
                    elif entity is not None:
                        entity.number = written[seed]
                    MendAio(name=f'{seed} {written[seed]}', number=1)
                    await s.commit()
                except rom.InvalidOperation:
                    pass  # the other writer was there
                s.rollback()

    async def story() -> None:
        stop = asyncio.Event()
        writers = [asyncio.create_task(write(seed, stop)) for seed in range(2)]
        for _ in range(3):
            await steps(rom.aio.refresh_indices(MendAio, block_size=10))
            await steps(rom.aio.clean_old_index(MendAio, block_size=10))
        stop.set()
        await asyncio.gather(*writers)

    run(story)
    assert min(written) > 10
    assert_consistent(raw, MendAio)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_cancelled_at_any_step(server: Server, raw: redis.Redis, when: str) -> None:
    """What was done is whole, and the next one does the rest."""
    make(raw)

    async def cancelled(skip: int) -> bool:
        """Whether it came to that: not where it ends before."""
        async with Slow(unix_socket_path=server.socket) as client, rom.AsyncSession(client):
            client.hold_up, client.skip = when, skip
            job = rom.aio.refresh_indices(MendAio, block_size=7)
            task = asyncio.create_task(steps(job))
            waiting = asyncio.create_task(client.is_there.wait())
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            for one in (waiting, task):
                one.cancel()
            await asyncio.wait([task, waiting])
            return task.cancelled()

    async def story() -> None:
        skip = 0
        while await cancelled(skip):
            skip += 1
        assert skip > 5

    run(story)
    assert_consistent(raw, MendAio)


def test_stopped_in_the_middle(raw: redis.Redis) -> None:
    make(raw)

    async def story() -> None:
        async for done, _total in rom.aio.refresh_indices(MendAio, block_size=3):
            if done > 3:
                break
        assert not raw.exists('MendAio:id:live')
        await steps(rom.aio.refresh_indices(MendAio))

    run(story)
    assert_consistent(raw, MendAio)


@pytest.mark.parametrize('retries', [0, 3])
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_connection_that_breaks(server: Server, raw: redis.Redis, cut: str, retries: int) -> None:
    make(raw)

    async def story() -> None:
        with Proxy(server.socket) as proxy:
            async with World(ASYNC, proxy.socket, retries).session():
                getattr(proxy, cut)(Proxy.named('EVALSHA'), times=2)
                for _ in range(0 if retries else 2):
                    with pytest.raises(rom.ServerUnavailable):
                        await steps(rom.aio.refresh_indices(MendAio, block_size=10))
                await steps(rom.aio.refresh_indices(MendAio, block_size=10))
                assert proxy.cuts.total() == 2

    run(story)
    assert_consistent(raw, MendAio)
