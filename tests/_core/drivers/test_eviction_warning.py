"""A program is warned, once, of a server that evicts keys; and it costs no trip."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
import rom.aio
from rom._core.drivers import eviction_warning
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline
from tests.support.servers import Server
from tests.support.worlds import BOTH, Front, World


class Evicted(rom.Model):
    name = rom.Text(unique=True)
    number = rom.Integer(index=True)


@pytest.fixture(autouse=True)
def nobody_asked(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """As in a program that has just begun; a server of the tests counts as asked when it starts."""
    monkeypatch.setattr(eviction_warning, '_servers', set())
    monkeypatch.setattr(eviction_warning, '_pools', set())


@pytest.fixture
def policy(raw: redis.Redis) -> Iterator[Any]:
    """Sets the server's policy, until the test is over."""
    before = {name: raw.config_get(name)[name] for name in ('maxmemory', 'maxmemory-policy')}

    def set_policy(name: str, limit: str = '10gb') -> None:
        raw.config_set('maxmemory-policy', name)
        raw.config_set('maxmemory', limit)

    yield set_policy
    for name, value in before.items():
        raw.config_set(name, value)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What went to the server, a trip each."""
    seen: list[Any] = []
    perform, awaited = SyncDriver.perform, AsyncDriver.perform

    def blocking(driver: SyncDriver, request: Any) -> Any:
        seen.append(request)
        return perform(driver, request)

    async def awaiting(driver: AsyncDriver, request: Any) -> Any:
        seen.append(request)
        return await awaited(driver, request)

    monkeypatch.setattr(SyncDriver, 'perform', blocking)
    monkeypatch.setattr(AsyncDriver, 'perform', awaiting)
    return seen


def questions(trips: list[Any]) -> int:
    parts = [part for trip in trips for part in getattr(trip, 'requests', (trip,))]
    return parts.count(eviction_warning.question())


FIRST = ['save', 'get', 'query']


async def do(session: Any, first: str) -> None:
    if first == 'save':
        session.add(Evicted(name='a'))
        await session.commit()
    elif first == 'get':
        await session.get(Evicted, 1)
    else:
        await session.all(Evicted.query.filter(number=1))


@pytest.mark.parametrize('kind', BOTH)
@pytest.mark.parametrize('first', FIRST)
def test_whatever_comes_first_asks(
    server: Server, policy: Any, trips: list[Any], kind: str, first: str
) -> None:
    policy('volatile-lru')

    async def story() -> None:
        world = World(kind, server.socket)
        async with world.session() as s:
            with pytest.warns(rom.EvictionWarning) as caught:
                await do(s, first)
            assert len(trips) == 1, 'it costs no trip'
            assert questions(trips) == 1
            [warning] = caught
            said = str(warning.message)
            assert said.startswith(f'Redis at unix:{server.socket} has maxmemory-policy volatile-')
            assert 'CONFIG SET maxmemory-policy noeviction' in said
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                for again in FIRST:
                    s.rollback()
                    await do(s, again) if again != 'save' else None
        async with world.session() as s:  # another client of the same server
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                await do(s, 'get')
        assert questions(trips) == 1, 'it is asked once'

    World(kind, server.socket).run(story())


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('name', 'limit'), [('noeviction', '10gb'), ('noeviction', '0'), ('allkeys-lru', '0')]
)
def test_silence_where_nothing_is_evicted(
    client: redis.Redis, policy: Any, trips: list[Any], name: str, limit: str
) -> None:
    policy(name, limit)
    rom.util.CONNECTION = client
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Evicted.get(1)
        Evicted(name='a').save()
    assert questions(trips) == 1


def test_silence_where_the_user_may_not_ask(
    server: Server, raw: redis.Redis, policy: Any, trips: list[Any]
) -> None:
    policy('allkeys-lru')
    rules = ('on', '>secret', '~*', '+@all', '-info', '-config')
    raw.execute_command('ACL', 'SETUSER', 'quiet', *rules)
    try:
        with server.connect(username='quiet', password='secret') as quiet:
            rom.util.CONNECTION = quiet
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                Evicted(name='a').save()
                Evicted.get(1)
            assert questions(trips) == 1, 'and it is asked once'
            assert len(trips) <= 2
    finally:
        rom.session.rollback()
        raw.execute_command('ACL', 'DELUSER', 'quiet')


@pytest.mark.one_server
def test_a_lock_asks_too(front: Front, client: redis.Redis, policy: Any, trips: list[Any]) -> None:
    """It is what goes first."""
    policy('volatile-ttl')
    with pytest.warns(rom.EvictionWarning, match='a lock then has two holders') as caught:
        with front.Lock(client, 'x', 0, 5) as lock:
            lock.refresh()
    assert len(caught) == 1
    assert len(trips) == 3
    assert questions(trips) == 1


@pytest.mark.one_server
def test_the_other_front_ends_ask_too(server: Server, policy: Any) -> None:
    from rom import repocket

    policy('volatile-lru')

    class EvictedRecord(repocket.ActiveRecord):
        id = repocket.attributes.AutoUUID()
        name = repocket.attributes.Unicode()

    with server.connect() as client:
        rom.util.CONNECTION = client
        with pytest.warns(rom.EvictionWarning):
            EvictedRecord.create(name='a')


@pytest.mark.one_server
def test_a_model_on_two_servers(server: Server, client: redis.Redis, policy: Any) -> None:
    """Each server is asked, also where the model's indexes were asked about before."""
    from rom._core.embedded.server import open_server

    policy('noeviction')
    rom.util.CONNECTION = client
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Evicted.get(1)
    with open_server() as other, redis.Redis(unix_socket_path=str(other.socket)) as far:
        far.config_set('maxmemory-policy', 'allkeys-random')
        far.config_set('maxmemory', '10gb')
        with rom.Session(far) as session:
            with pytest.warns(rom.EvictionWarning, match=str(other.socket)):
                session.get(Evicted, 1)


@pytest.mark.one_server
def test_several_threads_are_warned_once(client: redis.Redis, policy: Any) -> None:
    policy('allkeys-lru')
    rom.util.CONNECTION = client
    with pytest.warns(rom.EvictionWarning) as caught:
        threads = [threading.Thread(target=Evicted.get, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caught) == 1


@pytest.mark.one_server
def test_event_loops_one_after_another_ask_once(
    client: redis.Redis, policy: Any, trips: list[Any]
) -> None:
    policy('allkeys-lru')
    rom.util.CONNECTION = client

    async def story() -> None:
        async with rom.AsyncSession() as session:
            await session.get(Evicted, 1)

    with pytest.warns(rom.EvictionWarning):
        asyncio.run(story())
    for _ in range(3):
        asyncio.run(story())
    assert questions(trips) == 1


@pytest.mark.one_server
def test_a_server_that_was_away_is_asked_later(
    server: Server, client: redis.Redis, policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy('allkeys-lru')
    rom.util.CONNECTION = client
    perform = SyncDriver.perform

    def away(driver: SyncDriver, request: Any) -> Any:
        assert isinstance(request, Pipeline)
        raise rom.ServerUnavailable('away')

    monkeypatch.setattr(SyncDriver, 'perform', away)
    with pytest.raises(rom.ServerUnavailable):
        Evicted.get(1)
    monkeypatch.setattr(SyncDriver, 'perform', perform)
    with pytest.warns(rom.EvictionWarning):
        Evicted.get(1)


@pytest.mark.one_server
def test_a_pool_that_is_gone_is_forgotten(server: Server) -> None:
    rom.util.CONNECTION = client = server.connect()
    Evicted.get(1)
    assert eviction_warning._pools == {id(client.connection_pool)}
    rom.session.rollback()
    client.close()
    rom.util.CONNECTION = None
    pool = id(client.connection_pool)
    del client
    gc.collect()
    assert pool not in eviction_warning._pools
