"""Locks: contract, section 7; both fronts, told once."""

import threading
import time
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.retry
from redis.backoff import NoBackoff

import rom
from rom.util import Lock
from tests.support.proxy import Proxy
from tests.support.servers import Server, ttls
from tests.support.worlds import BOTH, Front


class Lockable(rom.Model):
    name = rom.Text()


def test_one_holder_at_a_time(front: Front, client: redis.Redis) -> None:
    one, two = front.Lock(client, 'x', 0.02, 5), front.Lock(client, 'x', 0.02, 5)
    assert one.acquire() is True
    assert two.acquire() is False
    assert two.release() is False, "another's lock is not ours to release"
    assert two.refresh() is False
    assert one.refresh() is True
    assert one.release() is True
    assert two.acquire() is True
    assert one.release() is False


def test_the_key_is_that_of_1x_and_goes_by_itself(
    front: Front, client: redis.Redis, raw: redis.Redis
) -> None:
    lock = front.Lock(client, 'nightly', 0, 5)
    assert lock.acquire()
    assert raw.type('lock:nightly') == b'string'
    assert 4000 < ttls(raw)[b'lock:nightly'] <= 5000
    raw.pexpire('lock:nightly', 100)
    assert lock.refresh()
    assert 4000 < ttls(raw)[b'lock:nightly'] <= 5000
    assert lock.acquire(), 'who has it may take it again'


@pytest.mark.one_server
def test_a_lock_that_was_not_refreshed_is_lost(front: Front, client: redis.Redis) -> None:
    one, two = front.Lock(client, 'x', 0, 0.03), front.Lock(client, 'x', 1, 5)
    assert one.acquire()
    begun = time.monotonic()
    assert two.acquire(), 'it waits until the other one loses it'
    assert 0.01 < time.monotonic() - begun < 0.5
    assert one.refresh() is False
    assert one.release() is False


def test_with(front: Front, client: redis.Redis, raw: redis.Redis) -> None:
    with front.Lock(client, 'x', 0.01, 5) as lock:
        assert lock.refresh()
        assert raw.exists('lock:x')
        with pytest.raises(rom.DataRaceError, match='held by another'):
            with front.Lock(client, 'x', 0.01, 5):
                raise AssertionError('never')
        assert raw.exists('lock:x'), 'the one who failed to get it does not release it'
    assert not raw.exists('lock:x')
    with pytest.raises(ZeroDivisionError), front.Lock(client, 'x', 0.01, 5):
        1 / 0
    assert not raw.exists('lock:x')


def test_an_entity_is_locked_by_its_key(
    front: Front, client: redis.Redis, raw: redis.Redis
) -> None:
    rom.util.CONNECTION = client
    entity = Lockable(name='a')
    entity.save()
    with front.EntityLock(entity, 0.01, 5):
        assert raw.exists('lock:Lockable:1')
        assert front.EntityLock(Lockable.get(1), 0.01, 5).acquire() is False
        assert front.EntityLock(Lockable(), 0.01, 5).acquire() is True, 'a new one gets its id'


@pytest.mark.one_server
def test_a_model_stands_for_its_client(front: Front, client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    assert front.Lock(Lockable, 'x', 0, 1).acquire()
    assert not front.Lock(client, 'x', 0, 1).acquire()


@pytest.mark.one_server
def test_many_threads_count_right(client: redis.Redis) -> None:
    total = [0]

    def add() -> None:
        for _ in range(20):
            with Lock(client, 'count', 10, 5):
                seen = total[0]
                time.sleep(0.0001)
                total[0] = seen + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == [80]


@pytest.mark.one_server
@pytest.mark.parametrize('times', [(-1, 1), (1, 0), (1, -1), (float('nan'), 1), (1, float('nan'))])
def test_times_that_make_no_sense(front: Front, client: redis.Redis, times: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='a lock waits'):
        front.Lock(client, 'x', *times)


@pytest.mark.one_server
def test_one_front_keeps_out_the_other(front: Front, client: redis.Redis) -> None:
    with front.Lock(client, 'x', 0, 5):
        for kind in BOTH:
            with Front(kind) as other:
                assert other.Lock(client, 'x', 0, 5).acquire() is False


def test_a_lock_that_blocks_takes_no_client_for_asyncio() -> None:
    """Its reply would be a coroutine, which is true."""
    with pytest.raises(rom.InvalidOperation, match=r'rom\.aio\.Lock'):
        Lock(redis.asyncio.Redis(), 'x', 1, 1)


def test_what_is_no_entity(front: Front) -> None:
    with pytest.raises(rom.InvalidOperation, match='takes an entity'):
        front.EntityLock('x', 1, 1)


@pytest.mark.one_server
@pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])
def test_a_client_that_repeats_itself(
    front: Front, server: Server, raw: redis.Redis, cut: str
) -> None:
    retry = redis.retry.Retry(NoBackoff(), 3)
    with Proxy(server.socket) as proxy:
        with redis.Redis(unix_socket_path=proxy.socket, retry=retry) as client:
            lock = front.Lock(client, 'x', 0, 5)
            for step in (lock.acquire, lock.refresh):
                getattr(proxy, cut)(Proxy.named('EVALSHA', 'EVAL'))
                assert step() is True
            getattr(proxy, cut)(Proxy.named('EVALSHA', 'EVAL'))
            lock.release()
            assert not raw.exists('lock:x')
