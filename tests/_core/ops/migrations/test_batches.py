"""The run of a migration beside other writers, and through broken connections."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import rom
import rom.aio.migrations
import rom.migrations
from rom._core.ops.migrations import batches
from rom.migrations import Migration, MigrationRow, backfill, rename
from tests.support.migrating import HEAD, assert_right, count_up, counted, fill
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.filterwarnings('ignore::rom.StaleIndexWarning', 'ignore::rom.MigrationWarning'),
]


@pytest.fixture
def ware(client: redis.Redis) -> Any:
    rom.util.CONNECTION = client
    return fill()


@pytest.fixture
def other(server: Server) -> Iterator[redis.Redis]:
    """The client of another program."""
    with server.connect() as connected:
        yield connected


def run(*migrations: Migration, **options: Any) -> list[Any]:
    return list(rom.migrations.migrate(*migrations, **options))


def meeting(model: Any, act: Callable[[MigrationRow], None]) -> Migration:
    """Return a migration that does something else first, between its reading and its writing."""

    def up(row: MigrationRow) -> None:
        stock = row['stock']
        act(row)
        row['n'] = (row['n'] or 0) + 1
        row['rating'] = stock

    return Migration('meeting', model, up)


def once(*ids: int) -> Callable[[MigrationRow], bool]:
    """Return whether a row is one of these, at its first visit."""
    left = set(ids)

    def is_first(row: MigrationRow) -> bool:
        found = row.id in left
        left.discard(row.id)
        return found

    return is_first


def test_rows_that_others_change_are_read_again(
    ware: Any, other: redis.Redis, raw: redis.Redis
) -> None:
    is_first = once(1, 7, 8, 30, 50)
    visits: list[int] = []

    def change(row: MigrationRow) -> None:
        visits.append(row.id)
        if is_first(row):
            with rom.Session(other):
                ware.query.filter(id=row.id).update(stock=1000 + row.id)

    run(meeting(ware, change), batch=20)
    rows = {n: raw.hmget(f'{HEAD}{n}', 'stock', 'rating') for n in (1, 7, 8, 30, 50, 9)}
    assert rows == {
        **{n: [b'%d' % (1000 + n)] * 2 for n in (1, 7, 8, 30, 50)},
        9: [b'9', b'9'],
    }
    assert counted(raw) == [1] * 50
    assert sorted(visits) == sorted([*range(1, 51), 1, 7, 8, 30, 50]), 'no others are run again'


def test_columns_that_no_step_reads_are_not_compared(
    ware: Any, other: redis.Redis, raw: redis.Redis
) -> None:
    """Writers of other columns are no conflict, and keep their values."""
    visits = 0

    def change(row: MigrationRow) -> None:
        nonlocal visits
        visits += 1
        with rom.Session(other):
            ware.query.filter(id=row.id).update(last='z')

    run(meeting(ware, change), batch=20)
    assert visits == 50
    assert [raw.hget(f'{HEAD}{n}', 'last') for n in (1, 50)] == [b'z', b'z']


def test_rows_that_others_delete(ware: Any, other: redis.Redis, raw: redis.Redis) -> None:
    is_first = once(1, 13, 49, 50)

    def delete(row: MigrationRow) -> None:
        if is_first(row):
            with rom.Session(other) as session:
                session.delete(ware.get(row.id))

    steps = run(Migration('code', ware, rename('code', 'sku')), meeting(ware, delete), batch=10)
    assert steps[-1].name == 'reindex'
    assert counted(raw) == [1] * 46
    [status] = [s for s in rom.migrations.status(meeting(ware, delete)) if s.name == 'meeting']
    assert (status.state, status.done) == ('done', 46)
    assert_right(raw, ware)


def test_all_rows_of_a_batch_are_deleted(ware: Any, other: redis.Redis, raw: redis.Redis) -> None:
    is_first = once(11)

    def delete(row: MigrationRow) -> None:
        if is_first(row):
            with rom.Session(other):
                ware.query.filter(id=list(range(11, 21))).delete()

    run(meeting(ware, delete), batch=10)
    assert counted(raw) == [1] * 40


def test_a_hot_row_delays_its_neighbours_only_for_a_moment(
    ware: Any, other: redis.Redis, raw: redis.Redis
) -> None:
    """Each try that fails halves the batch, until the row is alone."""
    left = 12

    def change(row: MigrationRow) -> None:
        nonlocal left
        if row.id == 9 and left:
            left -= 1
            with rom.Session(other):
                ware.query.filter(id=9).update(stock=500 + left)

    steps = run(meeting(ware, change), batch=50)
    done = [step.done for step in steps if step.name == 'meeting']
    assert done[:5] == [0, 6, 7, 8, 9], 'those before it were written while it was hot'
    assert counted(raw) == [1] * 50
    assert raw.hget(f'{HEAD}9', 'rating') == b'500'


def test_expired_rows(client: redis.Redis, other: redis.Redis, raw: redis.Redis) -> None:
    """They are migrated, and take no unique values."""
    rom.util.CONNECTION = client

    class ExpiringWare(rom.Model):
        code = rom.Text()
        sku = rom.Text(unique=True)
        expire_at = rom.ExpireAt()

    past, future = dt.datetime(2020, 1, 1), dt.datetime(2100, 1, 1)
    for number in range(6):
        ExpiringWare(code='same' if number < 3 else f'c{number}', expire_at=future)
    rom.session.commit()
    rom.session.rollback()
    ExpiringWare.query.filter(id=[1, 2]).update(expire_at=past)
    is_first = once(5)

    def expire(row: MigrationRow) -> None:
        if is_first(row):
            with rom.Session(other):
                ExpiringWare.query.filter(id=5).update(expire_at=past)

    run(Migration('code', ExpiringWare, rename('code', 'sku'), expire))
    assert raw.hgetall('ExpiringWare:sku:uidx') == {b'same': b'3', b'c3': b'4', b'c5': b'6'}
    assert raw.hget('ExpiringWare:1', 'sku') == b'same'
    assert raw.hget('ExpiringWare:5', 'sku') == b'c4'
    assert list(rom.maintenance.check(ExpiringWare)) == []


def test_soft_deleted_rows(client: redis.Redis, raw: redis.Redis) -> None:
    """They are migrated, and take no unique values."""
    rom.util.CONNECTION = client

    class DeletedWare(rom.Model):
        _soft_delete = 'deleted_at'
        code = rom.Text()
        sku = rom.Text(unique=True)
        deleted_at = rom.DateTime(index=True)

    wares = [DeletedWare(code='same'), DeletedWare(code='same')]
    rom.session.commit()
    wares[0].delete()
    rom.session.rollback()
    run(Migration('code', DeletedWare, rename('code', 'sku')))
    assert raw.hgetall('DeletedWare:sku:uidx') == {b'same': b'2'}
    assert raw.hget('DeletedWare:1', 'sku') == b'same'
    assert list(rom.maintenance.check(DeletedWare)) == []


def test_the_clock_of_the_program_is_behind(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script knows a row as expired that the program takes for a live one."""
    rom.util.CONNECTION = client

    class LateWare(rom.Model):
        sku = rom.Text(unique=True)
        expire_at = rom.ExpireAt()

    LateWare(expire_at=dt.datetime(2100, 1, 1)).save()
    raw.hset('LateWare:1', 'expire_at', '5')
    raw.zadd('LateWare:expire_at:idx', {'1': 5})
    monkeypatch.setattr(rom.ExpireAt, 'is_past', lambda self, raw: False)
    run(Migration('sku', LateWare, backfill('sku', 'x')))
    assert raw.hget('LateWare:1', 'sku') == b'x'
    assert not raw.exists('LateWare:sku:uidx')


def test_an_index_entry_that_cannot_be_made(ware: Any, raw: redis.Redis) -> None:
    """A keygen fails only when the entries of a whole batch are made; still the row is named."""

    def words(value: Any) -> list[str]:
        if value == 'v20':
            raise RuntimeError('of the keygen')
        return [value]

    model = _with_label(words)
    fail = Migration('label', model, backfill('label', lambda row: f'v{row.id}'))
    with pytest.raises(rom.MigrationError, match='of the keygen') as caught:
        run(fail, batch=50)
    assert caught.value.id == 20
    assert raw.hexists(f'{HEAD}19', 'label') and not raw.hexists(f'{HEAD}20', 'label')
    mended = Migration('label', _with_label(lambda value: [value]), *fail.steps)
    run(mended, batch=50)
    assert list(rom.maintenance.check(mended.model)) == []


def _with_label(keygen: Any) -> Any:
    rom.MODELS.clear()
    return type(
        'Ware',
        (rom.Model,),
        {'_namespace': 'ware', 'label': rom.Text(index=True, keygen=keygen), 'n': rom.Integer()},
    )


def test_batches_are_smaller_where_rows_have_many_entries(
    ware: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, '_FIRST', 10)
    monkeypatch.setattr(batches, '_MOST_WRITTEN', 100)
    model = _with_label(lambda value: value.split())
    words = ' '.join(f'w{number}' for number in range(19))
    steps = run(Migration('label', model, backfill('label', words)), batch=50, reindex=False)
    assert [step.done for step in steps] == [0, 10, *range(15, 51, 5)]


def test_batches_are_smaller_where_rows_are_large(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    rom.util.CONNECTION = client

    class LargeWare(rom.Model):
        text = rom.Text()
        n = rom.Integer()

    for number in range(6):
        LargeWare(text='x' * (1000 if number == 3 else 100))
    rom.session.commit()
    monkeypatch.setattr(batches, '_MOST_BYTES', 320)
    steps = run(Migration('large', LargeWare, backfill('n', 1)))
    assert [step.done for step in steps] == [0, 3, 4, 6]


def test_other_tasks_run_between_slow_steps(ware: Any) -> None:
    turns: list[int] = []

    def slow(row: MigrationRow) -> None:
        turns.append(row.id)
        time.sleep(0.006)
        row['n'] = 1

    async def both() -> None:
        slowly = asyncio.ensure_future(_drained(Migration('slow', ware, slow)))
        while not slowly.done():
            turns.append(0)
            await asyncio.sleep(0)
        await slowly

    asyncio.run(both())
    first, last = turns.index(1), turns.index(50)
    assert turns[first:last].count(0) >= 40


async def _drained(migration: Migration) -> None:
    async for _ in rom.aio.migrations.migrate(migration, reindex=False):
        pass


def test_steps_that_take_long_are_interrupted(
    ware: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of a migrator expires, so it must write in between."""
    now = 0.0

    def slow(row: MigrationRow) -> None:
        nonlocal now
        now += 0.3
        row['n'] = 1

    monkeypatch.setattr(batches, 'elapsed', lambda: now)
    steps = run(Migration('slow', ware, slow), batch=50, reindex=False)
    assert [step.done for step in steps] == [0, *range(4, 50, 4), 50]


def test_columns_by_another_name_in_redis(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client

    class StoredAs(rom.Model):
        nick = rom.Text(unique=True, stored_as='alias', index=True, keygen=rom.IDENTITY)

    StoredAs(nick='x').save()
    rom.session.rollback()
    rom.MODELS.clear()

    class StoredNow(rom.Model):
        _namespace = 'StoredAs'
        nick = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)

    run(Migration('alias', StoredNow, rename('alias', 'nick')))
    assert raw.hgetall('StoredAs:1') == {b'id': b'1', b'nick': b'x'}
    assert list(rom.maintenance.check(StoredNow)) == []
    assert not raw.exists('StoredAs:alias:uidx')


def test_an_indexed_default(ware: Any, raw: redis.Redis) -> None:
    """A row without a value is in the index by its default, until it gets one."""
    rom.MODELS.clear()
    model: Any = type(
        'Ware', (rom.Model,), {'_namespace': 'ware', 'rate': rom.Integer(index=True, default=3)}
    )
    assert list(rom.maintenance.reindex(model))
    assert model.query.filter(rate=3).count() == 50
    run(Migration('rate', model, backfill('rate', lambda row: 5 if row.id > 20 else None)))
    assert (model.query.filter(rate=3).count(), model.query.filter(rate=5).count()) == (20, 30)
    assert list(rom.maintenance.check(model)) == []


def test_geo_indexes_and_groups(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    rom.MODELS.clear()
    body = {'_namespace': 'placed', 'lon': rom.Float(), 'city': rom.Text(), 'no': rom.Integer()}
    old: Any = type('Placed', (rom.Model,), {**body, 'y': rom.Float()})
    for number in range(5):
        old(lon=1.0, y=float(number), city='x', no=number)
    rom.session.commit()
    rom.session.rollback()
    rom.MODELS.clear()
    place = rom.GeoIndex('home', lambda e: {'lon': e.lon, 'lat': e.lat} if e.lat else None)
    now: Any = type(
        'Placed',
        (rom.Model,),
        {**body, 'lat': rom.Float(), 'town': rom.Text(), 'geo_index': [place],
         'unique_together': [('town', 'no')]},
    )  # fmt: skip
    run(Migration('y', now, rename('y', 'lat'), rename('city', 'town')))
    assert now.query.near('home', 1.0, 3.0, 50, 'km').ids() == [4]
    assert raw.zcard('placed:home:geo') == 4
    assert raw.hlen('placed:no:town:uidx') == 5
    assert list(rom.maintenance.check(now)) == []


def test_connections_that_break(ware: Any, raw: redis.Redis, server: Server) -> None:
    """The place is written with the rows, so a request without an answer is no riddle."""
    up = count_up(ware)
    with (
        Proxy(server.socket) as proxy,
        redis.Redis(unix_socket_path=str(proxy.socket), retry=Retry(NoBackoff(), 0)) as client,
    ):
        rom.util.CONNECTION = client
        run(up, batch=50, to='count-up', reindex=False)  # connects, and begins
        again = count_up(ware, 'again')
        proxy.random(seed=3, before=0.1, after=0.1)
        failed = 0
        while True:
            try:
                run(again, batch=2, take_over=True, reindex=False)
            except rom.ServerUnavailable:
                failed += 1
            else:
                break
        proxy.heal()
    assert failed
    assert counted(raw) == [2] * 50
