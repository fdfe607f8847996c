"""lua/commit.lua by itself: inserts, updates and deletes."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import (
    WITHOUT_ID,
    Commit,
    Reply,
    claim,
    data,
    delete,
    insert,
    stored,
    update,
    with_id,
)
from tests.support.implied import bits
from tests.support.servers import ttls

# --- inserts -------------------------------------------------------------------------------------


def test_insert_without_an_id(commit: Commit, raw: redis.Redis) -> None:
    assert commit(**WITHOUT_ID) == [b'ok', b'1']
    expected = stored('1') | {b'N:id:': b'1', b'N:id:live': b'\x40', b'N:id:done:t': b'1'}
    assert data(raw) == expected
    assert ttls(raw).keys() == {b'N:id:done:t'}
    assert 170_000 < ttls(raw)[b'N:id:done:t'] <= 180_000


def test_insert_without_an_id_goes_on_from_the_counter(commit: Commit, raw: redis.Redis) -> None:
    raw.set('N:id:', 41)
    assert commit(**WITHOUT_ID) == [b'ok', b'42']
    # Data that is older than the bitmap does without it.
    assert data(raw) == stored('42') | {b'N:id:': b'42', b'N:id:done:t': b'42'}


def test_insert_with_an_id(commit: Commit, raw: redis.Redis) -> None:
    assert commit(**with_id('3')) == [b'ok', b'']
    assert data(raw) == stored('3') | {b'N:id:done:t3': b''}


def test_insert_of_a_row_with_nothing_in_it(commit: Commit, raw: redis.Redis) -> None:
    assert commit(inserts=[insert('3')]) == [b'ok', b'']
    assert data(raw) == {b'N:3': {b'id': b'3'}}


def test_any_bytes(commit: Commit, raw: redis.Redis) -> None:
    every = bytes(range(256))
    commit(
        inserts=[insert('1', every, every)],
        sets={'add': {b'N:w:' + every + b':idx': ['1']}},
        zsets={'add': {'N:p:pre': ['1.0', every + b'\x001']}},
        claims=[['N:u:uidx', [every], ['1'], 'N:']],
    )
    assert data(raw) == {
        b'N:1': {b'id': b'1', every: every},
        b'N:w:' + every + b':idx': {b'1'},
        b'N:p:pre': {every + b'\x001': 1.0},
        b'N:u:uidx': {every: b'1'},
    }


@pytest.mark.parametrize(
    'score', ['1.7518498055054503e-306', '5e-324', '1.7976931348623157e+308', '0.1', 'inf', '-inf']
)
def test_scores_to_the_last_bit(commit: Commit, raw: redis.Redis, score: str) -> None:
    commit(inserts=[insert('1')], zsets={'add': {'N:n:idx': [score, '1']}})
    assert data(raw)[b'N:n:idx'] == {b'1': float(score)}


def test_no_note_where_none_is_asked_for(commit: Commit, raw: redis.Redis) -> None:
    commit(take=['N:id:', None], inserts=[insert('')])
    assert data(raw) == {b'N:1': {b'id': b'1'}, b'N:id:': b'1'}


def test_exists(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:3', 'id', '3')
    assert refused(**with_id('3')) == [b'exists', b'N:3']
    raw.delete('N:3')
    raw.set('N:3', 'no row')
    assert refused(**with_id('3') | {'done': None}) == [b'exists', b'N:3']


def test_exists_with_an_id_from_a_counter_behind_the_data(
    refused: Commit, raw: redis.Redis
) -> None:
    raw.hset('N:1', mapping={'id': '1', 'other': 'row'})
    assert refused(**WITHOUT_ID) == [b'exists', b'N:1']


@pytest.mark.parametrize(
    'last', [0, 8, 9, 10, 19, 89, 99, 989, 999, 2**53 - 1, 2**53, 10**18 - 1, 2**63 - 2]
)
def test_the_id_to_come_is_known(refused: Commit, raw: redis.Redis, last: int) -> None:
    raw.set('N:id:', last)
    raw.hset(f'N:{last + 1}', 'id', 'x')
    assert refused(**WITHOUT_ID) == [b'exists', b'N:%d' % (last + 1)]


# --- updates -------------------------------------------------------------------------------------


def test_update(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1', 'b': '2', 'c': '3'})
    raw.sadd('N:a:1:idx', '1', '9')
    raw.zadd('N:b:idx', {'1': 2, '9': 9})
    reply = commit(
        updates=[update('N:1', {'a': '1', 'b': '2'}, {'a': 'x', 'b': False, 'd': ''})],
        sets={'remove': {'N:a:1:idx': ['1']}, 'add': {'N:a:x:idx': ['1']}},
        zsets={'remove': {'N:b:idx': ['1']}},
    )
    assert reply == [b'ok', b'']
    assert data(raw) == {
        b'N:1': {b'id': b'1', b'a': b'x', b'c': b'3', b'd': b''},
        b'N:a:1:idx': {b'9'},
        b'N:a:x:idx': {b'1'},
        b'N:b:idx': {b'9': 9.0},
    }


def test_update_that_only_unsets(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1', 'b': '2'})
    assert commit(updates=[update('N:1', {'a': '1', 'b': '2'}, {'a': False, 'b': False})]) == [
        b'ok',
        b'',
    ]
    assert data(raw) == {b'N:1': {b'id': b'1'}}


def test_update_of_what_is_only_compared(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1', 'read': 'r'})
    parts: dict[str, Any] = {
        'updates': [update('N:1', {'a': '1', 'read': 'r', 'none': False}, {'a': '2'})]
    }
    assert commit(**parts) == [b'ok', b'']
    assert data(raw) == {b'N:1': {b'id': b'1', b'a': b'2', b'read': b'r'}}


def test_race(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': 'theirs', 'b': '2', 'c': 'theirs', 'e': 'theirs'})
    written = {'a': 'ours', 'b': 'ours', 'd': 'ours', 'e': 'ours'}
    expected = {'a': '1', 'b': '2', 'c': '3', 'd': False, 'e': False}
    parts: dict[str, Any] = {
        'updates': [update('N:1', expected, written)],
        'inserts': [insert('7', 'a', '1')],
        'sets': {'add': {'N:a:ours:idx': ['1']}},
    }
    assert refused(**parts) == [b'race', b'N:1', b'a', b'e', b'c']


def test_race_in_what_was_removed(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1'})
    assert refused(updates=[update('N:1', {'a': '1'}, {'a': '2'})]) == [b'race', b'N:1', b'a']


def test_race_where_a_part_is_done_already(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '2', 'b': '1'})
    parts = {'updates': [update('N:1', {'a': '1', 'b': '1'}, {'a': '2', 'b': '2'})]}
    assert refused(**parts) == [b'race', b'N:1', b'a']


def test_what_another_writer_wrote_alike_is_a_race(refused: Commit, raw: redis.Redis) -> None:
    """Of two that add 1 to 1, the second must not take the first one's 2 for its own."""
    raw.hset('N:1', mapping={'id': '1', 'a': '2'})
    parts = {'updates': [update('N:1', {'a': '1'}, {'a': '2'})]}
    assert refused(**parts) == [b'race', b'N:1', b'a']


def test_deleted(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:2', mapping={'id': '2', 'a': '1'})
    parts = {
        'updates': [
            update('N:2', {'a': '1'}, {'a': '2'}),
            update('N:1', {'a': '1'}, {'a': '2'}),
        ],
        'sets': {'add': {'N:a:2:idx': ['1', '2']}},
    }
    assert refused(**parts) == [b'deleted', b'N:1']
    # Not even where all that was expected is that nothing is there.
    assert refused(updates=[update('N:1', {'a': False}, {'a': False})]) == [b'deleted', b'N:1']


# --- deletes -------------------------------------------------------------------------------------


def test_delete(commit: Commit, raw: redis.Redis) -> None:
    commit(**WITHOUT_ID)
    reply = commit(
        deletes=[delete('N:1', {'w': 'x', 'none': False})],
        releases=[['N:u:uidx', ['v'], ['1']]],
        sets={'remove': {'N:w:x:idx': ['1']}},
        zsets={'remove': {'N:n:idx': ['1'], 'N:p:pre': [b'x\x001']}},
        died={'N:id:live': ['1']},
    )
    assert reply == [b'ok', b'']
    assert data(raw) == {b'N:id:': b'1', b'N:id:live': b'\x00', b'N:id:done:t': b'1'}


def test_delete_races(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': 'theirs'})
    assert refused(deletes=[delete('N:1', {'a': '1'})], sets={'remove': {'N:a:1:idx': ['1']}}) == [
        b'race',
        b'N:1',
        b'a',
    ]


def test_delete_of_what_is_gone(commit: Commit, raw: redis.Redis) -> None:
    raw.sadd('N:a:1:idx', '1', '2')
    raw.hset('N:u:uidx', 'v', '2')
    parts: dict[str, Any] = {
        'deletes': [delete('N:1', {'a': '1'})],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'sets': {'remove': {'N:a:1:idx': ['1']}},
        'died': {'N:id:live': ['1']},
    }
    assert commit(**parts) == [b'ok', b'']
    # The value is another's by now; and no bitmap begins with a death.
    assert data(raw) == {b'N:a:1:idx': {b'2'}, b'N:u:uidx': {b'v': b'2'}}


# --- several models ------------------------------------------------------------------------------


def of_two_models() -> dict[str, Any]:
    return {
        'inserts': [insert('2', 'a', '1'), ['{M}:', '5', 'key', 'b', '2']],
        'updates': [update('N:1', {'a': '1'}, {'a': '2'})],
        'deletes': [delete('{M}:4', {'b': '1'})],
        'claims': [claim('2', 'v'), ['{M}:u:uidx', ['v'], ['5'], '{M}:']],
        'sets': {'add': {'N:a:1:idx': ['2'], '{M}:b:2:idx': ['5']}},
        'born': {'N:id:live': ['2'], '{M}:key:live': ['5']},
        'died': {'{M}:key:live': ['4']},
    }


def test_several_models(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1'})
    raw.hset('{M}:4', mapping={'key': '4', 'b': '1'})
    for bitmap, id in ('N:id:live', 1), ('{M}:key:live', 4):
        raw.setbit(bitmap, id, 1)
    assert commit(**of_two_models()) == [b'ok', b'']
    after = data(raw)
    assert (bits(after.pop(b'N:id:live')), bits(after.pop(b'{M}:key:live'))) == ({1, 2}, {5})
    assert after == {
        b'N:1': {b'id': b'1', b'a': b'2'},
        b'N:2': {b'id': b'2', b'a': b'1'},
        b'{M}:5': {b'key': b'5', b'b': b'2'},
        b'N:a:1:idx': {b'2'},
        b'{M}:b:2:idx': {b'5'},
        b'N:u:uidx': {b'v': b'2'},
        b'{M}:u:uidx': {b'v': b'5'},
    }


@pytest.mark.parametrize(
    ('command', 'reply'),
    [
        (('HSET', '{M}:5', 'key', '5'), [b'exists', b'{M}:5']),
        (('HSET', '{M}:4', 'b', 'theirs'), [b'race', b'{M}:4', b'b']),
        (('HSET', 'N:1', 'a', 'theirs'), [b'race', b'N:1', b'a']),
        (('DEL', 'N:1'), [b'deleted', b'N:1']),
        (('HSET', '{M}:u:uidx', 'v', '9'), [b'unique', b'{M}:u:uidx', b'v', b'5', b'9']),
        (('SET', '{M}:b:2:idx', ''), [b'unreadable', b'{M}:b:2:idx']),
    ],
)
def test_all_or_nothing(
    refused: Commit, raw: redis.Redis, command: tuple[str, ...], reply: Reply
) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1'})
    raw.hset('{M}:4', mapping={'key': '4', 'b': '1'})
    raw.hset('{M}:9', mapping={'key': '9'})
    raw.execute_command(*command)
    assert refused(**of_two_models()) == reply
