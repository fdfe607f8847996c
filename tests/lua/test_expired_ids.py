"""lua/expired_ids.lua by itself."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack_list

Due = Callable[..., list[Any]]


@pytest.fixture
def due(raw: redis.Redis) -> Due:
    def run(position: bytes = b'', count: int = 10) -> list[Any]:
        request = {'head': b'N:', 'key': b'N:x:idx', 'fields': [b'x'], 'count': b'%d' % count}
        packed = pack({**request, 'position': position or None})
        reply = raw.execute_command('EVAL', loaded('expired_ids').source, 1, 'N:id:', packed)
        assert isinstance(reply, list)
        return [*reply[:5], *map(unpack_list, reply[5:6]), *reply[6:]]

    return run


def expires(raw: redis.Redis, *ids: int, at: float = 5.0) -> None:
    for id in ids:
        raw.hset(f'N:{id}', 'x', repr(at))
        raw.zadd('N:x:idx', {str(id): at})


def test_nothing(raw: redis.Redis, due: Due) -> None:
    status, position, moment, *lists = due()
    assert (status, position, lists) == (b'ok', b'', [[], [], [False, []], []])
    assert abs(float(moment) - time.time()) < 60
    expires(raw, 1, at=float(moment) + 3600)
    assert due()[3] == []


def test_those_that_expired_first_come_first(raw: redis.Redis, due: Due) -> None:
    expires(raw, 1, at=7.5)
    expires(raw, 2, at=-3.0)
    expires(raw, 3, at=time.time() + 3600)
    raw.zadd('N:x:idx', {'4': 6, '5': 8})  # one is gone, one is no row
    raw.set('N:5', 'x')
    assert due()[3:] == [
        [b'2', b'4', b'1', b'5'],
        [b'2', b'1'],
        [False, [[b'-3.0'], [b'7.5']]],
        [b'5'],
    ]


@pytest.mark.parametrize('removed', [False, True])
def test_going_on(raw: redis.Redis, due: Due, removed: bool) -> None:
    """Whether or not what was found is still there; of many that expire at the same time, too."""
    expires(raw, *range(100, 120))
    expires(raw, *range(200, 205), at=6.0)
    found, position, moments = [], b'', set()
    while not found or position:
        _, position, moment, ids, *_ = due(position, count=3)
        found += ids
        moments.add(moment)
        if removed and ids:
            raw.zrem('N:x:idx', *ids[:2])
        expires(raw, 999, at=time.time())  # later than the first call
    assert found == [b'%d' % id for id in (*range(100, 120), *range(200, 205))]
    assert len(moments) == 1


def test_an_index_that_is_none(raw: redis.Redis, due: Due) -> None:
    raw.set('N:x:idx', 'x')
    assert due() == [b'wrong type', b'N:x:idx']
