"""lua/run_commands.lua by itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack, unpack_list
from tests.support.servers import dump, ttls


def call(raw: redis.Redis, steps: Any, checks: Any = (), done: bytes | None = None) -> Any:
    request = {'steps': steps, 'checks': checks, 'at': int(time.time()) if done else None}
    reply = raw.execute_command(
        'EVAL', loaded('run_commands').source, 1, done or 'k', pack(request)
    )
    if done and reply[0] == b'ok':
        return [b'ok', [None if one is False else one for one in unpack_list(reply[1])]]
    return reply


def test_the_steps_are_taken_in_order(raw: redis.Redis) -> None:
    replies = call(raw, [('SET', 'a', '1'), ('HSET', 'h', 'f', 'v'), ('DEL', 'a'), ('HLEN', 'h')])
    assert replies == [b'ok', [b'OK', 1, 1, 1]]
    assert dump(raw) == {b'h': {b'f': b'v'}}


@pytest.mark.parametrize(
    ('check', 'holds'),
    [
        ((('MGET', 'a', 'x'), (b'1', False)), True),
        ((('MGET', 'a', 'x'), (b'1', b'')), False),
        ((('MGET', 'a'), (b'2',)), False),
        ((('MGET', 'a'), (False,)), False),
        ((('MGET', 'h'), (False,)), True),
        ((('HMGET', 'h', 'f', 'g'), (b'v', False)), True),
        ((('HMGET', 'none', 'f'), (False,)), True),
        ((('LRANGE', 'none', '0', '-1'), (False,)), True),
    ],
)
def test_checks(raw: redis.Redis, check: Any, holds: bool) -> None:
    raw.set('a', '1')
    raw.hset('h', 'f', 'v')
    before = dump(raw)
    found = call(raw, [('SET', 'b', '1')], [(('MGET', 'x'), (False,)), check])
    assert found == ([b'ok', [b'OK']] if holds else [b'differs', b'2'])
    assert (dump(raw) == before) is not holds


@pytest.mark.parametrize('command', [('HSET', 'a', 'f', 'v'), ('HDEL', 'a', 'f'), ('HLEN', 'a')])
def test_a_key_of_another_type_stops_all(raw: redis.Redis, command: Any) -> None:
    raw.set('a', '1')
    assert call(raw, [('SET', 'b', '1'), command]) == [b'unreadable', b'a']
    assert call(raw, [], [(('HMGET', 'a', 'f'), (False,))]) == [b'unreadable', b'a']
    assert dump(raw) == {b'a': b'1'}


def test_done_before(raw: redis.Redis) -> None:
    raw.set('a', '1')
    steps, checks = [('INCR', 'a'), ('GET', 'none')], [(('MGET', 'a'), (b'1',))]
    for _ in range(3):
        assert call(raw, steps, checks, b'note') == [b'ok', [2, None]]
    assert raw.get('a') == b'2'
    assert 170 < raw.ttl('note') <= 180


def test_keys_that_go_together(raw: redis.Redis) -> None:
    keys = [b'a', b'b', b'c']
    call(raw, [*(('SET', key, '1') for key in keys), ('EXPIRE', '100000', *keys, 'none')])
    assert ttls(raw).keys() == set(keys)
    assert all(99_000 < left <= 100_000 for left in ttls(raw).values())
    if raw.info('server').get('redis_version', '') >= '7':  # 6.2 does not tell the moment
        assert len({raw.execute_command('PEXPIRETIME', key) for key in keys}) == 1
