"""lua/commit.lua by itself: the bitmap of live ids."""

import random

import pytest
import redis

from tests.lua.commit_support import Commit, data, delete, insert
from tests.support.implied import bits

GAP = 2**23
MOST = 2**32


def test_the_bitmap_begins_with_the_first_id_only(commit: Commit, raw: redis.Redis) -> None:
    commit(inserts=[insert('1')], born={'N:id:live': ['1']})
    assert not raw.exists('N:id:live')
    reply = commit(
        inserts=[insert('2')], deletes=[delete('N:1', {'a': False})], died={'N:id:live': ['1']}
    )
    assert reply[0] == b'ok'
    assert not raw.exists('N:id:live')


def test_the_bitmap_begins_again_when_the_first_ids_were_lost(
    commit: Commit, raw: redis.Redis
) -> None:
    """A crash may lose them between their taking and the commit of the rows."""
    for number in ('7', '8'):
        parts = {'inserts': [insert(number)], 'born': {'N:id:live': [number]}}
        assert commit(highest={'N:id:': number}, **parts)[0] == b'ok'
    assert bits(raw.get('N:id:live')) == {7, 8}


def test_data_with_a_counter_gets_no_bitmap(commit: Commit, raw: redis.Redis) -> None:
    raw.set('N:id:', 5)  # of rom 1.x: its rows would be missing in a new bitmap
    parts = {'inserts': [insert('7')], 'born': {'N:id:live': ['7']}}
    assert commit(highest={'N:id:': '7'}, **parts)[0] == b'ok'
    assert not raw.exists('N:id:live')


def test_the_bitmap_follows(commit: Commit, raw: redis.Redis) -> None:
    live = {'N:id:live': ['']}
    for number in range(1, 20):
        commit(take=['N:id:', 'N:id:live'], inserts=[insert('')], born=live)
        assert bits(raw.get('N:id:live')) == set(range(1, number + 1))
    commit(deletes=[delete('N:5', {'a': False})], died={'N:id:live': ['5', '5000']})
    assert bits(raw.get('N:id:live')) == set(range(1, 20)) - {5}
    assert raw.strlen('N:id:live') == 3  # a death far off makes it no longer


def test_runs_of_ids(commit: Commit, raw: redis.Redis) -> None:
    """Whole bytes of the bitmap are written at once."""
    raw.setbit('N:id:live', 0, 0)
    rng, all = random.Random(1), set[int]()
    for _ in range(50):
        runs = [(first := rng.randrange(3000), first + rng.randrange(40)) for _ in range(3)]
        ids = [id for first, past in runs for id in range(first, past)]
        commit(born={'N:id:live': [str(id) for id in ids]})
        all.update(ids)
        assert bits(raw.get('N:id:live')) == all


def test_one_of_many_rows_is_there(refused: Commit, raw: redis.Redis) -> None:
    raw.hset('N:4321', mapping={'id': '4321'})
    rows = [insert(str(number)) for number in range(1, 9001)]
    assert refused(inserts=rows) == [b'exists', b'N:4321']


def far(raw: redis.Redis) -> list[int]:
    return [int(member) for member in raw.zrange('N:id:live:far', 0, -1)]


def test_ids_far_off_are_beside_the_bitmap(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 0, 0)
    near = 8 + GAP
    commit(inserts=[insert(str(near))], born={'N:id:live': [str(near)]})
    assert (raw.bitcount('N:id:live'), far(raw)) == (1, [])
    off = raw.strlen('N:id:live') * 8 + GAP + 1
    commit(inserts=[insert(str(off))], born={'N:id:live': ['9', str(off), '10']})
    assert (raw.bitcount('N:id:live'), far(raw)) == (3, [off])
    commit(inserts=[insert('11')], born={'N:id:live': ['11', str(off + 1), str(MOST - 1)]})
    assert (raw.bitcount('N:id:live'), far(raw)) == (4, [off, off + 1, MOST - 1])
    commit(died={'N:id:live': ['9', str(off), str(off + 7)]})
    assert (raw.bitcount('N:id:live'), far(raw)) == (3, [off + 1, MOST - 1])


def test_the_bitmap_ends_before_what_is_beside_it(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 0, 0)
    off = 8 + GAP + 5
    commit(born={'N:id:live': [str(off)]})
    assert far(raw) == [off]
    for id in range(GAP, off + 10):
        commit(born={'N:id:live': [str(id)]})
    first = off // 8 * 8
    assert far(raw) == list(range(first, off + 10))
    assert raw.strlen('N:id:live') * 8 == first


@pytest.mark.parametrize('id', [MOST, MOST + 1, 10**14, 2**53 - 1])
def test_past_what_redis_allows(commit: Commit, raw: redis.Redis, id: int) -> None:
    raw.setbit('N:id:live', 0, 0)
    assert commit(inserts=[insert(str(id))], born={'N:id:live': [str(id)]}) == [b'ok', b'']
    assert far(raw) == [id]
    commit(died={'N:id:live': [str(id)]})
    assert far(raw) == []


@pytest.mark.parametrize('id', [2**53 + 1, 2**63 - 1])
def test_the_bitmap_is_given_up_past_what_a_walk_can_say(
    commit: Commit, raw: redis.Redis, id: int
) -> None:
    raw.setbit('N:id:live', 0, 0)
    commit(born={'N:id:live': [str(GAP * 2)]})
    assert commit(inserts=[insert(str(id))], born={'N:id:live': [str(id)]}) == [b'ok', b'']
    assert data(raw) == {b'N:%d' % id: {b'id': b'%d' % id}}


def test_what_is_beside_the_bitmap_must_be_a_sorted_set(refused: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 0, 0)
    raw.set('N:id:live:far', 'x')
    reply = refused(inserts=[insert('8')], born={'N:id:live': ['8']})  # past the bitmap
    assert reply == [b'unreadable', b'N:id:live:far']


def test_a_death_past_what_redis_allows(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 1, 1)
    assert commit(died={'N:id:live': [str(2**53 + 1)]}) == [b'ok', b'']
    assert bits(raw.get('N:id:live')) == {1}
