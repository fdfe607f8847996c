"""All or none, whatever the layers."""

from __future__ import annotations

import threading

import pytest
import redis
from schematics import types
from schematics.exceptions import DataError

from rom.exceptions import DataRaceError, InvalidOperation, UniqueKeyViolation
from rom.schematics import IndexedRedisMixin, SimpleRedisMixin, transaction
from tests.schematics.support import EVERY_LAYER, MIXINS, fill, model, pks, trips, vanilla
from tests.support.servers import Server, dump, without_notes

pytestmark = pytest.mark.one_server


@EVERY_LAYER
def test_all_or_none(raw: redis.Redis, mixin: type) -> None:
    kind = model(mixin, raw)
    fill(kind)
    mine, theirs = kind.match(id='vanilla'), kind.match(id='vanilla')
    theirs.amount_kg = 1
    theirs.set()
    before = without_notes(dump(raw))
    with pytest.raises(DataRaceError), transaction():
        kind({'id': 'new'}).set()
        kind.match(id='choc').delete()
        mine.set(if_unchanged=True)
    after = without_notes(dump(raw))
    after[b'IceCream:rom_id:'] = before.get(b'IceCream:rom_id:')  # an id that was taken is gone
    assert after == {**after, **before}
    mine.refresh()
    with transaction():
        kind({'id': 'new'}).set()
        kind.match(id='choc').delete()
        mine.set(if_unchanged=True)
        assert pks(kind.all()) == ['bare', 'choc', 'little', 'vanilla']
    assert pks(kind.all()) == ['bare', 'little', 'new', 'vanilla']


@EVERY_LAYER
def test_an_error_in_the_block_writes_nothing(raw: redis.Redis, mixin: type) -> None:
    kind = model(mixin, raw, flavour=types.StringType(max_length=3))
    one = kind({'id': 'x'})
    with pytest.raises(DataError), transaction():
        one.set()
        kind({'id': 'y', 'flavour': 'too long'}).set()
    assert dump(raw) == {}
    one.set(if_unchanged=True)  # it is not thought to be stored


@EVERY_LAYER
def test_one_object_several_times(raw: redis.Redis, mixin: type) -> None:
    kind = model(mixin, raw)
    fill(kind)
    with transaction():
        one = vanilla(kind)
        one.set()
        one.amount_kg = 2
        one.set()
        choc = kind.match(id='choc')
        choc.delete()
        choc.flavour = None
        choc.set()
        new = kind({'id': 'new'})
        new.set()
        new.delete()
    assert kind.match(id='vanilla').amount_kg == 2
    assert kind.match(id='choc').flavour is None
    assert pks(kind.all()) == ['bare', 'choc', 'little', 'vanilla']


def test_parts_in_turn(raw: redis.Redis) -> None:
    for mixin in MIXINS[2:]:
        raw.flushall()
        kind = model(mixin, raw)
        one = vanilla(kind)
        one.set()
        with transaction():
            one.amount_kg = 1
            one.set(only=['amount_kg'])
            one.flavour = 'x'
            one.set(only=['flavour'])
        found = kind.match(id='vanilla')
        assert (found.amount_kg, found.flavour) == (1, 'x')


def test_all_layers_in_one_call(raw: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [model(mixin, raw, __prefix__=mixin.__name__) for mixin in MIXINS]
    with trips(monkeypatch) as sent, transaction():
        for kind in kinds:
            vanilla(kind).set()
            assert sent == []
    # The indexed layer asks first who has the key.
    assert sent == ['load', 'commit']
    mine = [kind.match(id='vanilla') for kind in kinds]
    kinds[3].match(id='vanilla').delete()
    before = without_notes(dump(raw))
    with pytest.raises(DataRaceError, match='vanilla'), transaction():
        for one in mine:
            one.amount_kg = 1
            one.set(if_unchanged=True)
    assert without_notes(dump(raw)) == before
    with transaction():
        for one in mine:
            one.delete()
    assert all(kind.all() == [] for kind in kinds)


def test_a_unique_value_that_is_taken_stops_all(raw: redis.Redis) -> None:
    unique = model(IndexedRedisMixin, raw, flavour=types.StringType(metadata={'unique': True}))
    simple = model(SimpleRedisMixin, raw, __prefix__='Simple')
    vanilla(unique).set()
    with pytest.raises(UniqueKeyViolation), transaction():
        simple({'id': 'x'}).set()
        vanilla(unique, id='other').set()
    assert simple.all() == []


def test_one_within_another_belongs_to_it(raw: redis.Redis) -> None:
    kind = model(SimpleRedisMixin, raw)
    with pytest.raises(RuntimeError), transaction():
        with transaction():
            vanilla(kind).set()
        assert dump(raw) == {}
        raise RuntimeError
    assert dump(raw) == {}


def test_one_server(raw: redis.Redis, server: Server) -> None:
    with server.connect(db=3) as other:
        with pytest.raises(InvalidOperation, match='another connection'), transaction():
            vanilla(model(SimpleRedisMixin, raw)).set()
            vanilla(model(SimpleRedisMixin, other)).set()
    assert dump(raw) == {}
    with server.connect() as another_client, transaction():
        vanilla(model(SimpleRedisMixin, raw)).set()
        vanilla(model(SimpleRedisMixin, another_client), id='other').set()
    assert len(dump(raw)) > 1


def test_what_works_in_steps_is_no_part_of_one(raw: redis.Redis) -> None:
    kind = model(SimpleRedisMixin, raw)
    fill(kind)
    for call in (kind.delete_all, lambda: kind.delete_filter(amount_kg=42)):
        with pytest.raises(InvalidOperation, match='cannot be part of a transaction'):
            with transaction():
                call()
    assert len(kind.all()) == 4


def test_a_transaction_is_that_of_its_thread(raw: redis.Redis) -> None:
    kind = model(SimpleRedisMixin, raw)
    with transaction():
        vanilla(kind).set()
        other = threading.Thread(target=kind({'id': 'other'}).set)
        other.start()
        other.join()
        assert pks(kind.all()) == ['other']
    assert pks(kind.all()) == ['other', 'vanilla']


def test_an_empty_one(raw: redis.Redis) -> None:
    with transaction():
        pass
    assert dump(raw) == {}
