"""Migrations over partitions: each row once, beside a twin without partitions; both fronts."""

from typing import Any

import pytest
import redis

import rom
from rom.migrations import Migration, MigrationRow, backfill, drop, rename, retype, split
from tests.support.migrating import Migrator, assert_right, fill
from tests.support.servers import data
from tests.support.worlds import Front

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.filterwarnings('ignore::rom.StaleIndexWarning', 'ignore::rom.MigrationWarning'),
]
SHARDS = rom.Shards('moving', 4)


@pytest.fixture
def migrator(front: Front) -> Migrator:
    return Migrator(front)


def filled(count: int = 40) -> Any:
    """The model of some products as it is now; `stock` decides their partitions."""
    return fill(count, _shards=SHARDS, _shard_by='stock')


def everything(model: Any) -> list[Migration]:
    return [
        Migration('color', model, rename('colour', 'color'), rename('code', 'sku')),
        Migration('price', model, retype('price', rom.Float(), lambda price: f'{price:.2f} EUR')),
        Migration('names', model, split('full', into=('first', 'last'), by=str.split)),
        Migration('rating', model, backfill('rating', lambda row: row['stock'] % 5)),
        Migration('fax', model, drop('fax')),
    ]


def rows_of(model: Any) -> list[dict[str, Any]]:
    found = [{k: v for k, v in row.to_dict().items() if k != 'id'} for row in model.query]
    rom.session.rollback()
    return sorted(found, key=lambda row: row['stock'])


def test_twins(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    whole = fill(40)
    list(rom.migrations.migrate(*everything(whole)))
    wanted = rows_of(whole)
    raw.flushdb()
    ware = filled()
    steps = migrator.run(*everything(ware), batch=4)
    assert rows_of(ware) == wanted
    for name in ('color', 'fax'):
        done = [(step.done, step.total) for step in steps if step.name == name]
        assert done[0] == (0, 40) and done[-1] == (40, 40) and done == sorted(done)
    assert ware.get_by(sku='c9').stock == 9
    found = ware.query.filter(color='color 1', rating=2)
    assert sorted(one.stock for one in found) == [7, 22, 37]
    with pytest.raises(rom.UniqueKeyViolation):
        ware(sku='c9', stock=1).save()
    rom.session.rollback()
    assert migrator.run(*everything(ware)) == []
    assert not [key for key in raw.scan_iter() if b':code:' in key]
    states = migrator.status(*everything(ware))
    assert [(one.state, one.done, one.total) for one in states] == [('done', 40, 40)] * 5
    assert_right(raw, ware)


def counting(model: Any) -> Migration:
    def up(row: MigrationRow) -> None:
        row['n'] = (row['n'] or 0) + 1

    return Migration('count-up', model, up)


def test_stopped_and_gone_on_with(
    migrator: Migrator, client: redis.Redis, raw: redis.Redis
) -> None:
    rom.util.CONNECTION = client
    ware = filled()
    up = counting(ware)
    before = data(raw)
    [planned] = migrator.plan(up, reindex=False)
    assert (planned.state, planned.rows_left) == ('pending', 40) and data(raw) == before
    for place in (12, 24):
        for step in (steps := migrator.migrate(up, batch=3)):
            if step.done >= place:
                break
        migrator.stop(steps)
        [state] = migrator.status(up)
        assert (state.state, state.done, state.total) == ('started', step.done, 40)
        [planned] = migrator.plan(up, reindex=False)
        assert planned.rows_left == 40 - step.done
        assert sum(row['n'] or 0 for row in rows_of(ware)) == step.done
    assert migrator.run(up, batch=3, reindex=False)[-1][2:4] == (40, 40)
    assert {row['n'] for row in rows_of(ware)} == {1}
    assert raw.hlen(ware._schema.keys.migrations) == 1
    assert not [key for key in raw.scan_iter('lock:*') if b':void:' not in key]


def test_rows_that_fail(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ware = filled(12)
    taken = ware.query.filter(stock=5).first()
    ids = {one.stock: one.id for one in ware.query}
    rom.session.rollback()
    assert taken is not None

    def up(row: MigrationRow) -> None:
        assert row.id == ids[row['stock']]
        if row['stock'] == 3:
            raise ValueError('no')
        if row['stock'] in (7, 8):
            row['sku'] = 'same'  # one of them, in whichever partition it is
        elif row['stock'] == 9:
            row['stock'] = 10**9  # decides the partition
        else:
            row['sku'] = f's{row["stock"]}'

    migration = Migration('fails', ware, up)
    with pytest.raises(rom.MigrationError, match=r"'fails': ware|Ware \d+: ") as caught:
        migrator.run(migration, reindex=False)
    assert caught.value.id in ids.values()
    steps = migrator.run(migration, skip_failing=True, reindex=False)
    skipped = {one.id: one.reason for one in steps[-1].skipped}
    [state] = migrator.status(migration)
    assert {one.id: one.reason for one in state.skipped} == skipped and state.state == 'done'
    assert len(skipped) == 3 and ids[3] in skipped and ids[9] in skipped
    assert 'decides the partition' in skipped[ids[9]]
    [other] = skipped.keys() - {ids[3], ids[9]}
    assert other in (ids[7], ids[8]) and "sku='same' belongs to" in skipped[other]


def test_other_writers(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ware = filled(12)
    ids = [one.id for one in ware.query.order_by('stock')]
    rom.session.rollback()
    seen: list[int] = []

    def up(row: MigrationRow) -> None:
        row['n'] = row['stock'] * 2
        seen.append(row['stock'])
        if seen.count(row['stock']) == 1 and row['stock'] in (4, 6):
            with rom.Session(client) as other:
                found: Any = other.get(ware, row.id)
                if row['stock'] == 4:
                    found.n = 100
                    other.commit()
                else:
                    other.delete(found)

    migrator.run(Migration('meets', ware, up), reindex=False)
    assert seen.count(4) == 2
    assert [row['n'] for row in rows_of(ware)] == [2 * n for n in range(1, 13) if n != 6]
    assert ware.get(ids[5]) is None


def test_a_second_migrator(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ware = filled()
    up = counting(ware)
    first = migrator.migrate(up, batch=1, reindex=False)
    assert [next(first).done for _ in range(3)] == [0, 1, 2]
    with pytest.raises(rom.MigrationError, match='another migrator of Ware has worked'):
        migrator.run(up, wait=0, reindex=False)
    assert migrator.run(up, take_over=True, reindex=False)[-1][2:4] == (40, 40)
    with pytest.raises(rom.MigrationError, match='has taken over'):
        list(first)
    assert {row['n'] for row in rows_of(ware)} == {1}


def test_another_declaration(migrator: Migrator, client: redis.Redis) -> None:
    rom.util.CONNECTION = client
    filled(3)
    other = fill(0, _shards=rom.Shards('moving', 8), _shard_by='stock')
    with pytest.raises(rom.InvalidOperation, match='the data was stored with'):
        migrator.run(counting(other))


def test_a_program_without_the_last_migration(
    migrator: Migrator, client: redis.Redis, raw: redis.Redis
) -> None:
    rom.util.CONNECTION = client
    ware = filled(12)
    up = counting(ware)
    migrator.run(up, reindex=False)
    fresh = fill(0, _shards=SHARDS, _shard_by='stock')
    newer = [Migration(name, fresh, drop('fax')) for name in ('count-up', 'fax')]
    with pytest.warns(rom.MigrationWarning, match="Ware: The migration 'fax' was not finished wh"):
        row = fresh.query.filter(stock=5).first()
    assert row is not None and newer
    part = fresh._schema.at_id(row.id)
    raw.hset(fresh._schema.row_key(row.id), 'stock', 'x')
    rom.session.rollback()
    with pytest.raises(rom.CorruptRowError, match="'fax' was not finished") as caught:
        assert fresh.get(row.id).stock
    assert part.part is not None and caught.value.key
