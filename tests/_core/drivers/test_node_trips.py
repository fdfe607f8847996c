"""Trips to several nodes: replies, errors and lost connections of each; and interrupts."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from rom._core.drivers.node_trips import send_to_each
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = pytest.mark.one_server
PINGS = [('PING',), ('GET', 'word'), ('GET',), ('ECHO', 'end')]


@pytest.fixture
def clients(server: Server) -> Iterator[list[redis.Redis]]:
    found = [server.connect(), server.connect()]
    found[0].set('word', 'w')
    yield found
    for client in found:
        client.close()


def is_well(client: redis.Redis) -> bool:
    """The next reply is that of the next command, on every connection of the pool."""
    return all(client.execute_command('ECHO', f'{n}') in (b'%d' % n, f'{n}') for n in range(5))


def assert_replies(found: list[Any]) -> None:
    assert found[0] in (True, b'PONG') and found[1] == b'w' and found[3] == b'end'
    assert isinstance(found[2], redis.ResponseError)


def test_each_gets_its_replies(clients: list[redis.Redis]) -> None:
    for found in send_to_each([(client, PINGS) for client in clients]):
        assert_replies(found)
    assert all(map(is_well, clients))
    assert send_to_each([]) == []


def test_all_is_written_before_anything_is_read(
    clients: list[redis.Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waits for what the other pushes: only one of them would wait for ever."""
    waits, pushes = [('BLPOP', 'queue', '5')], [('RPUSH', 'queue', 'x')]
    found = send_to_each([(clients[0], waits), (clients[1], pushes)])
    assert list(found[0][0]) == [b'queue', b'x'] and found[1] == [1]


@pytest.mark.parametrize('how', ['cut_before_request', 'cut_after_request'])
def test_a_lost_connection_is_that_of_one_node(
    how: str, server: Server, clients: list[redis.Redis]
) -> None:
    with Proxy(server.socket) as proxy:
        lossy = redis.Redis(unix_socket_path=proxy.socket, retry=None)
        getattr(proxy, how)(Proxy.named('GET'))
        lost, found = send_to_each([(lossy, PINGS), (clients[0], PINGS)])
        assert_replies(found)
        assert isinstance(lost[-1], redis.ConnectionError) and len(lost) == 4
        proxy.heal()
        assert is_well(lossy) and is_well(clients[0])
        lossy.close()


def test_no_connection_at_all(clients: list[redis.Redis]) -> None:
    nowhere = redis.Redis(unix_socket_path='/nonexistent', retry=None)
    lost, found = send_to_each([(nowhere, PINGS), (clients[0], PINGS)])
    assert_replies(found)
    assert [type(error) for error in lost] == [redis.ConnectionError] * 4


@pytest.mark.parametrize('at', range(6))
def test_an_interrupt_leaves_no_reply_behind(
    at: int, clients: list[redis.Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def interrupted(client: redis.Redis, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise KeyboardInterrupt
        return parse(client, *args, **options)

    parse = redis.Redis.parse_response
    monkeypatch.setattr(redis.Redis, 'parse_response', interrupted)
    with pytest.raises(KeyboardInterrupt):
        send_to_each([(client, PINGS) for client in clients])
    monkeypatch.undo()
    assert all(map(is_well, clients))
