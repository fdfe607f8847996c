"""Clients of other kinds, and event loops of others: said at the first use, whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio
import trio
import valkey
import valkey.asyncio

import rom
import rom.aio
from rom._core.drivers.client_support import check_client
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class OtherKind(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)


USES: dict[str, Callable[[], Any]] = {
    'get': lambda: OtherKind.get(1),
    'query': lambda: OtherKind.query.filter(name='x').all(),
    'save': lambda: OtherKind(name='x').save(),
    'check': lambda: list(rom.maintenance.check(OtherKind)),
    'lock': lambda: rom.util.Lock(OtherKind, 'name', 0, 5).acquire(),
}


@pytest.mark.parametrize('use', USES)
def test_a_client_of_valkey_py(use: str, server: Server) -> None:
    rom.util.CONNECTION = valkey.Valkey(unix_socket_path=server.socket)
    with pytest.raises(rom.InvalidOperation, match=r'redis-py, and got a valkey\.client\.Valkey'):
        USES[use]()
    rom.session.rollback()


@pytest.mark.parametrize('use', USES)
def test_an_asyncio_client_where_calls_block(use: str, server: Server) -> None:
    rom.util.CONNECTION = redis.asyncio.Redis(unix_socket_path=server.socket)
    with pytest.raises(rom.InvalidOperation, match='whose calls block is needed here'):
        USES[use]()
    rom.session.rollback()


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (valkey.asyncio.Valkey, r'got a valkey\.asyncio'),
        (valkey.Valkey, r'got a valkey\.client'),
        (redis.Redis, 'for asyncio is needed here'),
    ],
)
def test_a_session_of_asyncio_on_another_client(make: Any, says: str, server: Server) -> None:
    async def story() -> None:
        async with rom.AsyncSession(make(unix_socket_path=server.socket)) as s:
            await s.get(OtherKind, 1)

    with pytest.raises(rom.InvalidOperation, match=says):
        asyncio.run(story())


@pytest.mark.parametrize('is_given', [False, True])
def test_under_trio(is_given: bool, server: Server) -> None:
    rom.util.CONNECTION = redis.Redis(unix_socket_path=server.socket)
    client = redis.asyncio.Redis(unix_socket_path=server.socket) if is_given else None

    async def read() -> None:
        async with rom.AsyncSession(client) as s:
            await s.get(OtherKind, 1)

    async def write() -> None:
        async with rom.AsyncSession(client) as s:
            await s.save(OtherKind(name='x'))

    async def lock() -> None:
        await rom.aio.Lock(client or OtherKind, 'name', 0, 5).acquire()

    for use in (read, write, lock):
        with pytest.raises(rom.InvalidOperation, match='and trio runs here'):
            trio.run(use)
    assert rom.util.CONNECTION.dbsize() == 0


def test_other_kinds_are_given_a_chance() -> None:
    """A cluster's client is no `redis.Redis`; nor is what a tracing program puts around one."""

    class Traced:
        pass

    for blocks in (True, False):
        check_client(Traced(), blocks)
