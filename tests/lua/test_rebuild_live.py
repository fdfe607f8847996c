"""lua/rebuild_live.lua by itself: the bitmap of live ids, made of data that has none, or mended."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import redis

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack
from tests.support.implied import bits
from tests.support.servers import dump, ttls

Relive = Callable[..., list[bytes]]
LIVE, DRAFT, BY = 'N:id:live', 'N:id:live:draft', 'N:id:live:by'
GAP, MOST = 2**26, 2**32


@pytest.fixture
def relive(raw: redis.Redis) -> Relive:
    """Runs one step of it."""

    def run(
        first: int = 0, count: int = 1000, highest: int = 0, token: str = 'ours'
    ) -> list[bytes]:
        request = {
            'head': 'N:',
            'live': LIVE,
            'draft': DRAFT,
            'counter': 'N:id:',
            'by': BY,
            'token': token,
            'hold': b'60000',
            'first': b'%d' % first,
            'count': b'%d' % count,
            'highest': b'%d' % highest,
        }
        reply = raw.execute_command(
            'EVAL', loaded('rebuild_live').source, 1, 'N:id:', pack(request)
        )
        assert isinstance(reply, list)
        return reply

    return run


def rows(raw: redis.Redis, *ids: int) -> None:
    for id in ids:
        raw.hset(f'N:{id}', 'id', id)


def live_ids(raw: redis.Redis, key: str = LIVE) -> list[int]:
    return sorted(bits(raw.get(key) or b''))


def work_keys(raw: redis.Redis) -> set[bytes]:
    return {DRAFT.encode(), BY.encode()} & dump(raw).keys()


def test_made_in_one_step(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1, 3, 20)
    raw.set('N:id:', 20)
    assert relive() == [b'done', b'20']
    assert live_ids(raw) == [1, 3, 20]
    assert work_keys(raw) == set()
    assert dump(raw)[b'N:id:'] == b'20'


def test_made_in_several_steps(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1, 9, 10, 20)
    raw.set('N:id:', 20)
    assert relive(0, 10) == [b'more', b'10', b'20']
    assert work_keys(raw) == {DRAFT.encode(), BY.encode()}
    assert 50_000 < ttls(raw)[BY.encode()] <= 60_000
    assert raw.exists(LIVE) == 0
    assert live_ids(raw, DRAFT) == [1, 9]
    assert relive(10, 10) == [b'more', b'20', b'20']
    assert relive(20, 10) == [b'done', b'20']
    assert live_ids(raw) == [1, 9, 10, 20]
    assert work_keys(raw) == set()


def test_every_step_may_be_repeated(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1, 9, 10, 20)
    raw.set('N:id:', 20)
    for first, expected in (
        (0, [b'more', b'10', b'20']),
        (10, [b'more', b'20', b'20']),
        (20, [b'done', b'23']),
    ):
        relive(first, 10)
        again = relive(first, 10)
        assert again[:2] == expected[:2]
    assert live_ids(raw) == [1, 9, 10, 20]
    assert work_keys(raw) == set()


def test_what_other_writers_do_meanwhile(relive: Relive, raw: redis.Redis) -> None:
    """They mark the draft, as lib/live says; the counter may have gone on."""
    rows(raw, 1, 20)
    raw.set('N:id:', 20)
    relive(0, 10)
    rows(raw, 5, 21)
    raw.delete('N:1')
    raw.setbit(DRAFT, 1, 0)
    raw.setbit(DRAFT, 5, 1)
    raw.setbit(DRAFT, 21, 1)
    raw.incr('N:id:')
    assert relive(10, 100)[0] == b'done'
    assert live_ids(raw) == [5, 20, 21]


def test_one_that_is_there_is_mended_in_place(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1, 3, 30)
    raw.set('N:id:', 30)
    for wrong in (2, 3, 40):
        raw.setbit(LIVE, wrong, 1)
    assert relive(0, 10) == [b'more', b'10', b'47']
    assert work_keys(raw) == {BY.encode()}
    assert live_ids(raw) == [1, 3, 40]
    assert relive(10) == [b'done', b'47']
    assert live_ids(raw) == [1, 3, 30]
    assert work_keys(raw) == set()


def test_a_draft_that_was_left_lying_is_begun_anew(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1)
    raw.setbit(DRAFT, 2, 1)
    raw.setbit(DRAFT, 500, 1)
    assert relive() == [b'done', b'7']
    assert live_ids(raw) == [1]
    assert work_keys(raw) == set()


@pytest.mark.parametrize(('counter', 'highest'), [(None, 30), (5, 30), (30, 0), (30, 5)])
def test_the_last_id_is_the_highest_known_of(
    relive: Relive, raw: redis.Redis, counter: int | None, highest: int
) -> None:
    rows(raw, 30)
    if counter is not None:
        raw.set('N:id:', counter)
    assert relive(highest=highest) == [b'done', b'30']
    assert live_ids(raw) == [30]


def test_no_rows_and_no_ids(relive: Relive, raw: redis.Redis) -> None:
    assert relive() == [b'done', b'7']
    assert dump(raw) == {LIVE.encode(): b'\0'}


def test_somebody_else_is_at_it(relive: Relive, raw: redis.Redis) -> None:
    rows(raw, 1, 30)
    raw.set('N:id:', 30)
    relive(0, 10, token='another')
    before = dump(raw)
    for first in (0, 10):
        assert relive(first) == [b'busy']
        assert dump(raw) == before
    assert relive(10, token='another') == [b'done', b'30']
    assert relive() == [b'done', b'31']


@pytest.mark.parametrize('highest', [MOST, 2**53])
def test_ids_that_no_bitmap_holds(relive: Relive, raw: redis.Redis, highest: int) -> None:
    rows(raw, 1)
    assert relive(highest=highest) == [b'given up']
    assert dump(raw).keys() == {b'N:1'}


def test_ids_too_far_apart(relive: Relive, raw: redis.Redis) -> None:
    raw.set('N:id:', 3 * GAP)
    raw.setbit(DRAFT, 0, 0)
    assert relive(first=2 * GAP, count=10) == [b'given up']
    assert dump(raw).keys() == {b'N:id:'}


def test_a_draft_that_a_writer_gave_up(relive: Relive, raw: redis.Redis) -> None:
    raw.set('N:id:', 30)
    relive(0, 10)
    raw.delete(DRAFT)
    assert relive(10) == [b'given up']
    assert dump(raw).keys() == {b'N:id:'}


@pytest.mark.parametrize('id', [1, 7, 8, 1000, 2**20])
def test_rows_of_another_type_count_as_there(relive: Relive, raw: redis.Redis, id: int) -> None:
    """A bit says that something stands in the row's place, so that readers find and name it."""
    raw.set(f'N:{id}', 'x')
    assert relive(first=0, count=8, highest=id)[0] == (b'done' if id < 8 else b'more')
    if id >= 8:
        assert relive(first=max(id - 5, 8), count=100, highest=id)[0] == b'done'
    assert live_ids(raw) == [id]


WRONG: dict[str, Callable[[redis.Redis, str], Any]] = {
    'list': lambda raw, key: raw.rpush(key, 'x'),
    'hash': lambda raw, key: raw.hset(key, 'x', 'x'),
}


@pytest.mark.parametrize('key', [LIVE, 'N:id:', BY])
@pytest.mark.parametrize('kind', WRONG)
def test_a_key_of_another_type(relive: Relive, raw: redis.Redis, key: str, kind: str) -> None:
    """Nothing is lost; who was at it is forgotten by the server after a while."""
    rows(raw, 1)
    WRONG[kind](raw, key)
    before = dump(raw)
    with pytest.raises(redis.ResponseError, match='WRONGTYPE'):
        relive()
    assert before.items() <= dump(raw).items()
    assert _others(before, raw) <= {DRAFT.encode(), BY.encode()}
    if key != BY:
        assert BY.encode() in ttls(raw)


def _others(before: Iterable[bytes], raw: redis.Redis) -> set[bytes]:
    return dump(raw).keys() - set(before)
