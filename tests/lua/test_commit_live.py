"""lua/commit.lua by itself: the bitmap of live ids."""

import random

import pytest
import redis

from tests.lua.commit_support import Commit, data, delete, insert
from tests.support.implied import bits

GAP = 2**26
MOST = 2**32


def test_the_bitmap_begins_with_the_first_id_only(commit: Commit, raw: redis.Redis) -> None:
    commit(inserts=[insert('1')], born={'N:id:live': ['1']})
    assert not raw.exists('N:id:live')
    reply = commit(
        inserts=[insert('2')], deletes=[delete('N:1', {'a': False})], died={'N:id:live': ['1']}
    )
    assert reply[0] == b'ok'
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


def test_the_bitmap_is_given_up_for_an_id_far_off(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 0, 0)
    near = 8 + GAP
    commit(inserts=[insert(str(near))], born={'N:id:live': [str(near)]})
    assert raw.bitcount('N:id:live') == 1
    far = raw.strlen('N:id:live') * 8 + GAP + 1
    commit(inserts=[insert(str(far))], born={'N:id:live': ['9', str(far), '10']})
    assert data(raw) == {b'N:%d' % id: {b'id': b'%d' % id} for id in (near, far)}
    commit(inserts=[insert('11')], born={'N:id:live': ['11']})
    assert not raw.exists('N:id:live')


@pytest.mark.parametrize('id', [MOST, MOST + 1, 10**14, 2**53 + 1, 2**63 - 1])
def test_the_bitmap_is_given_up_past_what_redis_allows(
    commit: Commit, raw: redis.Redis, id: int
) -> None:
    raw.setbit('N:id:live', 0, 0)
    assert commit(inserts=[insert(str(id))], born={'N:id:live': [str(id)]}) == [b'ok', b'']
    assert data(raw) == {b'N:%d' % id: {b'id': b'%d' % id}}


def test_a_death_past_what_redis_allows(commit: Commit, raw: redis.Redis) -> None:
    raw.setbit('N:id:live', 1, 1)
    assert commit(died={'N:id:live': [str(2**53 + 1)]}) == [b'ok', b'']
    assert bits(raw.get('N:id:live')) == {1}
