"""lua/commit.lua by itself: what is sent twice is done once."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import NOTED, WITHOUT_ID, Commit, data, delete, update, with_id


@pytest.mark.parametrize('parts', [WITHOUT_ID, with_id('3')], ids=['without id', 'with id'])
def test_an_insert_sent_twice(commit: Commit, raw: redis.Redis, parts: dict[str, Any]) -> None:
    first = commit(**parts)
    after = data(raw)
    assert first[0] == b'ok'
    assert commit(**parts) == first
    assert data(raw) == after


def test_an_insert_sent_twice_is_known_by_its_token(commit: Commit, raw: redis.Redis) -> None:
    commit(**WITHOUT_ID)
    # In between, the entity was deleted: it must not come back.
    raw.delete('N:1', 'N:w:x:idx', 'N:n:idx', 'N:p:pre', 'N:u:uidx')
    after = data(raw)
    assert commit(**WITHOUT_ID) == [b'ok', b'1']
    assert data(raw) == after
    assert commit(**WITHOUT_ID | {'done': 'N:id:done:other'}) == [b'ok', b'2']


def test_updates_and_deletes_sent_twice(commit: Commit, raw: redis.Redis) -> None:
    for id in '12':
        commit(**with_id(id) | {'claims': []})
    parts: dict[str, Any] = {
        **NOTED,
        'updates': [update('N:1', {'w': 'x', 'v': False}, {'w': 'y', 'v': '1'})],
        'deletes': [delete('N:2', {'w': 'x'})],
        'sets': {'remove': {'N:w:x:idx': ['1', '2']}, 'add': {'N:w:y:idx': ['1']}},
        'zsets': {'remove': {'N:n:idx': ['2'], 'N:p:pre': [b'x\x002']}},
        'claims': [['N:u:uidx', ['new'], ['1'], 'N:']],
        'died': {'N:id:live': ['2']},
    }
    assert commit(**parts) == [b'ok', b'']
    after = data(raw)
    assert commit(**parts) == [b'ok', b'']
    assert data(raw) == after
    assert after == {
        b'N:1': {b'id': b'1', b'w': b'y', b'v': b'1'},
        b'N:w:y:idx': {b'1'},
        b'N:n:idx': {b'1': 1.5},
        b'N:p:pre': {b'x\x001': 7.0},
        b'N:u:uidx': {b'new': b'1'},
        b'N:id:done:t1': b'',
        b'N:id:done:t2': b'',
        b'N:id:done:t9': b'',
    }


def test_a_swap_sent_twice(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'u': 'a'})
    raw.hset('N:2', mapping={'id': '2', 'u': 'b'})
    raw.hset('N:u:uidx', mapping={'a': '1', 'b': '2'})
    parts: dict[str, Any] = {
        **NOTED,
        'updates': [update('N:1', {'u': 'a'}, {'u': 'b'}), update('N:2', {'u': 'b'}, {'u': 'a'})],
        'releases': [['N:u:uidx', ['a', 'b'], ['1', '2']]],
        'claims': [['N:u:uidx', ['b', 'a'], ['1', '2'], 'N:']],
    }
    for _ in range(2):
        assert commit(**parts) == [b'ok', b'']
        assert data(raw) == {
            b'N:1': {b'id': b'1', b'u': b'b'},
            b'N:2': {b'id': b'2', b'u': b'a'},
            b'N:u:uidx': {b'b': b'1', b'a': b'2'},
            b'N:id:done:t9': b'',
        }
