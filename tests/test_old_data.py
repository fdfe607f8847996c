"""Data of rom 1.x, in place, both ways: contract, section 8, and issue 3, item 5.

rom 1.1.2 itself writes in a second process (tests/support/rom1.py) what this project then reads,
queries, changes and deletes; and reads, queries and writes what this project wrote. After each
step the whole keyspace is compared with what its rows imply.
"""

import datetime
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rom
from tests.support import old_models, rom1
from tests.support.fetched import Unavailable
from tests.support.implied import assert_consistent
from tests.support.old_models import OldKept, OldTeam, OldThing
from tests.support.servers import Server, dump, ttls, without_notes
from tests.support.snapshots import once

pytestmark = [pytest.mark.slow, pytest.mark.one_server]

COUNT = 700
LISTED = b'-index-data-'


@pytest.fixture(scope='module')
def folder() -> Path:
    try:
        return rom1.install()
    except Unavailable as error:
        pytest.skip(f'needs rom 1.1.2 (once, with a network): {error}')


@pytest.fixture
def old(folder: Path, server: Server) -> Iterator[Callable[..., Any]]:
    """Calls a function of tests/support/old_program.py, in a process with rom 1.1.2."""

    def call(what: str, **arguments: Any) -> Any:
        found = rom1.run(folder, server.socket, what, **arguments)
        # The temporary keys of its queries would go by themselves, half a minute later.
        for key in ttls(client):
            client.delete(key)
        return found

    with server.connect() as client:
        rom.util.CONNECTION = client
        yield call


def written(old: Callable[..., Any], raw: redis.Redis) -> dict[int, Any]:
    """Have rom 1.1.2 write COUNT things; returns what they hold."""
    found: dict[int, Any] = once(
        raw, 'written', lambda: old('write', model='OldThing', count=COUNT, seed=1)
    )
    return found


def changed(old: Callable[..., Any], raw: redis.Redis) -> None:
    """Have it change some of them, and delete some."""

    def change() -> None:
        written(old, raw)
        old('change', model='OldThing', seed=3)

    once(raw, 'changed', change)


def held(model: Any) -> dict[int, Any]:
    """What all entities hold, read anew."""
    rom.session.rollback()
    found = {entity.id: old_models.as_plain(entity) for entity in model.query.all()}
    rom.session.rollback()
    return found


def answers(model: Any) -> dict[str, list[int]]:
    """The ids that each query finds."""
    return {
        name: sorted(entity.id for entity in query.all())
        for name, query in old_models.queries(model).items()
    }


def check_answers(model: Any, theirs: dict[str, Any]) -> None:
    ours = answers(model)
    wrong = {
        name: (sorted(set(ours[name]) - set(found)), sorted(set(found) - set(ours[name])))
        for name, found in theirs.items()
        if ours[name] != found and name not in DIFFERENT
    }
    assert not wrong, f'by query, what only we and only 1.1.2 find: {wrong}'
    assert sum(map(bool, theirs.values())) > len(theirs) * 0.8, 'the queries find too little'


# What is different on purpose, or 1.1.2's fault.
DIFFERENT = {
    'ordered',  # difference 5: order_by keeps entities that lack the column
}


def lists(raw: redis.Redis, namespace: str) -> dict[bytes, bytes]:
    """The rows that carry rom 1.x's list."""
    return {
        key: row[LISTED]
        for key, row in dump(raw).items()
        if key.startswith(f'{namespace}:'.encode()) and isinstance(row, dict) and LISTED in row
    }


def change_some(model: Any, seed: int, share: float = 0.5) -> int:
    """Change some entities in each kind of column; returns how many."""
    rng = random.Random(seed)
    changed = 0
    for entity in model.query.all():
        if rng.random() > share:
            continue
        values = old_models.values(rng, entity.serial)
        for name in rng.sample(sorted(values), 6):
            setattr(entity, name, values[name])
        setattr(entity, rng.choice(['full', 'small', 'moment', 'flag', 'simple_ci']), None)
        changed += 1
    rom.session.commit()
    rom.session.rollback()
    return changed


def clean(model: Any) -> None:
    """When rom 1.1.2 deletes an entity, its place stays in the geo index."""
    list(rom.util.clean_old_index(model))


def delete_some(model: Any, seed: int, share: float = 0.2) -> int:
    rng = random.Random(seed)
    doomed = [entity for entity in model.query.all() if rng.random() < share]
    rom.session.delete(doomed)
    rom.session.rollback()
    return len(doomed)


def test_what_1x_wrote_is_read_as_it_was_written(old: Callable[..., Any], raw: redis.Redis) -> None:
    theirs = written(old, raw)
    found = held(OldThing)
    assert found == theirs
    assert OldThing.query.count() == COUNT, 'without a bitmap, the rows are looked at'
    assert OldThing.get(5).email == theirs[5]['email']
    assert [OldThing.get_by(email=f'User{n}@Exämple.org').serial for n in (1, 700)] == [1, 700]
    assert OldThing.get_by(token=b'\xff12').id == 12
    assert OldThing.get_by(serial=13).id == 13
    assert {thing.id for thing in OldTeam.get(3).things} == {
        id for id, values in theirs.items() if values['team'] == 3
    }


def test_what_1x_wrote_is_found_as_1x_finds_it(old: Callable[..., Any], raw: redis.Redis) -> None:
    changed(old, raw)
    check_answers(OldThing, old('ask', model='OldThing'))
    left = held(OldThing)
    assert OldThing.query.count() == len(left) < COUNT


def test_what_1x_wrote_is_changed_in_place(old: Callable[..., Any], raw: redis.Redis) -> None:
    written(old, raw)
    before = len(lists(raw, 'old.thing'))
    count = change_some(OldThing, 5)
    assert_consistent(raw, OldThing, OldTeam, live=False)
    assert len(lists(raw, 'old.thing')) == before - count, 'rows are rewritten without the list'
    rom.session.save(OldThing.query.all(), full=True)
    assert not lists(raw, 'old.thing')
    assert_consistent(raw, OldThing, OldTeam, live=False)


def test_what_1x_wrote_is_deleted_in_place(old: Callable[..., Any], raw: redis.Redis) -> None:
    changed(old, raw)
    clean(OldThing)
    change_some(OldThing, 8, share=0.3)
    delete_some(OldThing, 9)
    assert_consistent(raw, OldThing, OldTeam, live=False)
    rom.session.delete(OldThing.query.all())
    left = without_notes(assert_consistent(raw, OldThing, OldTeam, live=False))
    kept = {key for key in left if key.startswith(b'old.thing:')}
    assert kept == {b'old.thing:id:', b'old.thing:id:live'}


def test_new_entities_among_old_ones(old: Callable[..., Any], raw: redis.Redis) -> None:
    old('write', model='OldThing', count=300, seed=10)
    with pytest.raises(rom.UniqueKeyViolation):
        OldThing(safer=OldThing.get(1).safer, token=b'\xff7').save()
    rom.session.rollback()
    rng = random.Random(11)
    made = [OldThing(**old_models.values(rng, serial)) for serial in range(301, 401)]
    rom.session.commit()
    assert sorted(thing.id for thing in made) == [thing.id for thing in made]
    assert made[0].id > 300
    assert OldThing.query.count() == 400
    assert len(OldThing.query.all()) == 400
    assert_consistent(raw, OldThing, OldTeam, live=False)


def test_1x_reads_and_finds_what_we_wrote(old: Callable[..., Any], raw: redis.Redis) -> None:
    written = _write(OldThing, COUNT, 12)
    assert old('read', model='OldThing') == written
    theirs = old('ask', model='OldThing')
    check_answers(OldThing, theirs)
    assert old('unique', model='OldThing') == [[n, n, n] for n in range(1, 60)]
    assert_consistent(raw, OldThing, OldTeam)


@pytest.mark.parametrize('seed', [13, 14])
def test_both_write_side_by_side(old: Callable[..., Any], raw: redis.Redis, seed: int) -> None:
    """With `_keep_index_data`: turn by turn, each finds the other's data in order."""
    written = _write(OldKept, 200, seed)
    assert old('read', model='OldKept') == written
    check_lists(raw)
    for turn in range(3):
        theirs = old('change', model='OldKept', seed=seed + turn, first=10_000 * (turn + 1))
        clean(OldKept)
        assert held(OldKept) == theirs
        assert OldKept.query.count() == len(theirs)
        assert_consistent(raw, OldKept, OldTeam, OldThing, live=False)
        check_answers(OldKept, old('ask', model='OldKept'))
        change_some(OldKept, seed * turn)
        delete_some(OldKept, seed * turn, share=0.1)
        assert_consistent(raw, OldKept, OldTeam, OldThing, live=False)
        check_lists(raw)
        assert old('read', model='OldKept') == held(OldKept)
    assert old('write', model='OldKept', count=50, seed=seed, first=50_000)
    assert_consistent(raw, OldKept, OldTeam, OldThing, live=False)
    assert old('delete_all', model='OldKept') > 100
    clean(OldKept)
    left = assert_consistent(raw, OldKept, OldTeam, OldThing, live=False)
    assert {key for key in left if key.startswith(b'old.kept:')} == {
        b'old.kept:id:',
        b'old.kept:id:epochs',
        b'old.kept:id:indexes',
    }


def check_lists(raw: redis.Redis) -> None:
    """Every row has a list, as 1.x writes it."""
    found = lists(raw, 'old.kept')
    assert len(found) == OldKept.query.count()
    for text in found.values():
        assert len(json.loads(text)) == 5


def _write(model: Any, count: int, seed: int) -> dict[int, Any]:
    rng = random.Random(seed)
    teams = [OldTeam(name=f'team {n}') for n in range(20)]
    made = []
    for serial in range(1, count + 1):
        values = old_models.values(rng, serial)
        if rng.random() < 0.8:
            values['team'] = rng.choice(teams)
        if serial <= len(teams):
            values['badge'] = teams[serial - 1]
        made.append(model(**values))
    rom.session.commit()
    written = {entity.id: old_models.as_plain(entity) for entity in made}
    rom.session.rollback()
    return written


def test_what_1x_left_behind_is_cleaned_up(old: Callable[..., Any], raw: redis.Redis) -> None:
    """Stale places, wrong scores, no bitmap: in order after one refresh."""
    old('write', model='OldThing', count=500, seed=15)
    theirs = old('change', model='OldThing', seed=16)
    assert raw.zcard('old.thing:at:geo') > len(theirs), 'places of the deleted are left'
    raw.hset('old.thing:clock_fault', 'x', 1)  # not ours, not touched
    for model in (OldThing, OldTeam):
        done, total = list(rom.util.refresh_indices(model))[-1]
        assert done == total > 0
    raw.delete('old.thing:clock_fault')
    assert_consistent(raw, OldThing, OldTeam)
    assert not lists(raw, 'old.thing')
    assert held(OldThing) == theirs
    assert old('read', model='OldThing') == theirs
    check_answers(OldThing, old('ask', model='OldThing'))


def test_microseconds_that_1x_loses(old: Callable[..., Any], raw: redis.Redis) -> None:
    """rom 1.1.2 reads some times a microsecond early, and indexes what it read."""
    for micro in range(200):
        clock = datetime.time(0, 0, 1, micro * 4999)
        OldThing(safer=datetime.datetime(2000, 1, 1), serial=micro, clock=clock, lon=1, lat=2)
    rom.session.commit()
    rom.session.rollback()
    theirs = old('change', model='OldThing', seed=17, share=0.9, first=1000)
    ours = held(OldThing)
    gap = datetime.timedelta(microseconds=1)
    day = datetime.datetime(2000, 1, 1)
    early = 0
    for id, values in theirs.items():
        if values['clock'] is None:
            continue
        late = datetime.datetime.combine(day, ours[id]['clock']) - datetime.datetime.combine(
            day, values['clock']
        )
        assert late in (gap, 0 * gap)
        early += late == gap
    assert early, 'the fault of 1.1.2 that this is about'
    rom.session.save(OldThing.query.all(), full=True)
    clean(OldThing)
    assert_consistent(raw, OldThing, OldTeam, live=False)


def test_what_1x_kept_until_a_cleanup_job_came(
    old: Callable[..., Any], raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DateTime with an index becomes an ExpireAt, and nothing else changes."""
    written = old('write', model='OldThing', count=300, seed=11)
    for name in ('OldThing', 'old.thing'):
        monkeypatch.delitem(rom.MODELS, name)

    class OldExpiring(OldThing):
        _namespace = 'old.thing'
        moment = rom.ExpireAt()

    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    rows = {id: values['moment'] for id, values in written.items()}
    gone = {id for id, moment in rows.items() if moment is not None and moment <= now}
    assert 20 < len(gone) < 280
    stays = rows.keys() - gone
    assert set(OldExpiring.query.ids()) == stays
    assert OldExpiring.query.count() == len(stays)
    assert {entity.id for entity in OldExpiring.get(list(rows))} == stays
    everything = OldExpiring.query.with_expired()
    assert set(everything.filter(moment=(None, now)).ids()) == gone
    assert {entity.id: entity.moment for entity in everything.all()} == rows
    rom.session.rollback()
    taken = old_models.values(random.Random(12), 1000)
    holder = min(gone)
    OldExpiring(**{**taken, 'serial': written[holder]['serial'], 'moment': None}).save()
    assert rom.util.expire(OldExpiring, blocksize=70) == len(gone)
    assert OldExpiring.get_by(serial=written[holder]['serial']).id == 301
    clean(OldExpiring)
    assert_consistent(raw, OldExpiring, OldTeam, live=False)
    assert {entity.id for entity in OldExpiring.query.all()} == stays | {301}
