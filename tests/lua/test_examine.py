"""lua/examine.lua by itself: some entries of an index, and the rows that they belong to."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom.drivers.scripts import loaded
from rom.encoding.wire import pack
from tests.support.servers import dump

Examine = Callable[..., list[list[Any]]]
NOTHING = [b'0', [], [], [], [], []]


@pytest.fixture
def examine(raw: redis.Redis) -> Examine:
    """Looks at keys, each (key, where to go on, is the id at the end); writes nothing."""

    def run(*keys: tuple[Any, ...], fields: Any = ('a', 'b'), count: int = 100) -> list[list[Any]]:
        request = {'head': 'N:', 'fields': fields, 'keys': keys, 'count': b'%d' % count}
        before = dump(raw)
        reply = raw.execute_command('EVAL', loaded('examine').source, 1, 'N:id:', pack(request))
        assert dump(raw) == before
        assert isinstance(reply, list)
        return reply

    return run


def test_a_set_of_a_word(examine: Examine, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'a': 'x', 'b': b'\xff\0', 'c': 'z'})
    raw.sadd('N:w:x:idx', 1)
    assert examine(('N:w:x:idx', '0', False)) == [
        [b'set', b'0', [b'1'], [], [b'1'], [1], [b'x', b'\xff\0']]
    ]


def test_numbers(examine: Examine, raw: redis.Redis) -> None:
    raw.hset('N:7', 'b', '')
    raw.zadd('N:n:idx', {'9007199254740993': 0.1, '7': 1e22})
    [[kind, cursor, members, scores, ids, there, values]] = examine(('N:n:idx', '0', False))
    assert (kind, cursor) == (b'zset', b'0')
    assert members == ids
    rows = zip(members, map(float, scores), there, values[::2], values[1::2], strict=True)
    assert sorted(rows) == [
        (b'7', 1e22, 1, None, b''),
        (b'9007199254740993', 0.1, 0, None, None),
    ]


@pytest.mark.parametrize(
    ('member', 'id'),
    [
        (b'x\x001', b'1'),
        (b'\x001', b'1'),
        (b'x\0y\x001', b'1'),
        (b'\xff\n\x009007199254740993', b'9007199254740993'),
        (b'x\0', b''),
        (b'no id', b'no id'),
    ],
)
def test_strings_end_with_their_id(
    examine: Examine, raw: redis.Redis, member: bytes, id: bytes
) -> None:
    raw.hset(b'N:' + id, 'a', 'v')
    raw.zadd('N:p:pre', {member: 7})
    assert examine(('N:p:pre', '0', True), fields=['a']) == [
        [b'zset', b'0', [member], [b'7'], [id], [1], [b'v']]
    ]


def test_unique_values(examine: Examine, raw: redis.Redis) -> None:
    raw.hset('N:1', 'a', 'v')
    raw.hset('N:u:uidx', b'v\x002', '1')
    assert examine(('N:u:uidx', '0', False)) == [
        [b'hash', b'0', [b'v\x002'], [], [b'1'], [1], [b'v', None]]
    ]


def test_several_indexes_each_by_itself(examine: Examine, raw: redis.Redis) -> None:
    raw.hset('N:1', 'a', 'v')
    raw.sadd('N:w:x:idx', 1)
    raw.hset('N:u:uidx', 'v', '2')
    found = examine(('N:u:uidx', '0', False), ('N:none:idx', '0', False), ('N:w:x:idx', '0', False))
    assert found == [
        [b'hash', b'0', [b'v'], [], [b'2'], [0], [None, None]],
        [b'none', *NOTHING],
        [b'set', b'0', [b'1'], [], [b'1'], [1], [b'v', None]],
    ]


@pytest.mark.parametrize('kind', ['string', 'list'])
def test_a_key_of_another_type_has_no_entries(
    examine: Examine, raw: redis.Redis, kind: str
) -> None:
    if kind == 'string':
        raw.set('N:w:x:idx', 'x')
    else:
        raw.rpush('N:w:x:idx', 'x')
    assert examine(('N:w:x:idx', '0', False)) == [[kind.encode(), *NOTHING]]


def test_a_row_of_another_type_is_there_without_values(examine: Examine, raw: redis.Redis) -> None:
    raw.set('N:1', 'x')
    raw.sadd('N:w:x:idx', 1)
    assert examine(('N:w:x:idx', '0', False)) == [
        [b'set', b'0', [b'1'], [], [b'1'], [1], [None, None]]
    ]


def test_nothing_asked(examine: Examine, raw: redis.Redis) -> None:
    assert examine() == []
    raw.hset('N:1', 'a', 'v')
    raw.sadd('N:w:x:idx', 1, 2)
    [[*_, ids, there, values]] = examine(('N:w:x:idx', '0', False), fields=[])
    assert (sorted(zip(ids, there, strict=True)), values) == ([(b'1', 1), (b'2', 0)], [])


@pytest.mark.parametrize('kind', ['set', 'zset', 'hash'])
def test_some_at_a_time_and_all_in_the_end(examine: Examine, raw: redis.Redis, kind: str) -> None:
    members = [b'member-%d' % n for n in range(600)]
    with raw.pipeline() as pipe:
        for n, member in enumerate(members):
            pipe.hset(b'N:' + member, 'a', n)
            {
                'set': lambda m=member, n=n: pipe.sadd('N:k', m),
                'zset': lambda m=member, n=n: pipe.zadd('N:k', {m: n}),
                'hash': lambda m=member, n=n: pipe.hset('N:k', m, m),
            }[kind]()
        pipe.execute()
    position, seen, calls = b'0', {}, 0
    while calls == 0 or position != b'0':
        [[_, position, found, _, ids, _, values]] = examine(
            ('N:k', position, False), fields=['a'], count=50
        )
        assert found == ids
        seen.update(zip(found, values, strict=True))
        calls += 1
    assert seen == {member: b'%d' % n for n, member in enumerate(members)}
    assert 5 <= calls <= 60
