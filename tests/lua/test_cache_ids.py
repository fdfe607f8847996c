"""lua/cache_ids.lua by itself."""

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack


def store(raw: redis.Redis, ids: list[bytes], first: bytes = b'0') -> object:
    request = pack({'ids': ids, 'first': first, 'timeout': b'20'})
    return raw.execute_command('EVAL', loaded('cache_ids').source, 1, 'N:k', request)


@pytest.mark.parametrize('count', [1, 2, 4001, 10_000])
def test_keeps_the_order_and_repeats(raw: redis.Redis, count: int) -> None:
    ids = [b'%d' % (2**53 + count - n) for n in range(count)]
    for _ in range(2):
        assert store(raw, ids) == count
        assert raw.zrange('N:k', 0, -1) == ids
        assert 15 <= raw.ttl('N:k') <= 20
    assert store(raw, [b'1', b'2'], b'%d' % 10**15) == count + 2
    assert raw.zscore('N:k', '2') == 10**15 + 1
