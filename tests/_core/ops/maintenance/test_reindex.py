"""Reindexing after a change of indexes: all of it, what is left of it, and none of the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rom
from rom import maintenance
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.maintenance.reindex import Pace
from tests.support.implied import assert_consistent
from tests.support.patience import PATIENCE
from tests.support.servers import Server, dump, without_notes
from tests.support.worlds import Front

POSITION, STAMP = 'rei:id:reindex', 'rei:id:indexes'


@pytest.fixture(autouse=True)
def no_models() -> Iterator[None]:
    """Each test declares a model of one namespace, and declares it again."""
    yield
    rom.MODELS.clear()


def before() -> Any:
    """The model as it was when its data was written."""
    rom.MODELS.clear()

    class Thing(rom.Model):
        _namespace = 'rei'
        unique_together = [('city', 'number')]
        geo_index = [rom.GeoIndex('home', lambda e: {'lon': e.number / 9, 'lat': 1})]
        name = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
        city = rom.Text(index=True, keygen=rom.IDENTITY)
        number = rom.Integer()
        code = rom.Text(unique=True, suffix=True, keygen=rom.IDENTITY)

    return Thing


def after(**more: Any) -> Any:
    """The model as it is: indexes are new, others are gone, and one column is, too."""
    rom.MODELS.clear()
    body = {
        '_namespace': 'rei',
        'name': rom.Text(index=True, suffix=True, keygen=rom.FULL_TEXT),
        'city': rom.Text(unique=True),
        'number': rom.Integer(index=True),
        **more,
    }
    return type('Thing', (rom.Model,), body)


def make(count: int = 40) -> None:
    Thing = before()
    for n in range(1, count + 1):
        Thing(name=f'name{n} all', city=f'City {n}', number=n, code=f'c{n}')
    rom.session.commit()
    rom.session.rollback()


@pytest.fixture
def connected(client: redis.Redis) -> redis.Redis:
    rom.util.CONNECTION = client
    make()
    return client


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What went to the server, a trip each."""
    seen: list[Any] = []
    for driver in (SyncDriver, AsyncDriver):

        def perform(self: Any, request: Any, perform: Any = driver.perform) -> Any:
            seen.append(request)
            return perform(self, request)

        monkeypatch.setattr(driver, 'perform', perform)
    return seen


def position(raw: redis.Redis) -> int | None:
    found = raw.get(POSITION)
    return None if found is None else int(json.loads(found)['after'])


@pytest.mark.parametrize('batch', [7, 100])
def test_new_indexes_come_and_old_ones_go(
    front: Front, connected: redis.Redis, raw: redis.Redis, batch: int
) -> None:
    rows = {key: value for key, value in dump(raw).items() if key[4:].isdigit()}
    Thing = after()
    steps = list(front.reindex(Thing, batch=batch))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1] >= 40
    keyspace = assert_consistent(raw, Thing)
    assert rows.items() <= keyspace.items()
    assert not raw.exists(POSITION)
    assert not list(front.check(Thing))
    before_again = without_notes(dump(raw))
    list(front.reindex(Thing, batch=batch))
    assert without_notes(dump(raw)) == before_again, 'what is right stays as it is'


@pytest.mark.one_server
def test_other_kinds_of_an_index_and_other_models_are_left_alone(
    connected: redis.Redis, raw: redis.Redis
) -> None:
    """Of a column whose words are indexed no more, the prefixes stay; and so does whoever has a
    namespace that begins like the key of a word.
    """
    more = {'code': rom.Text(prefix=True, suffix=True, keygen=rom.IDENTITY)}
    Thing = after(name=rom.Text(prefix=True, keygen=rom.FULL_TEXT), **more)
    Other = type('Other', (rom.Model,), {'_namespace': 'rei:other', 'x': rom.Integer(index=True)})
    Other(x=5).save()
    raw.set('rei:unknown:key', 1)
    list(maintenance.reindex(Thing))
    raw.delete('rei:unknown:key')
    assert_consistent(raw, Thing, Other)


@pytest.mark.one_server
def test_what_is_left_where_no_stamp_tells(connected: redis.Redis, raw: redis.Redis) -> None:
    """Of data without a stamp, indexes of columns that are there are found all the same."""
    raw.delete(STAMP)
    Thing = after(code=rom.Text())
    list(maintenance.reindex(Thing))
    raw.delete('rei:home:geo')  # whose name nothing tells
    assert_consistent(raw, Thing)
    assert maintenance.status(Thing)[0].state == 'right'


def test_one_that_was_stopped_goes_on(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    Thing = after()
    job = front.reindex(Thing, batch=5)
    while position(raw) != 20:
        next(job)
    del job
    raw.zadd('rei:number:idx', {'3': 99})  # this far it has been
    [status] = front.status(Thing)
    assert (status.state, status.stopped_at, status.is_due) == ('stale', 20, True)
    steps = list(front.reindex(Thing, batch=5))
    assert steps[0][1] - steps[0][0] == 20, 'what is left'
    assert raw.zscore('rei:number:idx', 3) == 99
    assert not raw.exists(POSITION)
    list(front.reindex(Thing))
    assert_consistent(raw, Thing)


@pytest.mark.one_server
@pytest.mark.parametrize('why', ['asked', 'declared anew', 'no position'])
def test_one_that_was_stopped_begins_again(
    why: str, connected: redis.Redis, raw: redis.Redis
) -> None:
    Thing = after()
    job = maintenance.reindex(Thing, batch=5)
    while position(raw) != 20:
        next(job)
    if why == 'declared anew':
        Thing = after(number=rom.Integer(unique=True))
    if why == 'no position':
        raw.set(POSITION, 'x')
    list(maintenance.reindex(Thing, restart=why == 'asked'))
    assert_consistent(raw, Thing)
    assert maintenance.status(Thing)[0].state == 'right'


@pytest.mark.one_server
def test_only_what_differs_is_built(front: Front, connected: redis.Redis, raw: redis.Redis) -> None:
    """Each row is read once, and once more by the script that writes; other indexes are let be."""
    list(front.reindex(after()))
    Thing = after(code=rom.Text(index=True, keygen=rom.IDENTITY))
    raw.zadd('rei:number:idx', {'3': 99})
    raw.config_resetstat()
    steps = list(front.reindex(Thing, batch=20))
    assert [done for done, _ in steps] == [0, 20, 40, 40]
    calls = {name: stats['calls'] for name, stats in raw.info('commandstats').items()}
    assert calls['cmdstat_hmget'] == 2 * 40
    assert calls.keys().isdisjoint({'cmdstat_zadd', 'cmdstat_zscan', 'cmdstat_sscan'})
    assert raw.zscore('rei:number:idx', 3) == 99
    list(front.reindex(Thing, everything=True))
    assert_consistent(raw, Thing)


@pytest.mark.one_server
def test_what_is_right_is_not_written(connected: redis.Redis, raw: redis.Redis) -> None:
    """Where nothing differs from the stamp, all is compared, and what is wrong is built."""
    Thing = before()
    raw.config_resetstat()
    list(maintenance.reindex(Thing))
    calls = raw.info('commandstats')
    assert calls.keys().isdisjoint({'cmdstat_zadd', 'cmdstat_sadd', 'cmdstat_hset'})
    raw.delete('rei:name:pre', 'rei:city:City 7:idx')
    raw.hset('rei:code:uidx', 'nobody', 5)
    list(maintenance.reindex(Thing))
    assert_consistent(raw, Thing)


PROGRAM = """
import sys, redis, rom
from rom import maintenance
from tests._core.ops.maintenance.test_reindex import after

rom.util.CONNECTION = redis.Redis(unix_socket_path=sys.argv[1])
for step in maintenance.reindex(after(), batch=4, rate=100):
    pass
"""


@pytest.mark.one_server
def test_one_that_was_killed_goes_on(connected: redis.Redis, raw: redis.Redis) -> None:
    socket = raw.connection_pool.connection_kwargs['path']
    root = Path(__file__).parents[4]
    environment = {**os.environ, 'PYTHONPATH': str(root)}
    with subprocess.Popen([sys.executable, '-c', PROGRAM, socket], env=environment) as program:
        try:
            until = time.monotonic() + PATIENCE
            while (position(raw) or 0) < 8 and time.monotonic() < until:
                assert program.poll() is None, 'it ended by itself'
                time.sleep(0.005)
        finally:
            program.send_signal(signal.SIGKILL)
    reached = position(raw)
    assert reached is not None and 8 <= reached < 40
    Thing = after()
    assert maintenance.status(Thing)[0].stopped_at == reached
    steps = list(maintenance.reindex(Thing, batch=4))
    assert steps[0][1] - steps[0][0] == 40 - reached
    assert_consistent(raw, Thing)


def test_beside_writers(front: Front, server: Server) -> None:
    """Those who have the same declaration."""
    with server.connect() as client:
        rom.util.CONNECTION = client
        make(120)
        Thing = after()
        stop = threading.Event()
        failures: list[BaseException] = []

        def write(seed: int) -> None:
            try:
                with rom.Session() as session:
                    count = 0
                    while not stop.is_set():
                        count += 1
                        thing: Any = session.get(Thing, (count * 7 + seed) % 120 + 1)
                        try:
                            if thing is not None and count % 11 == 0:
                                thing.delete()
                            elif thing is not None:
                                thing.name, thing.number = f'new{count} all', count
                            Thing(name='x', city=f'{seed}-{count}')
                            session.commit()
                        except rom.InvalidOperation:
                            pass  # another writer was there
                        session.rollback()
            except BaseException as error:
                failures.append(error)

        # Asked about here, where the warning is expected.
        with pytest.warns(rom.StaleIndexWarning):
            Thing.get(1)
        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
        for writer in writers:
            writer.start()
        try:
            for restart in (False, True):
                list(front.reindex(Thing, batch=10, restart=restart))
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert not failures
        assert_consistent(client, Thing)


@pytest.mark.one_server
def test_what_cannot_be_indexed_is_named_at_the_end(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    raw.hset('rei:3', 'number', 'three')
    raw.hset('rei:4', 'city', 'City 5')
    Thing = after()
    with pytest.raises(rom.BulkError, match='2 rows of Thing could not be indexed') as error:
        list(front.reindex(Thing, batch=6))
    kinds = sorted(type(one).__name__ for one in error.value.errors)
    assert kinds == ['CorruptRowError', 'UniqueKeyViolation']
    assert front.status(Thing)[0].state == 'right', 'there is no more to be done by it'
    raw.hset('rei:3', 'number', 3)
    raw.hset('rei:4', 'city', 'City 4')
    assert all(finding.repaired for finding in front.check(Thing, repair=True))
    assert_consistent(raw, Thing)


@pytest.mark.one_server
def test_without_data_there_is_nothing_to_say(front: Front, server: Server) -> None:
    with server.connect() as client:
        rom.util.CONNECTION = client
        Thing = after()
        assert list(front.reindex(Thing))[-1] == (0, 0)
        assert dump(client) == {}
        assert front.status(Thing)[0].state == 'empty'
        Thing(number=1).save()
        assert front.status(Thing)[0].state == 'right'


@pytest.mark.one_server
def test_data_of_rom_1x_gets_its_bitmap_and_a_stamp(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    Thing = before()
    right = without_notes(dump(raw))
    raw.delete(STAMP, 'rei:id:live', 'rei:city:City 3:idx')
    raw.hset('rei:3', '-index-data-', json.dumps([['city:Old'], [], [], [], []]))
    raw.sadd('rei:city:Old:idx', 3)
    assert front.status(Thing)[0].state == 'unknown'
    list(front.reindex(Thing))
    assert without_notes(dump(raw)) == right
    assert front.status(Thing)[0].state == 'right'


@pytest.mark.one_server
@pytest.mark.parametrize('scan', [True, False])
def test_what_refreshes_all_indexes_makes_a_stamp_as_well(
    front: Front, connected: redis.Redis, raw: redis.Redis, scan: bool
) -> None:
    Thing = after()
    list(front.refresh_indices(Thing, scan=scan))
    assert front.status(Thing)[0].state == ('right' if scan else 'stale')
    if scan:
        assert_consistent(raw, Thing)


# --- how fast, and how far ------------------------------------------------------------------------


def test_a_pace() -> None:
    pace = Pace(4)
    assert pace.wait(8, now=10) == 2
    assert pace.wait(4, now=12) == 1
    assert pace.wait(4, now=12.5) == 1.5, 'who came too early waits for that, too'
    assert pace.wait(4, now=90) == 1, 'time that was lost is not made up for'
    assert Pace(None).wait(1000, now=1) == 0


@pytest.mark.one_server
def test_a_rate(connected: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(maintenance.time, 'sleep', slept.append)
    steps = list(maintenance.reindex(after(), rate=8))
    assert len(steps) > 5, 'no step takes longer than a second'
    assert sum(slept) > 40 / 8 * 0.9
    assert_consistent(raw, after())


@pytest.mark.one_server
def test_a_rate_is_kept_in_either_world(front: Front, connected: redis.Redis) -> None:
    begun = time.monotonic()
    list(front.reindex(after(), rate=200))
    assert time.monotonic() - begun >= 40 / 200


@pytest.mark.one_server
@pytest.mark.parametrize('rate', [0, -1, 'x', True, float('nan'), float('inf')])
def test_a_rate_is_a_number(front: Front, rate: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='rate must be'):
        front.reindex(before(), rate=rate)


@pytest.mark.one_server
def test_a_batch_has_a_size(front: Front) -> None:
    with pytest.raises(rom.InvalidOperation, match='batch: expected an int of at least 1'):
        front.reindex(before(), batch=0)
    with pytest.raises(rom.InvalidOperation, match='takes a model'):
        front.reindex(rom.Model)


@pytest.mark.one_server
def test_the_status_of_all_models(
    front: Front, connected: redis.Redis, raw: redis.Redis, trips: list[Any]
) -> None:
    Thing = after()
    type('Other', (rom.Model,), {'x': rom.Integer(index=True)})
    thing, other = front.status()
    assert (thing.model, thing.state, thing.is_due) == ('Thing', 'stale', True)
    assert thing.changes == (
        'city is gone',
        'code is gone',
        'geo home is gone',
        'name was Text: index, prefix by FULL_TEXT, and is Text: index, suffix by FULL_TEXT',
        'number is new',
        'unique city is new',
        'unique city:number is gone',
        'unique code is gone',
    )
    assert (other.model, other.state, other.is_due, other.changes) == ('Other', 'empty', False, ())
    assert len(trips) == 2
    list(front.reindex(Thing))
    assert [one.state for one in front.status(Thing)] == ['right']
    raw.set(STAMP, 'x')
    assert [one.state for one in front.status(Thing)] == ['unknown']
