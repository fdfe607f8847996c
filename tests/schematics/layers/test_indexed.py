"""The layer that is rom itself."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from schematics import models, types

from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Script
from rom.exceptions import (
    ColumnError,
    CorruptRowError,
    DataRaceError,
    InvalidColumnValue,
    UniqueKeyViolation,
)
from rom.schematics import IndexedRedisMixin, StrictPerformanceException, transaction
from rom.schematics.exceptions import ClauseError
from tests.schematics.support import SOON, expire, fill, model, pks, trips, vanilla
from tests.support.servers import Server, dump, without_notes

pytestmark = pytest.mark.one_server


@pytest.fixture
def kind(raw: redis.Redis) -> Any:
    return model(IndexedRedisMixin, raw)


@contextmanager
def expiry_of_row(
    raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> Iterator[None]:
    """Just before the first commit, another writer says when a row expires."""
    perform, done = SyncDriver.perform, []

    def late(self: SyncDriver, request: Any) -> Any:
        if isinstance(request, Script) and request.name == 'commit' and not done:
            done.append(raw.hset(f'IceCream:{number}', 'rom_expires', moment))
        return perform(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(SyncDriver, 'perform', late)
        yield


def test_what_is_stored(raw: redis.Redis, kind: Any) -> None:
    vanilla(kind, vegan=True).set()
    when = SOON.replace(tzinfo=datetime.UTC).timestamp()
    found = without_notes(dump(raw))
    prefix = {'Sweet é'.encode() + b'\x001': found[b'IceCream:flavour:pre'].popitem()[1]}
    found[b'IceCream:flavour:pre'] = prefix
    assert found == {
        b'IceCream:1': {
            b'rom_id': b'1', b'pk': b'vanilla', b'id': b'vanilla',
            b'flavour': 'Sweet é'.encode(), b'amount_kg': b'42',
            b'best_before': b'"2031-05-06T07:08:09.123456"', b'vegan': b'1',
        },
        b'IceCream:pk:uidx': {b'vanilla': b'1'},
        b'IceCream:amount_kg:idx': {b'1': 42.0},
        b'IceCream:best_before:idx': {b'1': when},
        b'IceCream:flavour:Sweet \xc3\xa9:idx': {b'1'},
        b'IceCream:flavour:pre': prefix,
        b'IceCream:vegan:True:idx': {b'1'},
        b'IceCream:rom_id:': b'1',
        b'IceCream:rom_id:live': b'@',
    }  # fmt: skip
    kind.match(id='vanilla').delete()
    assert without_notes(dump(raw)).keys() == {b'IceCream:rom_id:', b'IceCream:rom_id:live'}


class TestTrips:
    @pytest.mark.parametrize(
        'clauses',
        [
            {'amount_kg__gte': 30},
            {'flavour': 'Chocolate'},
            {'flavour__startswith': 'Sw'},
            {'best_before__lt': SOON, 'vegan': True, 'tags__not': None},
            {'price__in': ['1.5', 10]},
            {'vegan__not': True},
            {'amount_kg': None},
            {'pk__in': ['vanilla', 'choc']},
        ],
    )
    def test_an_indexed_filter_takes_one(
        self, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, clauses: dict[str, Any]
    ) -> None:
        strict = model(IndexedRedisMixin, raw, __strict_performance__=True)
        fill(strict)
        with trips(monkeypatch) as sent:
            strict.filter(**clauses)
        assert len(sent) == 1

    @pytest.mark.parametrize('clauses', [{'tags': []}, {'flavour__gt': 'A'}, {'flavour': ''}])
    def test_what_no_index_answers_is_a_scan(
        self, raw: redis.Redis, clauses: dict[str, Any]
    ) -> None:
        strict = model(IndexedRedisMixin, raw, __strict_performance__=True)
        fill(strict)
        with pytest.raises(StrictPerformanceException):
            strict.filter(**clauses)

    def test_many_objects(self, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        with transaction():
            for number in range(3000):
                kind({'id': number, 'amount_kg': number, 'vegan': number % 2 == 0}).set()
        with trips(monkeypatch) as sent:
            found = kind.filter(amount_kg__gte=2990, vegan=True)
            assert pks(found) == ['2990', '2992', '2994', '2996', '2998']
            found = kind.ordered('-amount_kg', limit=3, vegan=False)
            assert [one.pk for one in found] == ['2999', '2997', '2995']
        assert sent == ['search', 'search']


class TestOrdered:
    @pytest.mark.parametrize(
        ('fields', 'more', 'found'),
        [
            (['amount_kg'], {}, 'choc little vanilla bare'),
            (['-amount_kg'], {}, 'vanilla little choc bare'),
            (['-amount_kg'], {'limit': 1, 'offset': 1}, 'little'),
            (['flavour'], {'limit': 2}, 'choc vanilla'),
            (['-best_before', 'amount_kg'], {}, 'choc vanilla little bare'),
            (['price'], {'price__gt': '1.2'}, 'vanilla choc'),
            (['-pk'], {'amount_kg__gt': 1, 'offset': 1}, 'little choc'),
            (['vegan', 'pk'], {'limit': 3}, 'vanilla choc bare'),
            (['amount_kg'], {'limit': 0}, ''),
            (['amount_kg'], {'limit': 10**400}, 'choc little vanilla bare'),
            (['amount_kg'], {'offset': 10**400}, ''),
        ],
    )
    def test_as_asked(self, kind: Any, fields: list[str], more: Any, found: str) -> None:
        fill(kind)
        assert [one.pk for one in kind.ordered(*fields, **more)] == found.split()

    @pytest.mark.parametrize(
        ('fields', 'more'),
        [
            ([], {}),
            (['nope'], {}),
            ([5], {}),
            (['pk', '-pk'], {}),
            *((['pk'], {'limit': wrong}) for wrong in (-1, 'x', 1.5, True, [1])),
            *((['pk'], {'offset': wrong}) for wrong in (-1, 'x', 1.5, True, None)),
        ],
    )
    def test_what_makes_no_sense(self, kind: Any, fields: list[Any], more: Any) -> None:
        with pytest.raises(ValueError, match='IceCream'):
            kind.ordered(*fields, **more)


class TestUnique:
    @pytest.fixture
    def unique(self, raw: redis.Redis) -> Any:
        return model(IndexedRedisMixin, raw, flavour=types.StringType(metadata={'unique': True}))

    def test_no_two_have_one_value(self, raw: redis.Redis, unique: Any) -> None:
        vanilla(unique).set()
        before = without_notes(dump(raw))
        with pytest.raises(UniqueKeyViolation, match='flavour'):
            vanilla(unique, id='other').set()
        assert without_notes(dump(raw)) == before
        unique.match(id='vanilla').delete()
        vanilla(unique, id='other').set()

    def test_it_is_found_by_it(self, unique: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        fill(unique)
        with trips(monkeypatch) as sent:
            assert unique.match(flavour='Chocolate', amount_kg=12).pk == 'choc'
        assert sent == ['load']

    def test_two_may_change_places(self, unique: Any) -> None:
        fill(unique)
        one, other = unique.match(id='vanilla'), unique.match(id='choc')
        one.flavour, other.flavour = other.flavour, one.flavour
        with transaction():
            one.set()
            other.set()
        assert unique.match(flavour='Chocolate').pk == 'vanilla'

    def test_an_expired_object_gives_it_up(self, raw: redis.Redis, unique: Any) -> None:
        unique.__expire__ = 1000
        vanilla(unique).set()
        expire(raw)
        vanilla(unique, id='other').set()
        assert pks(unique.all()) == ['other']
        assert unique.sweep() == 1
        assert dump(raw)[b'IceCream:pk:uidx'] == {b'other': b'2'}
        assert dump(raw)[b'IceCream:flavour:uidx'] == {'Sweet é'.encode(): b'2'}

    def test_in_one_trip_that_reads_and_one_that_writes(
        self, raw: redis.Redis, unique: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unique.__expire__ = 1000
        vanilla(unique).set()
        expire(raw)
        with trips(monkeypatch) as sent:
            vanilla(unique, id='other').set()
        assert sent == ['load', 'commit']


class TestExpiry:
    def test_sweep(self, raw: redis.Redis, kind: Any) -> None:
        kind.__expire__ = 1000
        for number in range(20):
            kind({'id': number}).set()
        kind.__expire__ = None
        kind({'id': 'stays'}).set()
        expire(raw, b'4')
        for wrong in (-1, 'x', 1.5, True):
            with pytest.raises(
                ValueError, match=r'sweep\(limit=...\): expected an int of at least 0'
            ):
                kind.sweep(limit=wrong)
        assert kind.sweep(limit=0) == 0
        assert kind.sweep(limit=5) == 5
        assert kind.sweep(limit=10**400) == 14
        assert kind.sweep() == 0
        assert pks(kind.all()) == ['3', 'stays']
        assert len(dump(raw)[b'IceCream:pk:uidx']) == 2

    def test_an_object_that_is_set_in_time_lives_on(self, raw: redis.Redis, kind: Any) -> None:
        kind.__expire__ = 1000
        one = vanilla(kind)
        one.set()
        for seconds in (2000, None):
            kind.__expire__ = seconds
            one.set()
            assert kind.sweep() == 0
            assert kind.match(id='vanilla') == one
        assert b'rom_expires' not in dump(raw)[b'IceCream:1']
        assert b'IceCream:rom_expires:idx' not in dump(raw)

    def test_one_that_has_expired_is_a_new_one_when_it_is_set(
        self, raw: redis.Redis, kind: Any
    ) -> None:
        kind.__expire__ = 1000
        one = vanilla(kind)
        one.set()
        expire(raw)
        kind.__expire__ = None
        one.set()
        both = dump(raw)
        assert both[b'IceCream:pk:uidx'] == {b'vanilla': b'2'}
        assert b'IceCream:1' in both
        assert kind.all() == kind.filter(amount_kg=42) == [one]
        assert kind.sweep() == 1
        assert kind.match(id='vanilla') == one
        swept = dump(raw)
        assert b'IceCream:1' not in swept
        assert swept[b'IceCream:pk:uidx'] == {b'vanilla': b'2'}
        assert swept[b'IceCream:amount_kg:idx'] == {b'2': 42.0}

    def test_one_that_expires_while_it_is_written(
        self, raw: redis.Redis, kind: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The commit refuses the row that was found, and a new one is made."""
        kind.__expire__ = 1000
        one = vanilla(kind)
        one.set()
        with trips(monkeypatch) as sent, expiry_of_row(raw, monkeypatch, 1, '1000.0'):
            one.set()
        assert sent == ['load', 'commit', 'load', 'commit']
        assert dump(raw)[b'IceCream:pk:uidx'] == {b'vanilla': b'2'}
        assert kind.all() == [one]

    def test_it_is_the_servers_clock_that_counts(
        self, kind: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind.__expire__ = 1000
        one = vanilla(kind)
        one.set()
        later = time.time() + 5000
        monkeypatch.setattr(time, 'time', lambda: later)
        assert kind.match(id='vanilla') == one
        assert kind.all() == [one]
        assert kind.sweep() == 0

    def test_what_was_given_more_time_meanwhile_stays(
        self, raw: redis.Redis, kind: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind.__expire__ = 1000
        for number in range(3):
            kind({'id': number}).set()
        expire(raw)
        with expiry_of_row(raw, monkeypatch, 2, '9000000000.0'):
            assert kind.sweep() == 2
        found = dump(raw)
        assert found[b'IceCream:2'][b'rom_expires'] == b'9000000000.0'
        assert found[b'IceCream:pk:uidx'] == {b'1': b'2'}

    def test_two_that_sweep_count_each_once(
        self, server: Server, raw: redis.Redis, kind: Any
    ) -> None:
        kind.__expire__ = 1000
        with transaction():
            for number in range(200):
                kind({'id': number}).set()
        expire(raw)
        counts: list[int] = []

        def sweep() -> None:
            with server.connect() as connection:
                counts.append(model(IndexedRedisMixin, connection).sweep())

        threads = [threading.Thread(target=sweep) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(counts) == 200

    def test_what_is_no_row_does_not_keep_the_others(self, raw: redis.Redis, kind: Any) -> None:
        kind.__expire__ = 1000
        for number in range(3):
            kind({'id': number}).set()
        expire(raw)
        raw.delete('IceCream:2')
        raw.set('IceCream:2', 'no row')
        with pytest.raises(CorruptRowError, match='IceCream:2'):
            kind.sweep()
        assert dump(raw)[b'IceCream:rom_expires:idx'].keys() == {b'2'}

    def test_the_longest_time(self, raw: redis.Redis, kind: Any) -> None:
        kind.__expire__ = 1e13
        with pytest.raises(ClauseError, match='__expire__: expected more than 0 and at most'):
            vanilla(kind).set()
        assert dump(raw) == {}
        kind.__expire__ = 10**11
        vanilla(kind).set()
        assert kind.filter(amount_kg__gt=0)


class TestWriters:
    def test_two_that_make_one_object_at_once(self, server: Server) -> None:
        def write(number: int) -> None:
            with server.connect() as connection:
                mine = model(IndexedRedisMixin, connection)
                for round in range(20):
                    mine({'id': round, 'amount_kg': number, 'flavour': f'f{number}'}).set()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with server.connect() as connection:
            found = model(IndexedRedisMixin, connection).all()
        assert pks(found) == sorted(map(str, range(20)))
        assert all(one.flavour == f'f{one.amount_kg}' for one in found)

    def test_so_they_may_with_a_unique_field_before_the_key(self, server: Server) -> None:
        def write() -> None:
            with server.connect() as connection:

                class Cone(models.Model, IndexedRedisMixin):
                    __redis_client__ = connection
                    label = types.StringType(metadata={'unique': True})
                    pk = types.StringType()

                for round in range(20):
                    barrier.wait()
                    try:
                        Cone({'pk': str(round), 'label': f'l{round}'}).set()
                    except UniqueKeyViolation as error:
                        failed.append(error)

        barrier, failed = threading.Barrier(3), list[Exception]()
        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []

    def test_one_of_them_wins_if_unchanged(self, server: Server, kind: Any) -> None:
        kind({'id': 'count', 'amount_kg': 0}).set()

        def count() -> None:
            with server.connect() as connection:
                mine = model(IndexedRedisMixin, connection)
                for _ in range(10):
                    while True:
                        one = mine.match(id='count')
                        one.amount_kg += 1
                        try:
                            one.set(if_unchanged=True)
                        except DataRaceError:
                            continue
                        break

        threads = [threading.Thread(target=count) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kind.match(id='count').amount_kg == 30


class TestColumns:
    @pytest.mark.parametrize(
        ('field', 'low', 'high'),
        [
            (types.IntType, 2**60, 2**60 + 1),
            (types.FloatType, -1.5, 2.25),
            (types.DecimalType, '0.1', '0.1000000000000000000001'),
            (types.DateType, '2020-01-01', '2020-01-02'),
            (types.DateTimeType, '9000-01-01T00:00:00.000001', '9000-01-01T00:00:00.000002'),
            (types.UTCDateTimeType, '2020-01-01T00:00Z', '2020-01-01T00:00-01:00'),
            (types.TimestampType, 1.5, 2.5),
            (types.TimedeltaType, 1, 2),
        ],
    )
    def test_order_is_exact(self, raw: redis.Redis, field: Any, low: Any, high: Any) -> None:
        kind = model(IndexedRedisMixin, raw, amount_kg=field(metadata={'index': True}))
        kind({'id': 'low', 'amount_kg': low}).set()
        kind({'id': 'high', 'amount_kg': high}).set()
        assert pks(kind.filter(amount_kg__gt=low)) == ['high']
        assert pks(kind.filter(amount_kg__lt=high)) == ['low']
        assert pks(kind.filter(amount_kg__lte=low)) == ['low']
        assert pks(kind.filter(amount_kg=high)) == ['high']
        assert pks(kind.filter(amount_kg__not=high)) == ['low']

    def test_text_of_every_type(self, raw: redis.Redis) -> None:
        fields = {
            'flavour': (types.UUIDType, 'F0000000-0000-0000-0000-00000000000f'),
            'amount_kg': (types.EmailType, 'a@example.org'),
            'price': (types.IPv4Type, '10.0.0.1'),
        }
        more = {name: kind(metadata={'index': True}) for name, (kind, _) in fields.items()}
        kind = model(IndexedRedisMixin, raw, __strict_performance__=True, **more)
        kind({'id': 'x', **{name: value for name, (_, value) in fields.items()}}).set()
        for name, (_, value) in fields.items():
            assert pks(kind.filter(**{name: value})) == ['x']
            assert kind.filter(**{f'{name}__not': value}) == []

    @pytest.mark.parametrize(
        ('field', 'options'),
        [
            (types.ListType(types.StringType(), metadata={'index': True}), 'index'),
            (types.DictType(types.StringType, metadata={'unique': True}), 'unique'),
            (types.DateTimeType(metadata={'unique': True}), 'unique'),
            (types.IntType(metadata={'prefix': True}), 'prefix'),
            (types.BooleanType(metadata={'unique': True}), 'unique'),
        ],
    )
    def test_what_cannot_be_indexed(self, raw: redis.Redis, field: Any, options: str) -> None:
        kind = model(IndexedRedisMixin, raw, amount_kg=field)
        with pytest.raises(ColumnError, match=rf'IceCream\.amount_kg: a \w+ does not.*{options}'):
            kind({'id': 'x'}).set()

    @pytest.mark.parametrize('name', ['rom_id', 'rom_expires'])
    def test_names_that_are_taken(self, raw: redis.Redis, name: str) -> None:
        kind = model(IndexedRedisMixin, raw, **{name: types.IntType()})
        with pytest.raises(ColumnError, match=f'{name}: the name is reserved'):
            kind({'id': 'x'}).set()

    def test_a_number_that_no_index_can_have(self, raw: redis.Redis) -> None:
        kind = model(IndexedRedisMixin, raw, amount_kg=types.FloatType(metadata={'index': True}))
        with pytest.raises(InvalidColumnValue, match='NaN'):
            kind({'id': 'x', 'amount_kg': float('nan')}).set()
        assert dump(raw) == {}
