"""The shared connections of a client: which clients have them, how they are opened and closed."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import rom
from rom._core.drivers import loop_connections
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.ops.requests import Command, Pipeline
from rom.exceptions import ServerUnavailable
from tests.support.patience import PATIENCE, eventually
from tests.support.servers import Server
from tests.support.tls_proxy import KEYS, encrypting

pytestmark = pytest.mark.one_server
ROOT = Path(__file__).parents[3]
UnixConnection = redis.asyncio.UnixDomainSocketConnection


async def echo(client: Any, text: str = 'x') -> bool:
    """Both connections are used."""
    driver = AsyncDriver(client)
    one, several = Command('ECHO', text), Pipeline((Command('ECHO', text),) * 2)
    found = [await driver.perform(one), *await driver.perform(several)]
    return bool(found == [text.encode()] * 3)


def clients(raw: redis.Redis) -> list[dict[str, str]]:
    """All connections of the server but this one."""
    own = raw.client_id()
    return [found for found in raw.client_list() if int(found['id']) != own]


# --- which clients have them ---------------------------------------------------------------------


class OwnCommands(redis.asyncio.Redis):
    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await super().execute_command(*args, **options)


class OwnPipelines(redis.asyncio.Redis):
    def pipeline(self, *args: Any, **options: Any) -> Any:
        return super().pipeline(*args, **options)


class OwnPool(redis.asyncio.ConnectionPool):
    pass


class OwnConnection(UnixConnection):
    pass


class OwnParser(redis.asyncio.connection.DefaultParser):  # type: ignore[misc,valid-type]
    pass


def traced(path: str) -> redis.asyncio.Redis:
    client = redis.asyncio.Redis(unix_socket_path=path)
    execute = client.execute_command
    client.execute_command = lambda *args, **options: execute(*args, **options)  # type: ignore[method-assign]
    return client


def of_pool(kind: Any, connection: Any, path: str, **options: Any) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_pool(kind(connection_class=connection, path=path, **options))


USUAL = {
    'by path': lambda path: redis.asyncio.Redis(unix_socket_path=path),
    'by url': lambda path: redis.asyncio.Redis.from_url(f'unix://{path}'),
    'waiting': lambda path: of_pool(redis.asyncio.BlockingConnectionPool, UnixConnection, path),
    'decoding': lambda path: redis.asyncio.Redis(unix_socket_path=path, decode_responses=True),
    'RESP3': lambda path: redis.asyncio.Redis(unix_socket_path=path, protocol=3),
}
UNUSUAL = {
    'commands': lambda path: OwnCommands(unix_socket_path=path),
    'pipelines': lambda path: OwnPipelines(unix_socket_path=path),
    'pool': lambda path: of_pool(OwnPool, UnixConnection, path),
    'connection': lambda path: of_pool(redis.asyncio.ConnectionPool, OwnConnection, path),
    'parser': lambda path: of_pool(
        redis.asyncio.ConnectionPool, UnixConnection, path, parser_class=OwnParser
    ),
    'single': lambda path: redis.asyncio.Redis(
        unix_socket_path=path, single_connection_client=True
    ),
    'traced': traced,
}


@pytest.mark.parametrize('kind', [*USUAL, *UNUSUAL])
def test_which_clients_have_them(server: Server, kind: str) -> None:
    async def story() -> None:
        async with (USUAL | UNUSUAL)[kind](server.socket) as client:
            assert (loop_connections.of(client) is None) == (kind in UNUSUAL)
            assert await echo(client)

    asyncio.run(story())


def test_what_a_program_replaces_later_is_respected(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            assert loop_connections.of(client) is not None
            for owner, name in (
                (redis.asyncio.Redis, 'execute_command'),
                (redis.asyncio.client.Pipeline, 'execute'),
            ):
                method = getattr(owner, name)
                with monkeypatch.context() as patch:
                    patch.setattr(owner, name, lambda *args, method=method, **o: method(*args, **o))
                    assert loop_connections.of(client) is None
            with monkeypatch.context() as patch:
                patch.setattr(loop_connections, 'collects_metrics', lambda: True)
                assert loop_connections.of(client) is None
            assert loop_connections.of(client) is not None

    asyncio.run(story())


def test_credentials_that_are_renewed(server: Server) -> None:
    if not loop_connections._RENEWED:
        pytest.skip('this version of the client library has none')

    class Renewed(*loop_connections._RENEWED):  # type: ignore[misc]
        def get_credentials(self) -> tuple[str, str]:
            return 'default', ''

        def on_next(self, callback: Any) -> None: ...
        def on_error(self, callback: Any) -> None: ...
        def is_streaming(self) -> bool:
            return True

    async def story() -> None:
        pool = redis.asyncio.ConnectionPool(
            connection_class=UnixConnection, path=server.socket, credential_provider=Renewed()
        )
        assert loop_connections.of(redis.asyncio.Redis.from_pool(pool)) is None

    asyncio.run(story())


# --- opened --------------------------------------------------------------------------------------


def test_they_are_opened_as_the_client_says(server: Server, raw: redis.Redis) -> None:
    async def story() -> list[dict[str, str]]:
        options: Any = {'db': 3, 'client_name': 'shop', 'username': 'me', 'password': 'secret'}
        async with redis.asyncio.Redis(unix_socket_path=server.socket, **options) as client:
            assert await echo(client)
            await AsyncDriver(client).perform(Command('SET', 'a', 'in 3'))
            return clients(raw)

    raw.acl_setuser('me', enabled=True, passwords=['+secret'], keys=['*'], categories=['+@all'])
    try:
        found = [one for one in asyncio.run(story()) if one['name'] == 'shop']
    finally:
        raw.acl_deluser('me')
    assert [(one['db'], one['user']) for one in found] == [('3', 'me')] * 2
    raw.select(3)
    assert raw.get('a') == b'in 3'
    raw.select(0)


@pytest.mark.skipif(not KEYS.exists(), reason="there are no tests of Python's own")
def test_they_are_encrypted(server: Server) -> None:
    """By a proxy that speaks TLS."""

    async def story() -> None:
        async with encrypting(lambda: asyncio.open_unix_connection(server.socket)) as (port, links):
            client = redis.asyncio.Redis(
                host='127.0.0.1', port=port,
                ssl=True, ssl_cert_reqs='none', ssl_check_hostname=False,
            )  # fmt: skip
            assert loop_connections.of(client) is not None
            assert all(await asyncio.gather(*(echo(client, f'{n}' * 9000) for n in range(20))))
            await client.aclose()
            assert len(links) == 1  # the texts are long, and so are the pipelines

    asyncio.run(story())


def test_tasks_share_the_opening(server: Server, raw: redis.Redis) -> None:
    async def story() -> int:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            tasks = [asyncio.create_task(echo(client, f'{number}')) for number in range(50)]
            await asyncio.sleep(0)
            tasks[0].cancel()  # the one that began to open it
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert done[1:] == [True] * 49
            return len(clients(raw))

    before = len(clients(raw))
    assert asyncio.run(story()) - before == 2


def test_no_server(tmp_path: Path) -> None:
    async def story() -> None:
        path = str(tmp_path / 'nothing')
        async with redis.asyncio.Redis(
            unix_socket_path=path, retry=Retry(NoBackoff(), 1)
        ) as client:
            asked = [echo(client), echo(client), AsyncDriver(client).perform(Command('GET', 'a'))]
            done = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(one, ServerUnavailable) for one in done)

    asyncio.run(story())


def test_a_health_check_that_is_due(server: Server, raw: redis.Redis) -> None:
    def pings() -> int:
        found = raw.info('commandstats').get('cmdstat_ping', {'calls': 0})
        return int(found['calls'])

    async def story() -> None:
        async with redis.asyncio.Redis(
            unix_socket_path=server.socket, health_check_interval=1, retry=Retry(NoBackoff(), 0)
        ) as client:
            assert await echo(client)
            before = pings()
            assert await echo(client)
            assert pings() == before
            connections = loop_connections.of(client)
            assert connections is not None
            current = connections.short.current
            assert current is not None
            current.idle_since -= 2
            assert await echo(client)
            assert pings() == before + 1
            assert connections.short.current is current
            current.idle_since -= 2
            raw.client_kill_filter(_type='normal', skipme=True)
            assert await echo(client)  # the check fails, and the request is sent on another
            assert connections.short.current is not current

    asyncio.run(story())


# --- closed --------------------------------------------------------------------------------------


def test_they_are_closed_with_the_client_and_opened_again(server: Server, raw: redis.Redis) -> None:
    async def story() -> None:
        client = redis.asyncio.Redis(unix_socket_path=server.socket)
        for _ in range(2):
            assert await echo(client)
            assert len(clients(raw)) == before + 2
            await client.aclose()
            await asyncio.to_thread(eventually, lambda: len(clients(raw)) == before)

    before = len(clients(raw))
    asyncio.run(story())


def test_what_is_in_flight_when_the_client_is_closed(server: Server, raw: redis.Redis) -> None:
    async def story() -> None:
        client = redis.asyncio.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0))
        assert await echo(client)
        raw.client_pause(60_000, all=False)
        task = asyncio.create_task(AsyncDriver(client).perform(Command('SET', 'a', 'b')))
        await asyncio.sleep(0)
        await client.aclose()
        raw.client_unpause()
        with pytest.raises(ServerUnavailable, match='the client was closed'):
            await task

    asyncio.run(story())


def test_others_are_opened_after_a_failover(server: Server, raw: redis.Redis) -> None:
    """The pool disconnects its idle connections; what is in flight gets its reply."""

    async def story() -> None:
        client = redis.asyncio.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0))
        assert await echo(client)
        raw.client_pause(60_000, all=False)
        write = asyncio.create_task(AsyncDriver(client).perform(Command('SET', 'a', 'b')))
        await asyncio.sleep(0)
        await client.connection_pool.disconnect(inuse_connections=False)
        assert await echo(client)
        assert len(clients(raw)) == before + 3
        raw.client_unpause()
        assert await write
        await asyncio.to_thread(eventually, lambda: len(clients(raw)) == before + 2)
        raw.client_pause(60_000, all=False)
        write = asyncio.create_task(AsyncDriver(client).perform(Command('SET', 'a', 'b')))
        await asyncio.sleep(0)
        await client.connection_pool.disconnect(inuse_connections=False)
        await client.aclose()
        raw.client_unpause()
        with pytest.raises(ServerUnavailable):
            await write
        await asyncio.to_thread(eventually, lambda: len(clients(raw)) == before)

    before = len(clients(raw))
    asyncio.run(story())


def test_a_client_that_is_dropped(server: Server, raw: redis.Redis) -> None:
    async def story() -> None:
        client = redis.asyncio.Redis(unix_socket_path=server.socket)
        assert await echo(client)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter('always')
            del client
            gc.collect()
        assert [one for one in warned if 'unclosed transport' in str(one.message)] == []
        await asyncio.to_thread(eventually, lambda: len(clients(raw)) == before)

    before = len(clients(raw))
    asyncio.run(story())


def test_programs_end_in_silence(server: Server) -> None:
    """No ResourceWarning, and no task that was destroyed while it was pending."""
    code = f"""
import asyncio, gc, redis, redis.asyncio, rom
class SilentEnd(rom.Model):
    name = rom.Text()
def new():
    return redis.asyncio.Redis(unix_socket_path={server.socket!r})
async def used(client):
    async with rom.AsyncSession(client) as s:
        await asyncio.gather(*(s.count(SilentEnd.query) for _ in range(3)))
        await s.get(SilentEnd, 1)
async def closed():
    client = new()
    await used(client)
    await client.aclose()
async def by_default():
    rom.util.CONNECTION = redis.Redis(unix_socket_path={server.socket!r})
    async with rom.AsyncSession() as s:
        await s.count(SilentEnd.query)
async def in_flight(client):
    await used(client)
    async with rom.AsyncSession(client) as s:
        tasks = [asyncio.create_task(s.get(SilentEnd, n)) for n in range(9)]
        await asyncio.sleep(0)
for story in (closed(), used(new()), used(kept := new()), by_default(), in_flight(new())):
    asyncio.run(story)
    gc.collect()
for story in (closed(), used(kept), by_default()):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(story)
    loop.close()
asyncio.run(used(kept))
asyncio.run(in_flight(kept))
"""
    done = subprocess.run(
        [sys.executable, '-W', 'always', '-c', code],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, '')


# --- loops, threads, processes -------------------------------------------------------------------


def test_one_client_in_several_loops(server: Server, raw: redis.Redis) -> None:
    """In threads at the same time, and one after the other."""
    client = redis.asyncio.Redis(unix_socket_path=server.socket)
    results: list[bool] = []
    meeting = threading.Barrier(3)

    async def story() -> None:
        assert await echo(client)
        await asyncio.to_thread(meeting.wait, PATIENCE)
        results.append(await echo(client))

    before = len(clients(raw))
    for _ in range(2):
        threads = [threading.Thread(target=asyncio.run, args=(story(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [True] * 6
    eventually(lambda: len(clients(raw)) == before)


def test_a_client_is_closed_from_another_loop(server: Server, raw: redis.Redis) -> None:
    client = redis.asyncio.Redis(unix_socket_path=server.socket)
    used, closed = threading.Event(), threading.Event()

    async def use() -> None:
        assert await echo(client)
        used.set()
        await asyncio.to_thread(closed.wait, PATIENCE)
        await asyncio.to_thread(eventually, lambda: len(clients(raw)) == before)
        assert await echo(client)

    def close() -> None:
        used.wait(PATIENCE)
        asyncio.run(client.aclose())
        closed.set()

    before = len(clients(raw))
    thread = threading.Thread(target=close)
    thread.start()
    asyncio.run(use())
    thread.join()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_a_forked_child_opens_its_own(server: Server) -> None:
    code = f"""
import asyncio, os, redis.asyncio
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.ops.requests import Command
client = redis.asyncio.Redis(unix_socket_path={server.socket!r})
async def echo(text):
    return await AsyncDriver(client).perform(Command('ECHO', text))
async def story():
    asked = asyncio.ensure_future(echo('parent'))
    await asyncio.sleep(0)
    pid = os.fork()
    if not pid:
        asyncio._set_running_loop(None)
        os._exit(asyncio.run(echo('child')) != b'child')
    assert await asked == b'parent'
    assert os.waitpid(pid, 0)[1] == 0
    assert await echo('again') == b'again'
    await client.aclose()
asyncio.run(story())
"""
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, '')


def test_uvloop(server: Server) -> None:
    uvloop = pytest.importorskip('uvloop')

    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            assert await echo(client)
            assert all(await asyncio.gather(*(echo(client, f'{n}') for n in range(200))))

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(story())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


class SharedThing(rom.Model):
    name = rom.Text(required=True, unique=True)


def test_rows_arrive_while_others_are_made(server: Server) -> None:
    """Lists by id, streams, and relations of a session, by the second connection."""

    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                for number in range(3000):
                    SharedThing(name=f'{number}')
                await s.commit()
            async with rom.AsyncSession(client) as s:
                found = await s.get(SharedThing, range(1, 3001))
                assert [int(one.name) for one in found] == list(range(3000))
                assert all(one.name for one in await s.all(SharedThing.query))
                assert len([one async for one in s.stream(SharedThing.query, 500)]) == 3000

    asyncio.run(story())
