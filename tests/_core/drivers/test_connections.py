"""Which connection a model has, in the order of precedence, and the URLs."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.sentinel import Sentinel

import rom
from rom._core.drivers import connections, urls
from rom._core.drivers.async_clients import async_connection
from tests.support.patience import PATIENCE
from tests.support.servers import Server


@pytest.fixture(autouse=True)
def settings_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, '_settings', None)
    monkeypatch.setattr(connections, '_default', None)
    monkeypatch.delenv(connections.VARIABLE, raising=False)


def options(client: redis.Redis) -> dict[str, Any]:
    return client.connection_pool.connection_kwargs


def test_default() -> None:
    assert (options(connections.default())['host'], options(connections.default())['db']) == (
        'localhost',
        0,
    )
    assert connections.default() is connections.default()


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connections.VARIABLE, 'redis://example.org:7000/3')
    found = options(connections.default())
    assert (found['host'], found['port'], found['db']) == ('example.org', 7000, 3)


def test_settings_are_those_of_redis() -> None:
    connections.default()
    rom.util.set_connection_settings('example.org', db=7)
    assert (options(connections.default())['host'], options(connections.default())['db']) == (
        'example.org',
        7,
    )


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    own, global_, provided = redis.Redis(db=1), redis.Redis(db=2), redis.Redis(db=3)

    class WithConn(rom.Model):
        _conn = own

    class WithCONN(rom.Model):
        CONN = own

    class Without(rom.Model):
        pass

    assert WithConn._connection is WithCONN._connection is WithConn()._connection is own
    assert Without._connection is connections.default()
    rom.util.CONNECTION = global_
    assert Without._connection is Without()._connection is global_
    assert rom.util._connect(Without) is global_
    monkeypatch.setattr(rom.util, 'get_connection', lambda: provided)
    assert Without._connection is provided
    assert WithConn._connection is own


@pytest.mark.parametrize('name', ['_conn', 'CONN'])
def test_the_client_of_a_base_behind_the_model(name: str) -> None:
    first, second, third = redis.Redis(db=1), redis.Redis(db=2), redis.Redis(db=3)
    other: Any = type('OnOtherServer', (), {name: first})

    class ClientBehind(rom.Model, other):  # type: ignore[misc]
        pass

    class ClientInFront(other, rom.Model):  # type: ignore[misc]
        pass

    class ClientFarBehind(ClientBehind):
        pass

    models: tuple[Any, ...] = (ClientBehind, ClientInFront, ClientFarBehind)
    assert [model._connection for model in models] == [first] * 3
    assert ClientBehind()._connection is first
    setattr(other, name, second)
    assert [model._connection for model in models] == [second] * 3
    setattr(ClientBehind, name, third)
    assert [model._connection for model in models] == [third, second, third]


@pytest.mark.parametrize('url', ['http://example.org', 'nonsense', ''])
def test_no_url(url: str) -> None:
    with pytest.raises(rom.ORMError, match='embedded:PATH'):
        urls.open_url(url)


def test_embedded_keeps_data_in_a_folder(tmp_path: Path) -> None:
    program = """
import rom, sys
rom.connect('embedded:' + sys.argv[1])
class Visit(rom.Model):
    pass
Visit().save()
print(Visit.query.count())
"""
    folder = str(tmp_path / 'a folder')
    shown = [
        subprocess.run(
            [sys.executable, '-c', program, folder],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout
        for _ in range(2)
    ]
    assert shown == ['1\n', '2\n']


def test_embedded_from_the_environment(tmp_path: Path) -> None:
    program = 'import rom; print(rom.util.get_connection().ping())'
    environment = {**os.environ, connections.VARIABLE: 'embedded:'}
    ended = subprocess.run(
        [sys.executable, '-c', program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ended.stdout == 'True\n', ended.stderr


def test_one_asyncio_client_for_each_loop(server: Server) -> None:
    with server.connect() as client:

        async def twins() -> tuple[Any, Any]:
            first = await async_connection(client)
            assert await first.ping()
            return first, await async_connection(client)

        one, same = asyncio.run(twins())
        assert one is same
        other, _ = asyncio.run(twins())
        assert other is not one
        # They were closed with their loops.
        assert one.connection_pool._available_connections == [] or not any(
            held.is_connected for held in one.connection_pool._available_connections
        )


def test_asyncio_client_has_the_same_options(server: Server, client: redis.Redis) -> None:
    async def shared() -> dict[str, Any]:
        return (await async_connection(client)).connection_pool.connection_kwargs

    found = asyncio.run(shared())
    for name in ('path', 'protocol', 'decode_responses', 'db'):
        assert found.get(name) == options(client).get(name)


def test_asyncio_client_with_tls() -> None:
    async def shared() -> Any:
        secure = redis.Redis(host='example.org', ssl=True, ssl_cert_reqs='none')
        return (await async_connection(secure)).connection_pool

    pool = asyncio.run(shared())
    assert issubclass(pool.connection_class, redis.asyncio.SSLConnection)
    assert pool.connection_kwargs['ssl_cert_reqs'] == 'none'


def test_asyncio_client_never_checks_less() -> None:
    async def shared() -> Any:
        secure = redis.Redis(host='example.org', ssl=True, ssl_validate_ocsp_stapled=True)
        return await async_connection(secure)

    with pytest.raises(rom.ORMError, match=r'ssl_validate_ocsp_stapled.*AsyncSession\('):
        asyncio.run(shared())


def test_a_client_that_asks_sentinels_has_no_twin() -> None:
    """It has no address of its own: the twin would look on localhost."""
    watching = Sentinel([('localhost', 1)]).master_for('shop')

    class Watched(rom.Model):
        _conn = watching

    async def count() -> int:
        async with rom.AsyncSession() as session:
            return await session.count(Watched.query)

    with pytest.raises(rom.ORMError, match=r'sentinels.*AsyncSession\(connection=\.\.\.\)'):
        asyncio.run(count())
