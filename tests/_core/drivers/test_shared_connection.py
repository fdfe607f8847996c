"""One connection for all tasks: whose reply is whose, what breaks it, and how much it takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest
import redis
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rom._core.drivers import loop_connections, shared_connection
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.shared_connection import SharedConnection
from rom._core.ops.requests import Command, Pipeline
from rom.exceptions import ServerUnavailable
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

#: No repetition, so that each error is seen.
ONCE = Retry(NoBackoff(), 0)


def run(
    path: str, story: Callable[[AsyncDriver, redis.asyncio.Redis], Awaitable[Any]], **options: Any
) -> Any:
    """Run a story with a client for this socket, which is closed after it."""

    async def with_client() -> Any:
        async with redis.asyncio.Redis(unix_socket_path=path, **options) as client:
            return await story(AsyncDriver(client), client)

    return asyncio.run(with_client())


def echo(driver: AsyncDriver, text: Any) -> Awaitable[Any]:
    return driver.perform(Command('ECHO', str(text)))


def short(client: redis.asyncio.Redis) -> SharedConnection:
    """The connection for short requests, which is open."""
    connections = loop_connections.of(client)
    assert connections is not None
    current = connections.short.current
    assert current is not None
    return current


# --- whose reply is whose ------------------------------------------------------------------------

# What a task does, and after how many turns of the loop it is cancelled; None: never.
TASKS = st.lists(
    st.tuples(
        st.sampled_from(['one', 'long', 'several', 'one by one']),
        st.none() | st.integers(0, 6),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=25,
)


async def ask(driver: AsyncDriver, what: str, number: int) -> None:
    """Make a request; its reply must be its own."""
    if what in ('one', 'long'):
        text = f'{number}' * (3000 if what == 'long' else 1)
        assert await echo(driver, text) == text.encode()
        return
    own = [f'{number}-{place}' for place in range(5)]
    requests = tuple(Command('ECHO', text) for text in own)
    replies = await driver.perform(Pipeline(requests, one_by_one=what == 'one by one'))
    if what == 'one by one':
        replies = [await replies.take() for _ in own]
    assert replies == [text.encode() for text in own]


def test_each_reply_belongs_to_its_request(server: Server) -> None:
    @given(TASKS)
    @settings(max_examples=60)
    def example(tasks: list[tuple[str, int | None, int]]) -> None:
        run(server.socket, lambda driver, client: story(driver, tasks))

    async def story(driver: AsyncDriver, tasks: list[tuple[str, int | None, int]]) -> None:
        running = []
        for number, (what, after, pause) in enumerate(tasks):
            task = asyncio.create_task(ask(driver, what, number))
            running.append(task)
            if after is not None:
                turns(after, task.cancel)
            for _ in range(pause):
                await asyncio.sleep(0)
        ended = await asyncio.gather(*running, return_exceptions=True)
        for (_, after, _), result in zip(tasks, ended, strict=True):
            if result is not None:
                assert after is not None
                assert isinstance(result, asyncio.CancelledError)
        await ask(driver, 'one', 99)

    example()


def turns(number: int, action: Callable[[], object]) -> None:
    """Do something after a number of turns of the loop."""
    loop = asyncio.get_running_loop()
    if number:
        loop.call_soon(turns, number - 1, action)
    else:
        action()


def test_a_cancelled_task_leaves_the_connection_as_it_is(server: Server) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        before = short(client)
        tasks = [asyncio.ensure_future(echo(driver, number)) for number in range(1000)]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        right = [str(number).encode() for number in range(1000)]
        assert [one for place, one in enumerate(done) if place % 3] == [
            one for place, one in enumerate(right) if place % 3
        ]
        assert sum(isinstance(one, asyncio.CancelledError) for one in done) == 334
        assert short(client) is before

    run(server.socket, story)


def test_tasks_of_one_turn_share_their_trips(server: Server, raw: redis.Redis) -> None:
    def reads() -> int:
        return int(raw.info('stats')['total_reads_processed'])

    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> int:
        await echo(driver, 'first')
        before = reads()
        await asyncio.gather(*(echo(driver, number) for number in range(500)))
        return reads() - before

    # The first is written at once, the others together; two more are INFO and what splits.
    assert run(server.socket, story) <= 5


def test_ten_thousand_at_once(server: Server, raw: redis.Redis) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> int:
        done = await asyncio.gather(*(echo(driver, number) for number in range(10_000)))
        assert done == [str(number).encode() for number in range(10_000)]
        return len(raw.client_list())

    before = len(raw.client_list())
    assert run(server.socket, story, max_connections=1) - before <= 2


# --- what breaks it ------------------------------------------------------------------------------


@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_broken_connection_fails_all_in_flight(server: Server, cut: str) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        getattr(proxy, cut)(lambda command: command[-1] == b'20')
        done = await asyncio.gather(
            *(echo(driver, number) for number in range(40)), return_exceptions=True
        )
        errors = [one for one in done if isinstance(one, Exception)]
        assert all(isinstance(one, ServerUnavailable) for one in errors)
        assert len(set(map(id, errors))) == len(errors)
        assert len(errors) >= 20
        assert done[: 40 - len(errors)] == [b'%d' % at for at in range(40 - len(errors))]
        assert await echo(driver, 'next') == b'next'

    with Proxy(server.socket) as proxy:
        run(proxy.socket, story, retry=ONCE)


@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_what_was_in_flight_is_repeated(server: Server, cut: str) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        getattr(proxy, cut)(lambda command: command[-1] == b'20')
        several = Pipeline(tuple(Command('ECHO', f'of {number}') for number in range(4)))
        asked = [*(echo(driver, number) for number in range(40)), driver.perform(several)]
        *done, last = await asyncio.gather(*asked)
        assert done == [b'%d' % number for number in range(40)]
        assert last == [b'of %d' % number for number in range(4)]

    with Proxy(server.socket) as proxy:
        run(proxy.socket, story, retry=Retry(NoBackoff(), 3))
        assert sum(proxy.cuts.values()) == 1


def test_a_killed_client_is_noticed_while_it_is_idle(server: Server, raw: redis.Redis) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        before = short(client)
        raw.client_kill_filter(_type='normal', skipme=True)
        while before.is_open:
            await asyncio.sleep(0)
        # Not repeated: this client must not.
        assert await driver.perform(Command('GET', 'none')) is None
        assert short(client) is not before

    run(server.socket, story, retry=ONCE)


def test_silence(server: Server, raw: redis.Redis) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        raw.client_pause(60_000, all=False)
        done = await asyncio.gather(
            *(driver.perform(Command('SET', 'a', number)) for number in range(5)),
            return_exceptions=True,
        )
        raw.client_unpause()
        assert all('Timeout reading' in str(one) for one in done)
        assert await echo(driver, 'next') == b'next'

    run(server.socket, story, retry=ONCE, socket_timeout=0.2)


def test_an_idle_connection_has_no_time_limit(server: Server) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        before = short(client)
        await asyncio.sleep(0.2)
        assert await echo(driver, 'next') == b'next'
        assert short(client) is before

    run(server.socket, story, retry=ONCE, socket_timeout=0.05)


def test_a_loop_that_was_blocked_reads_before_it_judges(server: Server) -> None:
    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        current = short(client)
        task = asyncio.ensure_future(echo(driver, 'second'))
        await asyncio.sleep(0)
        current.idle_since -= 100
        current._check()  # as where timers run before sockets are read
        assert await task == b'second'
        assert short(client) is current

    run(server.socket, story, retry=ONCE)


def test_what_was_not_sent_is_sent_by_another_connection(server: Server, raw: redis.Redis) -> None:
    """Even for a client without retries, which must not repeat a request."""

    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        current = short(client)
        tasks = [asyncio.ensure_future(driver.perform(Command('INCR', 'n'))) for number in range(9)]
        await asyncio.sleep(0)
        current.close_now()  # the first was written at once, the others not yet
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[0], ServerUnavailable)
        assert all(isinstance(one, int) for one in done[1:])

    run(server.socket, story, retry=ONCE)
    assert int(raw.get('n') or 0) in (8, 9)  # type: ignore[arg-type]


def test_tasks_that_wait_for_room_get_another_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a failover: this one takes no more requests."""
    monkeypatch.setattr(shared_connection, 'MOST', 4)

    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        current = short(client)
        tasks = [asyncio.ensure_future(echo(driver, number)) for number in range(50)]
        await asyncio.sleep(0)
        current.retire()
        assert await asyncio.gather(*tasks) == [b'%d' % number for number in range(50)]
        assert short(client) is not current

    run(server.socket, story, retry=ONCE)


class Stopped(KeyboardInterrupt):
    """Raised by a handler of a signal; asyncio lets it through, and closes nothing."""


def test_an_interrupt_at_each_line(server: Server) -> None:
    """The replies to other requests are right, or the connection is dropped."""
    received = SharedConnection.data_received.__code__
    ours = {
        method.__code__
        for method in (SharedConnection.send, SharedConnection.send_all,
                       SharedConnection._flush, SharedConnection._write,
                       SharedConnection.data_received)
    }  # fmt: skip

    def raising(at: int) -> Callable[[FrameType, str, Any], Any]:
        left = at

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal left
            if frame.f_code not in ours:
                return None
            # Before that, data that was read is lost with the call of the event loop itself.
            is_begun = 'now' in frame.f_locals or frame.f_code is not received
            if event == 'line' and is_begun:
                left -= 1
                if not left:
                    raise Stopped
            return trace

        return trace

    async def several(driver: AsyncDriver) -> None:
        three = Pipeline(tuple(Command('ECHO', f'of {number}') for number in range(3)))
        asked = [*(echo(driver, number) for number in range(4)), driver.perform(three)]
        *done, last = await asyncio.gather(*asked)
        assert done == [b'0', b'1', b'2', b'3']
        assert last == [b'of 0', b'of 1', b'of 2']

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *report: None)  # tasks that got it are not asked
    client = redis.asyncio.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 3))
    driver, at, ended = AsyncDriver(client), 0, False
    loop.run_until_complete(several(driver))
    while not ended:
        at += 1
        task = loop.create_task(several(driver))
        sys.settrace(raising(at))
        try:
            loop.run_until_complete(task)
            ended = True
        except Stopped:
            pass
        finally:
            sys.settrace(None)
        with contextlib.suppress(Stopped):  # the task may have got it
            loop.run_until_complete(asyncio.wait_for(several(driver), 60))
            loop.run_until_complete(asyncio.wait_for(asyncio.shield(task), 60))
    loop.run_until_complete(client.aclose())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert at > 30


# --- how much it takes ---------------------------------------------------------------------------


def test_requests_in_flight_are_limited(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_connection, 'MOST', 4)
    most = 0

    async def one(driver: AsyncDriver, client: redis.asyncio.Redis, number: int) -> None:
        nonlocal most
        task = asyncio.ensure_future(echo(driver, number))
        await asyncio.sleep(0)
        most = max(most, len(short(client)._due))
        if number % 5 == 0:
            task.cancel()
        else:
            assert await task == b'%d' % number

    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, 'first')
        for _ in range(5):
            await asyncio.gather(*(one(driver, client, number) for number in range(100)))

    run(server.socket, story)
    assert most == 4


def test_bytes_in_flight_are_limited(server: Server, raw: redis.Redis) -> None:
    value, process = b'x' * 100_000, raw.info('server')['process_id']

    async def story(driver: AsyncDriver, client: redis.asyncio.Redis) -> None:
        await echo(driver, value.decode())
        os.kill(process, signal.SIGSTOP)  # it reads nothing; a server that only waits would
        sets = [driver.perform(Command('SET', f'{number}', value)) for number in range(100)]
        asked = asyncio.gather(*sets)
        connections = loop_connections.of(client)
        assert connections is not None
        current = connections.long.current
        assert current is not None
        while not current._queue:
            await asyncio.sleep(0)
        size = current._transport.get_write_buffer_size()
        assert 0 < size <= shared_connection.BACKLOG + 2 * len(value)
        os.kill(process, signal.SIGCONT)
        assert await asked == [True] * 100

    try:
        run(server.socket, story)
    finally:
        os.kill(process, signal.SIGCONT)
