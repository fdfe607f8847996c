"""lua/advance_counter.lua by itself: a counter is never put back, and passes 2**53."""

from collections.abc import Callable

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

Ahead = Callable[..., None]


@pytest.fixture
def ahead(raw: redis.Redis) -> Ahead:
    def run(id: int, live: str | None = 'N:id:live') -> None:
        request = pack({'counter': 'N:id:', 'live': live, 'id': b'%d' % id})
        reply = raw.execute_command('EVAL', loaded('advance_counter').source, 1, 'N:id:', request)
        assert reply == raw.get('N:id:')

    return run


def test_the_first_id_begins_the_bitmap(ahead: Ahead, raw: redis.Redis) -> None:
    ahead(41)
    assert dump(raw) == {b'N:id:': b'41', b'N:id:live': b'\x00'}
    ahead(41)
    assert dump(raw) == {b'N:id:': b'41', b'N:id:live': b'\x00'}


@pytest.mark.parametrize(
    ('last', 'id', 'then'),
    [
        (41, 5, 41),
        (9, 10, 10),
        (10, 9, 10),
        (99, 100, 100),
        (2**53 + 1, 2**53 + 2, 2**53 + 2),
        (2**53 + 2, 2**53 + 1, 2**53 + 2),
        (1, 2**63 - 1, 2**63 - 1),
    ],
)
def test_the_higher_one_stays(
    ahead: Ahead, raw: redis.Redis, last: int, id: int, then: int
) -> None:
    raw.set('N:id:', last)
    ahead(id)
    assert raw.get('N:id:') == b'%d' % then


def test_no_id_only_begins_a_model(ahead: Ahead, raw: redis.Redis) -> None:
    for _ in range(2):
        ahead(0)
        assert dump(raw) == {b'N:id:': b'0', b'N:id:live': b'\x00'}
    raw.set('N:id:', 7)
    ahead(0)
    assert raw.get('N:id:') == b'7'


def test_older_data_does_without_the_bitmap(ahead: Ahead, raw: redis.Redis) -> None:
    raw.set('N:id:', 7)
    ahead(8)
    assert dump(raw) == {b'N:id:': b'8'}


def test_a_model_without_a_bitmap(ahead: Ahead, raw: redis.Redis) -> None:
    ahead(8, live=None)
    assert dump(raw) == {b'N:id:': b'8'}
