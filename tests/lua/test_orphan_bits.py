"""lua/orphan_bits.lua by itself: bits of the bitmap of live ids that have no row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.implied import bits
from tests.support.servers import dump

Strays = Callable[..., list[Any]]


@pytest.fixture
def strays(raw: redis.Redis) -> Strays:
    def run(after: int = -1, count: int = 100, repair: bool = False) -> list[Any]:
        request: dict[str, Any] = {'head': 'N:', 'live': 'N:id:live', 'counter': 'N:id:'}
        request |= {'after': b'%d' % after, 'count': b'%d' % count, 'repair': repair}
        before = dump(raw)
        reply = raw.execute_command('EVAL', loaded('orphan_bits').source, 1, 'N:id:', pack(request))
        assert repair or dump(raw) == before
        assert isinstance(reply, list)
        return reply

    return run


def make(raw: redis.Redis, rows: Any, live: Any) -> None:
    for id in rows:
        raw.hset(f'N:{id}', 'a', 'x')
    for id in live:
        raw.setbit('N:id:live', id, 1)


def test_bits_without_a_row(strays: Strays, raw: redis.Redis) -> None:
    make(raw, rows=[1, 3, 4], live=[0, 1, 2, 3, 17])
    assert strays() == [b'ok', b'', [b'0', b'2', b'17']]
    assert strays(after=2) == [b'ok', b'', [b'17']]


def test_they_are_cleared(strays: Strays, raw: redis.Redis) -> None:
    make(raw, rows=[1, 3, 4], live=[0, 1, 2, 3, 17])
    assert strays(repair=True) == [b'ok', b'', [b'0', b'2', b'17']]
    assert bits(raw.get('N:id:live') or b'') == {1, 3}
    assert strays(repair=True) == [b'ok', b'', []]


def test_some_at_a_time_and_all_in_the_end(strays: Strays, raw: redis.Redis) -> None:
    make(raw, rows=range(0, 900, 2), live=[*range(900), 5_000_000])
    after, found, steps = b'-1', [], 0
    while after:
        _, after, some = strays(after=int(after), count=64)
        found += some
        steps += 1
    assert list(map(int, found)) == [*range(1, 900, 2), 5_000_000]
    assert 10 < steps < 30, 'what is empty is skipped'


@pytest.mark.parametrize('kind', ['none', 'empty'])
def test_no_bitmap(strays: Strays, raw: redis.Redis, kind: str) -> None:
    if kind == 'empty':
        raw.set('N:id:live', '')
    assert strays(repair=True) == [b'none']


def test_a_bitmap_of_another_type(strays: Strays, raw: redis.Redis) -> None:
    raw.sadd('N:id:live', 'x')
    assert strays(repair=True) == [b'wrong type', b'N:id:live']
