"""lua/commit.lua by itself: requests as its head describes them, the keyspace before and after."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from rom.drivers.scripts import loaded
from rom.encoding.wire import pack
from tests.support.implied import bits
from tests.support.servers import Server, available, dump, find, ttls

Reply = list[bytes]
Commit = Callable[..., Reply]


def request_of(**parts: Any) -> dict[str, Any]:
    """A whole request; what is not given is empty."""
    for kind in ('sets', 'zsets'):
        parts[kind] = {'remove': {}, 'add': {}} | parts.get(kind, {})
    lists: dict[str, Any] = {
        kind: [] for kind in ('inserts', 'updates', 'deletes', 'releases', 'claims', 'guards')
    }
    return {'take': None, **lists, 'born': {}, 'died': {}, 'dropped': []} | parts


def send(raw: redis.Redis, request: dict[str, Any]) -> Reply:
    reply = raw.execute_command('EVAL', loaded('commit').source, 1, 'N:id:', pack(request))
    assert isinstance(reply, list)
    return reply


@pytest.fixture
def commit(raw: redis.Redis) -> Commit:
    """Runs the script with these parts of a request."""
    return lambda **parts: send(raw, request_of(**parts))


@pytest.fixture
def refused(raw: redis.Redis, commit: Commit) -> Commit:
    """The same for a request that is refused: nothing at all may have been written."""

    def run(**parts: Any) -> Reply:
        before, expiring = dump(raw), ttls(raw).keys()
        reply = commit(**parts)
        assert reply[0] != b'ok'
        assert dump(raw) == before
        assert ttls(raw).keys() == expiring
        return reply

    return run


# A model N with a word index w, a numeric index n, prefixes p, unique values u.


def insert(id: str, *pairs: str | bytes) -> list[Any]:
    return ['N:', id, 'id', list(pairs)]


def update(key: str, expected: dict[str, Any], becomes: dict[str, Any]) -> list[Any]:
    """`becomes` in the order of its columns, the others behind them, as the request wants it."""
    fields = [*becomes, *(name for name in expected if name not in becomes)]
    known = [expected.get(name, False) for name in fields]
    return [key, fields, known, list(becomes.values())]


def delete(key: str, expected: dict[str, Any]) -> list[Any]:
    return [key, list(expected), list(expected.values())]


ENTITY: dict[str, Any] = {
    'sets': {'add': {'N:w:x:idx': ['']}},
    'zsets': {'add': {'N:n:idx': ['1.5', ''], 'N:p:pre': ['7.0', b'x\0']}},
    'claims': [['N:u:uidx', ['v'], [''], 'N:']],
    'born': {'N:id:live': ['']},
}
WITHOUT_ID = ENTITY | {
    'done': 'N:id:done:t',
    'remember': '300',
    'take': ['N:id:', 'N:id:live'],
    'inserts': [insert('', 'w', 'x')],
}


def with_id(id: str) -> dict[str, Any]:
    return {
        'done': 'N:id:done:t' + id,
        'remember': '300',
        'inserts': [insert(id, 'w', 'x')],
        'sets': {'add': {'N:w:x:idx': [id]}},
        'zsets': {'add': {'N:n:idx': ['1.5', id], 'N:p:pre': ['7.0', b'x\0' + id.encode()]}},
        'claims': [['N:u:uidx', ['v'], [id], 'N:']],
        'born': {'N:id:live': [id]},
    }


def stored(id: str) -> dict[bytes, Any]:
    """What either leaves behind, but for the counter and the note that it was done."""
    raw = id.encode()
    return {
        b'N:' + raw: {b'id': raw, b'w': b'x'},
        b'N:w:x:idx': {raw},
        b'N:n:idx': {raw: 1.5},
        b'N:p:pre': {b'x\0' + raw: 7.0},
        b'N:u:uidx': {b'v': raw},
    }


# --- inserts -------------------------------------------------------------------------------------


def test_insert_without_an_id(commit: Commit, raw: redis.Redis) -> None:
    assert commit(**WITHOUT_ID) == [b'ok', b'1']
    expected = stored('1') | {b'N:id:': b'1', b'N:id:live': b'\x40', b'N:id:done:t': b'1'}
    assert dump(raw) == expected
    assert ttls(raw).keys() == {b'N:id:done:t'}
    assert 290_000 < ttls(raw)[b'N:id:done:t'] <= 300_000


def test_insert_without_an_id_goes_on_from_the_counter(commit: Commit, raw: redis.Redis) -> None:
    raw.set('N:id:', 41)
    assert commit(**WITHOUT_ID) == [b'ok', b'42']
    # Data that is older than the bitmap does without it.
    assert dump(raw) == stored('42') | {b'N:id:': b'42', b'N:id:done:t': b'42'}


def test_insert_with_an_id(commit: Commit, raw: redis.Redis) -> None:
    assert commit(**with_id('3')) == [b'ok', b'']
    assert dump(raw) == stored('3') | {b'N:id:done:t3': b''}


def test_insert_of_a_row_with_nothing_in_it(commit: Commit, raw: redis.Redis) -> None:
    assert commit(inserts=[insert('3')]) == [b'ok', b'']
    assert dump(raw) == {b'N:3': {b'id': b'3'}}


def test_any_bytes(commit: Commit, raw: redis.Redis) -> None:
    every = bytes(range(256))
    commit(
        inserts=[insert('1', every, every)],
        sets={'add': {b'N:w:' + every + b':idx': ['1']}},
        zsets={'add': {'N:p:pre': ['1.0', every + b'\x001']}},
        claims=[['N:u:uidx', [every], ['1'], 'N:']],
    )
    assert dump(raw) == {
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
    assert dump(raw)[b'N:n:idx'] == {b'1': float(score)}


def test_no_note_where_none_is_asked_for(commit: Commit, raw: redis.Redis) -> None:
    commit(take=['N:id:', None], inserts=[insert('')])
    assert dump(raw) == {b'N:1': {b'id': b'1'}, b'N:id:': b'1'}


def test_exists(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:3', 'id', '3')
    assert refused(**with_id('3')) == [b'exists', b'N:3']
    raw.delete('N:3')
    raw.set('N:3', 'no row')
    assert refused(**with_id('3')) == [b'exists', b'N:3']


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


# --- sent twice ----------------------------------------------------------------------------------


@pytest.mark.parametrize('parts', [WITHOUT_ID, with_id('3')], ids=['without id', 'with id'])
def test_an_insert_sent_twice(commit: Commit, raw: redis.Redis, parts: dict[str, Any]) -> None:
    first = commit(**parts)
    after = dump(raw)
    assert first[0] == b'ok'
    assert commit(**parts) == first
    assert dump(raw) == after


def test_an_insert_sent_twice_is_known_by_its_token(commit: Commit, raw: redis.Redis) -> None:
    commit(**WITHOUT_ID)
    # In between, the entity was deleted: it must not come back.
    raw.delete('N:1', 'N:w:x:idx', 'N:n:idx', 'N:p:pre', 'N:u:uidx')
    after = dump(raw)
    assert commit(**WITHOUT_ID) == [b'ok', b'1']
    assert dump(raw) == after
    assert commit(**WITHOUT_ID | {'done': 'N:id:done:other'}) == [b'ok', b'2']


NOTED: dict[str, Any] = {'done': 'N:id:done:t9', 'remember': '300'}


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
    after = dump(raw)
    assert commit(**parts) == [b'ok', b'']
    assert dump(raw) == after
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
        assert dump(raw) == {
            b'N:1': {b'id': b'1', b'u': b'b'},
            b'N:2': {b'id': b'2', b'u': b'a'},
            b'N:u:uidx': {b'b': b'1', b'a': b'2'},
            b'N:id:done:t9': b'',
        }


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
    assert dump(raw) == {
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
    assert dump(raw) == {b'N:1': {b'id': b'1'}}


def test_update_of_what_is_only_compared(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', mapping={'id': '1', 'a': '1', 'read': 'r'})
    parts: dict[str, Any] = {
        'updates': [update('N:1', {'a': '1', 'read': 'r', 'none': False}, {'a': '2'})]
    }
    assert commit(**parts) == [b'ok', b'']
    assert dump(raw) == {b'N:1': {b'id': b'1', b'a': b'2', b'read': b'r'}}


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
    assert dump(raw) == {b'N:id:': b'1', b'N:id:live': b'\x00', b'N:id:done:t': b'1'}


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
    assert dump(raw) == {b'N:a:1:idx': {b'2'}, b'N:u:uidx': {b'v': b'2'}}


# --- unique values -------------------------------------------------------------------------------


def claim(id: str, *values: str, key: str = 'N:u:uidx') -> list[Any]:
    return [key, list(values), [id] * len(values), 'N:']


def test_unique(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:1', 'id', '1')
    raw.hset('N:u:uidx', 'v', '1')
    parts: dict[str, Any] = {'inserts': [insert('2')], 'claims': [claim('2', 'free', 'v')]}
    assert refused(**parts) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']
    raw.set('N:id:', 1)
    assert refused(**WITHOUT_ID) == [b'unique', b'N:u:uidx', b'v', b'', b'1']


def test_unique_is_the_holder_even_of_another_type(refused: Commit, raw: redis.Redis) -> None:
    raw.set('N:1', 'no row')
    raw.hset('N:u:uidx', 'v', '1')
    assert refused(claims=[claim('2', 'v')]) == [b'unique', b'N:u:uidx', b'v', b'2', b'1']


def test_a_holder_whose_row_is_gone(commit: Commit, raw: redis.Redis) -> None:
    raw.hset('N:u:uidx', mapping={'v': '1', 'w': '1'})
    assert commit(inserts=[insert('2')], claims=[claim('2', 'v')]) == [b'ok', b'']
    assert dump(raw) == {b'N:2': {b'id': b'2'}, b'N:u:uidx': {b'v': b'2', b'w': b'1'}}


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
    before = dump(raw)
    assert commit(claims=[claim('1', 'v')]) == [b'ok', b'']
    assert dump(raw) == before


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
    assert dump(raw) == {b'N:2': {b'id': b'2', b'u': b'v'}, b'N:u:uidx': {b'v': b'2'}}


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
    assert dump(raw)[b'N:u:uidx'] == {b'b': b'1', b'c': b'2', b'a': b'3'}


def test_holders_past_what_a_lua_number_holds(
    commit: Commit, refused: Commit, raw: redis.Redis
) -> None:
    one, other = str(2**53), str(2**53 + 1)
    raw.hset(f'N:{one}', 'id', one)
    raw.hset('N:u:uidx', 'v', one)
    assert refused(claims=[claim(other, 'v')]) == [
        b'unique', b'N:u:uidx', b'v', other.encode(), one.encode(),
    ]  # fmt: skip


# --- several models ------------------------------------------------------------------------------


def of_two_models() -> dict[str, Any]:
    return {
        'inserts': [insert('2', 'a', '1'), ['{M}:', '5', 'key', ['b', '2']]],
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
    after = dump(raw)
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


# --- keys of a wrong type ------------------------------------------------------------------------

WRONG = {
    'string': lambda raw, key: raw.set(key, 'x'),
    'hash': lambda raw, key: raw.hset(key, 'x', 'x'),
    'list': lambda raw, key: raw.rpush(key, 'x'),
    'set': lambda raw, key: raw.sadd(key, 'x'),
    'zset': lambda raw, key: raw.zadd(key, {'x': 1}),
    'stream': lambda raw, key: raw.xadd(key, {'x': 'x'}),
}
KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    'row of an update': ('hash', {'updates': [update('KEY', {'a': '1'}, {'a': '2'})]}),
    'row of a delete': ('hash', {'deletes': [delete('KEY', {'a': '1'})]}),
    'added words': ('set', {'sets': {'add': {'KEY': ['1']}}}),
    'removed words': ('set', {'sets': {'remove': {'KEY': ['1']}}}),
    'added scores': ('zset', {'zsets': {'add': {'KEY': ['1.0', '1']}}}),
    'removed scores': ('zset', {'zsets': {'remove': {'KEY': ['1']}}}),
    'added prefixes': ('zset', {'zsets': {'add': {'KEY': ['1.0', b'x\x001']}}}),
    'removed prefixes': ('zset', {'zsets': {'remove': {'KEY': [b'x\x001']}}}),
    'claims': ('hash', {'claims': [claim('1', 'v', key='KEY')]}),
    'releases': ('hash', {'releases': [['KEY', ['v'], ['1']]]}),
    'born': ('string', {'born': {'KEY': ['1']}}),
    'died': ('string', {'died': {'KEY': ['1']}}),
}
OTHERS = {'inserts': [insert('7', 'w', 'x')], 'deletes': [delete('N:8', {'a': '1'})]}


@pytest.mark.parametrize(
    ('where', 'wrong'),
    [(where, wrong) for where, (right, _) in KEYS.items() for wrong in WRONG if wrong != right],
)
def test_unreadable(refused: Commit, raw: redis.Redis, where: str, wrong: str) -> None:
    _, parts = KEYS[where]
    raw.hset('N:8', mapping={'id': '8', 'a': '1'})
    WRONG[wrong](raw, 'KEY')
    together = {name: OTHERS.get(name, []) for name in OTHERS}
    for name, value in parts.items():
        together[name] = [*together.get(name, []), *value] if isinstance(value, list) else value
    assert refused(**together) == [b'unreadable', b'KEY']


@pytest.mark.parametrize('wrong', [kind for kind in WRONG if kind != 'string'])
@pytest.mark.parametrize('key', ['N:id:', 'N:id:done:t', 'N:id:live'])
def test_a_wrong_type_where_an_id_is_taken(
    commit: Commit, raw: redis.Redis, key: str, wrong: str
) -> None:
    WRONG[wrong](raw, key)
    before = dump(raw)
    with contextlib.suppress(redis.ResponseError):
        assert commit(**WITHOUT_ID) == [b'unreadable', key.encode()]
    assert dump(raw) == before


@pytest.mark.parametrize('counter', ['text', '1.5', '', str(2**63 - 1), str(2**63)])
def test_a_counter_that_does_not_count(commit: Commit, raw: redis.Redis, counter: str) -> None:
    raw.set('N:id:', counter)
    with pytest.raises(redis.ResponseError):
        commit(**WITHOUT_ID)
    assert dump(raw) == {b'N:id:': counter.encode()}


@pytest.mark.parametrize('wrong', [kind for kind in WRONG if kind != 'hash'])
def test_a_wrong_type_where_the_new_row_would_be(
    refused: Commit, raw: redis.Redis, wrong: str
) -> None:
    WRONG[wrong](raw, 'N:1')
    assert refused(**WITHOUT_ID)[1] == b'N:1'


# --- sizes ---------------------------------------------------------------------------------------

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
    after = dump(raw)
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
    after = dump(raw)
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
    assert dump(raw) == {b'N:1': {b'id': b'1'}}


@pytest.mark.parametrize('last', [10**14, 2**53 - 1, 2**53, 2**62])
def test_large_ids(commit: Commit, raw: redis.Redis, last: int) -> None:
    raw.set('N:id:', last)
    id = str(last + 1)
    assert commit(**WITHOUT_ID) == [b'ok', id.encode()]
    expected = stored(id) | {b'N:id:': id.encode(), b'N:id:done:t': id.encode()}
    assert dump(raw) == expected
    assert commit(**WITHOUT_ID) == [b'ok', id.encode()]
    assert dump(raw) == expected


# --- the bitmap of live ids ----------------------------------------------------------------------

GAP = 2**26
MOST = 2**32


def test_the_bitmap_begins_with_the_first_id_only(commit: Commit, raw: redis.Redis) -> None:
    commit(inserts=[insert('1')], born={'N:id:live': ['1']})
    assert not raw.exists('N:id:live')
    commit(inserts=[insert('2')], deletes=[delete('N:1', {})], died={'N:id:live': ['1']})
    assert not raw.exists('N:id:live')


def test_the_bitmap_follows(commit: Commit, raw: redis.Redis) -> None:
    live = {'N:id:live': ['']}
    for number in range(1, 20):
        commit(take=['N:id:', 'N:id:live'], inserts=[insert('')], born=live)
        assert bits(raw.get('N:id:live')) == set(range(1, number + 1))
    commit(deletes=[delete('N:5', {'a': False})], died={'N:id:live': ['5', '5000']})
    assert bits(raw.get('N:id:live')) == set(range(1, 20)) - {5}
    assert raw.strlen('N:id:live') == 3  # a death far off makes it no longer


def test_the_bitmap_is_given_up_for_an_id_far_off(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 0, 0)
    near = 8 + GAP
    commit(inserts=[insert(str(near))], born={'N:id:live': [str(near)]})
    assert raw.bitcount('N:id:live') == 1
    far = raw.strlen('N:id:live') * 8 + GAP + 1
    commit(inserts=[insert(str(far))], born={'N:id:live': ['9', str(far), '10']})
    assert dump(raw) == {b'N:%d' % id: {b'id': b'%d' % id} for id in (near, far)}
    commit(inserts=[insert('11')], born={'N:id:live': ['11']})
    assert not raw.exists('N:id:live')


@pytest.mark.parametrize('id', [MOST, MOST + 1, 10**14, 2**53 + 1, 2**63 - 1])
def test_the_bitmap_is_given_up_past_what_redis_allows(
    commit: Commit, raw: redis.Redis, id: int
) -> None:
    raw.setbit('N:id:live', 0, 0)
    assert commit(inserts=[insert(str(id))], born={'N:id:live': [str(id)]}) == [b'ok', b'']
    assert dump(raw) == {b'N:%d' % id: {b'id': b'%d' % id}}


def test_a_death_past_what_redis_allows(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 1, 1)
    assert commit(died={'N:id:live': [str(2**53 + 1)]}) == [b'ok', b'']
    assert bits(raw.get('N:id:live')) == {1}


# --- guards: who else refers to an id that is to go ----------------------------------------------


def guarded(*known: str, id: str = '1') -> dict[str, Any]:
    """A delete of M:1, to which only these rows of N may refer, by their column r."""
    return {
        'deletes': [['M:1', ['id'], ['1']]],
        'guards': [['N:r:idx', id, 'N:', 'r', dict.fromkeys(known, True)]],
    }


def refer(raw: redis.Redis, member: str, id: str = '1') -> None:
    raw.hset(f'N:{member}', 'r', id)
    raw.zadd('N:r:idx', {member: id})


@pytest.fixture
def referred(raw: redis.Redis) -> None:
    raw.hset('M:1', 'id', 1)


@pytest.mark.usefixtures('referred')
def test_a_guard_that_finds_nobody(commit: Commit, raw: redis.Redis) -> None:
    refer(raw, '5', '2')
    assert commit(**guarded()) == [b'ok', b'']
    assert raw.exists('M:1') == 0


@pytest.mark.usefixtures('referred')
def test_a_guard_without_an_index(commit: Commit, raw: redis.Redis) -> None:
    assert commit(**guarded('7')) == [b'ok', b'']
    assert dump(raw) == {}


@pytest.mark.usefixtures('referred')
def test_a_guard_that_finds_those_who_are_known(commit: Commit, raw: redis.Redis) -> None:
    refer(raw, '5')
    refer(raw, '6')
    assert commit(**guarded('5', '6', '7')) == [b'ok', b'']
    assert raw.exists('M:1') == 0


@pytest.mark.usefixtures('referred')
def test_a_guard_that_finds_somebody_else(refused: Commit, raw: redis.Redis) -> None:
    refer(raw, '5')
    refer(raw, '6')
    assert refused(**guarded('5')) == [b'referenced', b'N:r:idx', b'6']
    assert refused(**guarded()) == [b'referenced', b'N:r:idx', b'5']
    everything = with_id('3') | guarded('5')
    assert refused(**everything) == [b'referenced', b'N:r:idx', b'6']


@pytest.mark.usefixtures('referred')
def test_every_guard_is_asked(refused: Commit, raw: redis.Redis) -> None:
    refer(raw, '5')
    raw.hset('O:8', 's', '1')
    raw.zadd('O:s:idx', {'8': 1})
    first = guarded('5')
    second = [['O:s:idx', '1', 'O:', 's', {}]]
    parts = first | {'guards': [*first['guards'], *second]}
    assert refused(**parts) == [b'referenced', b'O:s:idx', b'8']


@pytest.mark.usefixtures('referred')
@pytest.mark.parametrize('row', [None, {'x': 'y'}, {'r': '2'}, {'r': '1.0'}, 'text'])
def test_an_entry_that_the_row_does_not_bear_out(
    commit: Commit, raw: redis.Redis, row: dict[str, str] | str | None
) -> None:
    """The row is gone, or refers to nobody or another, or is no row at all."""
    raw.zadd('N:r:idx', {'5': 1})
    if isinstance(row, str):
        raw.set('N:5', row)
    elif row is not None:
        raw.hset('N:5', mapping=row)
    assert commit(**guarded()) == [b'ok', b'']
    assert raw.exists('M:1') == 0


@pytest.mark.usefixtures('referred')
def test_guards_of_ids_with_one_score(commit: Commit, refused: Commit, raw: redis.Redis) -> None:
    refer(raw, '5', str(2**53))
    refer(raw, '6', str(2**53 + 1))
    assert raw.zscore('N:r:idx', '5') == raw.zscore('N:r:idx', '6')
    found = refused(**guarded('5', id=str(2**53 + 1)))
    assert found == [b'referenced', b'N:r:idx', b'6']
    assert commit(**guarded('5', id=str(2**53))) == [b'ok', b'']


@pytest.mark.usefixtures('referred')
def test_a_guard_on_a_key_of_another_type(commit: Commit, raw: redis.Redis) -> None:
    raw.sadd('N:r:idx', '5')
    before = dump(raw)
    with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
        commit(**guarded())
    assert dump(raw) == before


@pytest.mark.usefixtures('referred')
def test_a_guarded_delete_that_is_sent_twice(commit: Commit, raw: redis.Redis) -> None:
    """It was carried out: who has come to refer to the id since does not matter."""
    parts = guarded() | {'done': 'N:id:done:t', 'remember': '300'}
    assert commit(**parts) == [b'ok', b'']
    refer(raw, '5')
    assert commit(**parts) == [b'ok', b'']


# --- servers that do not let us write -----------------------------------------------------------


@contextlib.contextmanager
def full(raw: redis.Redis) -> Iterator[None]:
    raw.config_set('maxmemory-policy', 'noeviction')
    raw.config_set('maxmemory', 1)
    try:
        yield
    finally:
        raw.config_set('maxmemory', 0)


EXISTING = {'id': '1', 'w': 'x', 'u': 'v'}
WRITES: dict[str, dict[str, Any]] = {
    'insert without id': WITHOUT_ID
    | {'claims': [claim('', 'w')], 'inserts': [insert('', 'w', 'x')]},
    'insert with id': with_id('3') | {'claims': [claim('3', 'w')]},
    'update': {
        'updates': [update('N:1', {'w': 'x', 'u': 'v'}, {'w': 'y', 'u': 'w'})],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'claims': [claim('1', 'w')],
        'sets': {'remove': {'N:w:x:idx': ['1']}, 'add': {'N:w:y:idx': ['1']}},
        'zsets': {'add': {'N:n:idx': ['2.5', '1']}},
    },
    'insert and delete': with_id('3')
    | {
        'claims': [claim('3', 'v')],
        'deletes': [delete('N:1', EXISTING)],
        'releases': [['N:u:uidx', ['v'], ['1']]],
    },
}


@pytest.mark.parametrize('write', WRITES)
def test_a_full_server(commit: Commit, raw: redis.Redis, write: str) -> None:
    raw.hset('N:1', mapping=EXISTING)
    raw.set('N:id:', 1)
    raw.hset('N:u:uidx', 'v', '1')
    raw.sadd('N:w:x:idx', '1')
    before = dump(raw)
    with full(raw):
        with pytest.raises(redis.ResponseError, match='maxmemory'):
            commit(**WRITES[write])
    assert dump(raw) == before
    assert commit(**WRITES[write])[0] == b'ok'


UNSETTING: dict[str, dict[str, Any]] = {
    'unset': {
        'updates': [update('N:1', EXISTING, {'w': False, 'u': False})],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'sets': {'remove': {'N:w:x:idx': ['1']}, 'add': {'N:w:none:idx': ['1']}},
    },
    'delete': {
        'deletes': [delete('N:1', EXISTING)],
        'releases': [['N:u:uidx', ['v'], ['1']]],
        'sets': {'remove': {'N:w:x:idx': ['1']}},
        'died': {'N:id:live': ['1']},
    },
}


@pytest.mark.parametrize('write', UNSETTING)
def test_what_frees_memory_on_a_full_server(commit: Commit, raw: redis.Redis, write: str) -> None:
    """It may work or be refused, as the server likes; there is nothing between."""
    raw.hset('N:1', mapping=EXISTING)
    raw.hset('N:u:uidx', 'v', '1')
    raw.sadd('N:w:x:idx', '1')
    raw.setbit('N:id:live', 1, 1)
    before = dump(raw)
    with full(raw):
        with contextlib.suppress(redis.ResponseError):
            commit(**UNSETTING[write])
    after = dump(raw)
    commit(**UNSETTING[write])
    assert after in (before, dump(raw))


@pytest.mark.parametrize('name', available())
@pytest.mark.one_server
def test_a_replica(server: Server, raw: redis.Redis, name: str) -> None:
    from rom.drivers.embedded import open_server

    with open_server('', binary=str(find(name))) as other:
        with redis.Redis(unix_socket_path=str(other.socket), protocol=2) as replica:
            send(replica, request_of(**WITHOUT_ID))
            before = dump(replica)
            # Nobody is there; a replica without its master refuses writes all the same.
            replica.execute_command('REPLICAOF', '127.0.0.1', '1')
            with pytest.raises(redis.ResponseError, match='read only replica'):
                send(replica, request_of(**with_id('3') | {'claims': []}))
            assert dump(replica) == before


# --- what has expired ----------------------------------------------------------------------------


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
