"""lua/commit.lua by itself: what has expired."""

from typing import Any

import redis

from tests.lua.commit_support import NOTED, Commit, claim, delete, insert, update


def seconds(raw: redis.Redis, more: float = 0) -> str:
    whole, micros = raw.time()
    return repr(whole + micros / 1e6 + more)


def test_an_update_of_what_has_expired(refused: Commit, commit: Commit, raw: redis.Redis) -> None:
    for at in (seconds(raw), '5', '-7.5e2'):
        raw.hset('N:1', mapping={'id': '1', 'a': '1', 'at': at})
        parts = update('N:1', {'a': '1'}, {'a': '2'})
        assert refused(updates=[[*parts, 'at']]) == [b'expired', b'N:1']
        # That comes first: no later time makes it right, nor does another race.
        later = update('N:1', {'a': 'other', 'at': '6'}, {'a': '2', 'at': seconds(raw, 60)})
        assert refused(updates=[[*later, 'at']]) == [b'expired', b'N:1']
        assert commit(updates=[parts]) == [b'ok', b'']
    for at in (seconds(raw, 60), 'soon', ''):
        raw.hset('N:1', mapping={'a': '1', 'at': at})
        assert commit(updates=[[*parts, 'at']]) == [b'ok', b'']
    raw.hset('N:1', 'a', '1')
    raw.hdel('N:1', 'at')
    assert commit(updates=[[*parts, 'at']]) == [b'ok', b'']
    raw.delete('N:1')
    assert refused(updates=[[*parts, 'at']]) == [b'deleted', b'N:1']
    raw.set('N:1', 'x')
    assert refused(updates=[[*parts, 'at']]) == [b'unreadable', b'N:1']


def test_an_update_of_what_expired_after_it_was_done(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1', 'at': seconds(raw, 60)})
    parts = {**NOTED, 'updates': [[*update('N:1', {'a': '1'}, {'a': '2'}), 'at']]}
    assert commit(**parts) == [b'ok', b'']
    raw.hset('N:1', 'at', '5')
    assert commit(**parts) == [b'ok', b'']


def test_the_value_of_a_holder_that_has_expired(
    refused: Commit, commit: Commit, raw: redis.Redis
) -> None:
    raw.hset('N:1', mapping={'id': '1', 'at': seconds(raw, 60)})
    raw.hset('N:u:uidx', 'v', '1')
    parts: dict[str, Any] = {'inserts': [insert('2')], 'claims': [[*claim('2', 'v'), 'at']]}
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']
    raw.hset('N:1', 'at', seconds(raw))
    assert refused(**{**parts, 'claims': [claim('2', 'v')]})[0] == b'unique'
    assert commit(**parts) == [b'ok', b'']
    assert raw.hgetall('N:u:uidx') == {b'v': b'2'}
    # The one that had it goes, and leaves it to its new owner.
    gone = {'deletes': [delete('N:1', {'id': '1'})], 'releases': [['N:u:uidx', ['v'], ['1']]]}
    assert commit(**gone) == [b'ok', b'']
    assert raw.hgetall('N:u:uidx') == {b'v': b'2'}


def test_which_deletes_found_a_row(commit: Commit, raw: redis.Redis) -> None:
    for id in '13':
        raw.hset(f'N:{id}', 'id', id)
    parts: dict[str, Any] = {
        **NOTED,
        'tell': True,
        'deletes': [delete(f'N:{id}', {'id': id}) for id in '1234'],
    }
    assert commit(**parts) == [b'ok', b'1010']
    assert commit(**parts) == [b'ok', b'1010']  # sent again: what it did, not what it would do
    assert commit(**parts | {'done': None}) == [b'ok', b'0000']
