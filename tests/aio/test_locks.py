"""Locks under asyncio: tasks that compete, that are cancelled, that lose their connection.

What both fronts have in common is in tests/test_locks.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import redis
import redis.asyncio

import rom
import rom.aio
from rom.aio import EntityLock, Lock, cancellation
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.slow import Slow
from tests.support.worlds import ASYNC, World

pytestmark = pytest.mark.one_server


class LockedAio(rom.Model):
    name = rom.Text()


@pytest.fixture
def run(server: Server, raw: redis.Redis) -> Callable[..., Any]:
    """Tells a story on a slow client."""

    def run(story: Callable[[Slow], Coroutine[Any, Any, Any]]) -> None:
        async def whole() -> None:
            async with Slow(unix_socket_path=server.socket) as client:
                # So that the script is known, whichever test comes first.
                assert await Lock(client, 'warm', 0, 5).acquire()
                await story(client)

        asyncio.run(whole())

    return run


async def cancelled(task: asyncio.Task[Any]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


# --- tasks that compete --------------------------------------------------------------------------


def test_many_tasks_count_right(run: Callable[..., Any], raw: redis.Redis) -> None:
    total = 0

    async def add(client: Slow) -> None:
        nonlocal total
        for _ in range(5):
            async with Lock(client, 'count', 20, 5) as lock:
                seen = total
                await asyncio.sleep(0)
                assert await lock.refresh()
                total = seen + 1

    async def story(client: Slow) -> None:
        await asyncio.gather(*(add(client) for _ in range(10)))

    run(story)
    assert total == 50
    assert not raw.exists('lock:count')


def test_who_waits_does_not_block_the_loop(run: Callable[..., Any]) -> None:
    async def story(client: Slow) -> None:
        async with Lock(client, 'x', 0, 5) as lock:
            waiting = asyncio.create_task(Lock(client, 'x', 20, 5).acquire())
            await asyncio.sleep(0.03)
            assert not waiting.done()
            assert await lock.release()
            assert await waiting

    run(story)


def test_a_lock_that_is_not_to_be_had(run: Callable[..., Any], raw: redis.Redis) -> None:
    async def story(client: Slow) -> None:
        async with Lock(client, 'x', 0, 5):
            with pytest.raises(rom.DataRaceError, match="'x' is held by another"):
                async with Lock(client, 'x', 0.01, 5):
                    raise AssertionError('never')
            assert raw.exists('lock:x')

    run(story)


# --- tasks that are cancelled --------------------------------------------------------------------


def test_cancelled_while_it_has_the_lock(run: Callable[..., Any], raw: redis.Redis) -> None:
    async def story(client: Slow) -> None:
        has_it = asyncio.Event()

        async def work() -> None:
            async with Lock(client, 'x', 0, 5):
                has_it.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await has_it.wait()
        task.cancel()
        await cancelled(task)
        assert not raw.exists('lock:x')

    run(story)


def test_cancelled_while_it_waits(run: Callable[..., Any], raw: redis.Redis) -> None:
    async def story(client: Slow) -> None:
        lock = Lock(client, 'x', 0, 5)
        assert await lock.acquire()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await Lock(client, 'x', 60, 5).acquire()
        assert await lock.refresh(), "another's lock is not given back"
        assert await lock.release()
        await asyncio.sleep(0.02)
        assert not raw.exists('lock:x'), 'nobody is left who waits for it'

    run(story)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_cancelled_when_it_is_about_to_get_it(
    run: Callable[..., Any], raw: redis.Redis, when: str
) -> None:
    """The server may have carried the command out, or may do so yet."""

    async def story(client: Slow) -> None:
        client.hold_up = when
        task = asyncio.create_task(Lock(client, 'x', 0, 5).acquire())
        await client.is_there.wait()
        task.cancel()
        await asyncio.sleep(0.01)
        assert raw.exists('lock:x') == (when == 'after')
        client.go_on.set()
        await cancelled(task)
        assert not raw.exists('lock:x')

    run(story)


def test_a_server_that_hangs_does_not_hold_up_who_is_cancelled(
    run: Callable[..., Any], raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellation, 'PATIENCE', 0.01)

    async def story(client: Slow) -> None:
        client.hold_up = 'after'
        task = asyncio.create_task(Lock(client, 'x', 0, 5).acquire())
        await client.is_there.wait()
        task.cancel()
        await cancelled(task)
        assert raw.exists('lock:x'), 'it still hangs'
        client.go_on.set()
        await asyncio.wait(cancellation._going)
        assert not raw.exists('lock:x')

    run(story)


def test_cancelled_twice(run: Callable[..., Any], raw: redis.Redis) -> None:
    async def story(client: Slow) -> None:
        client.hold_up = 'after'
        task = asyncio.create_task(Lock(client, 'x', 0, 5).acquire())
        await client.is_there.wait()
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.01)
        await cancelled(task)
        client.go_on.set()
        await asyncio.wait(cancellation._going)
        assert not raw.exists('lock:x')

    run(story)


def test_cancelled_while_it_takes_again_what_it_has(
    run: Callable[..., Any], raw: redis.Redis
) -> None:
    async def story(client: Slow) -> None:
        async with Lock(client, 'x', 0, 5) as lock:
            client.hold_up = 'after'
            task = asyncio.create_task(lock.acquire())
            await client.is_there.wait()
            task.cancel()
            await asyncio.sleep(0)
            client.go_on.set()
            await cancelled(task)
            await asyncio.wait(cancellation._going) if cancellation._going else None
            assert await lock.refresh()
        assert not raw.exists('lock:x')

    run(story)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_cancelled_while_it_gives_it_back(
    run: Callable[..., Any], raw: redis.Redis, when: str
) -> None:
    async def story(client: Slow) -> None:
        async def work() -> None:
            async with Lock(client, 'x', 0, 5):
                client.hold_up = when

        task = asyncio.create_task(work())
        await client.is_there.wait()
        task.cancel()
        client.go_on.set()
        await cancelled(task)
        assert not raw.exists('lock:x')

    run(story)


def test_the_loop_ends_while_a_task_is_about_to_get_it(
    run: Callable[..., Any], raw: redis.Redis
) -> None:
    tasks = []

    async def story(client: Slow) -> None:
        client.hold_up = 'after'
        tasks.append(asyncio.create_task(Lock(raw, 'other', 0, 5).acquire()))
        tasks.append(asyncio.create_task(Lock(client, 'x', 0, 5).acquire()))
        await client.is_there.wait()
        assert raw.exists('lock:x')

    run(story)
    assert tasks[1].cancelled()
    assert not raw.exists('lock:x')


# --- connections that break ----------------------------------------------------------------------


@pytest.mark.parametrize('retries', [0, 3])
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_connection_that_breaks(server: Server, raw: redis.Redis, cut: str, retries: int) -> None:
    scripts = Proxy.named('EVALSHA', 'EVAL')

    async def story() -> None:
        with Proxy(server.socket) as proxy:
            world = World(ASYNC, proxy.socket, retries)
            client = world.connect()
            lock = Lock(client, 'x', 0, 5)
            assert await lock.acquire()
            assert await lock.release()
            for step, is_done in ((lock.acquire, True), (lock.refresh, True), (lock.release, None)):
                getattr(proxy, cut)(scripts)
                if not retries:
                    with pytest.raises(rom.ServerUnavailable):
                        await step()
                result = await step()
                assert is_done is None or result is is_done
            assert not raw.exists('lock:x')
            assert proxy.cuts.total() == 3
            await world.close(client)

    asyncio.run(story())


def test_a_connection_that_breaks_at_the_end(server: Server, raw: redis.Redis) -> None:
    async def story() -> None:
        with Proxy(server.socket) as proxy:
            world = World(ASYNC, proxy.socket)
            client = world.connect()
            with pytest.raises(rom.ServerUnavailable):
                async with Lock(client, 'x', 0, 5):
                    proxy.cut_before_request(Proxy.named('EVALSHA'))
            assert not raw.exists('lock:x'), 'it was given back on another connection'
            await world.close(client)

    asyncio.run(story())


def test_no_server() -> None:
    async def story() -> None:
        world = World(ASYNC, '/nowhere/socket')
        client = world.connect()
        with pytest.raises(rom.ServerUnavailable):
            async with Lock(client, 'x', 5, 5):
                raise AssertionError('never')
        await world.close(client)

    asyncio.run(story())


# --- which client --------------------------------------------------------------------------------


def test_the_client_is_that_of_the_session(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = other = redis.Redis(unix_socket_path=server.socket, db=1)

    async def in_a_task_of_its_own(entity: LockedAio) -> None:
        async with EntityLock(entity, 0, 5):
            assert raw.exists('lock:LockedAio:1')

    async def story() -> None:
        async with World(ASYNC, server.socket).session() as s:
            async with Lock(LockedAio, 'x', 0, 5):
                assert raw.exists('lock:x')
            entity = LockedAio(name='a')
            await s.commit()
            await asyncio.create_task(in_a_task_of_its_own(entity))
        async with Lock(LockedAio, 'x', 0, 5):
            assert not raw.exists('lock:x')
            assert other.exists('lock:x')

    asyncio.run(story())


def test_without_a_session(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw

    async def story() -> None:
        async with Lock(LockedAio, 'x', 0, 5), Lock(raw, 'y', 0, 5):
            assert raw.exists('lock:x', 'lock:y') == 2

    asyncio.run(story())
    asyncio.run(story())  # another loop


def test_a_new_entity_gets_its_id_with_the_lock(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw

    async def story() -> None:
        async with rom.AsyncSession() as s:
            entity = LockedAio(name='a')
            lock = EntityLock(entity, 0, 5)
            assert entity._id is None
            async with lock:
                assert raw.exists('lock:LockedAio:1')
                assert lock.lockname == 'LockedAio:1'
                await s.save(entity)
                assert raw.exists('LockedAio:1')

    asyncio.run(story())
