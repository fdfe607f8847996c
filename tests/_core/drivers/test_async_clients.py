"""The asyncio clients that rom makes: like their siblings, waited for, gone with their loop."""

import asyncio
import gc
import os
import random
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

import rom
from rom._core.drivers import loop_end
from rom._core.drivers.async_client_options import MAX_BACKOFF, recipe_of
from rom._core.drivers.async_clients import async_connection
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class TwinsThing(rom.Model):
    name = rom.Text(required=True, unique=True)


@pytest.fixture(autouse=True)
def no_loops_of_others() -> None:
    """What earlier tests have left to the garbage is not counted here."""
    gc.collect()
    loop_end.close_leftovers()


@pytest.fixture
def default(server: Server) -> Iterator[redis.Redis]:
    with server.connect() as client:
        rom.util.CONNECTION = client
        yield client


def pool_of(client: redis.Redis) -> Any:
    async def made() -> Any:
        return (await async_connection(client)).connection_pool

    return asyncio.run(made())


# --- as their siblings are -----------------------------------------------------------------------


def test_how_many_and_how_long() -> None:
    found = pool_of(redis.Redis(max_connections=7))
    assert (found.max_connections, found.timeout) == (7, None)
    waiting = redis.BlockingConnectionPool(max_connections=3, timeout=9)
    found = pool_of(redis.Redis(connection_pool=waiting))
    assert (found.max_connections, found.timeout) == (3, 9)
    endless = redis.ConnectionPool(max_connections=2**31)
    assert pool_of(redis.Redis(connection_pool=endless)).max_connections == MAX_BACKOFF


def test_repetitions() -> None:
    retry = Retry(ConstantBackoff(0.25), 7, (redis.BusyLoadingError,))
    found = pool_of(redis.Redis(retry=retry)).connection_kwargs['retry']
    assert isinstance(found, redis.asyncio.retry.Retry)
    assert found.get_retries() == 7
    assert found._backoff.compute(1) == 0.25
    assert found._supported_errors == (redis.BusyLoadingError,)


def test_what_else_a_client_says() -> None:
    said = {
        'db': 3, 'username': 'me', 'password': 'x', 'socket_timeout': 1.5,
        'socket_connect_timeout': 2.5, 'health_check_interval': 11, 'client_name': 'shop',
        'encoding': 'latin-1', 'encoding_errors': 'replace', 'decode_responses': True,
        'socket_keepalive': False, 'protocol': 3,
    }  # fmt: skip
    found = pool_of(redis.Redis('example.org', 7000, **said)).connection_kwargs
    assert {name: found[name] for name in said} == said
    assert (found['host'], found['port']) == ('example.org', 7000)


def test_what_only_connections_know() -> None:
    pool = redis.ConnectionPool(socket_type=1, encoder_class=redis.connection.Encoder)
    found = pool_of(redis.Redis(connection_pool=pool)).connection_kwargs
    assert found['socket_type'] == 1
    assert found['encoder_class'] is redis.connection.Encoder


@pytest.mark.parametrize(
    ('options', 'what'),
    [
        ({'redis_connect_func': print}, 'redis_connect_func'),
        ({'ssl': True, 'ssl_validate_ocsp': True}, 'ssl_validate_ocsp'),
    ],
)
def test_what_cannot_be_done_in_asyncio_is_said(options: dict[str, Any], what: str) -> None:
    client = redis.Redis(host='example.org', **options)
    with pytest.raises(rom.ORMError, match=rf'{what}, .*AsyncSession\(connection=.*async_client'):
        recipe_of(client)


def test_clients_of_one_server_and_the_same_options_share_one(server: Server) -> None:
    async def count(*clients: redis.Redis) -> int:
        return len({id(await async_connection(client)) for client in clients})

    pool = server.connect().connection_pool
    like_node = [redis.Redis(connection_pool=pool), redis.Redis(connection_pool=pool)]
    like_node += [server.connect(), server.connect(retry=Retry(NoBackoff(), 2))]
    like_node += [server.connect(retry=Retry(NoBackoff(), 2))]
    assert asyncio.run(count(*like_node)) == 2
    others = [{}, {'decode_responses': True}, {'db': 1}, {'max_connections': 3}, {'protocol': 3}]
    clients = [redis.Redis(unix_socket_path=server.socket, **options) for options in others]  # type: ignore[arg-type]
    assert asyncio.run(count(*clients)) == len(others)


@pytest.mark.parametrize('is_one_pool', [True, False])
def test_a_program_that_makes_a_client_each_time(
    server: Server, raw: redis.Redis, is_one_pool: bool
) -> None:
    pool = server.connect().connection_pool

    def provide() -> redis.Redis:
        return redis.Redis(connection_pool=pool) if is_one_pool else server.connect()

    async def story() -> int:
        async with rom.AsyncSession() as s:
            TwinsThing(name='a')
            await s.commit()
            for _ in range(30):
                await s.count(TwinsThing.query)
        return len([c for c in raw.client_list() if c['name'] == ''])

    rom.util.get_connection = provide
    before = len(raw.client_list())
    assert asyncio.run(story()) <= before + 2


# --- waited for ----------------------------------------------------------------------------------


def test_more_at_once_than_connections(server: Server, raw: redis.Redis) -> None:
    async def all_at_once() -> tuple[list[int], int]:
        done = await asyncio.gather(*(one(number) for number in range(1000)))
        return done, len(raw.client_list())

    async def one(number: int) -> int:
        async with rom.AsyncSession() as s:
            TwinsThing(name=f'{number}')
            await s.commit()
            found = await s.get_by(TwinsThing, name=f'{number}')
            return int(found.name)

    before = len(raw.client_list())
    with server.connect(max_connections=20) as client:
        rom.util.CONNECTION = client
        done, clients = asyncio.run(all_at_once())
    assert done == list(range(1000))
    assert clients - before <= 20


def test_who_gives_up_waiting_passes_the_turn_on(server: Server) -> None:
    """Tasks are cancelled at any moment, also between being woken and running; none hangs."""
    cancelled = 0

    async def one(client: redis.Redis) -> bool:
        twin = await async_connection(client)
        return bool(await twin.ping())

    async def story(client: redis.Redis, seed: int) -> None:
        nonlocal cancelled
        chance = random.Random(seed)
        tasks = [asyncio.create_task(one(client)) for _ in range(12)]
        while not all(task.done() for task in tasks):
            for _ in range(chance.randrange(3)):
                chance.choice(tasks[:-1]).cancel()
            await asyncio.sleep(0)
        cancelled += sum(task.cancelled() for task in tasks)
        assert tasks[-1].result()

    async def all_stories(client: redis.Redis) -> None:
        for seed in range(60):
            await asyncio.wait_for(story(client, seed), 30)

    with server.connect(max_connections=1) as client:
        asyncio.run(all_stories(client))
    assert cancelled > 60


def test_a_turn_is_passed_on(server: Server) -> None:
    """The one that is woken is cancelled before it runs."""

    async def story(client: redis.Redis) -> None:
        pool = (await async_connection(client)).connection_pool
        held = await pool.get_connection()
        first, second = (asyncio.create_task(pool.get_connection()) for _ in range(2))
        while len(pool._condition._waiters) < 2:
            await asyncio.sleep(0)
        await pool.release(held)
        first.cancel()
        assert await asyncio.wait_for(second, 30) is held
        with pytest.raises(asyncio.CancelledError):
            await first
        await pool.release(held)

    with server.connect(max_connections=1) as client:
        asyncio.run(story(client))


# --- gone with their loop ------------------------------------------------------------------------


def sockets() -> int:
    """How many this process has open."""
    count = 0
    for name in os.listdir('/proc/self/fd'):
        try:
            count += os.readlink(f'/proc/self/fd/{name}').startswith('socket:')
        except OSError:  # the one of this very folder
            continue
    return count


needs_proc = pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='no /proc here')


async def work() -> weakref.ref[Any]:
    async with rom.AsyncSession() as s:
        await s.count(TwinsThing.query)
        await asyncio.gather(*(s.count(TwinsThing.query) for _ in range(3)))
    return weakref.ref(asyncio.get_running_loop())


def run_and_close() -> weakref.ref[Any]:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()


@needs_proc
@pytest.mark.usefixtures('default')
def test_loops_that_are_run(recwarn: pytest.WarningsRecorder) -> None:
    loops = [asyncio.run(work())]
    before = sockets()
    loops += [asyncio.run(work()) for _ in range(200)]
    assert sockets() <= before
    gc.collect()
    assert [loop for loop in loops if loop() is not None] == []
    assert [warning for warning in recwarn if warning.category is ResourceWarning] == []


@needs_proc
@pytest.mark.usefixtures('default')
@pytest.mark.filterwarnings('error::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.filterwarnings('error::ResourceWarning')
def test_loops_that_are_closed_by_hand() -> None:
    """Without shutdown_asyncgens: the next loop finds those before it."""
    gc.disable()  # what follows is no luck
    try:
        loops = [run_and_close()]
        before = sockets()
        loops += [run_and_close() for _ in range(50)]
        # Those of the last one, and the pair that each loop has for itself is closed with it.
        assert sockets() <= before
        asyncio.run(work())
        gc.collect()
        assert [loop for loop in loops if loop() is not None] == []
        assert sockets() < before
    finally:
        gc.enable()


@needs_proc
@pytest.mark.usefixtures('default')
def test_loops_of_threads() -> None:
    loops: list[weakref.ref[Any]] = []

    def run() -> None:
        loops.extend((asyncio.run(work()), run_and_close()))

    def all_threads(number: int) -> None:
        threads = [threading.Thread(target=run) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    asyncio.run(work())
    before = sockets()
    for _ in range(5):
        all_threads(4)
    asyncio.run(work())
    gc.collect()
    assert len(loops) == 40
    assert [loop for loop in loops if loop() is not None] == []
    assert sockets() <= before


@pytest.mark.usefixtures('default')
def test_a_loop_whose_generators_were_shut_down_goes_on() -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(work())
    finally:
        loop.close()


def test_clients_that_block_are_let_go(server: Server) -> None:
    async def story() -> None:
        pool = server.connect().connection_pool
        await async_connection(redis.Redis(connection_pool=pool))
        gone = weakref.ref(pool)
        del pool
        gc.collect()
        assert gone() is None

    asyncio.run(story())
