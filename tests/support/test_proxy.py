"""The proxy does what the fault tests believe it does."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.proxy import Proxy
from tests.support.servers import Server


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as running:
        yield running


def connect(proxy: Proxy, retries: int = 0, protocol: int = 2) -> redis.Redis:
    retry = Retry(NoBackoff(), retries)
    return redis.Redis(unix_socket_path=proxy.socket, retry=retry, protocol=protocol)


def test_it_passes_on(proxy: Proxy, raw: redis.Redis) -> None:
    with connect(proxy, protocol=3) as client:
        assert client.set('key', b'\x00' * 300_000)
        assert client.get('key') == b'\x00' * 300_000
        pipe = client.pipeline()
        for number in range(3000):
            pipe.set(f'k{number}', 'x' * 100)
            pipe.get(f'k{number}')
        assert len(pipe.execute()) == 6000
    assert raw.dbsize() == 3001
    assert proxy.requests['SET'] == 3001
    assert not proxy.cuts


def test_cut_after_request(proxy: Proxy, raw: redis.Redis) -> None:
    with connect(proxy) as client:
        client.incr('n')
        proxy.cut_after_request(1)
        with pytest.raises(redis.ConnectionError):
            client.incr('n')
        assert raw.get('n') == b'2'  # executed, and the client does not know
        assert client.incr('n') == 3  # on a new connection
    assert proxy.cuts == {'after': 1}


def test_cut_before_request(proxy: Proxy, raw: redis.Redis) -> None:
    with connect(proxy) as client:
        client.incr('n')
        proxy.cut_before_request(1)
        with pytest.raises(redis.ConnectionError):
            client.incr('n')
        assert raw.get('n') == b'1'
        assert client.incr('n') == 2
    assert proxy.cuts == {'before': 1}


def test_a_client_with_retries_counts_twice(proxy: Proxy) -> None:
    proxy.cut_after_request(proxy.named('incrby'), times=2)  # which is what incr() sends
    with connect(proxy, retries=3) as client:
        assert client.incr('n') == 3
    assert proxy.requests['INCRBY'] == 3
    assert proxy.cuts == {'after': 2}


def test_the_nth_and_a_predicate(proxy: Proxy, raw: redis.Redis) -> None:
    proxy.cut_before_request(3)
    proxy.cut_after_request(lambda command: command[:2] == (b'SET', b'b'))
    with connect(proxy) as client:
        client.set('a', 1)
        with pytest.raises(redis.ConnectionError):
            client.set('b', 1)  # the second command: the predicate's
        with pytest.raises(redis.ConnectionError):
            client.set('c', 1)  # the third
        client.set('d', 1)
    assert sorted(raw.keys()) == [b'a', b'b', b'd']


def test_inside_a_pipeline(proxy: Proxy, raw: redis.Redis) -> None:
    proxy.cut_after_request(proxy.named('RPUSH'))
    with connect(proxy) as client, pytest.raises(redis.ConnectionError):
        client.pipeline(transaction=False).set('a', 1).rpush('b', 1).set('c', 1).execute()
    assert sorted(raw.keys()) == [b'a', b'b']  # what is behind the cut was never sent


def test_the_exec_of_a_transaction(proxy: Proxy, raw: redis.Redis) -> None:
    with connect(proxy) as client:
        proxy.cut_before_request(proxy.named('EXEC'))
        with pytest.raises(redis.ConnectionError):
            client.pipeline().incr('n').incr('n').execute()
        assert raw.get('n') is None
        proxy.cut_after_request(proxy.named('EXEC'))
        with pytest.raises(redis.ConnectionError):
            client.pipeline().incr('n').incr('n').execute()
        assert raw.get('n') == b'2'


def test_a_request_that_comes_late(proxy: Proxy, raw: redis.Redis) -> None:
    proxy.hold_request(proxy.named('INCRBY'))
    with connect(proxy) as client:
        with pytest.raises(redis.ConnectionError):
            client.incr('n')
        assert client.get('n') is None
        client.incr('n', 10)
        assert raw.get('n') == b'10'
        assert proxy.deliver() == [11]
        assert proxy.deliver() == []
    assert raw.get('n') == b'11'
    assert not proxy.cuts
    assert proxy.faults == {'hold': 1}


def test_a_request_that_comes_behind_the_question(server: Server, raw: redis.Redis) -> None:
    with Proxy(server.socket, tag=lambda command: command[1]) as proxy, connect(proxy) as client:
        proxy.random(seed=1, only=proxy.named('INCRBY'), hold=1.0)
        with pytest.raises(redis.ConnectionError):
            client.incr('n')
        proxy.heal()
        client.get('other')
        assert raw.get('n') is None
        assert client.get('n') is None  # the question; what was held comes behind it
        for _ in range(20):
            client.get('other')
        assert raw.get('n') == b'1'


@pytest.mark.parametrize('protocol', [2, 3])
def test_an_error_for_an_answer(proxy: Proxy, raw: redis.Redis, protocol: int) -> None:
    proxy.answer_error(proxy.named('INCRBY'), 'OOM no room')
    with connect(proxy, protocol=protocol) as client:
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.incr('n')
        assert client.get('n') == b'1'  # carried out; and the connection is good
        proxy.answer_error(proxy.named('INCRBY'), times=2)
        pipe = client.pipeline(transaction=False)
        pipe.set('a', 'x' * 100_000).incr('n').get('a').incr('n').get('n')
        first, error, text, other, last = pipe.execute(raise_on_error=False)
        assert (first, text, last) == (True, b'x' * 100_000, b'3')
        assert [type(one) for one in (error, other)] == [redis.ResponseError] * 2
    assert proxy.faults == {'answer': 3}


def test_a_delay(proxy: Proxy, raw: redis.Redis) -> None:
    proxy.delay_request(proxy.named('SET'), 0.05)
    with connect(proxy) as client:
        begun = time.monotonic()
        assert client.pipeline(transaction=False).get('a').set('a', 1).get('a').execute() == [
            None,
            True,
            b'1',
        ]
        assert time.monotonic() - begun >= 0.05
    assert proxy.faults == {'delay': 1}


def test_an_unknown_fault(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match='faults are before'):
        proxy.random(seed=1, befor=0.5)


@pytest.mark.one_server
def test_random_cuts_repeat_with_their_seed(server: Server, raw: redis.Redis) -> None:
    def story() -> tuple[list[bool], dict[str, int], int]:
        raw.flushdb()
        with Proxy(server.socket) as proxy, connect(proxy) as client:
            proxy.random(seed=11, before=0.2, after=0.2, only=proxy.named('INCRBY'))
            answered = []
            for _ in range(100):
                client.get('other')
                try:
                    client.incr('n')
                    answered.append(True)
                except redis.ConnectionError:
                    answered.append(False)
            proxy.heal()
            client.incr('n')
            return answered, dict(proxy.cuts), int(raw.get('n') or 0)

    answered, cuts, value = story()
    assert cuts['before'] > 5
    assert cuts['after'] > 5
    assert answered.count(False) == cuts['before'] + cuts['after']
    assert value == 101 - cuts['before']
    assert story() == (answered, cuts, value)


@pytest.mark.one_server
def test_many_threads_lose_only_what_was_cut_before(server: Server, raw: redis.Redis) -> None:
    def work() -> None:
        for _ in range(50):
            try:
                client.incr('n')
            except redis.ConnectionError:
                lost.append(None)

    lost: list[None] = []
    with Proxy(server.socket) as proxy, connect(proxy) as client:
        proxy.random(seed=1, before=0.1, after=0.1)
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert int(raw.get('n') or 0) == 400 - proxy.cuts['before']
    assert len(lost) == proxy.cuts.total()


@pytest.mark.one_server
def test_drop_all_and_a_clean_stop(server: Server) -> None:
    threads = threading.active_count()
    proxy = Proxy(server.socket)
    with connect(proxy) as client:
        first = client.client_id()
        proxy.drop_all()
        assert client.client_id() != first  # the pool saw that the connection was gone
        blocked = threading.Thread(target=lambda: _quietly(client.blpop, ['none'], 0))
        blocked.start()
        while not proxy.requests['BLPOP']:
            time.sleep(0.01)
        proxy.close()
        blocked.join(5)
        assert not blocked.is_alive()
        with pytest.raises(redis.ConnectionError):
            client.ping()
    proxy.close()
    assert threading.active_count() == threads


@pytest.mark.one_server
def test_no_server_behind_it(server: Server) -> None:
    with (
        Proxy(server.socket + '-none') as proxy,
        connect(proxy) as client,
        pytest.raises(redis.ConnectionError),
    ):
        client.ping()


def _quietly(work: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(redis.RedisError):
        work(*arguments)
