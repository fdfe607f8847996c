"""Connections that are kept for the next call."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rom._core.drivers import kept_connections, pool_connection
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Pipeline
from rom.exceptions import ServerError, ServerUnavailable
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


def ask(client: redis.Redis, key: str = 'a') -> Any:
    return SyncDriver(client).perform(Command('GET', key))


def in_use(client: redis.Redis) -> int:
    return len(client.connection_pool._in_use_connections)


def in_thread(work: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def connections(raw: redis.Redis) -> int:
    return int(raw.info('clients')['connected_clients'])


def test_one_connection_is_kept_for_the_next_call(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    assert ask(client) == b'x'
    assert in_use(client) == 1
    before = connections(raw)
    assert [ask(client) for _ in range(5)] == [b'x'] * 5
    assert connections(raw) == before
    assert client.get('a') == b'x'  # the pool has others


def test_another_thread_takes_what_is_idle(client: redis.Redis) -> None:
    ask(client)
    assert in_thread(lambda: (ask(client), in_use(client)))[1] == 1


def test_all_requests_go_the_same_way(client: redis.Redis, raw: redis.Redis) -> None:
    """Replies are those that the client makes of them."""
    raw.hset('hash', mapping={'a': 'x', 'b': 'y'})
    raw.zadd('scores', {'a': 1.5})
    driver = SyncDriver(client)
    commands = [
        Command('HGETALL', 'hash'), Command('TYPE', 'hash'), Command('SET', 'k', 5),
        Command(b'SET', b'k', b'5'), Command('SCAN', 0, 'COUNT', 100), Command('MGET', 'k', 'x'),
        Command('ZRANGE', 'scores', 0, -1, 'WITHSCORES'), Command('HSCAN', 'hash', 0),
        Command('EXPIRE', 'k', 1000), Command('MEMORY', 'USAGE', 'k'), Command('DBSIZE'),
    ]  # fmt: skip
    there = [driver.perform(command) for command in commands]
    assert driver.perform(Pipeline(tuple(commands))) == there
    assert in_use(client) == 1
    execute: Any = client.execute_command
    assert there == [execute(*command.args, NEVER_DECODE=True) for command in commands]


def small_pool(server: Server, most: int) -> redis.Redis:
    pool = redis.ConnectionPool(
        connection_class=redis.UnixDomainSocketConnection,
        path=server.socket,
        max_connections=most,
        retry=Retry(NoBackoff(), 3),
    )
    return redis.Redis(connection_pool=pool)


def every_way(client: redis.Redis) -> None:
    """One connection at a time, in each way that there is to take one."""
    driver = SyncDriver(client)
    assert ask(client) == b'x'
    assert client.get('a') == b'x'
    assert driver.perform(Pipeline((Command('GET', 'a'),))) == [b'x']
    assert driver.perform(Command('TYPE', 'a')) == b'string'
    assert [*streamed(client, 'a', 'a', 'a')] == [b'x'] * 3
    with client.pipeline() as pipe:
        assert pipe.get('a').set('b', 'y').execute() == [b'x', True]


def test_one_connection_is_enough(server: Server, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    with small_pool(server, 1) as client:
        for _ in range(3):
            every_way(client)
            in_thread(lambda: every_way(client))
        assert len(client.connection_pool._in_use_connections) <= 1


def test_an_idle_thread_holds_none(server: Server, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    with small_pool(server, 4) as client:
        barrier, leave = threading.Barrier(5), threading.Event()

        def work() -> None:
            ask(client)
            barrier.wait()
            leave.wait()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        barrier.wait()
        taken = [client.connection_pool.get_connection() for _ in range(4)]
        assert len(set(taken)) == 4
        for connection in taken:
            client.connection_pool.release(connection)
        every_way(client)
        leave.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(('threads', 'most'), [(100, 100), (8, 8), (100, 8), (20, 1)])
def test_all_threads_are_served(server: Server, raw: redis.Redis, threads: int, most: int) -> None:
    """Where there are more of them than connections, they wait, and are served in turn."""
    raw.set('a', 'x')
    client, errors = small_pool(server, most), []
    barrier = threading.Barrier(threads)

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(20):
                if threads <= most:
                    every_way(client)
                else:
                    assert ask(client) == b'x'
                    assert [*streamed(client, 'a', 'a', 'a')] == [b'x'] * 3
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert errors == []
    pool = client.connection_pool
    assert pool._created_connections <= most
    with client:
        assert len({pool.get_connection() for _ in range(most)}) == most  # none got lost


def test_who_waits_gets_what_others_give_back_to_the_pool(server: Server, raw: redis.Redis) -> None:
    """They tell nobody."""
    raw.set('a', 'x')
    with small_pool(server, 1) as client:
        taken = client.connection_pool.get_connection()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(ask(client)))
        thread.start()
        while not kept_connections.of(client)._queue:  # type: ignore[union-attr]
            time.sleep(0.001)
        client.connection_pool.release(taken)
        thread.join()
        assert found == [b'x']


def test_a_pool_that_stays_full(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, 'PATIENCE', 0.05)
    with small_pool(server, 2) as client:
        taken = [client.connection_pool.get_connection() for _ in range(2)]
        with pytest.raises(ServerUnavailable, match=r'all 2 connections.*max_connections='):
            ask(client)
        client.connection_pool.release(taken[0])
        assert ask(client) is None


def test_a_pool_that_waits_goes_its_own_way(server: Server) -> None:
    waiting = redis.BlockingConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=server.socket, max_connections=1
    )
    with redis.Redis(connection_pool=waiting) as client:
        ask(client)
        assert client.ping()  # it would wait for ever


def test_a_client_with_its_own_way_goes_it(server: Server) -> None:
    class Traced(redis.Redis):
        seen: list[Any]

        def execute_command(self, *args: Any, **options: Any) -> Any:
            self.seen.append(args[0])
            return super().execute_command(*args, **options)

    with Traced(unix_socket_path=server.socket) as client:
        client.seen = []
        ask(client)
        assert client.seen == ['GET']


def test_a_patched_client_library_is_used(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As programs that trace do it."""
    seen = []
    execute: Any = redis.Redis.execute_command

    def traced(self: Any, *args: Any, **options: Any) -> Any:
        seen.append(args[0])
        return execute(self, *args, **options)

    ask(client)
    monkeypatch.setattr(redis.Redis, 'execute_command', traced)
    ask(client)
    assert seen == ['GET']


def test_a_client_library_that_was_patched_before_is_used(server: Server) -> None:
    """Programs begin to trace before they import rom."""
    code = f"""
import functools, redis
execute, seen = redis.Redis.execute_command, []
@functools.wraps(execute)
def traced(self, *args, **options):
    seen.append(args[0])
    return execute(self, *args, **options)
redis.Redis.execute_command = traced
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command
SyncDriver(redis.Redis(unix_socket_path={server.socket!r})).perform(Command('GET', 'a'))
print(seen)
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == "['GET']\n"


def test_a_client_without_retries_repeats_nothing(server: Server) -> None:
    with (
        Proxy(server.socket) as proxy,
        redis.Redis(unix_socket_path=proxy.socket, retry=Retry(NoBackoff(), 0)) as client,
    ):
        ask(client)
        assert in_use(client) == 0
        proxy.cut_after_request(Proxy.named('GET'))
        with pytest.raises(ServerUnavailable):
            ask(client)
        assert proxy.requests['GET'] == 2


def test_a_client_with_a_cache_is_left_alone(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_connections.of(client) is not None
    monkeypatch.setattr(client.connection_pool, 'cache', object())
    assert kept_connections.of(client) is None


def test_metrics_are_counted_by_the_client_library(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_connections, 'collects_metrics', lambda: True)
    ask(client)
    assert in_use(client) == 0


def test_a_broken_line_is_replaced(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    ask(client)
    raw.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    assert ask(client) == b'x'
    assert ask(client) == b'x'
    assert in_use(client) == 1


def test_a_lost_reply_is_asked_for_again(server: Server, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    with Proxy(server.socket) as proxy, redis.Redis(unix_socket_path=proxy.socket) as client:
        ask(client)
        proxy.cut_after_request(Proxy.named('GET'), times=3)
        assert ask(client) == b'x'
        assert proxy.requests['GET'] == 5


def test_an_error_of_the_server_leaves_the_line(client: redis.Redis, raw: redis.Redis) -> None:
    raw.lpush('list', 'x')
    for _ in range(2):
        with pytest.raises(Exception, match='WRONGTYPE'):
            ask(client, 'list')
    raw.set('a', 'x')
    assert ask(client) == b'x'
    assert in_use(client) == 1


def test_an_interrupted_command_leaves_no_reply_behind(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one must not get the reply of that one."""
    raw.mset({'a': 'x', 'b': 'y'})
    ask(client)
    [connection] = client.connection_pool._in_use_connections
    read = connection._parser.read_response

    def interrupted(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(connection._parser, 'read_response', read)
        raise KeyboardInterrupt

    monkeypatch.setattr(connection._parser, 'read_response', interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(client)
    assert ask(client, 'b') == b'y'


def test_a_signal_handler_may_ask_as_well(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of a command: it goes by another connection."""
    raw.mset({'a': 'x', 'b': 'y'})
    ask(client)
    [connection] = client.connection_pool._in_use_connections
    read, found = connection._parser.read_response, []

    def disturbed(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(connection._parser, 'read_response', read)
        found.append(ask(client, 'b'))
        return read(*args, **options)

    monkeypatch.setattr(connection._parser, 'read_response', disturbed)
    assert ask(client) == b'x'
    assert found == [b'y']


def test_a_fork_has_lines_of_its_own(client: redis.Redis, raw: redis.Redis) -> None:
    raw.mset({'a': 'x', 'b': 'y'})
    ask(client)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, ask(client, 'b') + ask(client, 'b'))
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, 'rb') as file:
        assert file.read() == b'yy'
    assert ask(client) == b'x'


def test_a_pool_goes_with_its_client(server: Server) -> None:
    client = redis.Redis(unix_socket_path=server.socket)
    ask(client)
    pool = weakref.ref(client.connection_pool)
    client.close()
    del client
    gc.collect()
    assert pool() is None


def test_a_closed_client_can_be_used_again(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    ask(client)
    client.close()
    assert ask(client) == b'x'
    client.connection_pool.reset()
    assert ask(client) == b'x'


# Several replies, one by one.


def streamed(client: redis.Redis, *keys: str) -> Any:
    pipeline = Pipeline(tuple(Command('GET', key) for key in keys), one_by_one=True)
    return SyncDriver(client).perform(pipeline)


def test_replies_come_one_by_one(client: redis.Redis, raw: redis.Redis) -> None:
    raw.mset({'a': 'x', 'c': 'z'})
    assert [*streamed(client, 'a', 'b', 'c')] == [b'x', None, b'z']
    assert in_use(client) == 1
    assert ask(client) == b'x'


def test_a_near_server_answers_one_call_before_it_gets_the_next(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the first reply would come when the last is ready, and nothing could be done meanwhile."""
    connections = kept_connections.of(client)
    assert connections is not None
    kept = connections.take()
    calls = [(b'INCR', b'begun')] * 8
    kept.ask((b'PING',))
    monkeypatch.setattr(pool_connection, 'NEAR', math.inf)
    replies = kept.stream(calls)
    assert next(replies) == 1
    time.sleep(0.05)  # those that it has, it carries out now
    assert int(raw.get('begun')) <= pool_connection.AHEAD + 1  # type: ignore[arg-type]
    assert [*replies] == list(range(2, 9))
    monkeypatch.setattr(pool_connection, 'NEAR', 0)
    replies = kept.stream(calls)
    assert next(replies) == 9
    while raw.get('begun') != b'16':  # it had them all
        time.sleep(0.001)
    assert [*replies] == list(range(10, 17))
    connections.put(kept)


@pytest.mark.parametrize('near', [math.inf, 0])
def test_a_near_server_gets_them_as_it_goes_and_a_far_one_all_at_once(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, near: float
) -> None:
    monkeypatch.setattr(pool_connection, 'NEAR', near)
    keys = [f'key-{number}' for number in range(23)]
    raw.mset({key: key for key in keys})
    ask(client)
    [connection] = client.connection_pool._in_use_connections
    send, sent = connection.send_packed_command, []
    monkeypatch.setattr(
        connection, 'send_packed_command', lambda packed: sent.append(1) or send(packed)
    )
    assert [*streamed(client, *keys)] == [key.encode() for key in keys]
    assert len(sent) == (len(keys) - pool_connection.AHEAD + 1 if near else 1)


def test_who_stops_listening_does_not_meet_the_rest(client: redis.Redis, raw: redis.Redis) -> None:
    raw.mset({'a': 'x', 'b': 'y'})
    replies = streamed(client, 'a', 'a', 'a')
    assert next(replies) == b'x'
    assert ask(client, 'b') == b'y'  # by another connection
    del replies
    gc.collect()
    assert ask(client, 'b') == b'y'
    assert [*streamed(client, 'b', 'a')] == [b'y', b'x']


def test_an_error_comes_in_its_place(client: redis.Redis, raw: redis.Redis) -> None:
    raw.set('a', 'x')
    raw.lpush('list', 'x')
    replies = streamed(client, 'a', 'list', 'a')
    assert next(replies) == b'x'
    with pytest.raises(ServerError, match='WRONGTYPE'):
        next(replies)
    assert ask(client) == b'x'


def test_where_the_line_breaks_the_rest_is_asked_for_again(
    server: Server, raw: redis.Redis
) -> None:
    raw.mset({'a': 'x', 'b': 'y', 'c': 'z'})
    with Proxy(server.socket) as proxy, redis.Redis(unix_socket_path=proxy.socket) as client:
        ask(client)
        seen = []

        def is_second(command: tuple[bytes, ...]) -> bool:
            seen.append(command)
            return len(seen) == 2

        proxy.cut_after_request(is_second)
        assert [*streamed(client, 'a', 'b', 'c')] == [b'x', b'y', b'z']
        assert proxy.cuts['after'] == 1


def test_a_client_without_a_line_sends_them_in_its_own_way(server: Server) -> None:
    with redis.Redis(unix_socket_path=server.socket, retry=Retry(NoBackoff(), 0)) as client:
        client.mset({'a': 'x', 'b': 'y'})
        assert [*streamed(client, 'a', 'b')] == [b'x', b'y']
        assert in_use(client) == 0
