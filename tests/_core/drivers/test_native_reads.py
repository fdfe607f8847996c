"""Rows by native commands: how they are sent, when, and what happens where that fails."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator

import pytest
import redis
from hiredis import pack_command

from rom._core.drivers import kept_connections, native_reads
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.pool_connection import ThreadConnection
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, RowReads
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

READS = RowReads(b'u:', (b'1', b'2', b'12', b'3'), (b'name', b'age'))
VALUES = [[b'ann', b'3'], [None, None], [b'bob', None]]


@pytest.fixture
def rows(raw: redis.Redis) -> None:
    raw.hset('u:1', mapping={'name': 'ann', 'age': 3})
    raw.hset('u:12', 'name', 'bob')
    raw.set('u:3', 'no row')


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as found:
        yield found


def test_commands_are_packed_as_the_client_library_does() -> None:
    packed = [pack_command(command.args) for command in READS.commands.requests]
    assert native_reads.packed_reads(READS) == packed


def test_a_blocking_client(client: redis.Redis, rows: None) -> None:
    *values, error = SyncDriver(client).perform(READS)
    assert values == VALUES
    assert 'WRONGTYPE' in str(error)


def test_a_client_without_kept_connections(server: Server, rows: None) -> None:
    with server.connect(single_connection_client=True) as client:
        assert kept_connections.of(client) is None
        *values, error = SyncDriver(client).perform(READS)
    assert values == VALUES
    assert 'WRONGTYPE' in str(error)


@pytest.mark.parametrize('when', ['cut_before_request', 'cut_after_request'])
def test_a_broken_connection(proxy: Proxy, rows: None, when: str) -> None:
    with redis.Redis(unix_socket_path=proxy.socket) as client:
        driver = SyncDriver(client)
        driver.perform(Command('PING'))
        getattr(proxy, when)(proxy.named('HMGET'))
        assert driver.perform(READS)[:3] == VALUES


@pytest.mark.parametrize('when', [None, 'cut_before_request', 'cut_after_request'])
def test_an_asyncio_client(proxy: Proxy, rows: None, when: str | None) -> None:
    async def main() -> None:
        client = redis.asyncio.Redis(unix_socket_path=proxy.socket)
        driver = AsyncDriver(client)
        await driver.perform(Command('PING'))
        if when is not None:
            getattr(proxy, when)(proxy.named('HMGET'))
        *values, error = await driver.perform(READS)
        assert values == VALUES
        assert 'WRONGTYPE' in str(error)
        await client.aclose()

    asyncio.run(main())


def test_a_server_is_near_by_the_time_of_a_trip(client: redis.Redis) -> None:
    driver = SyncDriver(client)
    native_reads.set_limit(math.inf)
    try:
        assert not driver.is_near  # nothing was asked yet
        driver.perform(Command('PING'))
        assert driver.is_near
        native_reads.set_limit(0.0)
        assert not driver.is_near
    finally:
        native_reads.set_limit(0.0)


def test_no_replica_is_near(native: None, client: redis.Redis) -> None:
    SyncDriver(client).perform(Command('PING'))
    driver = SyncDriver(client)
    driver._from_replicas = True
    assert not driver.is_near


def test_a_trip_takes_longer_while_the_thread_has_to_sleep() -> None:
    line = ThreadConnection()
    line.shortest = 20e-6
    assert line.trip == 20e-6
    line._watch.asleep = 3
    assert line.trip > native_reads.USUAL
