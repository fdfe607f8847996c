"""lua/search.lua where ids are no numbers: nothing to walk along, so sets are gathered."""

from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack

IDS = [f'5f3c6f38-9d4b-11ee-b962-0242ac12{n:04}' for n in range(60)]
EVEN = {'kind': 'set', 'key': 'even'}
ALL = {'kind': 'set', 'key': 'all'}
LOW = {'kind': 'range', 'key': 'n', 'low': '-inf', 'high': '9'}


@pytest.fixture
def data(raw: redis.Redis) -> None:
    raw.zadd('n', {id: n for n, id in enumerate(IDS)})
    raw.sadd('even', *IDS[::2])
    raw.sadd('all', *IDS)


@pytest.mark.parametrize(
    ('where', 'expected'),
    [
        (EVEN, IDS[::2]),
        (LOW, IDS[:10]),
        ({'kind': 'and', 'nodes': [EVEN, LOW]}, IDS[:10:2]),
        ({'kind': 'and', 'nodes': [EVEN, ALL]}, IDS[::2]),
        ({'kind': 'or', 'nodes': [EVEN, LOW]}, sorted({*IDS[::2], *IDS[:10]})),
    ],
)
@pytest.mark.parametrize('small', [5, 100])
def test_what_is_found(
    raw: redis.Redis, data: None, where: Any, expected: list[str], small: int
) -> None:
    found, position = [], None
    while position != b'':
        request = {
            'head': 'N:', 'live': 'no:live', 'counter': 'no', 'where': where, 'skip': 0,
            'want': 'ids', 'fields': [], 'page': 1000, 'small': small, 'budget': 5, 'chunk': 4,
            'unnumbered': True, 'position': position,
        }  # fmt: skip
        reply = raw.execute_command('EVAL', loaded('search').source, 1, 'no', pack(request))
        if reply[0] == b'in parts':  # sets of which there is nothing to walk along
            assert small == 5 and where != LOW
            return
        position, found = reply[1], found + reply[7]
    assert sorted(id.decode() for id in found) == expected
