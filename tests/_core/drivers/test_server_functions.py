"""Server functions: when they are called, and what happens where they cannot be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

import rom
from rom._core.drivers import busy_wait, server_functions
from rom._core.drivers.async_clients import async_connection
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.function_library import library
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.drivers.urls import open_url, without_password
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Pipeline, Script
from tests.support.cluster import Cluster
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.worlds import BOTH, SYNC, ClusterWorld, World

ROW = b'{f}row'
LOAD = Script('load', ROW, pack({'head': b'{f}', 'ids': [b'row'], 'fields': [b'a']}))
TWO = Pipeline((LOAD, LOAD))
FOUND = [[b'row'], pack([False, [[b'1']]]), [], []]


class Client:
    """A client of either kind, whose driver carries out requests.

    One event loop serves all its calls, because an asyncio client belongs to its loop.
    """

    def __init__(self, world: World) -> None:
        self.kind = world.kind
        self._world = world
        self._loop = asyncio.new_event_loop()
        self.client = self._loop.run_until_complete(self._connect())

    async def _connect(self) -> Any:
        return self._world.connect()

    def perform(self, request: Any) -> Any:
        if self.kind == SYNC:
            return SyncDriver(self.client).perform(request)
        return self._loop.run_until_complete(AsyncDriver(self.client).perform(request))

    def at_once(self, number: int) -> list[Any]:
        """Perform the same request in several tasks; one after the other without a loop."""
        if self.kind == SYNC:
            return [self.perform(LOAD) for _ in range(number)]

        async def all_of_them() -> list[Any]:
            driver = AsyncDriver(self.client)
            return await asyncio.gather(*(driver.perform(LOAD) for _ in range(number)))

        return self._loop.run_until_complete(all_of_them())

    def close(self) -> None:
        self._loop.run_until_complete(self._world.close(self.client))
        self._loop.close()


def has_functions(raw: redis.Redis) -> bool:
    return 'fcall_ro' in {name.lower() for name in raw.command()}


def forget_library(raw: redis.Redis) -> None:
    if has_functions(raw):
        raw.execute_command('FUNCTION', 'FLUSH', 'SYNC')
    raw.script_flush()
    raw.hset(ROW, 'a', 1)


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxy(server: Server, raw: redis.Redis) -> Iterator[Proxy]:
    """A way to a server without scripts and libraries, which counts commands."""
    forget_library(raw)
    with Proxy(server.socket) as proxy:
        yield proxy


@pytest.fixture
def client(kind: str, proxy: Proxy) -> Iterator[Client]:
    client = Client(World(kind, proxy.socket))
    yield client
    client.close()


def sent(proxy: Proxy) -> Counter[str]:
    found, proxy.requests = proxy.requests, Counter()
    return found


def test_first_call_and_later_ones(client: Client, proxy: Proxy, raw: redis.Redis) -> None:
    assert client.perform(LOAD) == FOUND
    if has_functions(raw):
        assert sent(proxy) == {'FCALL_RO': 2, 'FUNCTION': 1}
    else:  # 6.2
        assert sent(proxy) == {'FCALL_RO': 1, 'EVALSHA': 1, 'EVAL': 1}
    assert client.perform(LOAD) == client.perform(LOAD) == FOUND
    assert client.perform(TWO) == [FOUND, FOUND]
    assert sent(proxy) == ({'FCALL_RO': 4} if has_functions(raw) else {'EVALSHA': 4})


@pytest.mark.one_server
def test_the_library_gets_lost(client: Client, proxy: Proxy, raw: redis.Redis) -> None:
    client.perform(LOAD)
    for request, wanted in ((LOAD, FOUND), (TWO, [FOUND, FOUND])):
        raw.execute_command('FUNCTION', 'FLUSH', 'SYNC')
        sent(proxy)
        assert client.perform(request) == wanted
        assert sent(proxy)['FUNCTION'] == 1
        assert client.perform(request) == wanted
        assert set(sent(proxy)) == {'FCALL_RO'}


@pytest.mark.one_server
def test_another_version_keeps_its_library(client: Client, raw: redis.Redis) -> None:
    other = library().text.replace(library().name.encode(), b'rom_0123456789abcdef')
    raw.execute_command('FUNCTION', 'LOAD', other)
    assert client.perform(LOAD) == FOUND
    names = {dict(zip(one[::2], one[1::2], strict=True))[b'library_name'] for one in listed(raw)}
    assert names == {library().name.encode(), b'rom_0123456789abcdef'}


def listed(raw: redis.Redis) -> list[list[Any]]:
    found: list[list[Any]] = raw.execute_command('FUNCTION', 'LIST', NEVER_DECODE=True)
    return found


@pytest.mark.one_server
@pytest.mark.parametrize('name', ['guest', 'guest.of.the.' + 'house.' * 12])
@pytest.mark.parametrize(
    ('denied', 'loads'), [('-fcall_ro', 0), ('-function', 1), ('-function|load', 1)]
)
def test_a_user_without_the_right(
    denied: str, loads: int, name: str, kind: str, server: Server, proxy: Proxy, raw: redis.Redis
) -> None:
    rights = ('on', '>secret', '~*', '+@all', denied)
    raw.execute_command('ACL', 'SETUSER', name, 'reset', *rights)
    guest = Client(World(kind, proxy.socket, username=name, password='secret'))
    try:
        assert guest.perform(LOAD) == FOUND
        assert sent(proxy) == {
            'FCALL_RO': 1, 'EVALSHA': 1, 'EVAL': 1, **({'FUNCTION': 1} if loads else {})
        }  # fmt: skip
        assert guest.perform(LOAD) == FOUND
        assert guest.perform(TWO) == [FOUND, FOUND]
        assert sent(proxy) == {'EVALSHA': 3}, 'the client asks once'
    finally:
        guest.close()
        raw.execute_command('ACL', 'DELUSER', name)


@pytest.mark.one_server
@pytest.mark.parametrize('name', ['fcall', "run.the.'fcall_ro'"])
def test_a_user_without_the_right_to_scripts(
    name: str, kind: str, server: Server, proxy: Proxy, raw: redis.Redis
) -> None:
    """Whatever the name says: each way is tried once."""
    rights = ('on', '>secret', '~*', '+@all', '-fcall_ro', '-evalsha', '-eval')
    raw.execute_command('ACL', 'SETUSER', name, 'reset', *rights)
    guest = Client(World(kind, proxy.socket, username=name, password='secret'))
    try:
        with pytest.raises(rom.ServerError, match='evalsha'):
            guest.perform(LOAD)
        assert sent(proxy) == {'FCALL_RO': 1, 'EVALSHA': 1}
        with pytest.raises(rom.ServerError, match='evalsha'):
            guest.perform(TWO)
    finally:
        guest.close()
        raw.execute_command('ACL', 'DELUSER', name)


@pytest.mark.one_server
def test_a_proxy_that_lacks_each_script_it_gets(client: Client, proxy: Proxy) -> None:
    rom.util.use_server_functions(False, client.client)
    proxy.answer_error(Proxy.named('EVALSHA', 'EVAL'), 'NOSCRIPT No matching script', times=2)
    with pytest.raises(rom.ServerError):
        client.perform(LOAD)
    assert sent(proxy) == {'EVALSHA': 1, 'EVAL': 1}


@pytest.mark.one_server
@pytest.mark.parametrize(
    'words',
    [
        "ERR unknown command 'FCALL_RO', with args beginning with: 'rom_1' '1' 'x'",
        "ERR unsupported command 'fcall_ro'",
    ],
)
def test_a_proxy_that_knows_no_functions(words: str, client: Client, proxy: Proxy) -> None:
    for request, wanted in ((TWO, [FOUND, FOUND]), (LOAD, FOUND)):
        proxy.answer_error(Proxy.named('FCALL_RO'), words, times=2)
        assert client.perform(request) == wanted
    assert 'FUNCTION' not in proxy.requests


@pytest.mark.one_server
def test_a_server_without_memory_for_the_library(
    client: Client, proxy: Proxy, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.answer_error(
        Proxy.named('FUNCTION'), "OOM command not allowed when used memory > 'maxmemory'."
    )
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 1, 'FUNCTION': 1, 'EVALSHA': 1, 'EVAL': 1}
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'EVALSHA': 1}
    after = busy_wait.clock() + server_functions.PAUSE
    monkeypatch.setattr(server_functions, 'clock', lambda: after)
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 1}


@pytest.mark.one_server
def test_a_full_server_answers(client: Client, raw: redis.Redis) -> None:
    client.perform(LOAD)
    raw.config_set('maxmemory', 1)
    try:
        assert client.perform(LOAD) == FOUND
    finally:
        raw.config_set('maxmemory', 0)


@pytest.mark.one_server
def test_the_connection_breaks(kind: str, proxy: Proxy) -> None:
    client = Client(World(kind, proxy.socket, retries=2))
    try:
        for name in ('FCALL_RO', 'FUNCTION', 'FCALL_RO'):
            proxy.cut_after_request(Proxy.named(name))
            assert client.perform(LOAD) == FOUND
        sent(proxy)
        assert client.perform(LOAD) == FOUND
        assert sent(proxy) == {'FCALL_RO': 1}
    finally:
        client.close()


@pytest.mark.one_server
def test_many_tasks_load_the_library_once(client: Client, proxy: Proxy) -> None:
    assert client.at_once(20) == [FOUND] * 20
    assert sent(proxy)['FUNCTION'] == 1


@pytest.mark.one_server
def test_a_process_that_is_forked_while_a_thread_loads(
    client: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_functions.begin_loading(client.client)
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 1, 'EVALSHA': 1, 'EVAL': 1}, 'the other thread does it'
    here = server_functions._loading_here()
    monkeypatch.setattr(server_functions, '_loading_here', lambda: f'{here}0')
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 2, 'FUNCTION': 1}


@pytest.mark.one_server
def test_another_client_was_faster(kind: str, proxy: Proxy, raw: redis.Redis) -> None:
    client = Client(World(kind, proxy.socket))
    try:
        proxy.answer_error(Proxy.named('FCALL_RO'), 'ERR Function not found')
        raw.execute_command('FUNCTION', 'LOAD', library().text)
        assert client.perform(LOAD) == FOUND
        assert sent(proxy) == {'FCALL_RO': 2, 'FUNCTION': 1}
    finally:
        client.close()


@pytest.mark.one_server
def test_a_function_that_stays_unknown(
    client: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = busy_wait.clock()
    monkeypatch.setattr(server_functions, 'clock', lambda: now)
    proxy.answer_error(Proxy.named('FCALL_RO'), 'ERR Function not found', times=2)
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 2, 'FUNCTION': 1, 'EVALSHA': 1, 'EVAL': 1}
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'EVALSHA': 1}, 'it costs few trips where the library never arrives'
    now += server_functions.LAG
    assert client.perform(LOAD) == FOUND
    assert sent(proxy) == {'FCALL_RO': 1}


@pytest.mark.one_server
def test_the_program_forbids_functions(client: Client, proxy: Proxy) -> None:
    rom.util.use_server_functions(False, client.client)
    assert client.perform(LOAD) == FOUND
    assert client.perform(TWO) == [FOUND, FOUND]
    assert set(sent(proxy)) == {'EVALSHA', 'EVAL'}
    rom.util.use_server_functions(True, client.client)
    assert client.perform(LOAD) == FOUND
    rom.util.use_server_functions(False)
    try:
        sent(proxy)
        assert client.perform(LOAD) == FOUND
        assert sent(proxy) == {'EVALSHA': 1}
    finally:
        rom.util.use_server_functions(True)


@pytest.mark.one_server
def test_the_asyncio_client_of_one_that_may_not(proxy: Proxy) -> None:
    blocking = redis.Redis(unix_socket_path=proxy.socket)
    rom.util.use_server_functions(False, blocking)

    async def load() -> Any:
        return await AsyncDriver(await async_connection(blocking)).perform(LOAD)

    assert asyncio.run(load()) == FOUND
    assert set(sent(proxy)) == {'EVALSHA', 'EVAL'}


@pytest.mark.parametrize('url', ['redis://localhost/1?{}db=2', 'redis+cluster://a:1,b:2?{}'])
def test_an_option_of_the_url(url: str) -> None:
    for option, are_used in (('no', False), ('yes', True)):
        client = open_url(url.format(f'server_functions={option}&'))
        assert server_functions.are_used(client) is are_used
    assert server_functions.are_used(open_url(url.format('')))
    assert 'server_functions=no' in without_password(url.format('server_functions=no&'))
    with pytest.raises(rom.ORMError, match='server_functions must be yes or no'):
        open_url(url.format('server_functions=maybe&'))


def test_an_object_that_is_no_client() -> None:
    with pytest.raises(rom.InvalidOperation, match='use_server_functions: expected a client'):
        rom.util.use_server_functions(False, 'localhost')


@pytest.mark.one_server
def test_an_error_in_a_function_is_that_of_the_script(client: Client, raw: redis.Redis) -> None:
    broken = LOAD._replace(request=b'\xc1')
    rom.util.use_server_functions(True, client.client)
    with pytest.raises(rom.ServerError):
        client.perform(broken)
    assert client.perform(LOAD) == FOUND, 'the next call begins anew'


def test_each_master_of_a_cluster_gets_the_library(cluster: Cluster, kind: str) -> None:
    masters = cluster.masters()
    for master in masters:
        master.client.execute_command('FUNCTION', 'FLUSH', 'SYNC')
    client = Client(ClusterWorld(kind, cluster.startup))
    try:
        requests = tuple(
            LOAD._replace(
                key=b'{%d}row' % number,
                request=pack({'head': b'{%d}' % number, 'ids': [b'row'], 'fields': [b'a']}),
            )
            for number in range(len(masters) * 4)
        )
        for _ in range(2):
            assert len(client.perform(Pipeline(requests))) == len(requests)
        for request in requests:
            client.perform(request)
        for master in masters:
            assert listed(master.client)
    finally:
        client.close()
