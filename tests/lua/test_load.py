"""lua/load.lua by itself."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack_list

Load = Callable[..., list[Any]]


@pytest.fixture
def load(raw: redis.Redis) -> Load:
    def run(**parts: Any) -> list[Any]:
        request = pack({'head': b'N:', 'fields': [b'a', b'b'], **parts})
        reply = raw.execute_command('EVAL', loaded('load').source, 1, 'N:id:', request)
        assert isinstance(reply, list)
        return [reply[0], unpack_list(reply[1]), reply[2]]

    return run


def test_in_the_order_asked(raw: redis.Redis, load: Load) -> None:
    raw.hset('N:1', mapping={'a': 'x', 'b': 'y', 'c': 'z'})
    raw.hset('N:2', 'b', b'\xff\0')
    raw.hset('N:9007199254740993', 'a', '')
    assert load(ids=[b'2', b'7', b'1', b'9007199254740993', b'2']) == [
        [b'2', b'1', b'9007199254740993', b'2'],
        [True, [[False, b'\xff\0'], [b'x', b'y'], [b''], [False, b'\xff\0']]],
        [],
    ]
    assert load(ids=[]) == [[], [False, []], []]


def test_gaps(raw: redis.Redis, load: Load) -> None:
    """What a row lacks at its end is no gap."""
    for id, names in enumerate(('abc', 'ab', 'a', 'bc', 'c'), 1):
        raw.hset(f'N:{id}', mapping={name: name for name in names})
    gaps = [load(ids=[b'%d' % id], fields=[b'a', b'b', b'c'])[1] for id in range(1, 6)]
    assert gaps == [
        [False, [[b'a', b'b', b'c']]],
        [False, [[b'a', b'b']]],
        [True, [[b'a', False]]],
        [True, [[False, b'b', b'c']]],
        [True, [[False, False, b'c']]],
    ]
    assert load(ids=[b'1', b'3'], fields=[b'a', b'b', b'c'])[1][0] is True


def test_a_row_without_any_of_the_fields_is_one(raw: redis.Redis, load: Load) -> None:
    raw.hset('N:1', 'c', 'x')
    assert load(ids=[b'1', b'2']) == [[b'1'], [True, [[False]]], []]


def test_what_is_no_row(raw: redis.Redis, load: Load) -> None:
    raw.hset('N:1', 'a', 'x')
    raw.set('N:2', 'x')
    raw.sadd('N:3', 'x')
    assert load(ids=[b'3', b'1', b'2']) == [[b'1'], [False, [[b'x']]], [b'3', b'2']]


def test_unique_values(raw: redis.Redis, load: Load) -> None:
    raw.hset('N:1', 'a', 'x')
    raw.hset('N:2', 'a', 'y')
    raw.hset('N:a:uidx', mapping={'x': 1, 'y': 2, b'\xff': 2, 'gone': 3})
    assert load(unique=b'N:a:uidx', values=[b'\xff', b'none', b'x', b'gone']) == [
        [b'2', b'1'],
        [False, [[b'y'], [b'x']]],
        [],
    ]
    assert load(unique=b'N:b:uidx', values=[b'x']) == [[], [False, []], []]
    assert load(unique=b'N:a:uidx', values=[]) == [[], [False, []], []]


def test_many_ids_values_and_fields(raw: redis.Redis, load: Load) -> None:
    ids = [b'%d' % id for id in range(1, 9001)]
    raw.hset('N:a:uidx', mapping={b'v' + id: id for id in ids})
    with raw.pipeline() as pipe:
        for id in ids:
            pipe.hset(b'N:' + id, 'a', id)
        pipe.execute()
    expected = [False, [[id] for id in ids]]
    assert load(ids=ids) == [ids, expected, []]
    assert load(unique=b'N:a:uidx', values=[b'v' + id for id in ids]) == [ids, expected, []]
    fields = [b'f%d' % number for number in range(9000)]
    raw.hset('N:wide', mapping={field: field for field in fields})
    raw.set('N:x', 'x')
    assert load(ids=[b'wide', b'none', b'x'], fields=fields) == [
        [b'wide'],
        [False, [fields]],
        [b'x'],
    ]


def test_what_has_expired(raw: redis.Redis, load: Load) -> None:
    seconds, micros = raw.time()
    now = seconds + micros / 1e6
    for id, at in enumerate((repr(now), '5', repr(now + 60), '', 'soon', '-1e300', 'inf'), 1):
        raw.hset(f'N:{id}', mapping={'a': 'x', 'at': at})
    raw.hset('N:8', 'a', 'x')
    raw.set('N:9', 'x')
    ids = [b'%d' % id for id in range(1, 11)]
    assert load(ids=ids, expiry=b'at')[0] == [b'3', b'4', b'5', b'7', b'8']
    assert load(ids=ids, expiry=b'at')[2] == [b'9']
    assert load(ids=ids)[0] == ids[:8]
    raw.hset('N:a:uidx', mapping={'x': 1, 'y': 3})
    assert load(unique=b'N:a:uidx', values=[b'x', b'y'], expiry=b'at')[0] == [b'3']
