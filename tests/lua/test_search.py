"""lua/search.lua by itself: requests as its head describes them; and its libraries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from rom._core.drivers.scripts import folder, loaded
from rom._core.encoding.wire import pack
from rom._core.query.like_patterns import EncodedToken, parse
from tests.support.packed import packed_rows
from tests.support.servers import dump

Search = Callable[..., list[Any]]

AGES = {'kind': 'range', 'key': 'N:age:idx', 'low': '-inf', 'high': '+inf'}
BY_AGE = {'kind': 'score', 'key': 'N:age:idx', 'reverse': False, 'tie': 'id', 'field': 'age'}
WORD = {'kind': 'set', 'key': 'N:w:x:idx'}
ALL = {'kind': 'all'}


def begins(low: str, high: str, key: str = 'N:w:pre') -> dict[str, Any]:
    return {
        'kind': 'lex', 'key': key, 'low': low, 'high': high, 'head': low[1:], 'pattern': [],
        'raw': False, 'plain': True,
    }  # fmt: skip


@pytest.fixture
def search(raw: redis.Redis) -> Search:
    def run(where: Any = ALL, **parts: Any) -> list[Any]:
        request = {
            'head': 'N:', 'live': 'N:id:live', 'counter': 'N:id:', 'where': where, 'skip': 0,
            'want': 'ids', 'fields': [], 'page': 1000, 'small': 1000, 'budget': 1000, 'chunk': 4,
        }  # fmt: skip
        reply = raw.execute_command(
            'EVAL', loaded('search').source, 1, 'N:id:', pack({**request, **parts})
        )
        assert isinstance(reply, list)
        return reply

    return run


@pytest.fixture
def data(raw: redis.Redis) -> None:
    """Ids 1 to 9: the age is the id modulo 3, those that can be divided by 4 have the word."""
    raw.setbit('N:id:live', 0, 0)
    for id in range(1, 10):
        raw.hset(f'N:{id}', mapping={'id': id, 'age': id % 3})
        raw.zadd('N:age:idx', {str(id): id % 3})
        raw.setbit('N:id:live', id, 1)
        raw.zadd('N:w:pre', {f'w{id % 2}\0{id}': 0})
    raw.sadd('N:w:x:idx', 4, 8)


def ids(reply: list[Any]) -> list[int]:
    assert reply[0] == b'ok'
    return [int(id) for id in reply[7]]


def test_the_reply(data: None, search: Search) -> None:
    assert search(want='rows', fields=['id', 'none'], page=2, skip=1, need=4) == [
        b'ok', b'', b'1', b'4', [b'2', b'3'], packed_rows([[b'2'], [b'3']]), [], [b'4', b'5'],
    ]  # fmt: skip
    assert search(WORD) == [b'ok', b'', b'0', b'2', [], b'', [], [b'4', b'8']]
    assert search(WORD, want='count') == [b'ok', b'', b'0', b'2', [], b'', [], []]


def test_filters(data: None, search: Search) -> None:
    assert ids(search(AGES)) == [3, 6, 9, 1, 4, 7, 2, 5, 8]
    assert ids(search({**AGES, 'low': '1', 'high': '1'})) == [1, 4, 7]
    assert ids(search({'kind': 'not', 'node': WORD})) == [1, 2, 3, 5, 6, 7, 9]
    assert ids(search({'kind': 'or', 'nodes': [WORD, {**AGES, 'high': '0'}]})) == [3, 4, 6, 8, 9]
    assert ids(search({'kind': 'and', 'nodes': [WORD, {**AGES, 'high': '1'}]})) == [4]
    assert ids(search({'kind': 'or', 'nodes': []})) == []
    assert ids(search(begins('[w0', '(w1'))) == [2, 4, 6, 8]
    assert ids(search(begins('-', '+'), skip=2, need=3)) == [6, 8, 1]
    both = [begins('[w0', '(w1'), begins('-', '+')]
    assert sorted(ids(search({'kind': 'and', 'nodes': both}))) == [2, 4, 6, 8]


def test_orders(data: None, search: Search) -> None:
    assert ids(search(orders=[BY_AGE])) == [3, 6, 9, 1, 4, 7, 2, 5, 8]
    assert ids(search(orders=[{**BY_AGE, 'reverse': True}])) == [8, 5, 2, 7, 4, 1, 9, 6, 3]
    assert ids(search(WORD, orders=[BY_AGE])) == [4, 8]
    assert ids(search(WORD, orders=[BY_AGE], small=0)) == [4, 8]
    assert ids(search(orders=[{**BY_AGE, 'key': 'N:none:idx'}])) == list(range(1, 10))


def test_an_order_that_is_not_there(data: None, search: Search) -> None:
    order = {**BY_AGE, 'key': 'N:none:idx', 'or_stored': True}
    assert search(orders=[order]) == [b'no order']
    assert ids(search(orders=[{**BY_AGE, 'or_stored': True}])) == [3, 6, 9, 1, 4, 7, 2, 5, 8]


def test_few_strings_are_for_the_caller_to_sort(data: None, search: Search) -> None:
    order = {'kind': 'text', 'key': 'N:w:pre', 'reverse': False, 'tie': 'id', 'field': 'w'}
    reply = search(WORD, orders=[order], need=1)
    assert reply[0] == b'unsorted'
    assert sorted(reply[7]) == [b'4', b'8']
    assert ids(search(orders=[order], need=3)) == [2, 4, 6]


@pytest.mark.parametrize(
    'parts',
    [
        {},
        {'where': AGES},
        {'where': {'kind': 'not', 'node': WORD}},
        {'orders': [BY_AGE]},
        {'orders': [{**BY_AGE, 'reverse': True}]},
        {'where': begins('-', '+')},
        {'where': {'kind': 'or', 'nodes': [WORD, AGES]}, 'small': 0, 'orders': [BY_AGE]},
        {'where': {'kind': 'and', 'nodes': [AGES, begins('-', '+')]}},
    ],
)
@pytest.mark.parametrize('chunk', [1, 2, 3])
def test_it_goes_on_where_it_ended(
    data: None, search: Search, parts: dict[str, Any], chunk: int
) -> None:
    whole = ids(search(**parts))
    found, positions, position = [], [], None
    while position != b'':
        reply = search(**parts, budget=1, chunk=chunk, position=position)
        found += ids(reply)
        position = reply[1]
        positions.append(position)
    assert found == whole
    assert len(positions) == len(set(positions)) > 1
    assert all(b'rank' not in position for position in positions)


def test_what_lacks_a_value_is_found_once(raw: redis.Redis, data: None, search: Search) -> None:
    """A walk that began by way of the ids goes on so, though a filter became small meanwhile."""
    raw.zrem('N:age:idx', *range(1, 9))
    raw.sadd('N:w:x:idx', *range(1, 10))
    parts: dict[str, Any] = {'where': WORD, 'orders': [BY_AGE], 'budget': 2, 'chunk': 1}
    reply = search(**parts, small=0)
    found = ids(reply)
    assert found[0] == 9
    while reply[1]:
        reply = search(**parts, position=reply[1])
        found += ids(reply)
    assert found == [9, *range(1, 9)]


def test_without_a_bitmap(raw: redis.Redis, data: None, search: Search) -> None:
    raw.delete('N:id:live')
    raw.set('N:id:', 12)
    raw.delete('N:5')
    assert ids(search()) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert search(want='count')[3] == b'8'
    assert ids(search({'kind': 'not', 'node': WORD})) == [1, 2, 3, 6, 7, 9]
    raw.set('N:id:', 2**60)
    assert search() == [b'too many ids', b'%d' % 2**60]
    assert ids(search(WORD)) == [4, 8]


@pytest.mark.parametrize('key', ['N:age:idx', 'N:w:x:idx', 'N:id:live', 'N:w:pre'])
def test_keys_of_another_type(raw: redis.Redis, data: None, search: Search, key: str) -> None:
    raw.delete(key)
    raw.hset(key, 'x', 'y')
    where = {'kind': 'and', 'nodes': [AGES, WORD, begins('-', '+')]}
    # The bitmap is looked at by those who need it.
    assert search(ALL if key == 'N:id:live' else where) == [b'wrong type', key.encode()]


def test_the_index_of_a_number_counts_as_a_set(
    raw: redis.Redis, data: None, search: Search
) -> None:
    node = {'kind': 'set', 'key': 'N:age:idx'}
    assert ids(search(node)) == [3, 6, 9, 1, 4, 7, 2, 5, 8]
    assert ids(search({'kind': 'and', 'nodes': [node, WORD]})) == [4, 8]


def test_a_bitmap_with_gaps(raw: redis.Redis, search: Search) -> None:
    expected = [1, 7, 8, 4095, 4096, 70_000, 1_000_000, 1_000_001]
    for id in expected:
        raw.setbit('N:id:live', id, 1)
        raw.hset(f'N:{id}', 'a', 'x')
    assert ids(search(chunk=1)) == expected
    assert search(want='count')[3] == b'8'
    raw.zadd('N:age:idx', {str(id): 1 for id in expected})
    for reverse in (False, True):
        order = {**BY_AGE, 'reverse': reverse}
        # Many of one number, and few wanted: by way of the ids.
        found = ids(search(orders=[order], need=3, chunk=1, position=pack_group('1')))
        assert found == (expected[:-4:-1] if reverse else expected[:3])


def pack_group(score: str) -> bytes:
    packed: bytes = msgpack.packb({'mode': 'group', 'group': score})
    return packed


def test_large_groups_are_walked_by_id(raw: redis.Redis, search: Search) -> None:
    with raw.pipeline() as pipe:
        for id in range(1, 501):
            pipe.setbit('N:id:live', id, 1)
            pipe.zadd('N:age:idx', {str(id): id % 2})
        pipe.execute()
    for reverse in (False, True):
        order = {**BY_AGE, 'reverse': reverse}
        expected = sorted(range(1, 501), key=lambda id: (id % 2, id), reverse=reverse)
        assert ids(search(orders=[order], need=5)) == expected[:5]
        assert ids(search(orders=[order], skip=240, need=20)) == expected[240:260]
        found, position = [], None
        while position != b'':
            reply = search(orders=[order], budget=50, position=position)
            found += ids(reply)
            position = reply[1]
        assert found == expected


def test_it_writes_nothing(raw: redis.Redis, data: None, search: Search) -> None:
    before = dump(raw)
    search({'kind': 'and', 'nodes': [WORD, AGES]}, orders=[BY_AGE], want='rows', fields=['id'])
    search({'kind': 'not', 'node': WORD}, want='count')
    assert dump(raw) == before


def test_a_failure_of_its_own_is_an_error(search: Search) -> None:
    with pytest.raises(redis.ResponseError):
        search({'kind': 'nonsense'})


# --- the libraries --------------------------------------------------------------------------------


def run(raw: redis.Redis, lib: str, text: str, *args: str | bytes) -> Any:
    """Run a line of Lua behind a library that needs no other."""
    source = (folder() / 'lib' / f'{lib}.lua').read_text('utf-8')
    return raw.execute_command('EVAL', f'{source}\n{text}', 0, *args)


INTEGERS = st.one_of(
    st.integers(),
    st.integers(-20, 20),
    st.integers(2**53 - 2, 2**53 + 2),
    st.integers(10**400, 10**400 + 3),
)


@given(a=INTEGERS, b=INTEGERS)
def test_integers_compare(raw: redis.Redis, a: int, b: int) -> None:
    for one, other in ((a, b), (-a, b), (a, -b), (a, a)):
        found = run(
            raw, 'numbers', 'return compare_integers(ARGV[1], ARGV[2])', str(one), str(other)
        )
        assert found == (one > other) - (one < other)


BYTES = st.one_of(st.binary(max_size=4), st.binary(max_size=4).map(lambda tail: b'x' * 126 + tail))


@given(a=BYTES, b=BYTES)
def test_bytes_compare(raw: redis.Redis, a: bytes, b: bytes) -> None:
    found = run(raw, 'numbers', 'return compare_bytes(ARGV[1], ARGV[2])', a, b)
    assert found == (a > b) - (a < b)


@given(found=st.lists(st.integers(0, 30) | st.integers(2**53 - 1, 2**53 + 3) | st.just(2**63)))
def test_ids_are_sorted_and_once(raw: redis.Redis, found: list[int]) -> None:
    reply = run(raw, 'numbers', 'return sorted_ids(ARGV)', *map(str, found))
    assert [int(id) for id in reply] == sorted(set(found))


TEXT = st.text(alphabet='abé€\U0001f600\0\n.%[', max_size=8)
PATTERN = st.lists(TEXT | st.sampled_from('?*+!'), max_size=6).map(''.join)


def matches(raw: redis.Redis, text: bytes, pattern: list[EncodedToken], is_raw: bool) -> bool:
    line = 'return matches(ARGV[1], 0, cmsgpack.unpack(ARGV[2]), ARGV[3] == "1") and 1 or 0'
    packed = msgpack.packb([token.as_map() for token in pattern], use_bin_type=False)
    return bool(run(raw, 'patterns', line, text, packed, '1' if is_raw else '0'))


def expected(text: str, pattern: str) -> bool:
    gaps = {'?': '.?', '*': '.*', '+': '.+', '!': '.'}
    regex = ''.join(gaps.get(c) or re.escape(c) for c in pattern)
    return re.match(regex, text, re.DOTALL) is not None


@given(text=TEXT, pattern=PATTERN)
def test_patterns_match(raw: redis.Redis, text: str, pattern: str) -> None:
    pattern = f'*{pattern}' if pattern[:1] not in ('?', '*', '+', '!') else pattern
    _, tokens = parse(pattern)
    encoded = [EncodedToken(t.least, t.most, t.text.encode()) for t in tokens]
    assert matches(raw, text.encode(), encoded, False) == expected(text, pattern)


@given(text=st.binary(max_size=8), pattern=st.binary(max_size=5))
def test_patterns_match_bytes(raw: redis.Redis, text: bytes, pattern: bytes) -> None:
    asked = '!' + pattern.decode('latin-1')
    _, tokens = parse(asked)
    encoded = [EncodedToken(t.least, t.most, t.text.encode('latin-1')) for t in tokens]
    assert matches(raw, text, encoded, True) == expected(text.decode('latin-1'), asked)


@pytest.mark.parametrize(
    ('text', 'pattern', 'found'),
    [
        (b'\xff\xfeb', '!!b', True),
        (b'\xc3', '!', True),
        (b'\xc3', '!!', False),
        (b'\xc3\xa9\xa9', '!!', True),
        (b'\xe2\x82', '!!', True),
        (b'\xf5a', '!a', True),
        (b'', '!', False),
        (b'', '*', True),
    ],
)
def test_what_is_no_utf_8_counts_by_bytes(
    raw: redis.Redis, text: bytes, pattern: str, found: bool
) -> None:
    _, tokens = parse(pattern)
    encoded = [EncodedToken(t.least, t.most, t.text.encode()) for t in tokens]
    assert matches(raw, text, encoded, False) is found


def test_no_pattern_takes_for_ever(raw: redis.Redis) -> None:
    _, tokens = parse('*a' * 30 + '?b' * 30 + '+c')
    encoded = [EncodedToken(t.least, t.most, t.text.encode()) for t in tokens]
    assert not matches(raw, b'ab' * 2000, encoded, False)


def test_a_range_alone_does_not_look_at_the_live_bitmap(
    search: Search, data: None, raw: redis.Redis
) -> None:
    raw.config_resetstat()
    assert search(AGES, need=2)[7] == [b'3', b'6']
    assert 'cmdstat_strlen' not in raw.info('commandstats')
