"""Marks of a move: which errors they explain, and what finding out costs."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.shards.moved import FIELD, mark_of, stamp_of_move
from tests.support.servers import Server, dump
from tests.support.trips import note_trips
from tests.support.worlds import BOTH, World

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


class MarkedGuest(rom.Model):
    name = rom.Text(index=True, unique=True, keygen=rom.IDENTITY)
    age = rom.Integer()


def test_other_damage_is_told_as_it_is(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    MarkedGuest(name='a', age=1).save()
    raw.hset('MarkedGuest:1', 'age', 'x')
    rom.session.rollback()
    trips = note_trips(monkeypatch)
    with pytest.raises(rom.CorruptRowError, match="column 'age'"):
        print(MarkedGuest.get(1).age)
    assert len(trips) == 1
    raw.delete('MarkedGuest:1')
    raw.set('MarkedGuest:1', 'x')
    rom.session.rollback()
    trips.clear()
    with pytest.raises(rom.CorruptRowError, match='should hold a hash'):
        MarkedGuest.get([1])
    assert len(trips) == 2  # the counter says that nothing was moved


def test_damage_is_told_if_the_mark_cannot_be_looked_for(
    raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.set('MarkedGuest:1', 'x')
    perform = SyncDriver.perform

    def failing(self: SyncDriver, request: Any) -> Any:
        if b'MarkedGuest:id:' in str(request).encode() and 'HGET' in str(request):
            raise rom.ServerUnavailable('the server has gone')
        return perform(self, request)

    monkeypatch.setattr(SyncDriver, 'perform', failing)
    with pytest.raises(rom.CorruptRowError, match='should hold a hash'):
        MarkedGuest.get([1])


@pytest.mark.parametrize('kind', BOTH)
def test_marks(kind: str, server: Server, raw: redis.Redis) -> None:
    world, mark = World(kind, server.socket), mark_of('inn')
    MarkedGuest(name='a', age=1).save()
    rom.session.rollback()

    async def refused(s: object) -> None:
        for ask in (
            lambda: s.get(MarkedGuest, 1),  # type: ignore[attr-defined]
            lambda: s.get_by(MarkedGuest, name='a'),  # type: ignore[attr-defined]
            lambda: s.save(MarkedGuest(name='b')),  # type: ignore[attr-defined]
            lambda: s.all(MarkedGuest.query),  # type: ignore[attr-defined]
        ):
            with pytest.raises(rom.ModelMovedError, match=r"Shards\('inn', ...\)"):
                await ask()
            s.rollback()  # type: ignore[attr-defined]

    async def story() -> None:
        async with world.session() as s:
            assert (await s.get(MarkedGuest, 1)).age == 1
            s.rollback()
            raw.set('MarkedGuest:1', mark)
            for key in ('MarkedGuest:id:', 'MarkedGuest:id:live'):
                raw.delete(key)
                raw.hset(key, FIELD, mark)
            await refused(s)

    world.run(story())


def test_the_first_operation_reads_the_mark(raw: redis.Redis) -> None:
    class MarkedLate(rom.Model):
        name = rom.Text(index=True, keygen=rom.IDENTITY)

    raw.set('MarkedLate:id:indexes', stamp_of_move('inn'))
    for _ in range(2):
        with pytest.raises(rom.ModelMovedError):
            MarkedLate.query.filter(name='x').all()


def old_and_moved(group: str) -> type[rom.Model]:
    """Return a model as an old program declares it, whose rows were moved."""

    class MarkedOld(rom.Model):
        name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)

    MarkedOld(name='a').save()
    rom.session.rollback()
    rom.MODELS.pop('MarkedOld')

    class New(rom.Model):
        _shards = rom.Shards(group, 2)
        _namespace = 'MarkedOld'
        name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)

    for _ in rom.maintenance.shard(New, group):
        pass
    return MarkedOld


def lines_of(model: type[rom.Model]) -> io.BytesIO:
    return io.BytesIO(b'{"model": "MarkedOld", "id": 1, "dialect": 2, "columns": {"name": "a"}}\n')


#: What an old program may run beside its sessions.
JOBS: dict[str, Callable[[type[rom.Model]], Any]] = {
    'clean_old_index': lambda model: [*rom.util.clean_old_index(model)],
    'refresh_indices': lambda model: [*rom.util.refresh_indices(model)],
    'check': lambda model: [*rom.maintenance.check(model, repair=True)],
    'reindex': lambda model: [*rom.maintenance.reindex(model)],
    'dump': lambda model: [*rom.jsonl.dump(model)],
    'load': lambda model: [*rom.jsonl.load(lines_of(model), model)],
    'reserve': lambda model: rom.jsonl.reserve(lines_of(model), model),
}


@pytest.mark.parametrize('job', JOBS)
def test_jobs_of_an_old_program_end_with_the_reason(raw: redis.Redis, job: str) -> None:
    model = old_and_moved(f'marked-{job}')
    before = dump(raw)
    with pytest.raises(rom.ModelMovedError, match='Restart the program with _shards'):
        JOBS[job](model)
    assert dump(raw) == before
    (status,) = rom.maintenance.status(model)
    assert status.changes == (
        f"the rows are moved into the partitions of the group 'marked-{job}': declare _shards",
    )
