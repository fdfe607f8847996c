"""Migrations: what they leave, how they stop and go on. Both fronts, told once."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.migrations import batches
from rom.migrations import Migration, MigrationRow, backfill, drop, rename, retype, split
from tests.support.migrating import (
    HEAD,
    Migrator,
    after,
    assert_right,
    before,
    count_up,
    counted,
    fill,
)
from tests.support.patience import PATIENCE
from tests.support.servers import Server, data
from tests.support.trips import note_trips
from tests.support.worlds import Front

# Programs with the new declaration run beside the migration, before its reindex.
pytestmark = pytest.mark.filterwarnings(
    'ignore::rom.StaleIndexWarning', 'ignore::rom.MigrationWarning'
)


@pytest.fixture
def migrator(front: Front) -> Migrator:
    return Migrator(front)


@pytest.fixture
def ware(client: redis.Redis) -> Iterator[Any]:
    """The model of 50 products as it is now; they are stored as it was before."""
    rom.util.CONNECTION = client
    yield fill()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return note_trips(monkeypatch)


def everything(model: Any) -> list[Migration]:
    """One migration of each ready step."""
    return [
        Migration('color', model, rename('colour', 'color'), rename('code', 'sku')),
        Migration('price', model, retype('price', rom.Float(), lambda price: f'{price:.2f} EUR')),
        Migration('names', model, split('full', into=('first', 'last'), by=str.split)),
        Migration('rating', model, backfill('rating', lambda row: row['stock'] % 5)),
        Migration('fax', model, drop('fax')),
    ]


def test_all_steps(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    steps = migrator.run(*everything(ware), batch=20)
    assert list(dict.fromkeys(step.name for step in steps)) == [
        'color', 'price', 'names', 'rating', 'fax', 'reindex',
    ]  # fmt: skip
    assert [step[2:4] for step in steps if step.name == 'fax'] == [
        (0, 50), (20, 50), (40, 50), (50, 50),
    ]  # fmt: skip
    assert raw.hgetall(f'{HEAD}7') == {
        b'id': b'7', b'color': b'color 1', b'sku': b'c7', b'price': b'3.50 EUR',
        b'first': b'First7', b'last': b'Last7', b'rating': b'2', b'stock': b'7',
    }  # fmt: skip
    assert ware.query.filter(color='color 1', price='3.50 EUR', rating=2).ids() == [7]
    assert ware.get_by(sku='c9').id == 9
    assert ware.query.endswith(last='st12').ids() == [12]
    assert_right(raw, ware)
    assert migrator.run(*everything(ware)) == []


@pytest.mark.one_server
def test_several_steps_are_one_pass(
    migrator: Migrator, ware: Any, raw: redis.Redis, trips: list[Any]
) -> None:
    whole = Migration('all', ware, *(step for each in everything(ware) for step in each.steps))
    steps = migrator.run(whole, batch=25)
    assert [step[2:4] for step in steps if step.name == 'all'] == [(0, 50), (25, 50), (50, 50)]
    assert_right(raw, ware)


@pytest.mark.one_server
def test_a_batch_takes_two_trips(
    migrator: Migrator, ware: Any, raw: redis.Redis, trips: list[Any]
) -> None:
    """One reads, one writes the rows, their entries and the place."""
    found: list[int] = []
    for number, size in enumerate((50, 25, 10, 5)):
        trips.clear()
        migrator.run(count_up(ware, f'{number}'), batch=size, reindex=False)
        found.append(len(trips))
    first = found[0]
    assert [count - first for count in found] == [0, 2, 8, 18]
    assert first <= 12
    assert counted(raw) == [4] * 50
    trips.clear()
    migrator.run(count_up(ware, '3'), reindex=False)
    assert len(trips) == 2, 'the records are read, and the rows counted'


@pytest.mark.one_server
def test_a_plan_writes_nothing(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    before = data(raw)
    found = migrator.plan(*everything(ware), to='names')
    assert [(each.name, each.model, each.state, each.rows_left) for each in found] == [
        ('color', 'Ware', 'pending', 50),
        ('price', 'Ware', 'pending', 50),
        ('names', 'Ware', 'pending', 50),
    ]
    assert found[2].steps == 'split full into first and last'
    every = migrator.plan(*everything(ware))
    assert [each.name for each in every] == ['color', 'price', 'names', 'rating', 'fax', 'reindex']
    built = every[-1]
    assert (built.model, built.state, built.rows_left, built.is_due) == (
        'Ware',
        'pending',
        50,
        True,
    )
    assert 'price' in built.steps
    assert migrator.plan(*everything(ware), reindex=False) == every[:-1]
    assert data(raw) == before
    migrator.run(*everything(ware), reindex=False)
    assert [each.name for each in migrator.plan(*everything(ware))] == ['reindex']
    migrator.run(*everything(ware))
    assert migrator.plan(*everything(ware)) == []
    with pytest.raises(rom.InvalidOperation, match="'x', backfill y: Ware has no column 'y'"):
        migrator.plan(Migration('x', ware, backfill('y', 1)))


@pytest.mark.one_server
def test_to(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    steps = migrator.run(*everything(ware), to='price')
    assert {step.name for step in steps} == {'color', 'price'}, 'no reindex before the last one'
    states = [each.state for each in migrator.status(*everything(ware))]
    assert states == ['done', 'done', 'pending', 'pending', 'pending']
    migrator.run(*everything(ware))
    assert_right(raw, ware)
    with pytest.raises(rom.InvalidOperation, match="no migration is called 'x'; there are color"):
        migrator.run(*everything(ware), to='x')


@pytest.mark.one_server
def test_status(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    migrations = everything(ware)
    migrator.run(migrations[0], reindex=False)
    steps = migrator.migrate(migrations[2], batch=20)
    next(steps), next(steps)
    migrator.stop(steps)
    color, price, names = migrator.status(*migrations[:3])
    assert (color.state, color.done, color.changed, color.after) == ('done', 50, 50, 50)
    assert color.version == rom.VERSION
    assert color.begun <= color.ended
    assert (color.is_due, color.rows_left) == (False, 0)
    assert (price.state, price.begun, price.is_due, price.rows_left) == ('pending', None, True, 50)
    assert (names.state, names.done, names.after, names.ended) == ('started', 20, 20, None)
    assert (names.is_due, names.rows_left) == (True, 30)
    [other, unknown] = [e for e in migrator.status(*migrations[1:3]) if e.name != 'names']
    assert (other.name, unknown.name, unknown.state, unknown.steps) == (
        'price', 'color', 'unknown', '',
    )  # fmt: skip
    assert not unknown.is_due


@pytest.mark.one_server
def test_stopped_and_gone_on_with(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    up = count_up(ware)
    for place in (10, 20, 30):
        for step in (steps := migrator.migrate(up, batch=10)):
            if step.done == place:
                break
        migrator.stop(steps)
        assert counted(raw) == [1] * place + [0] * (50 - place)
    assert [step.done for step in migrator.run(up, batch=10, reindex=False)] == [30, 40, 50]
    assert counted(raw) == [1] * 50


@pytest.mark.one_server
def test_rows_that_are_made_meanwhile_are_left_alone(
    migrator: Migrator, ware: Any, raw: redis.Redis
) -> None:
    """They have the new declaration already."""
    steps = migrator.migrate(count_up(ware), batch=10)
    next(steps)
    for number in range(3):
        ware(sku=f'new {number}', n=7).save()
    ware.get(30).delete()
    assert [step.done for step in steps if step.name != 'reindex'] == [10, 20, 30, 40, 49]
    assert counted(raw) == [1] * 49 + [7] * 3


@pytest.mark.one_server
def test_without_rows(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    model = after()
    old = Migration('old', model, backfill('lost', 5))
    assert migrator.run(old) == []
    [status] = migrator.status(old)
    assert (status.state, status.total, status.done) == ('done', 0, 0)
    model(sku='x').save()
    assert migrator.run(old) == []


@pytest.mark.one_server
def test_the_rate(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    begun = time.monotonic()
    steps = migrator.run(count_up(ware), rate=100, batch=20, reindex=False)
    assert time.monotonic() - begun >= 0.5
    assert [step.done for step in steps] == [0, 20, 40, 50]
    steps = migrator.migrate(count_up(ware, 'b'), rate=30.5, batch=1000)
    assert [next(steps).done, next(steps).done] == [0, 30], 'a batch is a second at most'


@pytest.mark.one_server
def test_a_second_migrator(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    up = count_up(ware)
    first = migrator.migrate(up, batch=10)
    assert [next(first).done, next(first).done] == [0, 10]
    with pytest.raises(rom.MigrationError, match='another migrator of Ware has worked') as caught:
        migrator.run(up, wait=0)
    assert (caught.value.migration, caught.value.model, caught.value.id) == (
        'count-up',
        'Ware',
        None,
    )
    assert next(first).done == 20
    second = migrator.migrate(up, batch=10, take_over=True)
    assert [next(second).done, next(second).done] == [20, 30]
    with pytest.raises(rom.MigrationError, match='another migrator of Ware has taken over'):
        next(first)
    assert [step.done for step in second if step.name != 'reindex'] == [40, 50]
    assert counted(raw) == [1] * 50
    assert not list(raw.scan_iter('lock:*migrations'))


@pytest.mark.one_server
def test_a_second_migrator_waits(ware: Any, raw: redis.Redis, server: Server) -> None:
    """It goes on where the first one stops, or has nothing left to do."""
    up = count_up(ware)
    first = rom.migrations.migrate(up, batch=10, reindex=False)
    next(first), next(first)
    rest: list[Any] = []

    def go_on() -> None:
        rest.extend(rom.migrations.migrate(up, batch=10, wait=PATIENCE, reindex=False))

    second = threading.Thread(target=go_on, daemon=True)
    second.start()
    next(first)
    first.close()
    second.join(PATIENCE)
    assert [step.done for step in rest] == [20, 30, 40, 50]
    assert counted(raw) == [1] * 50


@pytest.mark.one_server
def test_a_lock_that_expired_is_acquired_again(
    migrator: Migrator, ware: Any, raw: redis.Redis
) -> None:
    """A batch took longer than the lock, and nobody took over."""
    steps = migrator.migrate(count_up(ware), batch=10)
    next(steps), next(steps)
    assert raw.delete('lock:ware:id:migrations') == 1
    assert next(steps).done == 20
    assert raw.pttl('lock:ware:id:migrations') > 0
    raw.hset('ware:id:migrations', 'count-up', raw.hget('ware:id:migrations', 'count-up') + b' ')  # type: ignore[operator]
    with pytest.raises(rom.MigrationError, match='has taken over; nothing of this batch'):
        next(steps)
    assert counted(raw) == [1] * 20 + [0] * 30


@pytest.mark.one_server
def test_a_function_that_fails(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    is_mended = False

    def up(row: MigrationRow) -> None:
        if row.id == 33 and not is_mended:
            raise ZeroDivisionError('of 33')
        row['n'] = (row['n'] or 0) + 1

    migration = Migration('fails', ware, up)
    with pytest.raises(rom.MigrationError) as caught:
        migrator.run(migration, batch=20)
    error = caught.value
    assert str(error).startswith("migration 'fails': Ware 33: ZeroDivisionError: of 33. All rows")
    assert (error.migration, error.model, error.id) == ('fails', 'Ware', 33)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert counted(raw) == [1] * 32 + [0] * 18
    assert not list(raw.scan_iter('lock:*migrations'))
    is_mended = True
    assert [step.done for step in migrator.run(migration, reindex=False)] == [32, 50]
    assert counted(raw) == [1] * 50


@pytest.mark.one_server
@pytest.mark.parametrize('batch', [1, 7, 50])
def test_rows_that_fail_are_skipped(
    migrator: Migrator, ware: Any, raw: redis.Redis, batch: int
) -> None:
    """Those that a step refuses, that do not decode, and the last one; the others are migrated."""

    def up(row: MigrationRow) -> None:
        if row.id in (3, 4, 50):
            raise ValueError('of \x1b' + 'x' * 500)
        row['n'] = row['stock'] + 1

    raw.hset(f'{HEAD}20', 'stock', 'x')
    before = {id: raw.hgetall(f'{HEAD}{id}') for id in (3, 4, 20, 50)}
    migration = Migration('skips', ware, up)
    steps = migrator.run(migration, batch=batch, skip_failing=True, reindex=False)
    assert [one.id for one in steps[-1].skipped] == [3, 4, 20, 50]
    assert {id: raw.hgetall(f'{HEAD}{id}') for id in before} == before
    assert sum(raw.hget(f'{HEAD}{id}', 'n') == b'%d' % (id + 1) for id in range(1, 51)) == 46
    [state] = migrator.status(migration)
    assert (state.state, state.done, state.changed, state.after) == ('done', 50, 46, 50)
    assert state.skipped == steps[-1].skipped
    reasons = [one.reason for one in state.skipped]
    assert reasons[0].startswith('ValueError: of ') and reasons[0].isprintable()
    assert len(reasons[0]) <= 200
    assert "column 'stock': the stored b'x' is not a valid Integer" in reasons[2]
    assert migrator.run(migration, skip_failing=True, reindex=False) == []


@pytest.mark.one_server
def test_a_step_that_always_fails_is_not_skipped_for_ever(
    migrator: Migrator, ware: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, '_MOST_SKIPPED', 5)
    migration = Migration('wrong', ware, lambda row: 1 / 0)
    with pytest.raises(rom.MigrationError, match=r'Ware 6: ZeroDivision.* 5 rows have failed') as e:
        migrator.run(migration, skip_failing=True)
    assert e.value.id == 6
    [state] = migrator.status(migration)
    assert (state.state, state.done, len(state.skipped)) == ('started', 5, 5)


@pytest.mark.one_server
@pytest.mark.parametrize('kind', ['value', 'key', 'unique'])
def test_rows_that_cannot_be_migrated(
    migrator: Migrator, ware: Any, raw: redis.Redis, kind: str
) -> None:
    migrations = [
        Migration('code', ware, rename('code', 'sku')),
        Migration('stock', ware, lambda row: row.__setitem__('n', row['stock'] + 1)),
    ]
    row = raw.hgetall(f'{HEAD}20')
    if kind == 'value':
        raw.hset(f'{HEAD}20', 'stock', '\x1b[2J')
        problem = "Ware 20: ware:20, column 'stock': the stored b'\\x1b[2J' is not a valid Integer"
    elif kind == 'key':
        raw.delete(f'{HEAD}20')
        raw.set(f'{HEAD}20', 'x')
        problem = 'Ware 20: ware:20 should hold a hash'
    else:
        raw.hset(f'{HEAD}20', 'code', 'c3')
        problem = "Ware 20: Ware 20: sku='c3' belongs to ware:3 already"
    with pytest.raises(rom.MigrationError) as caught:
        migrator.run(*migrations, batch=30)
    assert problem in str(caught.value)
    assert caught.value.id == 20
    assert str(caught.value).isprintable()
    done = [each.done for each in migrator.status(*migrations)]
    assert done == ([50, 19] if kind == 'value' else [19, 0])
    raw.delete(f'{HEAD}20')
    raw.hset(f'{HEAD}20', mapping=row)
    migrator.run(*migrations)
    assert_right(raw, ware)
    assert counted(raw) == list(range(2, 52))


@pytest.mark.one_server
@pytest.mark.parametrize(
    'record',
    [
        b'x',
        b'[]',
        b'{"skipped": 1}',
        b'{}',
        b'null',
        b'{"name": "count-up"}',
        b'[' * 10_000,
        b'\xff',
        b'',
    ],
)
def test_a_record_that_rom_did_not_write(
    migrator: Migrator, ware: Any, raw: redis.Redis, record: bytes
) -> None:
    raw.hset('ware:id:migrations', 'count-up', record)
    for call in (migrator.run, migrator.status, migrator.plan):
        with pytest.raises(rom.CorruptRowError, match='HDEL ware:id:migrations count-up') as caught:
            call(count_up(ware))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
    assert counted(raw) == [0] * 50
    raw.delete('ware:id:migrations')
    raw.set('ware:id:migrations', 'x')
    with pytest.raises(rom.ServerError, match='WRONGTYPE'):
        migrator.run(count_up(ware))


@pytest.mark.one_server
def test_wrong_arguments(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    up = count_up(ware)
    for options in ({'batch': 0}, {'batch': 'x'}, {'rate': 0}, {'rate': 'x'}, {'wait': -1},
                    {'wait': None}, {'wait': float('nan')}, {'to': 5}):  # fmt: skip
        with pytest.raises(rom.InvalidOperation):
            migrator.migrate(up, **options)
    for sources in ((), (5,), (None,)):
        with pytest.raises(rom.InvalidOperation, match='expected a module of migrations'):
            migrator.migrate(*sources)
    assert not raw.exists('ware:id:migrations')


@pytest.mark.one_server
def test_entities_that_a_session_has(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    """A migration is one more writer: the optimistic lock of a session notices it."""
    migrator.run(Migration('code', ware, rename('code', 'sku')))
    with rom.Session() as session:
        first, second = ware.get(1), ware.get(2)
        assert first.n is None
        first.n, second.stock = 5, 99
        migrator.run(count_up(ware))
        with pytest.raises(rom.DataRaceError, match='another writer changed n'):
            session.commit()
        first.refresh(force=True)
        assert first.n == 1
        session.commit()
    assert raw.hmget(f'{HEAD}2', 'n', 'stock') == [b'1', b'99']
    assert_right(raw, ware)


@pytest.mark.one_server
def test_an_index_that_is_left_to_a_reindex(
    migrator: Migrator, ware: Any, raw: redis.Redis
) -> None:
    migrator.run(*everything(ware), reindex=False)
    assert rom.maintenance.status(ware)[0].is_due
    assert {step.name for step in migrator.run(*everything(ware))} == {'reindex'}
    assert_right(raw, ware)


@pytest.mark.one_server
def test_models_of_their_own_order(migrator: Migrator, ware: Any, raw: redis.Redis) -> None:
    class MigratedOther(rom.Model):
        n = rom.Integer()

    MigratedOther(n=1).save()
    order = [count_up(ware, 'a'), count_up(MigratedOther, 'b'), count_up(ware, 'c')]
    steps = migrator.run(*order, reindex=False)
    assert list(dict.fromkeys(step.name for step in steps)) == ['a', 'b', 'c']
    assert [(s.name, s.state) for s in migrator.status(*order)] == [
        ('a', 'done'), ('b', 'done'), ('c', 'done'),
    ]  # fmt: skip
    assert raw.hget('MigratedOther:1', 'n') == b'2'


@pytest.mark.one_server
def test_data_of_rom_1x(migrator: Migrator, client: redis.Redis, raw: redis.Redis) -> None:
    """Rows have a list of their index entries, and the data has neither bitmap nor fingerprint."""
    rom.util.CONNECTION = client
    model = before()
    model._keep_index_data = True
    rom.MODELS.clear()
    listing = type('Ware', (rom.Model,), {**_body(model), '_keep_index_data': True})
    for n in range(1, 11):
        listing(colour=f'color {n}', code=f'c{n}', stock=n)
    rom.session.commit()
    rom.session.rollback()
    raw.delete('ware:id:indexes', 'ware:id:live')
    assert raw.hexists(f'{HEAD}3', '-index-data-')
    now = after()
    migrator.run(Migration('all', now, rename('colour', 'color'), rename('code', 'sku')), batch=4)
    rom.util.show_progress(rom.maintenance.reindex(now))
    assert raw.hgetall(f'{HEAD}3') == {
        b'id': b'3', b'color': b'color 3', b'sku': b'c3', b'stock': b'3',
    }  # fmt: skip
    assert list(rom.maintenance.check(now)) == []


def _body(model: Any) -> dict[str, Any]:
    return {
        '__module__': __name__,
        '_namespace': 'ware',
        **{
            name: type(column)(
                index=column.index, keygen=column.keygen, unique=column.unique, prefix=column.prefix
            )
            for name, column in model._schema.columns.items()
            if name != 'id'
        },
    }
