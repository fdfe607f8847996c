"""Maintenance: contract, section 7, and section 8 on index data in the older hash `N::`.

Both fronts, told once.
"""

import json
import re
import threading
from typing import Any

import numpy
import pytest
import redis

import rom
from rom import util
from tests.support.implied import assert_consistent, bits
from tests.support.servers import Server, dump, without_notes
from tests.support.worlds import Front


class MendTeam(rom.Model):
    name = rom.Text(unique=True)


class Mend(rom.Model):
    _namespace = 'mend[1]'  # SCAN's patterns must not read more into it
    unique_together = [('code', 'number')]

    words = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    simple = rom.Text(index=True, prefix=True, keygen=rom.SIMPLE)
    number = rom.Integer(index=True)
    code = rom.Text(unique=True)
    parts = rom.Integer(index=True, keygen=lambda n: {'': n, 'odd' if n % 2 else 'even': None})
    team = rom.ManyToOne('MendTeam', 'no action')


HEAD = 'mend[1]:'


def make(count: int = 50) -> list[Mend]:
    team = MendTeam(name='t')
    made = [
        Mend(words=f'word{n} all', simple=f's{n}', number=n, code=f'c{n}', parts=n, team=team)
        for n in range(count)
    ]
    rom.session.commit()
    rom.session.rollback()
    return made


@pytest.fixture
def connected(client: redis.Redis) -> redis.Redis:
    rom.util.CONNECTION = client
    return client


def spoil(raw: redis.Redis) -> None:
    """All that can be wrong with an index, but a missing entry."""
    raw.sadd(f'{HEAD}words:ghost:idx', 900, 3)
    raw.sadd(f'{HEAD}words:all:idx', 901)
    raw.zadd(f'{HEAD}number:idx', {'902': 5, '4': 99})
    raw.zadd(f'{HEAD}parts:rest:idx', {'5': 1})
    raw.zadd(f'{HEAD}words:pre', {b'ghost\x00903': 1, b'gho\x00st\x006': 1})
    raw.zadd(f'{HEAD}words:suf', {b'tsohg\x007': 1})
    raw.zadd(f'{HEAD}simple:idx', {'8': 0})
    raw.hset(f'{HEAD}code:uidx', mapping={'nobody': 904, 'once': 9})
    raw.hset(f'{HEAD}code:number:uidx', mapping={'gone': 905, 'was': 11})
    raw.setbit(f'{HEAD}id:live', 906, 1)
    raw.setbit(f'{HEAD}id:live', 12, 0)
    raw.zadd(f'{HEAD}code:pre', {b'x\x0013': 1})  # an index that the column no longer has
    raw.hset(f'{HEAD}:', mapping={'14': json.dumps([['words:old'], ['words']])})
    raw.hset(f'{HEAD}:', mapping={'999': json.dumps([['words:old'], ['words'], [['words', 'o']]])})
    raw.sadd(f'{HEAD}words:old:idx', 14, 999)
    raw.zadd(f'{HEAD}words:idx', {'14': 1, '999': 2})
    raw.zadd(f'{HEAD}words:pre', {b'o\x00999': 1})


def lose(raw: redis.Redis) -> None:
    """Lose entries that there should be."""
    raw.delete(f'{HEAD}words:suf', f'{HEAD}code:number:uidx')
    raw.srem(f'{HEAD}words:all:idx', 20, 21)
    raw.zrem(f'{HEAD}number:idx', 22)
    raw.hset(f'{HEAD}code:uidx', 'c0', 10)


@pytest.mark.parametrize('block_size', [1, 7, 100])
def test_clean_old_index_removes_all_that_no_row_implies(
    front: Front, connected: redis.Redis, raw: redis.Redis, block_size: int
) -> None:
    make()
    spoil(raw)
    progress = list(front.clean_old_index(Mend, block_size=block_size))
    assert_consistent(raw, Mend, MendTeam)
    assert progress == sorted(progress)
    assert progress[-1][0] == progress[-1][1] > 0


@pytest.mark.parametrize('block_size', [1, 7, 100])
def test_refresh_indices_makes_everything_right(
    front: Front, connected: redis.Redis, raw: redis.Redis, block_size: int
) -> None:
    make()
    spoil(raw)
    lose(raw)
    progress = list(front.refresh_indices(Mend, block_size=block_size))
    assert_consistent(raw, Mend, MendTeam)
    assert all(done <= total for done, total in progress)
    assert progress[-1][0] == progress[-1][1]
    before = without_notes(dump(raw))
    front.show_progress(front.refresh_indices(Mend))
    assert without_notes(dump(raw)) == before, 'what is right stays as it is'


def test_without_a_scan_rows_are_found_by_the_counter(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    make()
    lose(raw)
    done, total = list(front.refresh_indices(Mend, block_size=20, scan=False))[-1]
    assert done == total == 50
    assert_consistent(raw, Mend, MendTeam)


@pytest.mark.one_server
def test_a_model_without_rows(front: Front, connected: redis.Redis, raw: redis.Redis) -> None:
    assert list(front.refresh_indices(Mend))[-1] == (0, 0)
    done, total = list(front.refresh_indices(Mend, scan=False))[-1]
    assert done == total
    assert list(front.clean_old_index(Mend))[-1] == (0, 0)
    assert Mend.query.count() == 0
    Mend(code='x').save()
    assert_consistent(raw, Mend)


def test_the_bitmap_of_live_ids_is_made(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    made = make()
    rom.session.delete(made[:5])
    raw.delete(f'{HEAD}id:live')
    Mend(code='new').save()
    assert not raw.exists(f'{HEAD}id:live', f'{HEAD}id:live:draft')
    list(front.refresh_indices(Mend))
    assert bits(raw.get(f'{HEAD}id:live')) == set(range(6, 52))
    assert not raw.exists(f'{HEAD}id:live:draft', f'{HEAD}id:live:by')
    assert_consistent(raw, Mend, MendTeam)


@pytest.mark.one_server
def test_rows_above_the_counter_are_found(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    make(5)
    raw.hset(f'{HEAD}70', mapping={'id': 70, 'code': 'far', 'number': 3})
    list(front.refresh_indices(Mend))
    assert Mend.get_by(code='far').id == 70
    assert bits(raw.get(f'{HEAD}id:live')) == {1, 2, 3, 4, 5, 70}


@pytest.mark.one_server
def test_no_bitmap_where_ids_are_far_apart(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    raw.set(f'{HEAD}id:', 10**12)
    Mend(code='far').save()
    list(front.refresh_indices(Mend))
    assert not raw.exists(f'{HEAD}id:live', f'{HEAD}id:live:draft')
    assert Mend.get_by(code='far').id == 10**12 + 1


@pytest.mark.one_server
def test_a_draft_is_kept_up_to_date_by_writers(connected: redis.Redis, raw: redis.Redis) -> None:
    made = make(12)
    raw.delete(f'{HEAD}id:live')
    raw.set(f'{HEAD}id:live:draft', b'\0')
    made[3].delete()
    Mend(code='new').save()
    assert bits(raw.get(f'{HEAD}id:live:draft')) == {13}
    assert Mend.query.count() == 12, 'a draft is nothing to count by'


@pytest.mark.one_server
def test_a_model_that_1x_writes_too_has_no_bitmap(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    class Both(rom.Model):
        _keep_index_data = True
        n = rom.Integer(index=True)

    raw.set('Both:id:live', b'\xff')  # from before both wrote
    assert Both.query.count() == 0
    for n in range(5):
        Both(n=n).save()
    list(front.refresh_indices(Both))
    assert not raw.exists('Both:id:live', 'Both:id:live:draft')
    assert Both.query.count() == 5
    assert json.loads(raw.hget('Both:1', '-index-data-'))[1] == ['n']


@pytest.mark.one_server
def test_what_cannot_be_mended_is_named_at_the_end(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    make(20)
    raw.hset(f'{HEAD}3', 'number', 'five')
    raw.hset(f'{HEAD}4', 'code', 'c9')  # the code of 10
    raw.delete(f'{HEAD}5')
    raw.set(f'{HEAD}5', 'no row')
    lose(raw)
    with pytest.raises(rom.BulkError) as error:
        list(front.refresh_indices(Mend, block_size=6))
    kinds = sorted({type(e).__name__ for e in error.value.errors})
    assert kinds == ['CorruptRowError', 'UniqueKeyViolation']
    raw.delete(f'{HEAD}3', f'{HEAD}4', f'{HEAD}5')
    list(front.refresh_indices(Mend, block_size=6))
    assert_consistent(raw, Mend, MendTeam)


@pytest.mark.one_server
def test_other_models_are_left_alone(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    class Shop(rom.Model):
        _namespace = 'shop'
        item = rom.Text(index=True, keygen=rom.IDENTITY)

    known = dict(rom.MODELS)
    rom.MODELS.clear()  # a program that knows both is refused; old data may have both

    class Item(rom.Model):
        _namespace = 'shop:item'
        name = rom.Text(index=True, unique=True, keygen=rom.IDENTITY)

    rom.MODELS.update(known)
    Shop(item='name').save()
    Item(name='x').save()
    raw.set('shop:unknown:key', 1)
    raw.sadd('shop:gone:x:idx', 1)
    before = without_notes(dump(raw))
    list(front.refresh_indices(Shop))
    list(front.clean_old_index(Shop))
    assert without_notes(dump(raw)) == before


def test_beside_running_writers(front: Front, server: Server) -> None:
    """Nothing that writers do meanwhile is lost, or left."""
    with server.connect() as client:
        rom.util.CONNECTION = client
        make(300)
        spoil(client)
        lose(client)
        client.delete(f'{HEAD}id:live')
        stop = threading.Event()
        failures: list[BaseException] = []

        def write(seed: int) -> None:
            try:
                with rom.Session() as session:
                    count = 0
                    while not stop.is_set():
                        count += 1
                        id = (count * 7 + seed) % 300 + 1
                        entity: Any = session.get(Mend, id)
                        if entity is None:
                            continue
                        try:
                            if count % 11 == 0:
                                entity.delete()
                            else:
                                entity.words, entity.number = f'new{count} all', count
                                session.commit()
                            Mend(words=f'w{seed}', code=f'{seed}-{count}', parts=count).save()
                        except rom.InvalidOperation:
                            pass  # the other writer was there
                        session.rollback()
            except BaseException as error:
                failures.append(error)

        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(3):
                list(front.refresh_indices(Mend, block_size=10))
                list(front.clean_old_index(Mend, block_size=10))
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert not failures
        assert_consistent(client, Mend, MendTeam)


@pytest.mark.one_server
def test_all_models_at_once(
    front: Front, connected: redis.Redis, raw: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    rom.MODELS.clear()

    class One(rom.Model):
        n = rom.Integer(index=True)

    One(n=1).save()
    raw.delete('One:n:idx')
    assert front.refresh_all_indexes() is None
    assert_consistent(raw, One)
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == 'updating One'
    assert re.match(r'100\.0% complete, \d+\.\d seconds elapsed', shown[1])


@pytest.mark.one_server
def test_unsafe_columns_of_entities_that_are_gone(
    front: Front, connected: redis.Redis, raw: redis.Redis
) -> None:
    class Player(rom.Model):
        items = rom.UnsafeColumn()
        name = rom.Text()

    players = [Player(name='x') for _ in range(5)]
    for player in players:
        player.save()
        player.items.rpush('sword')
    raw.rpush('Player:77:items', 'lost')
    raw.set('Player:78:other', 1)
    raw.delete('Player:2')
    assert front.clean_unsafe_cols(Player, block_size=numpy.int64(2)) == (6, 2)
    assert sorted(raw.keys('Player:*:items')) == [b'Player:%d:items' % n for n in (1, 3, 4, 5)]
    assert raw.exists('Player:78:other')
    assert front.clean_unsafe_cols(Player) == (4, 0)


@pytest.mark.parametrize('model', [None, 5, rom.Model, 'Mend'])
def test_what_is_no_model_is_refused(front: Front, model: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='takes a model'):
        list(front.refresh_indices(model))


@pytest.mark.parametrize('size', [0, -1, 'x', None, True])
def test_a_block_has_a_size(front: Front, size: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='block_size'):
        list(front.clean_old_index(Mend, block_size=size))


class MendBriefly(rom.Model):
    name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    until = rom.ExpireAt()


@pytest.mark.parametrize('block_size', [1, 100])
def test_what_has_expired_is_mended_and_claims_nothing(
    front: Front, connected: redis.Redis, raw: redis.Redis, block_size: int
) -> None:
    """It is still there, but its unique value may be another's by now."""
    for number in range(9):
        MendBriefly(name=f'n{number}', until=5.0)
    rom.session.commit()
    for number in range(3):
        MendBriefly(name=f'n{number}', until=2e10)
    rom.session.commit()
    rom.session.rollback()
    before = dump(raw)
    raw.sadd('MendBriefly:name:ghost:idx', 1, 5)
    raw.delete('MendBriefly:until:idx', 'MendBriefly:name:n3:idx')
    raw.hset('MendBriefly:name:uidx', 'nobody', 4)
    list(front.refresh_indices(MendBriefly, block_size=block_size))
    assert without_notes(dump(raw)) == without_notes(before)
    list(front.clean_old_index(MendBriefly, block_size=block_size))
    assert without_notes(dump(raw)) == without_notes(before)
    assert util.expire(MendBriefly) == 9
    assert_consistent(raw, MendBriefly)
