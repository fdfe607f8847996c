"""lua/take_ids.lua by itself: ids, and the bitmap that begins with the first."""

import contextlib
from collections.abc import Callable

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

Take = Callable[..., bytes | list[bytes]]


@pytest.fixture
def take(raw: redis.Redis) -> Take:
    """Runs the script; returns the last id."""

    def run(count: int, live: str | None = 'N:id:live', **more: object) -> bytes | list[bytes]:
        request = pack({'counter': 'N:id:', 'live': live, 'count': b'%d' % count, **more})
        reply = raw.execute_command('EVAL', loaded('take_ids').source, 1, 'N:id:', request)
        assert isinstance(reply, (bytes, list))
        return reply

    return run


@pytest.mark.parametrize('count', [1, 2, 1000])
def test_the_first_ids_begin_the_bitmap(take: Take, raw: redis.Redis, count: int) -> None:
    assert take(count) == b'%d' % count
    assert dump(raw) == {b'N:id:': b'%d' % count, b'N:id:live': b'\x00'}


def test_later_ids(take: Take, raw: redis.Redis) -> None:
    take(3)
    assert take(4) == b'7'
    raw.delete('N:id:live')
    assert take(1) == b'8'
    assert dump(raw) == {b'N:id:': b'8'}


def test_older_data_does_without_the_bitmap(take: Take, raw: redis.Redis) -> None:
    raw.set('N:id:', 41)
    assert take(2) == b'43'
    assert dump(raw) == {b'N:id:': b'43'}


def test_a_model_without_a_bitmap(take: Take, raw: redis.Redis) -> None:
    assert take(2, live=None) == b'2'
    assert dump(raw) == {b'N:id:': b'2'}
    take(1)
    assert dump(raw) == {b'N:id:': b'3'}


def test_a_bitmap_that_is_there_is_left_alone(take: Take, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 9, 1)
    before = raw.get('N:id:live')
    assert take(1) == b'1'
    assert raw.get('N:id:live') == before


@pytest.mark.parametrize('last', [10**14, 2**53 - 1, 2**53, 2**62])
def test_large_ids(take: Take, raw: redis.Redis, last: int) -> None:
    raw.set('N:id:', last)
    assert take(1) == b'%d' % (last + 1)
    assert take(2**61) == b'%d' % (last + 1 + 2**61)


@pytest.mark.parametrize('key', ['N:id:', 'N:id:live'])
def test_a_key_of_a_wrong_type(take: Take, raw: redis.Redis, key: str) -> None:
    raw.hset(key, 'x', 'x')
    with contextlib.suppress(redis.ResponseError):
        assert take(1) == b'1'
        assert raw.get('N:id:') == b'1'
    assert raw.hgetall(key) == {b'x': b'x'}


@pytest.mark.parametrize('counter', [b'-3', b'text', b'1.5', b'', b'01', b'9223372036854775807'])
def test_a_counter_that_does_not_go_on(take: Take, raw: redis.Redis, counter: bytes) -> None:
    raw.set('N:id:', counter)
    assert take(2, epochs='N:id:epochs') == [counter]
    assert dump(raw) == {b'N:id:': counter}


def test_a_full_server(take: Take, raw: redis.Redis) -> None:
    take(1)
    before = dump(raw)
    raw.config_set('maxmemory-policy', 'noeviction')
    raw.config_set('maxmemory', 1)
    try:
        with pytest.raises(redis.ResponseError, match='maxmemory'):
            take(1)
    finally:
        raw.config_set('maxmemory', 0)
    assert dump(raw) == before
    assert take(1) == b'2'


def test_the_first_ids_begin_the_stamp(take: Take, raw: redis.Redis) -> None:
    take(3, stamp=['N:id:indexes', '{}'])
    assert raw.get('N:id:indexes') == b'{}'
    take(3, stamp=['N:id:indexes', 'other'])
    assert raw.get('N:id:indexes') == b'{}'


def test_older_data_does_without_the_stamp(take: Take, raw: redis.Redis) -> None:
    raw.set('N:id:', 41)
    take(1, stamp=['N:id:indexes', '{}'])
    assert not raw.exists('N:id:indexes')


def test_a_stamp_that_is_there_is_left_alone(take: Take, raw: redis.Redis) -> None:
    raw.set('N:id:indexes', 'x')
    take(1, stamp=['N:id:indexes', '{}'])
    assert raw.get('N:id:indexes') == b'x'
