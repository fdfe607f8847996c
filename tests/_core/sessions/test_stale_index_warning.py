"""A program is warned, once, of a model whose data has other indexes than it declares."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom import maintenance
from rom._core.ops.index_fingerprint import declared_by, read_stamp, stamp_of
from rom._core.ops.requests import Command, Pipeline
from tests.support.servers import Server, dump
from tests.support.worlds import World

KEY = 'stamp:id:indexes'


@pytest.fixture(autouse=True)
def no_models() -> Iterator[None]:
    yield
    rom.MODELS.clear()


def declare(**columns: Any) -> Any:
    rom.MODELS.clear()
    return type('Stamped', (rom.Model,), {'_namespace': 'stamp', **columns})


def stamp(raw: redis.Redis) -> Any:
    return read_stamp(raw.get(KEY))


@pytest.mark.parametrize('several', [False, True])
def test_it_begins_with_the_first_id(world: World, raw: redis.Redis, several: bool) -> None:
    Thing = declare(n=rom.Integer(index=True))

    async def story() -> None:
        async with world.session() as s:
            assert await s.get(Thing, 1) is None
            assert dump(raw) == {}, 'reading writes nothing'
            s.add_all([Thing(n=n) for n in range(1 + several)])
            await s.commit()

    world.run(story())
    assert stamp(raw) == declared_by(Thing._schema) == {'n': 'Integer: index'}


@pytest.mark.one_server
@pytest.mark.parametrize('several', [False, True])
def test_data_that_is_older_gets_none(raw: redis.Redis, several: bool) -> None:
    rom.util.CONNECTION = raw
    raw.set('stamp:id:', 4)
    Thing = declare(n=rom.Integer(index=True))
    [Thing(n=n) for n in range(1 + several)]
    rom.session.commit()
    assert not raw.exists(KEY)


@pytest.mark.one_server
def test_a_stamp_is_changed_by_no_commit(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    declare(n=rom.Integer(index=True))(n=1).save()
    before = raw.get(KEY)
    raw.delete('stamp:id:')
    raw.delete('stamp:1')
    with pytest.warns(rom.StaleIndexWarning):
        declare(n=rom.Integer())(n=1).save()
    assert raw.get(KEY) == before


@pytest.mark.one_server
def test_the_warning(world: World, raw: redis.Redis, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            s.add(declare(n=rom.Integer(index=True), m=rom.Integer(index=True))(n=1))
            await s.commit()
            s.rollback()
            Thing = declare(n=rom.Integer(), k=rom.Integer(index=True))
            trips.clear()
            with pytest.warns(rom.StaleIndexWarning) as caught:
                assert (await s.get(Thing, 1)).n == 1
            assert len(trips) == 1, 'it costs no trip'
            [warning] = caught
            assert str(warning.message) == (
                'Stamped: its indexes in Redis are not those that it declares (k is new; m is '
                'gone; n is gone), so queries may miss entities: run rom reindex, or '
                'rom.maintenance.reindex(Stamped)'
            )
            trips.clear()
            with warnings.catch_warnings():
                warnings.simplefilter('error')
                s.rollback()
                await s.get(Thing, 1)
                await s.all(Thing.query)
            assert not any(isinstance(trip, Pipeline) for trip in trips), 'it is asked once'

    world.run(story())


@pytest.mark.one_server
@pytest.mark.parametrize('first', ['get', 'query', 'save', 'many'])
def test_whatever_comes_first_asks(raw: redis.Redis, first: str, trips: list[Any]) -> None:
    rom.util.CONNECTION = raw
    declare(n=rom.Integer(index=True))(n=1).save()
    rom.session.rollback()
    Thing = declare(n=rom.Integer(index=True), k=rom.Integer(index=True))
    trips.clear()
    with pytest.warns(rom.StaleIndexWarning):
        {
            'get': lambda: Thing.get(1),
            'query': lambda: Thing.query.filter(n=1).all(),
            'save': lambda: Thing(n=2).save(),
            'many': lambda: Thing.get([1, 2]),
        }[first]()
    assert len(trips) == 1
    assert Command('GET', KEY.encode()) in trips[0].requests


@pytest.mark.one_server
def test_silence_where_all_is_right_or_nothing_is_known(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    columns: dict[str, Any] = {'n': rom.Integer(index=True)}
    declare(**columns)(n=1).save()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        rom.session.rollback()
        assert declare(**columns).get(1).n == 1
        for other in (None, b'?', b'[]'):
            raw.delete(KEY)
            if other is not None:
                raw.set(KEY, other)
            rom.session.rollback()
            assert declare(k=rom.Integer(index=True)).get(1).id == 1
        raw.delete(KEY)
        raw.sadd(KEY, 'of another type')
        rom.session.rollback()
        assert declare(k=rom.Integer(index=True)).get(1).id == 1


@pytest.mark.one_server
def test_no_more_of_it_after_a_reindex(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    declare(n=rom.Integer(index=True))(n=1).save()
    columns: dict[str, Any] = {'n': rom.Integer(index=True), 'k': rom.Integer(index=True)}
    list(maintenance.reindex(declare(**columns)))
    rom.session.rollback()
    Thing = declare(**columns)
    assert Thing.get(1).n == 1
    assert raw.get(KEY) == stamp_of(Thing._schema)


def declare_part(**columns: Any) -> Any:
    rom.MODELS.clear()
    body = {'_namespace': 'part', '_shards': rom.Shards('stamped', 4), '_shard_by': 'tenant'}
    return type('StampedPart', (rom.Model,), {**body, 'tenant': rom.Integer(), **columns})


@pytest.mark.one_server
def test_partitions_are_asked_with_the_first_request_to_each(
    raw: redis.Redis, trips: list[Any]
) -> None:
    rom.util.CONNECTION = raw
    before = declare_part()
    for tenant in range(8):
        before(tenant=tenant).save()
    rom.session.rollback()
    Thing = declare_part(k=rom.Integer(index=True))
    # One partition was never reindexed, and the others are as declared.
    schema = Thing._schema
    for number in range(1, 4):
        raw.set(schema.at(number).keys.indexes, stamp_of(schema))
    trips.clear()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Thing.get(2)  # partition 1
        Thing.get(2)
    with pytest.warns(rom.StaleIndexWarning, match='StampedPart: .*k is new.*rom reindex'):
        assert Thing.query.count() == 8
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert Thing.query.count() == 8
    asked = [r for trip in trips if isinstance(trip, Pipeline) for r in trip.requests]
    stamps = [Command('GET', schema.at(number).keys.indexes) for number in (1, 0, 2, 3)]
    assert [request for request in asked if request in stamps] == stamps
    assert [one.state for one in maintenance.status(Thing)] == ['stale']


@pytest.mark.one_server
def test_several_threads_are_warned_once(server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    declare(n=rom.Integer(index=True))(n=1).save()
    Thing = declare(n=rom.Integer())
    with pytest.warns(rom.StaleIndexWarning) as caught:
        threads = [threading.Thread(target=Thing.get, args=(n,)) for n in range(2, 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(caught) == 1
