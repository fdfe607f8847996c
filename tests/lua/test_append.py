"""lua/append.lua by itself."""

from typing import Any

import pytest
import redis

from rom.drivers.scripts import loaded
from rom.encoding.wire import pack
from tests.support.servers import dump, ttls


def append(raw: redis.Redis, data: bytes, done: str = 'done') -> Any:
    request = pack({'row': 'row', 'data': data, 'done': done, 'remember': b'180'})
    return raw.execute_command('EVAL', loaded('append').source, 1, 'text', request)


def test_it_appends_and_leaves_a_note(raw: redis.Redis) -> None:
    raw.hset('row', 'a', 'b')
    assert append(raw, b'ab\0') == [b'ok', b'3']
    assert append(raw, b'\xff', 'another') == [b'ok', b'4']
    assert raw.get('text') == b'ab\0\xff'
    assert 170_000 < ttls(raw)[b'done'] <= 180_000


def test_twice_is_once(raw: redis.Redis) -> None:
    raw.hset('row', 'a', 'b')
    assert append(raw, b'ab') == append(raw, b'ab') == [b'ok', b'2']
    assert raw.get('text') == b'ab'


@pytest.mark.parametrize('key', ['row', 'text'])
def test_objections(raw: redis.Redis, key: str) -> None:
    if key == 'text':
        raw.hset('row', 'a', 'b')
        raw.rpush('text', 'x')
    before = dump(raw)
    expected = {'row': [b'deleted', b'row'], 'text': [b'unreadable', b'text']}
    assert append(raw, b'ab') == expected[key]
    assert dump(raw) == before
