"""lua/move_rows.lua by itself: it replaces rows that are as they were copied, and no others."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.servers import dump

pytestmark = pytest.mark.one_server
Run = Callable[..., Any]
FIELDS = ['id', 'name', 'age']


@pytest.fixture
def move(raw: redis.Redis) -> Run:
    """Runs the script, after two rows and a record were stored."""
    raw.hset('N:id:moved', mapping={'token': '3', 'phase': 'closing', 'after': '0'})
    raw.hset('N:1', mapping={'id': '1', 'name': 'Ann'})
    raw.hset('N:2', mapping={'id': '2', 'age': '5'})

    def run(rows: Any, **more: Any) -> Any:
        request = {'record': 'N:id:moved', 'token': '3', 'phase': 'closing', 'after': '0'}
        request |= {'fields': FIELDS, 'rows': rows, **more}
        return raw.execute_command(
            'EVAL', loaded('move_rows').source, 1, 'N:id:moved', pack(request)
        )

    return run


ROWS = [['N:1', ['1', 'Ann', False]], ['N:2', ['2', False, '5']]]


def test_rows_as_they_were_copied(move: Run, raw: redis.Redis) -> None:
    assert move(ROWS, done=['after', '2']) == [b'ok', []]
    assert raw.type('N:1') == b'hash' and raw.hget('N:id:moved', 'after') == b'2'
    for _ in range(2):  # it may be repeated
        assert move(ROWS, mark='moved', after='2', done=['after', '9']) == [b'ok', []]
        assert raw.mget('N:1', 'N:2') == [b'moved', b'moved']
        assert raw.hget('N:id:moved', 'after') == b'9'


@pytest.mark.parametrize(
    'change',
    [
        lambda raw: raw.hset('N:1', 'name', 'Bob'),
        lambda raw: raw.hset('N:1', 'age', '1'),
        lambda raw: raw.hdel('N:1', 'name'),
        lambda raw: raw.delete('N:1'),
        lambda raw: raw.set('N:1', 'other'),
    ],
)
def test_a_row_that_has_changed(move: Run, raw: redis.Redis, change: Any) -> None:
    change(raw)
    before = dump(raw)[b'N:1'] if raw.exists('N:1') else None
    assert move(ROWS, mark='moved', done=['after', '2']) == [b'ok', [b'1']]
    assert dump(raw).get(b'N:1') == before
    assert raw.get('N:2') == b'moved'
    assert raw.hget('N:id:moved', 'after') == b'0'


def test_what_is_refused(move: Run, raw: redis.Redis) -> None:
    stored = dump(raw)
    for other in ({'token': '2'}, {'phase': 'copying'}):
        assert move(ROWS, mark='moved', done=['after', '2'], **other) == [b'taken']
    assert move(ROWS, mark='moved', after='1', done=['after', '2']) == [b'behind']
    assert dump(raw) == stored
    raw.hset('N:2', 'fax', '1')
    stored = dump(raw)
    assert move(ROWS, mark='moved', done=['after', '2']) == [b'more', b'N:2']
    assert move(ROWS, done=['after', '2']) == [b'more', b'N:2']
    assert dump(raw) == stored


def test_wide_rows(move: Run, raw: redis.Redis) -> None:
    wide = {f'f{number}': str(number) for number in range(9000)}
    raw.hset('N:3', mapping=wide)
    for values, left in (({**wide, 'f8999': 'x'}, [b'1']), (wide, [])):
        rows = [['N:3', list(values.values())]]
        assert move(rows, fields=list(wide), mark='m') == [b'ok', left]
    assert raw.get('N:3') == b'm'
