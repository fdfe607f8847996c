"""The servers and the helpers that the other tests stand on."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from tests.support import servers as support
from tests.support.servers import Variant, dump, ttls


@pytest.mark.parametrize('name', support.PROGRAMS)
def test_the_server_is_available(name: str) -> None:
    """Skipped where it is not: the one place that says so, and why."""
    try:
        assert support.find(name).is_file()
    except support.Unavailable as reason:
        pytest.skip(f'no tests on {name}: {reason}')


def test_an_old_server_and_a_broken_one_are_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / 'redis-server'
    monkeypatch.setenv('ROM_TEST_REDIS62', str(program))
    for text in ('#!/bin/sh\necho "Redis server v=6.0.16 sha=0"\n', '#!/bin/sh\nexit 1\n'):
        program.write_text(text)
        program.chmod(0o755)
        with pytest.raises(support.Unavailable):
            support.find('redis6.2')
    program.unlink()
    with pytest.raises(support.Unavailable):
        support.find('redis6.2')
    assert 'redis6.2' not in support.available()


def test_one_server_for_a_whole_session(server: support.Server, servers: support.Servers) -> None:
    assert servers.get(server.name) is server
    with server.connect() as other:
        assert other.info('server')['tcp_port'] == 0


def test_every_client_is_what_it_says(client: redis.Redis, raw: redis.Redis) -> None:
    settings = client.connection_pool.connection_kwargs
    assert client.set('key', 'value')
    assert client.get('key') == ('value' if settings['decode_responses'] else b'value')
    assert raw.get('key') == b'value'
    hello = client.execute_command('CLIENT', 'INFO', NEVER_DECODE=True)
    if b' resp=' in hello:  # Redis 7 and newer
        assert f' resp={settings["protocol"]}'.encode() in hello


@pytest.mark.parametrize('round_', range(2))
def test_the_database_is_empty_at_first(raw: redis.Redis, round_: int) -> None:
    assert dump(raw) == {}
    raw.set('left over', 'x')
    with raw.client() as other:
        other.select(1)
        assert other.dbsize() == 0
        other.set('left over in another database', 'x')


@pytest.mark.one_server
def test_one_server_is_the_first_one(server: support.Server, client: redis.Redis) -> None:
    assert server.name == next(iter(support.available()))
    assert client.connection_pool.connection_kwargs['protocol'] == 2


def test_async_clients_too(server: support.Server) -> None:
    async def story() -> object:
        client = server.connect_async(Variant(3, True))
        try:
            await client.set('key', 'value')
            return await client.get('key')
        finally:
            await client.aclose()

    assert asyncio.run(story()) == 'value'


def test_dump_shows_everything(raw: redis.Redis) -> None:
    raw.set('s', b'\xff\x00')
    raw.hset('h', mapping={'a': '1', b'\xfe': ''})
    raw.sadd('m', 'x', 'y')
    raw.zadd('z', {'a': 1.5, 'b': 2**53, 'c': float('-inf')})
    raw.rpush('l', '1', '2')
    raw.xadd('x', {'f': 'v'}, id='1-1')
    assert dump(raw) == {
        b's': b'\xff\x00',
        b'h': {b'a': b'1', b'\xfe': b''},
        b'm': {b'x', b'y'},
        b'z': {b'a': 1.5, b'b': 2.0**53, b'c': float('-inf')},
        b'l': [b'1', b'2'],
        b'x': [(b'1-1', {b'f': b'v'})],
    }
    assert ttls(raw) == {}


def test_dump_and_ttls_of_many_keys(raw: redis.Redis) -> None:
    raw.mset({f'k{number}': number for number in range(5000)})
    raw.pexpire('k7', 60_000)
    assert len(dump(raw)) == 5000
    assert list(ttls(raw)) == [b'k7']
    assert 0 < ttls(raw)[b'k7'] <= 60_000


@pytest.mark.parametrize('round_', range(2))
def test_what_a_test_registers_is_forgotten(round_: int) -> None:
    from rom._core import model_registry

    model = type('Forgotten', (), {'_schema': SimpleNamespace(relations=(), links=())})
    model_registry.register('Forgotten', 'forgotten', model)  # twice: an error
    assert 'forgotten' in model_registry.MODELS
