"""lua/scan_entries.lua by itself: entries of many indexes, some at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack_list
from tests.support.servers import dump

Entries = Callable[..., tuple[int, bytes, list[Any]]]


@pytest.fixture
def entries(raw: redis.Redis) -> Entries:
    """Reads entries of keys; writes nothing."""

    def run(*keys: str, position: bytes = b'0', count: int = 100) -> tuple[int, bytes, list[Any]]:
        request = {'keys': keys, 'from': position, 'count': b'%d' % count}
        before = dump(raw)
        reply: Any = raw.execute_command(
            'EVAL', loaded('scan_entries').source, 1, 'N:id:', pack(request)
        )
        assert dump(raw) == before
        return reply[0], reply[1], unpack_list(reply[2])

    return run


def test_each_kind_of_index(entries: Entries, raw: redis.Redis) -> None:
    raw.sadd('w', 7)
    raw.zadd('n', {'9007199254740993': 0.5})
    raw.zadd('p', {b'\xff\n\x005': 1e22})
    raw.hset('u', b'v\x00\xff', '12')
    raw.set('x', 'no index')
    begun, position, found = entries('w', 'n', 'p', 'u', 'x', 'gone')
    assert (begun, position) == (6, b'0')
    assert [kind for kind, _ in found] == [b'set', b'zset', b'zset', b'hash', b'string', b'none']
    lists = [flat or [] for _, flat in found]
    assert lists[0] == [b'7']
    assert lists[1] == [b'9007199254740993', b'0.5']
    assert (lists[2][0], float(lists[2][1])) == (b'\xff\n\x005', 1e22)
    assert lists[3:] == [[b'v\x00\xff', b'12'], [], []]


@pytest.mark.parametrize('count', [1, 50, 4000])
def test_some_at_a_time_and_all_in_the_end(entries: Entries, raw: redis.Redis, count: int) -> None:
    raw.sadd('large', *(f'x{n}' for n in range(3000)))
    raw.sadd('small', 'x')
    raw.zadd('numbers', {f'{n}': n for n in range(2000)})
    left, position = ['small', 'large', 'gone', 'numbers'], b'0'
    seen: dict[str, set[bytes]] = {key: set() for key in left}
    calls = 0
    while left:
        calls += 1
        begun, position, found = entries(*left, position=position, count=count)
        assert 1 <= begun == len(found) <= len(left)
        for key, (kind, flat) in zip(left, found, strict=False):
            seen[key].update((flat or [])[:: 2 if kind == b'zset' else 1])
        assert sum(len(flat or ()) for _, flat in found) <= 3 * count + 200
        left = left[begun - (position != b'0') :]
    assert {key: len(members) for key, members in seen.items()} == {
        'small': 1, 'large': 3000, 'gone': 0, 'numbers': 2000,
    }  # fmt: skip
    assert calls > 5000 // (count + 500)
