"""Which clients lead to one server: by what they were told, not by which object they are."""

from typing import Any

import pytest
import redis
import redis.asyncio
import valkey
from redis.sentinel import Sentinel

from rom._core.drivers.server_identity import server_of


class Counting(redis.Redis):
    """A program's own class, whose commands go the usual way."""


class Prefixed(redis.Redis):
    """Commands go elsewhere than the options say."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        return super().execute_command(*args, **options)


class Tunnel(redis.Connection):
    """A connection that leads where only it knows."""


def watched(*ports: int, service: str = 'shop', db: int = 0) -> redis.Redis:
    return Sentinel([('localhost', port) for port in ports], db=db).master_for(service)


def credentials(user: str) -> redis.Redis:
    return redis.Redis(credential_provider=redis.UsernamePasswordCredentialProvider(user, 'x'))


def test_of_libraries() -> None:
    assert server_of(valkey.Valkey(db=1)) == server_of(redis.Redis(db=1))
    assert server_of(redis.asyncio.Redis(db=1)) == server_of(redis.Redis(db=1))


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        (redis.Redis(), redis.Redis('LOCALHOST', 6379, db='0')),  # type: ignore[arg-type]
        (redis.Redis(), redis.Redis.from_url('redis://')),
        (redis.Redis(decode_responses=True), redis.Redis(protocol=3, socket_timeout=1)),
        (redis.Redis(), redis.Redis(username='default', password='x')),
        (redis.Redis(username='me', password='a'), redis.Redis(username='me', password='b')),
        (redis.Redis(username='me', password='a'), credentials('me')),
        (redis.Redis(), redis.Redis(connection_pool=redis.BlockingConnectionPool())),
        (redis.Redis(), Counting()),
        (redis.Redis(unix_socket_path='/s'), redis.Redis.from_url('unix:///s?db=0')),
        (watched(1, 2), watched(2, 1)),
    ],
)
def test_one_server(one: redis.Redis, other: redis.Redis) -> None:
    assert server_of(one) == server_of(other)
    assert hash(server_of(one)) == hash(server_of(other))


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        (redis.Redis(), redis.Redis(db=1)),
        (redis.Redis(), redis.Redis(port=6380)),
        (redis.Redis(), redis.Redis('127.0.0.1')),
        (redis.Redis(), redis.Redis(unix_socket_path='/s')),
        (redis.Redis(unix_socket_path='/s'), redis.Redis(unix_socket_path='/s', db=1)),
        (redis.Redis(unix_socket_path='/s'), redis.Redis(unix_socket_path='/t')),
        (redis.Redis(), redis.Redis(username='me', password='x')),
        (credentials('me'), credentials('you')),
        (watched(1), watched(2)),
        (watched(1), watched(1, service='other')),
        (watched(1), watched(1, db=1)),
        (watched(1), Sentinel([('localhost', 1)]).slave_for('shop')),
        (Prefixed(), redis.Redis()),
        (Prefixed(), Prefixed()),
    ],
)
def test_two_servers(one: redis.Redis, other: redis.Redis) -> None:
    assert server_of(one) != server_of(other)
    assert server_of(one) == server_of(one)


def test_what_is_unknown_leads_to_itself() -> None:
    pool, other = (redis.ConnectionPool(connection_class=Tunnel) for _ in range(2))
    first, second = redis.Redis(connection_pool=pool), redis.Redis(connection_pool=pool)
    assert server_of(first) == server_of(second)
    assert server_of(first) != server_of(redis.Redis(connection_pool=other))
    assert server_of(object()) != server_of(object())


def test_a_destination_holds_no_password() -> None:
    for client in (
        redis.Redis(password='se-cret'),
        redis.Redis.from_url('redis://me:se-cret@localhost'),
        credentials('me'),
        Sentinel([('localhost', 1)], password='se-cret').master_for('shop'),
    ):
        assert 'se-cret' not in repr(server_of(client))


def test_a_tracer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = server_of(redis.Redis())
    usual = redis.Redis.execute_command
    monkeypatch.setattr(
        redis.Redis, 'execute_command', lambda self, *args, **more: usual(self, *args, **more)
    )
    assert server_of(redis.Redis()) == before
