"""lua/commit.lua by itself: unique values."""

from typing import Any

import redis

from tests.lua.commit_support import WITHOUT_ID, Commit, claim, data, delete, insert, update


def test_unique(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', 'id', '1')
    raw.hset('N:u:uidx', 'v', '1')
    parts: dict[str, Any] = {'inserts': [insert('2')], 'claims': [claim('2', 'free', 'v')]}
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']
    raw.set('N:id:', 1)
    assert refused(**WITHOUT_ID) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']


def test_unique_is_the_holder_even_of_another_type(refused: Commit, raw: redis.Redis) -> None:
    raw.set('N:1', 'no row')
    raw.hset('N:u:uidx', 'v', '1')
    assert refused(claims=[claim('2', 'v')]) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']


def test_a_holder_whose_row_is_gone(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:u:uidx', mapping={'v': '1', 'w': '1'})
    assert commit(inserts=[insert('2')], claims=[claim('2', 'v')]) == [b'ok', b'']
    assert data(raw) == {b'N:2': {b'id': b'2'}, b'N:u:uidx': {b'v': b'2', b'w': b'1'}}


def test_one_value_claimed_twice_in_a_commit(refused: Commit) -> None:
    parts: dict[str, Any] = {
        'inserts': [insert('1'), insert('2')],
        'claims': [['N:u:uidx', ['v', 'w', 'v'], ['1', '1', '2'], 'N:']],
    }
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']


def test_one_value_claimed_twice_that_is_given_up(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:3', mapping={'id': '3', 'u': 'v'})
    raw.hset('N:u:uidx', 'v', '3')
    parts: dict[str, Any] = {
        'inserts': [insert('1'), insert('2')],
        'deletes': [delete('N:3', {'u': 'v'})],
        'releases': [['N:u:uidx', ['v'], ['3']]],
        'claims': [['N:u:uidx', ['v', 'v'], ['1', '2'], 'N:']],
    }
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']


def test_a_claim_of_what_one_has(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', 'id', '1')
    raw.hset('N:u:uidx', 'v', '1')
    before = data(raw)
    assert commit(claims=[claim('1', 'v')]) == [b'ok', b'']
    assert data(raw) == before


def test_a_value_that_a_delete_gives_up(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'u': 'v'})
    raw.hset('N:u:uidx', 'v', '1')
    reply = commit(
        inserts=[insert('2', 'u', 'v')],
        deletes=[delete('N:1', {'u': 'v'})],
        releases=[['N:u:uidx', ['v'], ['1']]],
        claims=[claim('2', 'v')],
    )
    assert reply == [b'ok', b'']
    assert data(raw) == {b'N:2': {b'id': b'2', b'u': b'v'}, b'N:u:uidx': {b'v': b'2'}}


def test_a_value_that_one_gives_up_who_has_it_not(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:3', 'id', '3')
    raw.hset('N:u:uidx', 'v', '3')
    parts: dict[str, Any] = {
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'claims': [claim('2', 'v')],
    }
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'3']


def test_a_ring_of_three(commit: Commit, raw: redis.Redis) -> None:
    for id, value in ('1', 'a'), ('2', 'b'), ('3', 'c'):
        raw.hset(f'N:{id}', mapping={'id': id, 'u': value})
        raw.hset('N:u:uidx', value, id)
    reply = commit(
        updates=[
            update(f'N:{id}', {'u': old}, {'u': new}) for id, old, new in ('1ab', '2bc', '3ca')
        ],
        releases=[['N:u:uidx', ['a', 'b', 'c'], ['1', '2', '3']]],
        claims=[['N:u:uidx', ['b', 'c', 'a'], ['1', '2', '3'], 'N:']],
    )
    assert reply == [b'ok', b'']
    assert data(raw)[b'N:u:uidx'] == {b'b': b'1', b'c': b'2', b'a': b'3'}


def test_holders_past_what_a_lua_number_holds(
    commit: Commit, refused: Commit, raw: redis.Redis
) -> None:
    one, other = str(2**53), str(2**53 + 1)
    raw.hset(f'N:{one}', 'id', one)
    raw.hset('N:u:uidx', 'v', one)
    assert refused(claims=[claim(other, 'v')]) == [
        b'unique', b'N:u:uidx', b'v', other.encode(), one.encode(),
    ]  # fmt: skip
