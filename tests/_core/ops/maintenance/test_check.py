"""A check finds exactly what is wrong, and mends it without touching a row. Both fronts."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

import rom
import rom.aio
from rom import maintenance
from tests._core.ops.maintenance.damage import (
    DAMAGES,
    HEAD,
    CheckTeam,
    CheckUser,
    make,
    rows,
    shape,
)
from tests.support.implied import assert_consistent
from tests.support.servers import Server, dump, without_notes
from tests.support.worlds import Front

EXPIRED = 29


@pytest.fixture
def connected(client: redis.Redis) -> redis.Redis:
    rom.util.CONNECTION = client
    make()
    return client


def found(front: Front, repair: bool = False, **more: Any) -> list[Any]:
    return list(front.check(CheckUser, repair=repair, **more))


@pytest.mark.one_server
@pytest.mark.parametrize('what', DAMAGES)
def test_each_damage_is_found_and_mended(
    what: str, connected: redis.Redis, raw: redis.Redis
) -> None:
    right, before = without_notes(dump(raw)), rows(raw)
    damage, expected = DAMAGES[what]
    damage(raw)
    damaged = dump(raw)
    assert without_notes(damaged) != right, 'there is some damage'
    assert shape(maintenance.check(CheckUser)) == Counter(expected)
    assert dump(raw) == damaged, 'a check writes nothing'
    repaired = list(maintenance.check(CheckUser, repair=True))
    assert shape(repaired) == Counter(expected)
    assert all(finding.repaired for finding in repaired)
    assert rows(raw) == before
    after = without_notes(dump(raw))
    assert without_zeros(after) == without_zeros(right)
    assert list(maintenance.check(CheckUser)) == []


def without_zeros(keyspace: dict[bytes, Any]) -> dict[bytes, Any]:
    """A bitmap is as long as its highest bit was."""
    live = keyspace[HEAD.encode() + b'id:live']
    return {**keyspace, HEAD.encode() + b'id:live': live.rstrip(b'\0')}


def all_damages(raw: redis.Redis) -> Counter[Any]:
    """All damages, and all that must be found of them."""
    expected: Counter[Any] = Counter()
    for damage, findings in DAMAGES.values():
        damage(raw)
        expected += Counter(findings)
    expected['counter', 'id:', 30] = 1  # what is not there cannot be behind, too
    return expected


def test_all_at_once(front: Front, connected: redis.Redis, raw: redis.Redis) -> None:
    right, before = without_notes(dump(raw)), rows(raw)
    expected = all_damages(raw)
    assert shape(found(front, batch=7)) == expected
    assert shape(found(front, repair=True, batch=7)) == expected
    assert rows(raw) == before
    assert without_zeros(without_notes(dump(raw))) == without_zeros(right)
    assert found(front, batch=7) == []


@pytest.mark.one_server
@pytest.mark.parametrize('batch', [1, 100])
def test_batches_of_any_size(connected: redis.Redis, raw: redis.Redis, batch: int) -> None:
    before = rows(raw)
    expected = all_damages(raw)
    assert shape(maintenance.check(CheckUser, repair=True, batch=batch)) == expected
    assert list(maintenance.check(CheckUser, batch=batch)) == []
    assert rows(raw) == before


@pytest.mark.one_server
def test_it_counts_along(front: Front, connected: redis.Redis, raw: redis.Redis) -> None:
    all_damages(raw)
    raw.hset('chk:3', 'lon', 'far')
    steps: list[tuple[int, int]] = []
    check = front.check(CheckUser, True, 10, lambda *step: steps.append(step))
    findings = list(check)
    assert check.counts == Counter(finding.kind for finding in findings)
    assert check.unrepaired == check.counts['corrupt'] == 1
    assert steps == sorted(steps)
    assert steps[-1] == (check.done, check.total) and check.done == check.total > 30


@pytest.mark.one_server
def test_nothing_is_wrong_without_data(front: Front, server: Server) -> None:
    with server.connect() as client:
        rom.util.CONNECTION = client
        assert found(front) == found(front, repair=True) == []
        assert not client.exists('chk:id:indexes')


# --- what no repair can decide --------------------------------------------------------------------


def left(findings: Any) -> list[tuple[str, str, int | None]]:
    """What was found, none of which is repaired."""
    found = list(findings)
    assert not any(finding.repaired for finding in found)
    return sorted(shape(found), key=str)


CORRUPT: dict[str, tuple[Callable[[redis.Redis], Any], list[tuple[str, str, int | None]]]] = {
    'a value that does not decode': (
        lambda raw: raw.hset('chk:3', 'number', 'three'),
        [('corrupt', '3', 3)],
    ),
    'a value without an index': (
        lambda raw: raw.hset('chk:3', 'tags', '{'),
        [('corrupt', '3', 3)],
    ),
    'the id of another row': (
        lambda raw: raw.hset('chk:3', 'id', '4'),
        [('corrupt', '3', 3)],
    ),
    'a value that a callback cannot take': (
        lambda raw: raw.hset('chk:3', 'lon', '1000.0'),
        [('corrupt', '3', 3)],
    ),
    'a row of another type': (
        lambda raw: (raw.delete('chk:3'), raw.set('chk:3', 'x')),
        [('corrupt', '3', 3)],
    ),
    'an index of another type': (
        lambda raw: (raw.delete('chk:number:idx'), raw.set('chk:number:idx', 'x')),
        [('corrupt', 'number:idx', None)],
    ),
    'an index of words of another type': (
        lambda raw: (raw.delete('chk:city:C1:idx'), raw.zadd('chk:city:C1:idx', {'1': 1})),
        [('corrupt', 'city:C1:idx', None)],
    ),
    'unique values of another type': (
        lambda raw: (raw.delete('chk:code:uidx'), raw.sadd('chk:code:uidx', 'x')),
        [('corrupt', 'code:uidx', None)],
    ),
    'a bitmap of another type': (
        lambda raw: (raw.delete('chk:id:live'), raw.sadd('chk:id:live', 'x')),
        [('corrupt', 'id:live', None)],
    ),
    'a counter of another type': (
        lambda raw: (raw.delete('chk:id:'), raw.sadd('chk:id:', 'x')),
        [('corrupt', 'id:', None)],
    ),
    'a counter that is no number': (
        lambda raw: raw.set('chk:id:', 'x'),
        [('corrupt', 'id:', None)],
    ),
    'two rows with one unique value': (
        lambda raw: raw.hset('chk:3', 'code', 'c4'),
        [('shared', 'code:uidx', 3)],
    ),
}


@pytest.mark.one_server
@pytest.mark.parametrize('what', CORRUPT)
def test_what_is_no_indexs_fault_is_told_and_left_alone(
    what: str, connected: redis.Redis, raw: redis.Redis
) -> None:
    damage, expected = CORRUPT[what]
    damage(raw)
    before = rows(raw)
    seen = [f for f in maintenance.check(CheckUser) if f.kind in ('corrupt', 'shared')]
    assert left(seen) == expected
    list(maintenance.check(CheckUser, repair=True))
    assert set(left(maintenance.check(CheckUser, repair=True))) >= set(expected)
    assert rows(raw) == before


@pytest.mark.one_server
def test_a_row_that_cannot_be_read_keeps_what_it_has(
    connected: redis.Redis, raw: redis.Redis
) -> None:
    """Its old entries may be all that is left to tell what the value was."""
    for name, value in (('number', 'five'), ('lon', 'far')):
        raw.hset('chk:3', name, value)
    before = without_notes(dump(raw))
    kinds = {finding.kind for finding in maintenance.check(CheckUser, repair=True)}
    assert kinds == {'corrupt'}
    assert without_notes(dump(raw)) == before


@pytest.mark.one_server
def test_two_rows_that_claim_one_value_which_nobody_has(
    connected: redis.Redis, raw: redis.Redis
) -> None:
    raw.hset('chk:3', 'code', 'same')
    raw.hset('chk:4', 'code', 'same')
    findings = list(maintenance.check(CheckUser, repair=True))
    [shared] = [finding for finding in findings if finding.kind == 'shared']
    holder = raw.hget('chk:code:uidx', 'same')
    assert {shared.id, int(holder or 0)} == {3, 4}
    assert f'chk:{int(holder or 0)}' in shared.message
    assert [f.kind for f in maintenance.check(CheckUser)] == ['shared']
    raw.hset(f'chk:{shared.id}', 'code', 'other')
    list(maintenance.check(CheckUser, repair=True))
    assert_consistent(raw, CheckUser, CheckTeam)


@pytest.mark.one_server
def test_what_has_expired_claims_nothing(connected: redis.Redis, raw: redis.Redis) -> None:
    CheckUser(code=f'c{EXPIRED}', number=1).save()
    rom.session.rollback()
    assert raw.hget('chk:code:uidx', f'c{EXPIRED}') == b'31'
    raw.hdel('chk:code:number:uidx', b'\0\0c29\0\0\x0029')
    assert list(maintenance.check(CheckUser)) == []
    raw.hset('chk:code:uidx', f'c{EXPIRED}', EXPIRED)
    assert shape(maintenance.check(CheckUser, repair=True)) == {('unclaimed', 'code:uidx', 31): 1}
    assert raw.hget('chk:code:uidx', f'c{EXPIRED}') == b'31'


@pytest.mark.one_server
def test_indexes_that_are_not_declared_are_for_a_reindex(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    raw.zadd('chk:code:pre', {b'x\x0013': 1})
    raw.sadd('chk:lon:x:idx', 1)
    raw.hset('chk:city:code:uidx', 'x', 1)
    expected = [('undeclared', key, None) for key in ('city:code:uidx', 'code:pre', 'lon:x:idx')]
    assert left(found(front)) == left(found(front, repair=True)) == expected
    list(front.reindex(CheckUser))
    assert found(front) == []
    assert_consistent(raw, CheckUser, CheckTeam)


@pytest.mark.one_server
def test_rows_of_rom_1x_keep_their_list(connected: redis.Redis, raw: redis.Redis) -> None:
    raw.hset('chk:3', '-index-data-', b'[["city:C0"], ["number"], [], [], []]')
    raw.zadd('chk:number:idx', {'3': 99})
    before = rows(raw)
    assert shape(maintenance.check(CheckUser, repair=True)) == {('score', 'number:idx', 3): 1}
    assert rows(raw) == before
    assert list(maintenance.check(CheckUser)) == []


@pytest.mark.one_server
def test_data_without_a_bitmap_is_in_order(connected: redis.Redis, raw: redis.Redis) -> None:
    raw.delete('chk:id:live')
    assert list(maintenance.check(CheckUser, repair=True)) == []
    assert not raw.exists('chk:id:live')


@pytest.mark.one_server
def test_models_that_the_program_does_not_know_are_left_alone(
    connected: redis.Redis, raw: redis.Redis
) -> None:
    """Their keys may look like those of words; what tells is their id counter."""
    known = dict(rom.MODELS)
    rom.MODELS.clear()  # beside CheckUser it is refused
    Other = type('Other', (rom.Model,), {'_namespace': 'chk:city', 'x': rom.Integer(index=True)})
    Other(x=5).save()  # type: ignore[call-arg]
    raw.sadd('chk:city:x:y:idx', 1)
    rom.MODELS.clear()
    rom.MODELS.update(known)
    assert list(maintenance.check(CheckUser, repair=True)) == []
    assert raw.exists('chk:city:x:idx', 'chk:city:x:y:idx') == 2
    list(rom.util.clean_old_index(CheckUser))
    list(maintenance.reindex(CheckUser))
    assert raw.exists('chk:city:x:idx', 'chk:city:x:y:idx') == 2


@pytest.mark.one_server
def test_rows_of_many_words(connected: redis.Redis, raw: redis.Redis) -> None:
    """More entries than one call of the script looks at."""
    many = [' '.join(f'w{word * 7 + n}' for word in range(600)) for n in range(4)]
    rom.session.save([CheckUser(words=words, number=n) for n, words in enumerate(many)])
    rom.session.rollback()
    raw.srem('chk:words:w7:idx', 31)
    raw.zrem('chk:words:pre', b'w10\x0034')
    expected = {('missing', 'words:w7:idx', 31): 1, ('missing', 'words:pre', 34): 1}
    assert shape(maintenance.check(CheckUser, repair=True)) == expected
    assert list(maintenance.check(CheckUser)) == []


# --- what it takes, and beside others -------------------------------------------------------------


@pytest.mark.one_server
@pytest.mark.parametrize('batch', [0, -1, 'x', None, True])
def test_a_batch_has_a_size(front: Front, batch: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='batch: expected an int of at least 1'):
        front.check(CheckUser, batch=batch)
    with pytest.raises(rom.InvalidOperation, match='takes a model'):
        front.check(5)


@pytest.mark.one_server
def test_right_after_a_repair_the_data_is_stamped(connected: redis.Redis, raw: redis.Redis) -> None:
    stamp = raw.get('chk:id:indexes')
    raw.delete('chk:id:indexes')
    list(maintenance.check(CheckUser))
    assert not raw.exists('chk:id:indexes')
    raw.hset('chk:3', 'number', 'three')
    list(maintenance.check(CheckUser, repair=True))
    assert not raw.exists('chk:id:indexes'), 'something is left'
    raw.hset('chk:3', 'number', '3')
    list(maintenance.check(CheckUser, repair=True))
    assert raw.get('chk:id:indexes') == stamp


@pytest.mark.one_server
def test_in_a_session_with_a_client_of_its_own(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = server.connect(db=1)
    make(5)
    rom.util.CONNECTION.zadd('chk:number:idx', {'3': 99})
    rom.util.CONNECTION = raw  # where there is nothing

    async def story() -> None:
        client = server.connect_async(db=1)
        async with client, rom.AsyncSession(client):
            [finding] = [found async for found in rom.aio.check(CheckUser, repair=True)]
            assert (finding.kind, finding.id, finding.repaired) == ('score', 3, True)
            assert [found async for found in rom.aio.check(CheckUser)] == []
            assert [step async for step in rom.aio.reindex(CheckUser)][-1] == (5, 5)
            assert [status.state for status in await rom.aio.status(CheckUser)] == ['right']

    asyncio.run(story())
    assert dump(raw) == {}


@pytest.mark.one_server
def test_each_row_and_entry_is_read_once(connected: redis.Redis, raw: redis.Redis) -> None:
    """Where nothing is wrong, nothing is asked about single entries."""
    raw.config_resetstat()
    assert list(maintenance.check(CheckUser)) == []
    calls = {n.removeprefix('cmdstat_'): s['calls'] for n, s in raw.info('commandstats').items()}
    rows = int(raw.bitcount('chk:id:live'))
    assert calls['hmget'] == rows
    assert calls.pop('hget') == 1  # the mark of a move, in the place of the counter
    assert calls.keys().isdisjoint({'zscore', 'sismember'})
    assert calls['evalsha'] + calls['scan'] < rows, 'some trips for all of them'


def test_no_false_alarm_beside_writers(front: Front, server: Server) -> None:
    with server.connect() as client:
        rom.util.CONNECTION = client
        make(120)
        with writing(3) as written:
            for _ in range(4):
                assert found(front, batch=20) == []
            assert found(front, repair=True, batch=20) == []
        assert written() > 50
        assert_consistent(client, CheckUser, CheckTeam)


@pytest.mark.one_server
def test_a_repair_beside_writers(front: Front, server: Server) -> None:
    with server.connect() as client:
        rom.util.CONNECTION = client
        make(120)
        with writing(2):
            for _ in range(2):
                client.sadd('chk:city:Ghost:idx', *range(1, 100), 900)
                client.zadd('chk:words:pre', {b'ghost\x00%d' % n: 1 for n in range(1, 100)})
                client.hset('chk:code:uidx', mapping={f'ghost{n}': n for n in range(1, 100)})
                client.delete('chk:number:idx', 'chk:city:C1:idx')
                assert all(finding.repaired for finding in found(front, repair=True, batch=20))
        list(front.check(CheckUser, repair=True))
        assert found(front) == []
        assert_consistent(client, CheckUser, CheckTeam)


@contextmanager
def writing(threads: int) -> Iterator[Callable[[], int]]:
    """Threads that change, delete and make entities, meanwhile; how often they did."""
    stop = threading.Event()
    failures: list[BaseException] = []
    counts = [0] * threads

    def write(seed: int) -> None:
        try:
            with rom.Session() as session:
                while not stop.is_set():
                    counts[seed] += 1
                    count = counts[seed]
                    user: Any = session.get(CheckUser, (count * 7 + seed) % 119 + 1)
                    try:
                        if user is not None and count % 13 == 0:
                            user.delete()
                        elif user is not None:
                            user.words, user.city = f'w{count} all', f'C{count % 5}'
                            user.code, user.number = f'c{seed}-{count}', 1000 * seed + count
                            user.lon = count % 90 / 2
                        CheckUser(code=f'n{seed}-{count}', words='x', number=-count * 10 - seed)
                        session.commit()
                    except (rom.InvalidOperation, rom.UniqueKeyViolation):
                        pass  # another writer was there
                    session.rollback()
        except BaseException as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(threads)]
    for writer in writers:
        writer.start()
    try:
        yield lambda: sum(counts)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failures
