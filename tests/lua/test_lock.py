"""lua/lock.lua by itself: only its holder keeps a lock, or gives it back."""

from collections.abc import Callable

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump, ttls

Lock = Callable[..., int]
STEPS = ('acquire', 'refresh', 'release')


@pytest.fixture
def lock(raw: redis.Redis) -> Lock:
    """Runs the script: what is done, and by whom."""

    def run(what: str, token: str = 'ours', hold: int = 10_000) -> int:
        request = {'key': 'lock:x', 'token': token, 'what': what, 'hold': b'%d' % hold}
        reply = raw.execute_command('EVAL', loaded('lock').source, 1, 'lock:x', pack(request))
        assert isinstance(reply, int)
        return reply

    return run


def held(raw: redis.Redis, token: bytes = b'ours', least: int = 6_000, most: int = 10_000) -> bool:
    left = ttls(raw).get(b'lock:x', 0)
    return dump(raw) == {b'lock:x': token} and least < left <= most


def test_a_free_lock(lock: Lock, raw: redis.Redis) -> None:
    assert lock('refresh') == lock('release') == 0
    assert dump(raw) == {}
    assert lock('acquire') == 1
    assert held(raw)


def test_our_own(lock: Lock, raw: redis.Redis) -> None:
    lock('acquire', hold=5_000)
    assert lock('acquire') == 1  # as when the client library repeats it
    assert held(raw)
    assert lock('refresh', hold=20_000) == 1
    assert held(raw, least=15_000, most=20_000)
    assert lock('refresh', hold=10_000) == 1
    assert held(raw)
    assert lock('release') == 1
    assert dump(raw) == {}
    assert lock('release') == 0


@pytest.mark.parametrize('what', STEPS)
def test_anothers(lock: Lock, raw: redis.Redis, what: str) -> None:
    lock('acquire', token='another')
    assert lock(what, hold=99_000) == 0
    assert held(raw, b'another')


@pytest.mark.parametrize('what', STEPS)
def test_one_whose_time_is_over(lock: Lock, raw: redis.Redis, what: str) -> None:
    lock('acquire')
    raw.delete('lock:x')  # as the server does then
    lock('acquire', token='another')
    assert lock(what) == 0
    assert held(raw, b'another')


def test_it_goes_by_itself(lock: Lock, raw: redis.Redis) -> None:
    lock('acquire', token='another', hold=1)
    while lock('acquire') == 0:
        pass
    assert held(raw)


@pytest.mark.parametrize('token', ['', 'our', 'ours2'])
def test_tokens_are_compared_as_a_whole(lock: Lock, raw: redis.Redis, token: str) -> None:
    lock('acquire')
    assert [lock(what, token=token) for what in STEPS] == [0, 0, 0]
    assert held(raw)


@pytest.mark.parametrize('what', STEPS)
def test_a_key_of_another_type(lock: Lock, raw: redis.Redis, what: str) -> None:
    raw.hset('lock:x', 'ours', 'ours')
    with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
        lock(what)
    assert dump(raw) == {b'lock:x': {b'ours': b'ours'}}


@pytest.mark.parametrize('is_held', [False, True])
def test_a_void_token_takes_it_no_more(lock: Lock, raw: redis.Redis, is_held: bool) -> None:
    assert not is_held or lock('acquire') == 1
    assert lock('void', hold=99_000) == is_held
    assert lock('void', hold=99_000) == 0  # as when the client library repeats it
    assert dump(raw) == {b'lock:x:void:ours': b''}
    assert 90_000 < ttls(raw)[b'lock:x:void:ours'] <= 99_000
    assert [lock(what) for what in STEPS] == [0, 0, 0]
    assert lock('acquire', token='another') == 1
    assert raw.get('lock:x') == b'another'


def test_a_void_token_leaves_anothers_lock_alone(lock: Lock, raw: redis.Redis) -> None:
    lock('acquire', token='another')
    assert lock('void') == 0
    assert raw.get('lock:x') == b'another'


@pytest.mark.parametrize('what', ['steal', ''])
def test_what_is_no_step(lock: Lock, raw: redis.Redis, what: str) -> None:
    lock('acquire')
    with pytest.raises(redis.ResponseError):
        lock(what)
    assert held(raw)
