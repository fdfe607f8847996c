"""The move of a model into partitions, by itself and with runs that die at every trip."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.commits import replication
from rom._core.ops.moving import replicas, run
from rom._core.ops.moving.copies import Copies
from rom._core.ops.moving.record import Move
from rom._core.ops.requests import Command
from tests.support.moving import (
    GROUP,
    PARTITIONS,
    Mover,
    Neighbour,
    after,
    assert_moved,
    before,
    fill,
    forget,
    stored,
)
from tests.support.servers import dump
from tests.support.worlds import Front

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


@pytest.fixture
def mover(front: Front, monkeypatch: pytest.MonkeyPatch) -> Mover:
    return Mover(front, monkeypatch)


def test_all_rows_keep_their_ids(mover: Mover) -> None:
    expected = fill(before(), 23)
    assert len(expected) == 19
    model = after()
    steps = mover.run(model, batch=5)
    assert steps[0] == (0, 38) and steps[-1] == (38, 38)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {(total, done <= total) for done, total in steps} == {(38, True)}
    assert_moved(model, expected)
    mover.run(model)  # once more changes nothing
    assert_moved(model, expected)


def test_expired_and_soft_deleted_rows_and_relations(mover: Mover) -> None:
    def home(**more: Any) -> Any:
        forget('Lodger')
        body = {
            '__module__': __name__,
            '_soft_delete': 'left',
            'name': rom.Text(unique=True),
            'left': rom.DateTime(index=True),
            'until': rom.ExpireAt(),
            'words': rom.Text(index=True, keygen=rom.FULL_TEXT),
            'notes': rom.OneToMany('LodgerNote'),
            **more,
        }
        return type('Lodger', (rom.Model,), body)

    class LodgerNote(rom.Model):
        lodger = rom.ManyToOne('Lodger', on_delete='no action')

    past = dt.datetime(2001, 2, 3, tzinfo=dt.UTC)
    model = home()
    one, left, late = (model(name=f'n{n}', words='a b' * n) for n in range(3))
    note = LodgerNote(lodger=one)
    rom.session.commit()
    late.until = past
    left.delete()
    rom.session.commit()
    again = model(name='n2', words='takes the name of the expired one')
    again.save()
    ids = one.id, left.id, late.id, again.id
    rom.session.rollback()

    model = home(_shards=rom.Shards(GROUP, PARTITIONS))
    mover.run(model)
    every = model.query.with_deleted().with_expired()
    assert sorted(every.ids()) == sorted(ids)
    assert sorted(model.query.ids()) == sorted([ids[0], ids[3]])
    assert model.get_by(name='n2').id == ids[3]
    assert LodgerNote.get(note.id).lodger.name == 'n0'
    assert [each.id for each in model.get(ids[0]).notes] == [note.id]
    assert list(rom.maintenance.check(model)) == []


def test_an_old_program_is_refused(mover: Mover) -> None:
    old = before()
    expected = fill(old, 9)
    kept, changed = rom.Session(), rom.Session()
    entity = changed.get(old, 2)
    mover.run(after())
    asks: list[Callable[[], Any]] = [
        lambda: old.get(1),
        lambda: old.get([1, 2]),
        lambda: old.get_by(email='e1'),
        lambda: old.get_by(email='new'),
        lambda: old.query.count(),
        lambda: old.query.filter(age=(1, 5)).count(),
        lambda: old.query.filter(name='n1').all(),
        lambda: old.query.order_by('-age').first(),
        lambda: old.query.filter(name='n1').count(),
        lambda: old.query.delete(),
        lambda: old.query.update(age=1),
        lambda: old(name='x').save(),
        lambda: kept.add_all([old(name='x'), old(name='y')]) or kept.commit(),
        lambda: setattr(entity, 'age', 50) or changed.save(entity),
        lambda: changed.save(entity, force=True),
        lambda: changed.delete(entity),
    ]
    for number, ask in enumerate(asks):
        with pytest.raises(rom.ModelMovedError, match=f"the group '{GROUP}'.*nothing was written"):
            print(number, ask())
        rom.session.rollback()
    for session in (kept, changed):
        session.rollback()
    again = before()  # a program that starts now
    with pytest.raises(rom.ModelMovedError):
        again.get(999)
    assert_moved(after(), expected)


def test_a_new_program_waits_for_the_last_row(mover: Mover, raw: redis.Redis) -> None:
    expected = fill(before(), 9)
    model, refused = after(), 0

    def ask(number: int) -> None:
        nonlocal refused
        for each in (lambda: model.get(1), model.query.count, model(name='x').save):
            try:
                each()
            except rom.ModelMovedError as error:
                refused += 1
                assert f'rom shard Resident --into {GROUP}' in str(error)
            else:
                assert raw.hget('Resident:id:moved', 'phase') == b'moved'
                model.query.filter(name='x').delete()
            rom.session.rollback()

    ask(0)
    mover.trips.act = ask
    mover.run(model)
    assert refused == 3 * mover.trips.count or refused == 3 * (mover.trips.count + 1)
    assert_moved(model, expected)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_run_that_died_is_continued(
    mover: Mover, raw: redis.Redis, server: Any, when: str
) -> None:
    """At every trip; a program without partitions writes and reads in between."""
    step = 2 if mover.front.kind == 'sync' else 9
    trip = 0 if when == 'before' else -1
    while True:
        trip += step
        server.flush()
        old = before()
        neighbour = Neighbour(old, fill(old, 8), seed=trip)
        model = after()
        has_died = mover.dies(model, **{when: trip})
        for _ in range(3):
            neighbour.act()
        mover.dies(model, **{when: trip // 2 + 1})
        mover.run(model)
        assert_moved(model, neighbour.expected, neighbour.last)
        if not has_died:
            break
    assert trip > 20


@pytest.mark.parametrize('seed', range(8))
def test_beside_a_program_without_partitions(mover: Mover, seed: int) -> None:
    """It writes before every trip; runs die as well, and another one goes on."""
    old = before()
    neighbour = Neighbour(old, fill(old, 10), seed)
    mover.trips.act = neighbour.act
    model = after()
    if seed % 3:
        for trip in (5 + seed, 12 + seed, 9):
            mover.dies(model, **{'before' if seed % 2 else 'after': trip})
    mover.run(model)
    assert neighbour.done > 5
    mover.trips.act = lambda number: None
    assert_moved(model, neighbour.expected, neighbour.last)


def test_a_run_that_was_taken_over_writes_nothing(mover: Mover, server: Any) -> None:
    """Before any of its trips, another run moves everything, and new programs write."""
    step = 3 if mover.front.kind == 'sync' else 10
    trip, refused = 0, 0
    while True:
        trip += step
        server.flush()
        expected = fill(before(), 8)
        model = after()

        def other(number: int, at: int = trip, model: Any = model, rows: Any = expected) -> None:
            if number == at:
                list(rom.maintenance.shard(model, GROUP, batch=3))
                with rom.Session() as session:
                    session.delete(session.get(model, 1))
                    session.get(model, 2).update(age=77, email='e1')
                    session.commit()
                del rows[1]
                rows[2].update(age=77, email='e1')

        mover.trips.count, mover.trips.act = 0, other
        try:
            mover.run(model, batch=3)
        except rom.InvalidOperation as error:
            refused += 1
            assert 'another run' in str(error) or 'has its rows already' in str(error)
        count = mover.trips.count
        mover.trips.act = lambda number: None
        if count < trip:
            break
        assert_moved(model, expected)
    assert refused > trip / step / 2


def requests_of(request: Any) -> list[Any]:
    return list(getattr(request, 'requests', (request,)))


def test_a_row_is_not_closed_by_a_run_that_was_taken_over(mover: Mover) -> None:
    """The other run removes a copy that the first one has just seen to be right."""
    expected = fill(before(), 8)
    model = after()

    def other(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'move_rows' and b'mark' in call.request:
            mover.trips.act = lambda number: None
            driver, move = SyncDriver(rom.util.get_connection()), Move(model._schema, 'Resident')
            driver.run(move.take_over())
            driver.run(Copies(move).remove([1, 2]))

    mover.trips.act = other
    with pytest.raises(rom.InvalidOperation, match='another run of rom shard has taken over'):
        mover.run(model)
    mover.run(model)
    assert_moved(model, expected)


def test_a_run_that_was_taken_over_leaves_the_fences(mover: Mover) -> None:
    expected = fill(before(), 8)
    model = after()
    driver, move = SyncDriver(rom.util.get_connection()), Move(model._schema, 'Resident')

    def other(number: int) -> None:
        if b':moving' in b''.join(map(args_of, requests_of(mover.trips.request))):
            mover.trips.act = lambda number: None
            driver.run(move.take_over())

    mover.trips.act = other
    with pytest.raises(rom.InvalidOperation, match='another run of rom shard has taken over'):
        mover.run(model)
    driver.run(Copies(move).remove([1]))  # that one may still write
    mover.run(model)
    assert_moved(model, expected)


def args_of(request: Any) -> bytes:
    return b''.join(arg for arg in getattr(request, 'args', ()) if isinstance(arg, bytes))


def test_late_copies_of_its_requests_change_nothing(mover: Mover, raw: redis.Redis) -> None:
    expected = fill(before(), 8)
    model, sent = after(), list[Any]()
    mover.trips.act = lambda number: sent.append(mover.trips.request)
    mover.run(model)
    with rom.Session() as session:
        session.get(model, 2).update(age=77)
        session.commit()
    expected[2]['age'] = 77
    stored_then = dump(raw)
    driver = SyncDriver(rom.util.get_connection())
    for request in sent:
        with suppress(rom.ORMError):
            driver.perform(request)
        now = dump(raw)
        # A claim is repeated with another time; the row says who has the value.
        changed = {key for key in now | stored_then if now.get(key) != stored_then.get(key)}
        assert {key for key in changed if not key.endswith(b':dir')} == set(), request
    assert_moved(model, expected)


def test_a_closed_row_keeps_its_unique_value(mover: Mover, raw: redis.Redis) -> None:
    """A row that is not closed has it as well, because another program has damaged it."""
    expected = fill(before(), 8)
    model = after()

    def damage(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'move_rows' and b'mark' in call.request:
            mover.trips.act = lambda number: None
            raw.hset('Resident:8', 'email', 'e1')

    mover.trips.act = damage
    with pytest.raises(rom.UniqueKeyViolation, match=r"email='e1' belongs to \{town\}Resident:1"):
        mover.run(model)
    assert raw.type('Resident:1') == b'string' and raw.type('Resident:8') == b'hash'
    raw.hset('Resident:8', 'email', 'e8')
    mover.run(model)
    assert_moved(model, expected)


def test_an_id_that_is_given_while_ids_are_stopped(mover: Mover) -> None:
    old = before()
    neighbour = Neighbour(old, fill(old, 8), seed=1)
    model = after()

    def insert(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'run_commands' and b'closing' in call.request:
            mover.trips.act = lambda number: None
            with rom.Session() as session:
                neighbour.insert(session)
                session.delete(session.get(old, neighbour.last))
            del neighbour.expected[neighbour.last]

    mover.trips.act = insert
    mover.run(model)
    assert neighbour.done == 1
    assert_moved(model, neighbour.expected, neighbour.last)


def test_marks_are_deleted_at_last(mover: Mover, raw: redis.Redis) -> None:
    old = before()
    expected = fill(old, 9)
    raw.set('Resident:5000', 'of another program')
    model = after()
    steps = mover.run(model, forget=True)
    assert steps[-1][0] == steps[-1][1]
    left = {key for key in raw.scan_iter('Resident:*') if not key.startswith(b'Resident:id:done:')}
    assert left == {
        b'Resident:5000', b'Resident:id:', b'Resident:id:live', b'Resident:id:indexes',
        b'Resident:id:moved', b'Resident:id:epochs', b'Resident:id:migrations',
        b'Resident:age:idx', b'Resident:name:pre', b'Resident:email:uidx',
    }  # fmt: skip
    for ask in (old(name='x').save, old.query.count, old.query.filter(age=(1, 3)).all):
        with pytest.raises(rom.ModelMovedError):
            print(ask())
        rom.session.rollback()
    mover.run(model, forget=True)  # once more
    assert_moved(model, expected)


def test_migrations_are_not_run_again(mover: Mover) -> None:
    def up(row: rom.migrations.MigrationRow) -> None:
        row['age'] = row['age'] * 2

    old = before()
    expected = {id: {**row, 'age': row['age'] * 2} for id, row in fill(old, 9).items()}
    first, second = (rom.migrations.Migration(name, old, up) for name in ('double', 'again'))
    list(rom.migrations.migrate(first, reindex=False))
    for step in (steps := rom.migrations.migrate(second, batch=1, reindex=False)):
        if step.done:
            break
    steps.close()
    model = after()
    with pytest.raises(rom.InvalidOperation, match=r"Resident: the migration 'again' is not fin"):
        mover.run(model)
    list(rom.migrations.migrate(second, reindex=False))
    mover.run(model)
    expected = {id: {**row, 'age': row['age'] * 2} for id, row in expected.items()}
    moved = [rom.migrations.Migration(name, model, up) for name in ('double', 'again')]
    assert [one.state for one in rom.migrations.status(*moved)] == ['done', 'done']
    assert list(rom.migrations.migrate(*moved)) == []
    assert_moved(model, expected)


def test_a_migration_that_begins_during_a_move(mover: Mover) -> None:
    """No row is given up before it is done; and none begins any more after that."""

    def up(row: rom.migrations.MigrationRow) -> None:
        row['age'] = row['age'] + 100

    old = before()
    expected = {id: {**row, 'age': row['age'] + 100} for id, row in fill(old, 9).items()}
    during, late = (rom.migrations.Migration(name, old, up) for name in ('during', 'late'))

    def begin(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'run_commands' and b'closing' in call.request:
            mover.trips.act = lambda number: None
            steps = rom.migrations.migrate(during, batch=2, reindex=False)
            assert next(step for step in steps if step.done).done == 2
            steps.close()

    mover.trips.act = begin
    model = after()
    with pytest.raises(rom.InvalidOperation, match="the migration 'during' is not finished"):
        mover.run(model)
    assert old.get(1).age == 101
    rom.session.rollback()
    list(rom.migrations.migrate(during, reindex=False))

    def again(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'move_rows' and b'mark' in call.request:
            mover.trips.act = lambda number: None
            with pytest.raises(rom.ORMError):
                list(rom.migrations.migrate(late, reindex=False))

    mover.trips.act = again
    mover.run(model)
    assert mover.trips.act is not again
    moved = rom.migrations.Migration('during', model, up)
    assert list(rom.migrations.migrate(moved)) == []
    assert_moved(model, expected)


def test_a_failover_that_loses_marks(mover: Mover, raw: redis.Redis, server: Any) -> None:
    """A replica without the last three steps takes over: all rows become marks all the same."""
    trip, refused = 0, 0
    while True:
        trip += 2 if mover.front.kind == 'sync' else 5
        server.flush()
        expected = fill(before(), 9)
        model, history, has_lost = after(), list[dict[bytes, bytes]](), False

        def lose(number: int, at: int = trip, history: Any = history) -> None:
            nonlocal has_lost
            history.append({key: raw.dump(key) for key in raw.scan_iter('Resident:*')})
            if number == at and raw.hget('Resident:id:moved', 'phase') != b'moved':
                has_lost = True
                raw.delete(*raw.scan_iter('Resident:*'))
                for key, value in history[max(number - 4, 0)].items():
                    raw.restore(key, 0, value)

        mover.trips.count, mover.trips.act = 0, lose
        try:
            mover.run(model)
        except rom.InvalidOperation as error:
            refused += 'a replica without the last steps' in str(error)
            mover.trips.act = lambda number: None
            mover.run(model)
        mover.trips.act = lambda number: None
        assert {id: raw.type(f'Resident:{id}') for id in expected} == dict.fromkeys(
            expected, b'string'
        ), trip
        assert_moved(model, expected)
        if not has_lost:
            break
    assert refused


def test_copies_that_a_failover_loses_while_replicas_are_waited_for(
    mover: Mover, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fill(before(), 9)
    model, waits = after(), list[set[bytes]]()

    def wait(schema: Any, receipts: Any, wanted: int) -> Iterator[Any]:
        keys = {receipt.key for receipt in receipts}
        assert wanted == 2 and all(raw.exists(key) for key in keys)
        waits.append(keys)
        yield Command('PING')
        if len(waits) % 2 and raw.hget('Resident:id:moved', 'phase') == b'closing':
            left = [id for id in expected if raw.type(f'Resident:{id}') == b'hash']
            raw.delete(*map(model._schema.row_key, left))

    monkeypatch.setattr(replicas, 'wait_for_replicas', wait)
    mover.run(model, durable=2)
    parts = {f'{{{model._shards.tag(n)}}}:durable'.encode() for n in range(PARTITIONS)}
    group = parts | {b'{town}:shards:durable'}
    assert [waits[0], *waits[-2:]] == [group, {b'Resident:id:done:move'}, group]
    assert len(waits) > 5 and all(keys == parts for keys in waits[1:-2])
    assert stored(model) == expected


def test_a_server_without_replicas(
    mover: Mover, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, 'LONGEST', 1)
    expected = fill(before(), 9)
    model = after()
    with pytest.raises(rom.NotReplicatedError, match='no row is given up before they have') as e:
        mover.run(model, durable=True)
    assert (e.value.wanted, e.value.found) == (1, 0)
    assert raw.type('Resident:1') == b'hash'
    mover.run(model)
    assert_moved(model, expected)


def test_a_namespace_with_the_tag_of_the_group(mover: Mover) -> None:
    """The partitions keep the records of migrations under the same key."""

    def up(row: rom.migrations.MigrationRow) -> None:
        row['age'] = row['age'] * 2

    namespace = f'{{{GROUP}}}Resident'
    old = before(_namespace=namespace)
    expected = {id: {**row, 'age': row['age'] * 2} for id, row in fill(old, 9).items()}
    list(rom.migrations.migrate(rom.migrations.Migration('double', old, up), reindex=False))
    model = after()
    mover.run(model, source=namespace)
    moved = rom.migrations.Migration('double', model, up)
    assert list(rom.migrations.migrate(moved)) == []
    assert_moved(model, expected)


def test_large_rows_are_moved_a_few_at_a_time(
    mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, '_MOST_BYTES', 3100)
    old = before()
    for number in range(1, 8):
        old(name='x' * 1000 * (number % 3 + 1), email=f'e{number}', age=number)
    rom.session.commit()
    rom.session.rollback()
    expected, sizes = stored(old), list[int]()

    def look(number: int) -> None:
        call = requests_of(mover.trips.request)[0]
        if getattr(call, 'name', '') == 'move_rows':
            sizes.append(len(call.request))

    mover.trips.act = look
    steps = mover.run(after(), batch=100)
    assert [done for done, _ in steps] == [0, 1, 2, 4, 5, 7, 7, 8, 9, 11, 12, 14, 14]
    assert len(sizes) == 10 and max(sizes) < 4000
    mover.trips.act = lambda number: None
    assert_moved(after(), expected)


@pytest.mark.parametrize('is_over', [False, True])
def test_maintenance_of_an_old_program_is_refused(mover: Mover, is_over: bool) -> None:
    """Else it would name each mark as damage, and its remedy is to delete it."""
    old = before()
    fill(old, 9)
    met = list[str]()

    def maintain(number: int = 0) -> None:
        call = requests_of(mover.trips.request)[0]
        if number and not (getattr(call, 'name', '') == 'move_rows' and b'mark' in call.request):
            return
        mover.trips.act = lambda number: None
        for ask in (
            lambda: list(rom.maintenance.check(old)),
            lambda: list(rom.maintenance.check(old, repair=True)),
            lambda: list(rom.maintenance.reindex(old)),
            lambda: list(rom.util.refresh_indices(old)),
        ):
            with pytest.raises(rom.ModelMovedError) as caught:
                ask()
            met.append(str(caught.value))

    if not is_over:
        mover.trips.act = maintain
    mover.run(after())
    if is_over:
        maintain()
    assert len(met) == 4
