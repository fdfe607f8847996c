"""Requests that are sent again: what an error in answer to them says, and what is waited for."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from rom._core.drivers import kept_connections, scripts, send_outcome
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Pipeline, Request
from rom.exceptions import ServerError, ServerUnavailable
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

Ask = Callable[..., Any]


class OwnWay(redis.Redis):
    """A client that has no lines."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return super().execute_command(*args, **options)


def by_sync(kind: type[redis.Redis], path: str, request: Request, **options: Any) -> Any:
    with kind(unix_socket_path=path, retry=Retry(NoBackoff(), 3), **options) as client:
        assert (kept_connections.of(client) is None) == (kind is OwnWay)
        driver = SyncDriver(client)
        driver.perform(Command('PING'))
        reply = driver.perform(request)
        return reply if isinstance(request, Command) else [*reply]


def by_aio(path: str, request: Request, **options: Any) -> Any:
    async def ask() -> Any:
        client = redis.asyncio.Redis(
            unix_socket_path=path, retry=AsyncRetry(NoBackoff(), 3), **options
        )
        async with client:
            driver = AsyncDriver(client)
            await driver.perform(Command('PING'))
            return await driver.perform(request)

    return asyncio.run(ask())


@pytest.fixture(params=['line', 'own', 'aio'])
def ask(request: pytest.FixtureRequest) -> Ask:
    if request.param == 'aio':
        return by_aio
    kind = redis.Redis if request.param == 'line' else OwnWay
    return lambda path, what, **options: by_sync(kind, path, what, **options)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as proxy:
        yield proxy


def answers(*replies: str) -> Command:
    """A command that is answered with these in turn, and then with how often it was sent."""
    text = """
        local times = redis.call('INCR', KEYS[1])
        return ARGV[times] and redis.error_reply(ARGV[times]) or times
    """
    return Command('EVAL', text, 1, 'times', *replies)


ERRORS = [
    'READONLY no writes', 'OOM no room', 'NOPERM not you', 'NOREPLICAS none', 'ERR whatever',
    'NOAUTH who are you',
]  # fmt: skip


@pytest.mark.parametrize('error', ERRORS)
@pytest.mark.parametrize('one_of_many', [False, True], ids=['alone', 'in a pipeline'])
def test_an_error_in_answer_to_a_repetition_leaves_it_open(
    ask: Ask, proxy: Proxy, error: str, one_of_many: bool
) -> None:
    """It may well have been carried out: the first time, here it was."""
    request: Request = Command('EVAL', _fails_second_time(error), 1, 'times')
    if one_of_many:
        request = Pipeline((Command('PING'), request))
    proxy.cut_after_request(Proxy.named('EVAL'))
    with pytest.raises(ServerUnavailable, match='is not known; saving again finds out'):
        ask(proxy.socket, request)


def _fails_second_time(error: str) -> str:
    return (
        "if redis.call('INCR', KEYS[1]) > 1 then "
        f"return redis.error_reply('{error}') end return 'done'"
    )


@pytest.mark.parametrize('error', ERRORS[:-1])
@pytest.mark.parametrize('one_of_many', [False, True], ids=['alone', 'in a pipeline'])
def test_an_error_in_answer_to_the_only_one_says_all(
    ask: Ask, server: Server, error: str, one_of_many: bool
) -> None:
    request: Request = answers(error)
    if one_of_many:
        request = Pipeline((Command('PING'), request))
    with pytest.raises(ServerError, match=error.partition(' ')[2]):
        ask(server.socket, request)


def test_a_reply_to_a_repetition_is_as_good_as_any(ask: Ask, proxy: Proxy) -> None:
    proxy.cut_after_request(Proxy.named('EVAL'))
    assert ask(proxy.socket, answers()) == 2


@pytest.mark.parametrize('one_of_many', [False, True], ids=['alone', 'in a pipeline'])
def test_of_what_only_reads_nothing_is_open(
    ask: Ask, proxy: Proxy, raw: redis.Redis, one_of_many: bool
) -> None:
    raw.lpush('list', 'x')
    request: Request = Command('GET', 'list')
    if one_of_many:
        request = Pipeline((Command('SET', 'a', 'x'), request))
    proxy.cut_after_request(Proxy.named('GET'))
    with pytest.raises(ServerError, match='WRONGTYPE'):
        ask(proxy.socket, request)


def test_what_was_not_sent_was_not_repeated(server: Server, raw: redis.Redis) -> None:
    """The line was broken while it was idle, and connects before anything is sent."""
    with redis.Redis(unix_socket_path=server.socket) as client:
        driver = SyncDriver(client)
        driver.perform(Command('PING'))
        client.connection_pool.disconnect()
        with pytest.raises(ServerError, match='no room'):
            driver.perform(answers('OOM no room'))


PASSING = [
    'BUSY with a script', 'LOADING the data', 'CLUSTERDOWN it is', 'MASTERDOWN gone',
    'TRYAGAIN please',
]  # fmt: skip


@pytest.mark.parametrize('error', PASSING)
def test_what_passes_is_waited_for(ask: Ask, server: Server, raw: redis.Redis, error: str) -> None:
    """Whoever it is that says so, the request was not carried out."""
    assert ask(server.socket, answers(error, error)) == 3
    raw.delete('times')
    both = Pipeline((Command('INCR', 'other'), answers(error, error), Command('INCR', 'other')))
    replies = ask(server.socket, both)
    if not error.startswith('LOADING'):  # the client library gives a pipeline up then
        assert replies == [1, 3, 2]  # nothing else was sent again
    assert replies[1] == 3


@pytest.mark.parametrize('error', PASSING)
@pytest.mark.parametrize('one_of_many', [False, True], ids=['alone', 'in a pipeline'])
def test_what_does_not_pass_is_unavailable(
    ask: Ask, server: Server, error: str, one_of_many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_outcome, 'PATIENCE', 0.02)
    code, _, text = error.partition(' ')
    request: Request = answers(*[error] * 30)
    if one_of_many:
        request = Pipeline((Command('PING'), request))
    with pytest.raises(ServerUnavailable, match=rf'takes no requests now: {code}: {text}'):
        ask(server.socket, request)


@contextmanager
def busy(server: Server, seconds: float) -> Iterator[None]:
    """Another client's script runs for so long, and the server says so to everybody."""
    script = """
        local function now()
            local time = redis.call('TIME')
            return time[1] + time[2] / 1000000
        end
        local ends = now() + ARGV[1]
        while now() < ends do end
    """
    with server.connect() as other, server.connect() as looking:
        before = looking.config_get('lua-time-limit')['lua-time-limit']
        looking.config_set('lua-time-limit', 10)
        thread = threading.Thread(target=lambda: other.eval(script, 0, seconds))
        try:
            thread.start()
            while not _is_busy(looking):
                time.sleep(0.001)
            yield
        finally:
            thread.join()
            looking.config_set('lua-time-limit', before)


def _is_busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.exceptions.ResponseError as error:
        return str(error).startswith('BUSY')
    return False


@pytest.mark.parametrize('one_of_many', [False, True], ids=['alone', 'in a pipeline'])
def test_a_busy_server_is_waited_for(
    ask: Ask, server: Server, raw: redis.Redis, one_of_many: bool
) -> None:
    request: Request = Command('INCR', 'n')
    if one_of_many:
        request = Pipeline((Command('INCR', 'n'), Command('INCR', 'n')))
    with busy(server, 0.5):
        ask(server.socket, request)
    assert raw.get('n') == (b'2' if one_of_many else b'1')


@pytest.mark.parametrize('kind', ['line', 'own', 'aio'])
def test_a_try_that_outlasts_the_client(server: Server, raw: redis.Redis, kind: str) -> None:
    """Its repetition meets BUSY, of the first one, waits, and gets what that has noted."""
    script = """
        if redis.call('EXISTS', KEYS[1]) == 1 then return 'noted' end
        local function now()
            local time = redis.call('TIME')
            return time[1] + time[2] / 1000000
        end
        local ends = now() + 1
        while now() < ends do end
        redis.call('SET', KEYS[1], 'x')
        return redis.call('INCR', 'written')
    """
    request = Command('EVAL', script, 1, 'note')
    raw.config_set('lua-time-limit', 10)
    try:
        if kind == 'aio':
            found = by_aio(server.socket, request, socket_timeout=0.25)
        else:
            way = redis.Redis if kind == 'line' else OwnWay
            found = by_sync(way, server.socket, request, socket_timeout=0.25)
    finally:
        raw.config_set('lua-time-limit', 5000)
    assert found == b'noted'
    assert raw.get('written') == b'1'


def test_more_tasks_than_connections_wait(server: Server, raw: redis.Redis) -> None:
    async def ask() -> list[Any]:
        async with redis.asyncio.Redis(unix_socket_path=server.socket, max_connections=2) as client:
            asking = (AsyncDriver(client).perform(Command('INCR', 'n')) for _ in range(50))
            return await asyncio.gather(*asking)

    assert sorted(asyncio.run(ask())) == list(range(1, 51))


def test_every_reading_script_is_there() -> None:
    assert set(scripts.names()) >= send_outcome.READING_SCRIPTS


#: Commands that rom sends beside scripts, and that change something or wait for a change.
WRITING_COMMANDS = {
    'DEL', 'EVAL', 'EXPIRE', 'FUNCTION', 'HDEL', 'HSET', 'HSETNX', 'SET', 'UNLINK', 'WAIT', 'ZADD'
}  # fmt: skip
WRITES = re.compile("""'(SET|HSET|DEL|HDEL|UNLINK|SADD|SREM|ZADD|ZREM|SETBIT|INCRBY|APPEND)'""")


@pytest.mark.parametrize('name', scripts.names())
def test_a_script_reads_or_writes(name: str) -> None:
    """By its text: if it has a command that writes, it is none of those that only read."""
    writes = WRITES.search(scripts.source(name)) is not None
    assert writes is (name not in send_outcome.READING_SCRIPTS)


def test_each_command_that_is_sent_alone_reads_or_writes() -> None:
    folder = Path(send_outcome.__file__).parents[2]
    sent = {
        name
        for path in folder.rglob('*.py')
        for name in re.findall(r"\bCommand\(\s*'([A-Z_]+)'", path.read_text('utf-8'))
    }
    assert sent - send_outcome.READING_COMMANDS == WRITING_COMMANDS


@pytest.mark.parametrize('name', ['SCAN', 'HSCAN'])
def test_a_scan_stays_with_the_master(name: str) -> None:
    """A cursor means nothing to another replica, and each request may go to another one."""
    scan, get = Command(name, 'a', 0), Command('GET', 'a')
    for request, suits in (
        (get, True),
        (scan, False),
        (Pipeline((get, get)), True),
        (Pipeline((get, scan)), False),
    ):
        assert send_outcome.Sending(None, request).suits_replicas is suits
