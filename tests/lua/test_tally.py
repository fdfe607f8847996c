"""lua/tally.lua by itself, and what lua/search.lua tallies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack

Tally = Callable[..., list[Any]]

ALL = {'kind': 'all'}


@pytest.fixture
def tally(raw: redis.Redis) -> Tally:
    """The tally of a column `a` that has these values, by id from 1 on."""

    def run(way: str, *values: Any, ids: list[str] | None = None) -> list[Any]:
        for id, value in enumerate(values, 1):
            raw.hset(f'N:{id}', mapping={'a': value} if value is not None else {'b': ''})
        asked = [str(id) for id in range(1, len(values) + 1)] if ids is None else ids
        request = pack({'head': 'N:', 'tally': {'field': 'a', 'way': way}, 'ids': asked})
        reply = raw.execute_command('EVAL', loaded('tally').source, 1, 'N:id:', request)
        *tallied, left = reply
        assert left == []
        return tallied

    return run


def limbs(parts: list[bytes]) -> list[tuple[int, ...]]:
    return sorted(tuple(map(int, parts[at : at + 4])) for at in range(0, len(parts), 4))


def test_values(tally: Tally) -> None:
    [without, parts, rest], broken = tally('values', 'x', None, '', 'x', 'y', ids=list('123456'))
    found = {parts[at]: (parts[at + 1], parts[at + 2]) for at in range(0, len(parts), 3)}
    # There is no row 6.
    assert (without, rest, broken) == (b'1', [], [])
    assert found == {b'x': (b'2', b'1'), b'': (b'1', b'3'), b'y': (b'1', b'5')}


def test_nothing(tally: Tally) -> None:
    for way in ('values', 'integer', 'decimal', 'float'):
        assert tally(way) == [[b'0', [], []], []]
        assert tally(way, ids=['7']) == [[b'0', [], []], []]


def test_integers(tally: Tally) -> None:
    [count, parts, rest], _ = tally('integer', 1, None, -7, '9' * 15, 10**15 + 1, -(10**45) - 5)
    assert count == b'5'
    assert rest == []
    found = limbs(parts)
    assert [place for _, place, _, _ in found] == [1, 2, 3, 4]
    total = sum((c * 2**52 + n) * 10 ** (15 * (place - 1)) for _, place, c, n in found)
    assert total == 1 - 7 + 10**15 - 1 + 10**15 + 1 - 10**45 - 5


@pytest.mark.parametrize('sign', [1, -1])
def test_what_no_double_holds_is_carried(tally: Tally, sign: int) -> None:
    values = [sign * (10**15 - 1 - n) for n in range(20)]
    [_, parts, _], _ = tally('integer', *values)
    [(_, _, carried, rest)] = limbs(parts)
    assert carried * sign > 1
    assert carried * 2**52 + rest == sum(values)


def test_decimals(tally: Tally) -> None:
    [count, parts, rest], _ = tally(
        'decimal', '1.50', '-0.25', '3', '-0.001', '12345678901234567.5'
    )
    assert (count, rest) == (b'5', [])
    assert limbs(parts) == [
        (0, 1, 0, 3), (1, 1, 0, 456789012345675), (1, 2, 0, 123), (2, 1, 0, 125), (3, 1, 0, -1),
    ]  # fmt: skip


def test_floats(tally: Tally) -> None:
    [count, parts, rest], _ = tally('float', '1e16', '1.0', '-1e16', '1e-30', '7', '-2.5e+3')
    assert (count, rest) == (b'6', [])
    assert set(map(float, parts)) == {1e-30, 1 + 7 - 2500}
    [_, parts, _], _ = tally('float', *(['0.1'] * 1000))
    assert len(parts) < 4


@pytest.mark.parametrize(
    ('way', 'values'),
    [
        ('integer', ['', '-', '+5', '1.0', '1e3', ' 5', 'x']),
        ('decimal', ['', '.5', '1E+3', 'NaN', 'Infinity', '1.2.3', '+1']),
        ('float', ['', 'inf', '-inf', 'nan', '1e300', '-1e300', '0x10', '0X10', '1e', 'x']),
    ],
)
def test_what_is_handed_back(tally: Tally, way: str, values: list[str]) -> None:
    [count, parts, rest], _ = tally(way, *values)
    assert (int(count), parts) == (len(values), [])
    expected = [item for id, value in enumerate(values, 1) for item in (str(id), value)]
    assert [item.decode() for item in rest] == expected


def test_what_is_no_row(raw: redis.Redis, tally: Tally) -> None:
    raw.set('N:7', 'x')
    raw.sadd('N:8', 'x')
    for way in ('values', 'integer'):
        reply = tally(way, '5', ids=['7', '1', '8', '9'])
        assert reply[0][1]
        assert reply[1] == [b'7', b'8']


# --- in a search ---------------------------------------------------------------------------------


@pytest.fixture
def search(raw: redis.Redis) -> Tally:
    """Ids 1 to 9, whose `a` is the id."""
    raw.setbit('N:id:live', 0, 0)
    for id in range(1, 10):
        raw.hset(f'N:{id}', mapping={'a': id})
        raw.zadd('N:a:idx', {str(id): id})
        raw.setbit('N:id:live', id, 1)

    def run(alone: bool = False, **parts: Any) -> list[Any]:
        request = {
            'head': 'N:', 'live': 'N:id:live', 'counter': 'N:id:', 'where': ALL, 'skip': 0,
            'want': 'tally', 'fields': [], 'page': 1000, 'small': 1000, 'budget': 1000, 'chunk': 4,
            'tally': {'field': 'a', 'way': 'integer', 'alone': alone},
        }  # fmt: skip
        reply = raw.execute_command(
            'EVAL', loaded('search').source, 1, 'N:id:', pack({**request, **parts})
        )
        assert isinstance(reply, list)
        return reply

    return run


AGES = {'kind': 'range', 'key': 'N:a:idx', 'low': '2', 'high': '+inf'}


def test_a_search_tallies(search: Tally) -> None:
    done = [b'9', [b'0', b'1', b'0', b'45'], []]
    assert search() == search(alone=True) == [b'ok', b'', b'0', b'9', [], done, [], []]
    none = [b'0', [], []]
    nothing = search(where={**AGES, 'low': '10'})
    assert nothing == [b'ok', b'', b'0', b'0', [], none, [], []]


def test_a_page_of_matches(search: Tally) -> None:
    reply = search(where=AGES, page=3)
    assert reply[3:] == [b'8', [], [b'3', [b'0', b'1', b'0', b'9'], []], [], [
        b'5', b'6', b'7', b'8', b'9',
    ]]  # fmt: skip


def test_a_part_of_the_matches(search: Tally) -> None:
    first = search(where=AGES, budget=4)
    assert first[5] == [b'4', [b'0', b'1', b'0', b'14'], []]
    last = search(where=AGES, position=first[1])
    assert (last[1], last[5]) == (b'', [b'4', [b'0', b'1', b'0', b'30'], []])


def test_what_other_calls_may_find_again_is_not_tallied(search: Tally) -> None:
    first = search(where=AGES, budget=4, alone=True)
    assert first[5] == [b'0', [], []]
    assert first[7] == [b'2', b'3', b'4', b'5']
    last = search(where=AGES, position=first[1], alone=True)
    assert last[5] == [b'0', [], []]
    assert last[7] == [b'6', b'7', b'8', b'9']


def test_long_values_are_left_for_another_call(raw: redis.Redis) -> None:
    for id in range(1, 101):
        raw.hset(f'N:{id}', 'a', '7' * 10_000)
    ids = [str(id) for id in range(1, 101)]
    for way in ('values', 'integer'):
        request = pack({'head': 'N:', 'tally': {'field': 'a', 'way': way}, 'ids': ids})
        tallied, broken, left = raw.execute_command(
            'EVAL', loaded('tally').source, 1, 'N:id:', request
        )
        assert broken == []
        done = int(tallied[1][1] if way == 'values' else tallied[0])
        assert 40 <= done <= 42
        assert [id.decode() for id in left] == ids[done:]
