"""lua/register_ids.lua by itself: rows that the bitmap of live ids, or the counter, has missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.implied import bits

Enrol = Callable[..., int]


@pytest.fixture
def enrol(raw: redis.Redis) -> Enrol:
    def run(*ids: int, live: str | None = 'N:id:live') -> int:
        request: dict[str, Any] = {'head': 'N:', 'live': live, 'counter': 'N:id:'}
        request['ids'] = [b'%d' % id for id in ids]
        reply = raw.execute_command(
            'EVAL', loaded('register_ids').source, 1, 'N:id:', pack(request)
        )
        assert isinstance(reply, int)
        return reply

    return run


def row(raw: redis.Redis, *ids: int) -> None:
    for id in ids:
        raw.hset(f'N:{id}', 'a', 'x')


def test_bits_and_the_counter(enrol: Enrol, raw: redis.Redis) -> None:
    row(raw, 3, 9, 10)
    raw.setbit('N:id:live', 3, 1)
    raw.set('N:id:', 9)
    assert enrol(3, 9, 10, 77) == 3
    assert bits(raw.get('N:id:live') or b'') == {3, 9, 10}
    assert raw.get('N:id:') == b'10'
    assert enrol(3, 9, 10, 77) == 3, 'twice is once'
    assert raw.get('N:id:') == b'10'


def test_a_counter_that_is_ahead_stays(enrol: Enrol, raw: redis.Redis) -> None:
    row(raw, 3)
    raw.set('N:id:', 100)
    enrol(3)
    assert raw.get('N:id:') == b'100'


def test_ids_are_compared_as_numbers_to_the_last_digit(enrol: Enrol, raw: redis.Redis) -> None:
    row(raw, 2**53 + 1, 2**53 + 2)
    raw.set('N:id:', 2**53)
    enrol(2**53 + 2, 2**53 + 1, live=None)
    assert raw.get('N:id:') == b'%d' % (2**53 + 2)


def test_what_is_gone_is_left_out(enrol: Enrol, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 3, 1)
    assert enrol(5) == enrol() == 0
    assert bits(raw.get('N:id:live') or b'') == {3}
    assert not raw.exists('N:id:')


def test_no_bitmap_is_begun(enrol: Enrol, raw: redis.Redis) -> None:
    row(raw, 5)
    assert enrol(5) == enrol(5, live=None) == 1
    assert not raw.exists('N:id:live', 'N:id:live:draft')


def test_an_id_far_off_is_beside_the_bitmap(enrol: Enrol, raw: redis.Redis) -> None:
    row(raw, 10**10)
    raw.setbit('N:id:live', 3, 1)
    assert enrol(10**10) == 1
    assert raw.strlen('N:id:live') == 1
    assert raw.zrange('N:id:live:far', 0, -1) == [b'%020d' % 10**10]
