"""lua/commit.lua by itself: guards, which ask who else refers to an id that is to go."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import Commit, data, with_id


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
    assert data(raw) == {}


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
    before = data(raw)
    with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
        commit(**guarded())
    assert data(raw) == before


@pytest.mark.usefixtures('referred')
def test_a_guarded_delete_that_is_sent_twice(commit: Commit, raw: redis.Redis) -> None:
    """It was carried out: who has come to refer to the id since does not matter."""
    parts = guarded() | {'done': 'N:id:done:t'}
    assert commit(**parts) == [b'ok', b'']
    refer(raw, '5')
    assert commit(**parts) == [b'ok', b'']
