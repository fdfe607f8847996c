"""Locks: contract, section 7; both fronts, told once."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgpack
import pytest
import redis
import redis.asyncio
import redis.retry
from redis.backoff import NoBackoff

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.scripts import source
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops import locks
from rom._core.ops.requests import Script
from rom.aio import cancellation
from rom.util import Lock
from tests.support.patience import PATIENCE, eventually
from tests.support.proxy import Proxy
from tests.support.servers import Server, ttls
from tests.support.worlds import BOTH, Front, World


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
    lock = front.Lock(client, 'nightly', 0, 60)
    assert lock.acquire()
    assert raw.type('lock:nightly') == b'string'
    assert 30_000 < ttls(raw)[b'lock:nightly'] <= 60_000
    raw.pexpire('lock:nightly', 30_000)
    assert lock.refresh()
    assert 30_000 < ttls(raw)[b'lock:nightly'] <= 60_000
    assert lock.acquire(), 'who has it may take it again'


@pytest.mark.one_server
def test_times_that_are_decimals(front: Front, client: redis.Redis, raw: redis.Redis) -> None:
    lock = front.Lock(client, 'nightly', Decimal('0.02'), Decimal(60))
    assert lock.acquire()
    assert 30_000 < ttls(raw)[b'lock:nightly'] <= 60_000
    assert front.Lock(client, 'nightly', Decimal('0.02'), 5).acquire() is False
    assert lock.release()


@pytest.mark.one_server
def test_a_lock_that_was_not_refreshed_is_lost(front: Front, client: redis.Redis) -> None:
    one, two = front.Lock(client, 'x', 0, 0.03), front.Lock(client, 'x', PATIENCE, 5)
    assert one.acquire()
    assert two.acquire(), 'it waits until the other one loses it'
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
    with pytest.raises(rom.InvalidOperation, match='expected an entity'):
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


# --- answers that are lost ------------------------------------------------------------------------

SCRIPTS = Proxy.named('EVALSHA', 'EVAL')


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Script]:
    """The requests about locks, in the order in which they were sent."""
    sent: list[Script] = []
    perform, awaited = SyncDriver.perform, AsyncDriver.perform

    def blocking(driver: SyncDriver, request: Any) -> Any:
        sent.append(request)
        return perform(driver, request)

    async def awaiting(driver: AsyncDriver, request: Any) -> Any:
        sent.append(request)
        return await awaited(driver, request)

    monkeypatch.setattr(SyncDriver, 'perform', blocking)
    monkeypatch.setattr(AsyncDriver, 'perform', awaiting)
    return sent


def step_of(request: Script) -> str:
    found: bytes = msgpack.unpackb(request.request, raw=True)[b'what']
    return found.decode()


def arrive_late(raw: redis.Redis, request: Script) -> int:
    """Have the server carry a request out once more, as one that the network held back."""
    reply: int = raw.eval(source('lock'), 1, request.key, request.request)
    return reply


@contextmanager
def frail(front: Front, server: Server) -> Iterator[tuple[Any, Proxy]]:
    """A client that repeats nothing, and what breaks its connections."""
    with Proxy(server.socket) as proxy:
        world = World(front.kind, proxy.socket)
        client = world.connect()
        front.Lock(client, 'warm', 0, 5).acquire()  # so that the script is known
        yield client, proxy
        front.runner.run(world.close(client))


CUTS = pytest.mark.parametrize('cut', ['cut_before_request', 'cut_after_request'])


@pytest.mark.one_server
@CUTS
def test_an_acquire_that_raised_gives_the_lock_back(
    front: Front, server: Server, raw: redis.Redis, sent: list[Script], cut: str
) -> None:
    with frail(front, server) as (client, proxy):
        getattr(proxy, cut)(SCRIPTS)
        lock = front.Lock(client, 'x', 0, 60)
        with pytest.raises(rom.ServerUnavailable):
            lock.acquire()
        assert not raw.exists('lock:x'), 'it waited for that'
        assert [step_of(request) for request in sent[-2:]] == ['acquire', 'void']
        assert arrive_late(raw, sent[-2]) == 0
        assert not raw.exists('lock:x'), 'a request that comes late does not take it'
        assert lock.acquire() is True, 'the next try is a new one'
        assert arrive_late(raw, sent[-3]) == 0
        assert arrive_late(raw, sent[-2]) == 0
        assert lock.refresh() is True
        assert lock.release() is True


@pytest.mark.one_server
@CUTS
def test_with_raises_and_leaves_no_lock(
    front: Front, server: Server, raw: redis.Redis, cut: str
) -> None:
    with frail(front, server) as (client, proxy):
        getattr(proxy, cut)(SCRIPTS)
        with pytest.raises(rom.ServerUnavailable), front.Lock(client, 'x', 0, 60):
            raise AssertionError('never')
        assert not raw.exists('lock:x')
        assert front.Lock(raw, 'x', 0, 60).acquire() is True


@pytest.mark.one_server
def test_a_server_that_is_away_for_longer_is_told_later(
    front: Front, server: Server, raw: redis.Redis, sent: list[Script]
) -> None:
    with frail(front, server) as (client, proxy), pytest.MonkeyPatch.context() as m:
        proxy.cut_after_request(SCRIPTS)
        m.setattr(rom.locks, 'PATIENCE', 0.0)
        m.setattr(cancellation, 'PATIENCE', 0.0)
        lock = front.Lock(client, 'x', 0, 60)
        down = Away(m, times=5)
        with pytest.raises(rom.ServerUnavailable):
            lock.acquire()

        def is_free() -> bool:
            front.runner.run(asyncio.sleep(0.005))  # where asyncio has something left to do
            return not raw.exists('lock:x')

        eventually(is_free)
        assert down.times == 0
        late = next(request for request in sent if request.key == b'lock:x')
        assert arrive_late(raw, late) == 0


class Away:
    """A server that cannot be reached, for whoever wants to void a token."""

    def __init__(self, patch: pytest.MonkeyPatch, times: int) -> None:
        self.times = times
        perform, awaited = SyncDriver.perform, AsyncDriver.perform

        def blocking(driver: SyncDriver, request: Any) -> Any:
            self.meet(request)
            return perform(driver, request)

        async def awaiting(driver: AsyncDriver, request: Any) -> Any:
            self.meet(request)
            return await awaited(driver, request)

        patch.setattr(SyncDriver, 'perform', blocking)
        patch.setattr(AsyncDriver, 'perform', awaiting)

    def meet(self, request: Script) -> None:
        if step_of(request) == 'void' and self.times:
            self.times -= 1
            raise rom.ServerUnavailable('it is away')


@pytest.mark.one_server
@CUTS
def test_who_has_it_keeps_it_when_it_cannot_take_it_again(
    front: Front, server: Server, raw: redis.Redis, cut: str
) -> None:
    with frail(front, server) as (client, proxy):
        lock = front.Lock(client, 'x', 0, 60)
        assert lock.acquire()
        for step in (lock.acquire, lock.refresh):
            getattr(proxy, cut)(SCRIPTS)
            with pytest.raises(rom.ServerUnavailable):
                step()
            assert raw.exists('lock:x')
        assert lock.refresh() is True
        assert lock.release() is True


@pytest.mark.one_server
def test_who_lost_it_meanwhile_does_not_keep_it_by_an_error(
    front: Front, server: Server, raw: redis.Redis
) -> None:
    with frail(front, server) as (client, proxy):
        lock = front.Lock(client, 'x', 0, 0.01)
        assert lock.acquire()
        eventually(lambda: not raw.exists('lock:x'))
        inner = getattr(lock, 'lock', lock)
        inner.lock_timeout = 60
        proxy.cut_after_request(SCRIPTS)
        with pytest.raises(rom.ServerUnavailable):
            lock.acquire()
        assert not raw.exists('lock:x')


@pytest.mark.one_server
@CUTS
def test_a_release_that_raised_gives_the_lock_back(
    front: Front, server: Server, raw: redis.Redis, sent: list[Script], cut: str
) -> None:
    with frail(front, server) as (client, proxy):
        lock = front.Lock(client, 'x', 0, 60)
        assert lock.acquire()
        getattr(proxy, cut)(SCRIPTS)
        with pytest.raises(rom.ServerUnavailable):
            lock.release()
        assert not raw.exists('lock:x')
        assert lock.release() is False
        assert lock.acquire() is True
        late = [request for request in sent[:-1] if step_of(request) != 'acquire']
        assert [arrive_late(raw, request) for request in late] == [0] * len(late)
        assert lock.refresh() is True, 'a release of before does not end what was taken since'


@pytest.mark.one_server
def test_an_acquire_that_the_client_repeated_does_not_come_again(
    front: Front, client: redis.Redis, raw: redis.Redis, sent: list[Script], monkeypatch: Any
) -> None:
    """Its first request may be under way for longer than the lock was held."""
    monkeypatch.setattr(locks, '_PROMPT', 0.0)
    lock = front.Lock(client, 'x', 0, 60)
    assert lock.acquire()
    assert lock.release() is True
    assert arrive_late(raw, sent[0]) == 0
    assert not raw.exists('lock:x')
    [left] = raw.scan_iter('lock:x:*')
    assert 170_000 < raw.pttl(left) <= 180_000


@pytest.mark.one_server
def test_the_trips_of_a_lock(
    front: Front, client: redis.Redis, raw: redis.Redis, sent: list[Script], monkeypatch: Any
) -> None:
    monkeypatch.setattr(locks, '_PROMPT', 60.0)
    with front.Lock(client, 'x', 0, 60) as lock:
        assert lock.refresh()
    assert [step_of(request) for request in sent] == ['acquire', 'refresh', 'release']
    assert list(raw.scan_iter('lock:*')) == []


@pytest.mark.one_server
@pytest.mark.parametrize('when', ['before', 'after'])
@pytest.mark.parametrize('held', [False, True], ids=['new', 'held'])
def test_an_interrupted_acquire(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, when: str, held: bool
) -> None:
    lock = Lock(client, 'x', 0, 60)
    assert not held or lock.acquire()
    perform = SyncDriver.perform
    requests: list[Script] = []

    def interrupted(driver: SyncDriver, request: Any) -> Any:
        if step_of(request) != 'acquire':
            return perform(driver, request)
        requests.append(request)
        if when == 'after':
            perform(driver, request)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.acquire()
    assert raw.exists('lock:x') == held
    if not held:
        assert arrive_late(raw, requests[0]) == 0
    assert lock.acquire() is True


@pytest.mark.one_server
def test_an_error_of_the_server_says_nothing_of_the_first_try(
    front: Front, client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client repeats a request, and the repetition may meet another error (BUSY)."""
    perform, awaited = SyncDriver.perform, AsyncDriver.perform

    def blocking(driver: SyncDriver, request: Any) -> Any:
        reply = perform(driver, request)
        if step_of(request) == 'acquire':
            raise rom.ServerError('BUSY')
        return reply

    async def awaiting(driver: AsyncDriver, request: Any) -> Any:
        reply = await awaited(driver, request)
        if step_of(request) == 'acquire':
            raise rom.ServerError('BUSY')
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', blocking)
        patch.setattr(AsyncDriver, 'perform', awaiting)
        with pytest.raises(rom.ServerError):
            front.Lock(client, 'x', 0, 60).acquire()
    assert not raw.exists('lock:x')
