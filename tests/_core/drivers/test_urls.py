"""URLs: what is opened, what is refused, and what is never said of either."""

import asyncio
import string
import traceback

import hypothesis
import pytest
import redis
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

import rom
from rom._core.drivers import connections, kept_connections, send_outcome
from rom._core.drivers.cluster_clients import TIMEOUTS, LazyCluster
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.drivers.urls import open_url, without_password
from rom._core.ops.requests import Command
from tests.support.proxy import Proxy
from tests.support.servers import Server

#: No part of anything else that may be said.
SECRET = 'zq9vjx7kwy'

_PIECES = st.sampled_from(
    ['', ':', '/', '//', '@', '?', '#', '&', '=', '%', '[', ']', ' ', '\n', 'me', 'host', 'bad',
     '6379', '0', 'redis', 'é', '\\', '..', 'db=', 'password=', 'ssl_password=', 'protocol=',
     'timeout=']
)  # fmt: skip
_STARTS = st.sampled_from(['redis://', 'rediss://', 'unix://', 'redis:/', 'redis:', 'http://', ''])
_MADE = st.builds(
    lambda start, before, after: ''.join((start, *before, SECRET, *after)),
    _STARTS,
    st.lists(_PIECES, max_size=6),
    st.lists(_PIECES, max_size=6),
)
#: What was reported, and its like.
SEEN = [
    f'{SECRET}@localhost:6379',
    f'me:{SECRET}@localhost',
    f'redis:/me:{SECRET}@localhost',
    f'redis://{SECRET}@localhost:bad',
    f'redis://:{SECRET[:4]}/{SECRET}@localhost',
    f'redis://localhost:bad?ssl_password={SECRET}',
    f'redis://localhost?db={SECRET}',
    f'redis://localhost?protocol={SECRET}',
    f'redis://localhost?pasword={SECRET}',
    f'redis://me:{SECRET}@[::1',
    f'{SECRET}://localhost',
]


def all_that_is_said(error: BaseException) -> str:
    """Of an error and all those behind it, also those that a traceback leaves out."""
    texts, waiting = [], [error]
    while waiting:
        found = waiting.pop()
        texts += [str(found), repr(found), repr(found.args), ''.join(_shown(found))]
        waiting += [e for e in (found.__cause__, found.__context__) if e is not None]
    return '\n'.join(texts)


def _shown(error: BaseException) -> list[str]:
    return traceback.format_exception(error)


def refuses(url: str) -> str:
    with pytest.raises(rom.ORMError) as caught:
        open_url(url)
    return all_that_is_said(caught.value)


@pytest.mark.parametrize('url', SEEN)
def test_what_is_refused_is_not_quoted(url: str) -> None:
    said = refuses(url)
    assert SECRET not in said
    assert SECRET[:4] not in said
    assert 'redis://USER:PASSWORD@HOST:PORT/DB' in said


@hypothesis.given(_MADE)
@hypothesis.settings(max_examples=500)
def test_no_secret_is_ever_said(url: str) -> None:
    try:
        client = open_url(url)
    except rom.ORMError as error:
        assert SECRET not in all_that_is_said(error).lower()
    else:
        options = client.connection_pool.connection_kwargs
        said = [str(options.get(name, '')).lower() for name in ('host', 'path')]
        if options.get('password'):
            said.append(options.get('username', '').lower())
        if not any(SECRET in part for part in said):  # an address is no secret, nor is a name
            assert SECRET not in without_password(url).lower()


@pytest.mark.parametrize('secret', [SECRET, 'se/cret', 'p@ss', 'a:b', 'x#y', '?'])
def test_any_password_as_it_should_be_written(secret: str) -> None:
    from urllib.parse import quote

    url = f'redis://me:{quote(secret, safe="")}@localhost:1/2'
    options = open_url(url).connection_pool.connection_kwargs
    assert (options['username'], options['password'], options['db']) == ('me', secret, 2)
    assert without_password(url) == 'redis://me:PASSWORD@localhost:1/2'


@hypothesis.given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=9))
def test_a_good_url_is_opened(host: str) -> None:
    client = open_url(f'redis://{host}:7000/3')
    found = client.connection_pool.connection_kwargs
    assert (found['host'], found['port'], found['db']) == (host.lower(), 7000, 3)


@pytest.mark.one_server
def test_a_client_of_a_url_repeats_commands(server: Server) -> None:
    with Proxy(server.socket) as proxy:
        client = open_url(f'unix://{proxy.socket}')
        driver = SyncDriver(client)
        assert driver.perform(Command('ECHO', 'first')) == b'first'
        proxy.cut_before_request(proxy.named('ECHO'))
        assert driver.perform(Command('ECHO', 'again')) == b'again'
        assert proxy.cuts['before'] == 1
        assert kept_connections.of(client) is not None
        client.close()


def test_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('_settings', '_default'):
        monkeypatch.setattr(connections, name, None)
    monkeypatch.setenv(connections.VARIABLE, SEEN[0])
    with pytest.raises(rom.ORMError, match=r'^ROM_REDIS_URI cannot be used: it does not'):
        connections.default()


def test_a_server_that_is_not_there() -> None:
    """Neither world says the password of a URL that is right."""
    once = Retry(NoBackoff(), 0)

    class UrlsThing(rom.Model):
        _conn = redis.Redis.from_url(f'redis://me:{SECRET}@localhost:1/0', retry=once)

    async def count() -> int:
        async with rom.AsyncSession() as s:
            return await s.count(UrlsThing.query)

    for ask in (UrlsThing.query.count, lambda: asyncio.run(count())):
        with pytest.raises(rom.ServerUnavailable) as caught:
            ask()
        assert SECRET not in all_that_is_said(caught.value)


@pytest.mark.parametrize(
    ('url', 'addresses', 'options'),
    [
        ('redis+cluster://localhost', [('localhost', 6379)], {}),
        ('redis+cluster://a:7000,b:7001/', [('a', 7000), ('b', 7001)], {}),
        ('redis+cluster://[::1]:7000,b/0', [('::1', 7000), ('b', 6379)], {}),
        (
            f'rediss+cluster://me:{SECRET}@a:1,b:2?socket_timeout=9&ssl_ca_certs=/ca.pem',
            [('a', 1), ('b', 2)],
            {'username': 'me', 'password': SECRET, 'ssl': True, 'socket_timeout': 9,
             'ssl_ca_certs': '/ca.pem'},
        ),
    ],
)  # fmt: skip
def test_a_url_of_a_cluster(
    url: str, addresses: list[tuple[str, int]], options: dict[str, object]
) -> None:
    """It is opened, and asks nobody: there is nobody at these addresses."""
    client = open_url(url)
    assert isinstance(client, LazyCluster)
    assert (client.addresses, client.options) == (addresses, {**TIMEOUTS, **options})
    assert SECRET not in without_password(url)


@pytest.mark.parametrize(
    ('url', 'reason'),
    [
        (f'redis+cluster://{SECRET}@a:b', 'its port or one of its options cannot be read'),
        (f'redis+cluster://{SECRET}@a:1,', 'its port or one of its options cannot be read'),
        (f'redis+cluster://a?pasword={SECRET}', 'its port or one of its options cannot be read'),
        (f'redis+cluster://{SECRET}@a/1', 'a cluster has no database but 0'),
        (f'redis+cluster:/{SECRET}@a', 'it does not begin with one of'),
    ],
)
def test_a_wrong_url_of_a_cluster(url: str, reason: str) -> None:
    with pytest.raises(rom.ORMError, match=reason) as caught:
        open_url(url)
    assert SECRET not in all_that_is_said(caught.value)


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither world says the password."""
    monkeypatch.setattr(send_outcome, 'PATIENCE', 0.01)

    class UrlsCluster(rom.Model):
        _namespace = '{urls}cluster'
        _conn = open_url(f'redis+cluster://me:{SECRET}@127.0.0.1:1,127.0.0.1:2')

    async def count() -> int:
        async with rom.AsyncSession() as s:
            return await s.count(UrlsCluster.query)

    for ask in (UrlsCluster.query.count, lambda: asyncio.run(count())):
        with pytest.raises(rom.ServerUnavailable, match=r'the cluster of 127\.0\.0\.1:1') as caught:
            ask()
        assert SECRET not in all_that_is_said(caught.value)
