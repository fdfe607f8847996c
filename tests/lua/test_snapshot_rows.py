"""lua/snapshot_rows.lua by itself: rows and entries of theirs, all at one moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

Verify = Callable[..., list[Any]]


@pytest.fixture
def verify(raw: redis.Redis) -> Verify:
    """Looks at rows, each (id, expected values or False, [index, member, ...]); writes nothing."""

    def run(*rows: tuple[Any, ...], fields: Any = ('a', 'b'), **more: Any) -> list[Any]:
        request = {
            'head': 'N:', 'live': 'N:id:live', 'counter': 'N:id:', 'fields': fields, 'rows': rows,
            **more,
        }  # fmt: skip
        before = dump(raw)
        reply = raw.execute_command(
            'EVAL', loaded('snapshot_rows').source, 1, 'N:id:', pack(request)
        )
        assert dump(raw) == before
        assert isinstance(reply, list)
        return reply

    return run


def test_a_row_as_expected(verify: Verify, raw: redis.Redis) -> None:
    raw.set('N:id:', 7)
    raw.hset('N:5', mapping={'a': 'x', 'c': 'y'})
    assert verify(('5', ['x', False], [])) == [b'7', [b'same', 0, -1]]


@pytest.mark.parametrize('expected', [False, ['y', False], ['x', 'y'], [False, False], ['x', '']])
def test_a_row_that_is_another(verify: Verify, raw: redis.Redis, expected: Any) -> None:
    raw.hset('N:5', 'a', 'x')
    assert verify(('5', expected, ['N:n:idx', '5'])) == [None, [b'changed']]


def test_a_row_that_is_gone(verify: Verify, raw: redis.Redis) -> None:
    assert verify(('5', False, []), ('6', ['x', False], [])) == [
        None, [b'same', 0, -1], [b'changed'],
    ]  # fmt: skip


def test_a_row_of_another_type(verify: Verify, raw: redis.Redis) -> None:
    raw.set('N:5', 'x')
    assert verify(('5', False, []), ('5', ['x', False], [])) == [
        None, [b'unreadable'], [b'unreadable'],
    ]  # fmt: skip


def test_what_the_indexes_have(verify: Verify, raw: redis.Redis) -> None:
    raw.hset('N:5', 'a', 'x')
    raw.sadd('N:w:x:idx', 5)
    raw.zadd('N:n:idx', {'5': 0.1})
    raw.zadd('N:p:pre', {b'x\x005': 7})
    raw.zadd('N:h:geo', {'5': 3})
    raw.hset('N:u:uidx', b'x\x00', '6')
    there = ['N:w:x:idx', '5', 'N:n:idx', '5', 'N:p:pre', b'x\x005', 'N:h:geo', '5', 'N:u:uidx',
             b'x\x00']  # fmt: skip
    [_, [*_, word, number, prefix, place, holder]] = verify(('5', ['x', False], there))
    assert (word, float(number), prefix, place, holder) == (b'', 0.1, b'7', b'3', b'6')
    missing = ['N:w:x:idx', '6', 'N:n:idx', '6', 'N:p:suf', '5', 'N:none:geo', '5', 'N:u:uidx', 'y']
    assert verify(('5', ['x', False], missing)) == [None, [b'same', 0, -1, *[None] * 5]]


def test_indexes_of_another_type(verify: Verify, raw: redis.Redis) -> None:
    for key in ('N:n:idx', 'N:p:pre', 'N:h:geo', 'N:u:uidx'):
        raw.set(key, 'x')
    raw.hset('N:w:x:idx', '5', 'x')
    raw.sadd('N:p:suf', 'x')
    raw.zadd('N:v:uidx', {'x': 1})
    keys = ['N:n:idx', 'N:p:pre', 'N:h:geo', 'N:u:uidx', 'N:w:x:idx', 'N:p:suf', 'N:v:uidx']
    asked = [part for key in keys for part in (key, '5')]
    assert verify(('5', False, asked)) == [None, [b'same', 0, -1, *[0] * 7]]


def test_bits(verify: Verify, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 5, 1)
    rows = [(id, False, []) for id in ('5', '6', '9999', '99999999999999999999', 'x')]
    assert [row[2] for row in verify(*rows)[1:]] == [1, 0, 0, 0, -1]


@pytest.mark.parametrize('kind', ['none', 'empty', 'other'])
def test_no_bitmap(verify: Verify, raw: redis.Redis, kind: str) -> None:
    if kind == 'empty':
        raw.set('N:id:live', '')
    if kind == 'other':
        raw.sadd('N:id:live', 'x')
    assert verify(('5', False, [])) == [None, [b'same', 0, -1]]


def test_a_counter_of_another_type_says_nothing(verify: Verify, raw: redis.Redis) -> None:
    raw.sadd('N:id:', 'x')
    assert verify() == [None]


@pytest.mark.parametrize(('until', 'expired'), [('5.0', 1), ('2e10', 0), ('x', 0), (None, 0)])
def test_what_has_expired(
    verify: Verify, raw: redis.Redis, until: str | None, expired: int
) -> None:
    raw.hset('N:5', 'a', 'x')
    if until is not None:
        raw.hset('N:5', 'e', until)
    assert verify(('5', ['x', False], []), expiry='e') == [None, [b'same', expired, -1]]


def test_many_columns_and_many_entries(verify: Verify, raw: redis.Redis) -> None:
    fields = [f'f{n}' for n in range(9000)]
    raw.hset('N:5', mapping=dict.fromkeys(fields, 'x'))
    raw.sadd('N:w:x:idx', 5)
    entries = ['N:w:x:idx', '5'] * 9000
    [_, row] = verify(('5', ['x'] * 9000, entries), fields=fields)
    assert row == [b'same', 0, -1, *[b''] * 9000]
