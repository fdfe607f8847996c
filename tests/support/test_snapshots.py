"""What is put back is what was there."""

import redis

from tests.support.servers import Server, dump
from tests.support.snapshots import once


def test_once(server: Server, raw: redis.Redis) -> None:
    filled = []

    def fill(value: str) -> str:
        filled.append(value)
        raw.set('s', value)
        raw.hset('h', mapping={'a': value, b'\xfe': ''})
        raw.zadd('z', {'a': 1.5, 'b': 2**53})
        raw.sadd('m', *range(1000))
        return value

    found = {}
    for round_ in range(2):
        for value in ('one', 'two'):
            server.flush()
            assert once(raw, ('test_once', value), lambda value=value: fill(value)) == value
            kept = dump(raw)
            assert found.setdefault(value, kept) == kept
            assert kept[b's'] == value.encode()
        assert filled == ['one', 'two'], round_
