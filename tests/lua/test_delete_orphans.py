"""lua/delete_orphans.lua by itself: it removes what deleted entities left, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

Sweep = Callable[..., int]


@pytest.fixture
def sweep(raw: redis.Redis) -> Sweep:
    """Runs the script with entries (index, member, id) and keys (key, id)."""

    def run(*entries: tuple[Any, ...], keys: Any = ()) -> int:
        request = pack({'head': 'N:', 'entries': entries, 'keys': keys})
        reply = raw.execute_command('EVAL', loaded('delete_orphans').source, 1, 'N:id:', request)
        assert isinstance(reply, int)
        return reply

    return run


ENTRIES = (
    ('N:w:x:idx', '1', '1'),
    ('N:n:idx', '1', '1'),
    ('N:p:pre', b'\xff\x001', '1'),
    ('N:u:uidx', b'v\0', '1'),
)
KEYS = (('N:1:list', '1'), ('N:1:text', '1'))


@pytest.fixture
def indexes(raw: redis.Redis) -> dict[bytes, Any]:
    """Entries and keys of 1 and of 2, of every kind."""
    raw.sadd('N:w:x:idx', 1, 2)
    raw.zadd('N:n:idx', {'1': 1, '2': 2})
    raw.zadd('N:p:pre', {b'\xff\x001': 7, b'\xff\x002': 7})
    raw.hset('N:u:uidx', mapping={b'v\0': 1, b'v': 2})
    raw.rpush('N:1:list', 'x')
    raw.set('N:1:text', 'x')
    raw.set('N:2:text', 'x')
    return dump(raw)


LEFT = {
    b'N:w:x:idx': {b'2'},
    b'N:n:idx': {b'2': 2},
    b'N:p:pre': {b'\xff\x002': 7},
    b'N:u:uidx': {b'v': b'2'},
    b'N:2:text': b'x',
}


@pytest.mark.usefixtures('indexes')
def test_what_is_left_of_one_that_is_gone(sweep: Sweep, raw: redis.Redis) -> None:
    assert sweep(*ENTRIES, keys=KEYS) == 6
    assert dump(raw) == LEFT
    # Sent again, it finds nothing.
    assert sweep(*ENTRIES, keys=KEYS) == 0
    assert dump(raw) == LEFT


@pytest.mark.parametrize('kind', ['hash', 'string'])
def test_one_that_was_written_again_keeps_its_own(
    sweep: Sweep, raw: redis.Redis, indexes: dict[bytes, Any], kind: str
) -> None:
    raw.hset('N:1', 'id', '1') if kind == 'hash' else raw.set('N:1', '1')
    before = dump(raw)
    assert sweep(*ENTRIES, keys=KEYS) == 0
    assert dump(raw) == before


def test_a_unique_value_that_is_another_ones_by_now(sweep: Sweep, raw: redis.Redis) -> None:
    raw.hset('N:u:uidx', 'v', '2')
    assert sweep(('N:u:uidx', 'v', '1'), ('N:u:uidx', 'w', '1')) == 0
    assert dump(raw) == {b'N:u:uidx': {b'v': b'2'}}


def test_entries_that_are_not_there(sweep: Sweep, raw: redis.Redis) -> None:
    assert sweep(*ENTRIES, keys=KEYS) == 0
    assert dump(raw) == {}


def test_a_key_of_another_type_is_left_alone(sweep: Sweep, raw: redis.Redis) -> None:
    raw.set('N:w:x:idx', '1')
    raw.rpush('N:n:idx', '1')
    before = dump(raw)
    assert sweep(*ENTRIES) == 0
    assert dump(raw) == before


def test_nothing_asked(sweep: Sweep, raw: redis.Redis, indexes: dict[bytes, Any]) -> None:
    assert sweep() == 0
    assert dump(raw) == indexes


def test_large_ids_that_a_number_could_not_tell_apart(sweep: Sweep, raw: redis.Redis) -> None:
    raw.hset('N:9007199254740992', 'id', 'x')
    raw.sadd('N:w:x:idx', 2**53, 2**53 + 1)
    entries = [('N:w:x:idx', str(id), str(id)) for id in (2**53, 2**53 + 1)]
    assert sweep(*entries) == 1
    assert raw.smembers('N:w:x:idx') == {b'9007199254740992'}


def test_very_many(sweep: Sweep, raw: redis.Redis) -> None:
    ids = range(1, 10_001)
    raw.sadd('N:w:x:idx', *ids)
    assert sweep(*(('N:w:x:idx', str(id), str(id)) for id in ids)) == 10_000
    assert dump(raw) == {}
