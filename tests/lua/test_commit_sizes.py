"""lua/commit.lua by itself: long lists, wide rows, large ids."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import WITHOUT_ID, Commit, data, delete, insert, stored, update
from tests.support.implied import bits

MANY = 9000


def test_long_lists(commit: Commit, raw: redis.Redis) -> None:
    ids = [str(id) for id in range(1, MANY + 1)]
    raw.setbit('N:id:live', 0, 0)
    reply = commit(
        inserts=[insert(id, 'w', 'x') for id in ids],
        sets={'add': {'N:w:x:idx': ids}},
        zsets={'add': {'N:n:idx': [part for id in ids for part in (f'{id}.5', id)]}},
        claims=[['N:u:uidx', [f'v{id}' for id in ids], ids, 'N:']],
        born={'N:id:live': ids},
    )
    assert reply == [b'ok', b'']
    after = data(raw)
    assert bits(after.pop(b'N:id:live')) == set(range(1, MANY + 1))
    assert after == {
        **{b'N:%d' % id: {b'id': b'%d' % id, b'w': b'x'} for id in range(1, MANY + 1)},
        b'N:w:x:idx': {b'%d' % id for id in range(1, MANY + 1)},
        b'N:n:idx': {b'%d' % id: id + 0.5 for id in range(1, MANY + 1)},
        b'N:u:uidx': {b'v%d' % id: b'%d' % id for id in range(1, MANY + 1)},
    }
    reply = commit(
        deletes=[delete(f'N:{id}', {'w': 'x'}) for id in ids],
        releases=[['N:u:uidx', [f'v{id}' for id in ids], ids]],
        sets={'remove': {'N:w:x:idx': ids}},
        zsets={'remove': {'N:n:idx': ids}},
        died={'N:id:live': ids},
    )
    assert reply == [b'ok', b'']
    after = data(raw)
    assert bits(after.pop(b'N:id:live')) == set()
    assert after == {}


def test_a_claim_at_the_end_of_a_long_list(refused: Commit, raw: redis.Redis) -> None:
    ids = [str(id) for id in range(1, MANY + 1)]
    raw.hset('N:0', 'id', '0')
    raw.hset('N:u:uidx', f'v{MANY}', '0')
    parts: dict[str, Any] = {'claims': [['N:u:uidx', [f'v{id}' for id in ids], ids, 'N:']]}
    assert refused(**parts)[2:] == [f'v{MANY}'.encode(), str(MANY).encode(), b'0']


@pytest.mark.parametrize('width', [3000, 3499, 4500, 9000])
def test_wide_rows(commit: Commit, raw: redis.Redis, width: int) -> None:
    columns = {f'c{number}': str(number) for number in range(width)}
    pairs = [part for pair in columns.items() for part in pair]
    assert commit(inserts=[insert('1', *pairs)]) == [b'ok', b'']
    changed = dict.fromkeys(columns, 'new')
    assert commit(updates=[update('N:1', columns, changed)]) == [b'ok', b'']
    gone = dict.fromkeys(columns, False)
    assert commit(updates=[update('N:1', changed, gone)]) == [b'ok', b'']
    assert data(raw) == {b'N:1': {b'id': b'1'}}


@pytest.mark.parametrize('last', [10**14, 2**53 - 1, 2**53, 2**62])
def test_large_ids(commit: Commit, raw: redis.Redis, last: int) -> None:
    raw.set('N:id:', last)
    id = str(last + 1)
    assert commit(**WITHOUT_ID) == [b'ok', id.encode()]
    expected = stored(id) | {b'N:id:': id.encode(), b'N:id:done:t': id.encode()}
    assert data(raw) == expected
    assert commit(**WITHOUT_ID) == [b'ok', id.encode()]
    assert data(raw) == expected
