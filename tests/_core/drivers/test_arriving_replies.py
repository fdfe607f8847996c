"""Replies that are taken one by one, while the server works on the next request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rom._core.drivers import shared_connection
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.shared_requests import AHEAD
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Command, Pipeline, Script, arriving, next_reply
from rom.exceptions import ServerError
from tests.support.patience import eventually
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


def streamed(*requests: Command | Script) -> Any:
    """An operation that takes each reply by itself."""
    replies = yield from arriving(Pipeline(requests, one_by_one=True))
    found = []
    for _ in requests:
        found.append((yield from next_reply(replies)))
    return found


def run(path: str, story: Callable[[AsyncDriver], Awaitable[Any]]) -> Any:
    async def with_client() -> Any:
        retry = Retry(NoBackoff(), 3)
        async with redis.asyncio.Redis(unix_socket_path=path, retry=retry) as client:
            return await story(AsyncDriver(client))

    return asyncio.run(with_client())


def test_replies_come_one_by_one(server: Server, raw: redis.Redis) -> None:
    raw.mset({'a': 'x', 'c': 'z'})
    gets = [Command('GET', key) for key in 'abc']
    assert run(server.socket, lambda driver: driver.run(streamed(*gets))) == [b'x', None, b'z']


def test_replies_are_converted(server: Server, raw: redis.Redis) -> None:
    raw.hset('h', 'a', 'b')
    commands = [Command('HGETALL', 'h'), Command('SET', 'a', 'x')]
    found = run(server.socket, lambda driver: driver.run(streamed(*commands)))
    assert found == [{b'a': b'b'}, True]


@pytest.mark.parametrize('is_near', [True, False])
def test_a_near_server_answers_one_call_before_it_gets_the_next(
    server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, is_near: bool
) -> None:
    monkeypatch.setattr(shared_connection, 'NEAR', 1e9 if is_near else 0)
    calls = (Command('INCR', 'begun'),) * 8

    def begun() -> int:
        return int(raw.get('begun') or 0)  # type: ignore[arg-type]

    async def story(driver: AsyncDriver) -> None:
        await driver.perform(Pipeline((Command('PING'),)))
        replies = await driver.perform(Pipeline(calls, one_by_one=True))
        eventually(lambda: begun() >= (AHEAD if is_near else 8))  # the loop is blocked: as in work
        assert begun() == (AHEAD if is_near else 8)
        for number in range(1, 9):
            assert await replies.take() == number

    run(server.socket, story)


@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_connection_that_breaks_in_between(server: Server, raw: redis.Redis, cut: str) -> None:
    async def story(driver: AsyncDriver) -> None:
        await driver.perform(Pipeline((Command('PING'),)))
        getattr(proxy, cut)(lambda command: command[-1] == b'5')
        echoes = [Command('ECHO', f'{number}') for number in range(9)]
        assert await driver.run(streamed(*echoes)) == [b'%d' % number for number in range(9)]
        assert sum(proxy.cuts.values()) == 1

    with Proxy(server.socket) as proxy:
        run(proxy.socket, story)


def test_a_script_that_the_server_has_forgotten(server: Server, raw: redis.Redis) -> None:
    raw.script_flush()
    request = {'head': b'none:', 'fields': ['a'], 'ids': [b'1']}
    loads = [Script('load', b'none:id', pack(request))] * 5
    found = run(server.socket, lambda driver: driver.run(streamed(*loads)))
    assert len({str(one) for one in found}) == 1


def test_an_error_is_raised_in_its_place(server: Server, raw: redis.Redis) -> None:
    raw.lpush('list', 'x')

    async def story(driver: AsyncDriver) -> None:
        gets = [Command('ECHO', 'a'), Command('GET', 'list'), Command('ECHO', 'b')]
        replies = await driver.perform(Pipeline(tuple(gets), one_by_one=True))
        assert await replies.take() == b'a'
        with pytest.raises(ServerError, match='WRONGTYPE'):
            await replies.take()
        assert await replies.take() == b'b'

    run(server.socket, story)


def test_a_task_that_is_cancelled_sends_no_more(
    server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_connection, 'NEAR', 1e9)

    async def story(driver: AsyncDriver) -> None:
        await driver.perform(Pipeline((Command('PING'),)))
        for steps in range(12):
            calls = (Command('INCR', f'n{steps}'),) * 50
            task = asyncio.create_task(AsyncDriver(driver.connection).run(streamed(*calls)))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await driver.perform(Pipeline((Command('ECHO', 'x'),) * 3)) == [b'x'] * 3
            assert int(raw.get(f'n{steps}') or 0) < 50  # type: ignore[arg-type]

    run(server.socket, story)
