"""lua/append.lua by itself."""

import time
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump, ttls


def append(raw: redis.Redis, data: bytes, done: str = 'done') -> Any:
    request = pack({'row': 'row', 'string': 'text', 'data': data, 'at': int(time.time())})
    return raw.execute_command('EVAL', loaded('append').source, 1, done, request)


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


@pytest.mark.parametrize(
    ('stored', 'objection'),
    [
        ({}, [b'deleted', b'row']),
        ({'row': 'x'}, [b'unreadable', b'row']),
        ({'row': {'a': 'b'}, 'text': {'a': 'b'}}, [b'unreadable', b'text']),
    ],
)
def test_objections(raw: redis.Redis, stored: Any, objection: Any) -> None:
    for key, value in stored.items():
        raw.hset(key, mapping=value) if isinstance(value, dict) else raw.set(key, value)
    before = dump(raw)
    assert append(raw, b'ab') == objection
    assert dump(raw) == {**before, b'done': b'refused'}
    assert append(raw, b'ab') == [b'void']
