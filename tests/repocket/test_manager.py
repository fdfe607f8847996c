"""Finding and sorting records: what is found, in which order, and in how many trips."""

import datetime as dt
import decimal
import uuid
import warnings
from functools import partial
from typing import Any

import pytest
import redis

from rom.exceptions import CorruptRowError, QueryError, UniqueKeyViolation
from rom.repocket import ActiveRecord, ResultSet, attributes
from rom.repocket.connection import run
from rom.repocket.errors import RepocketUnknownField
from rom.repocket.saving import RecordWrite, _batch_of, _script, attempt_to
from tests.support.servers import data, dump


class Sorted(ActiveRecord):
    name = attributes.Unicode(null=True)
    age = attributes.Integer(null=True)
    born = attributes.DateTime(null=True)
    data = attributes.JSON()
    body = attributes.ByteStream()


def in_turn(records: ResultSet[Sorted]) -> list[str]:
    return [record.name for record in records]


PEOPLE = ResultSet(
    Sorted(name=name, age=age) for name, age in [('b', 2), ('a', None), ('d', 1), ('c', 2)]
)


def test_one_name() -> None:
    assert in_turn(PEOPLE.order_by('name')) == ['a', 'b', 'c', 'd']
    assert in_turn(PEOPLE.order_by('-name')) == ['d', 'c', 'b', 'a']
    assert in_turn(PEOPLE) == ['b', 'a', 'd', 'c']
    assert isinstance(PEOPLE.order_by('name'), ResultSet)


def test_none_last_either_way() -> None:
    assert in_turn(PEOPLE.order_by('age')) == ['d', 'b', 'c', 'a']
    assert in_turn(PEOPLE.order_by('-age')) == ['b', 'c', 'd', 'a']


def test_several_names() -> None:
    assert in_turn(PEOPLE.order_by('-age', '-name')) == ['c', 'b', 'd', 'a']


@pytest.mark.parametrize('name', [0, None, b'name', ['name']])
def test_names_are_strings(name: Any) -> None:
    for records in (PEOPLE, ResultSet()):
        with pytest.raises(QueryError, match='order_by: expected names of attributes, got '):
            records.order_by('name', name)


def test_moments_with_and_without_a_zone() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    moments = [
        dt.datetime(2020, 1, 1, 13, tzinfo=zone),
        dt.datetime(2020, 1, 1, 12),
        dt.datetime(2020, 1, 1, 10),
    ]
    records = ResultSet(Sorted(name=str(at), born=moment) for at, moment in enumerate(moments))
    assert in_turn(records.order_by('born')) == ['2', '0', '1']


def test_ids_and_streams() -> None:
    ids = [record.id for record in PEOPLE.order_by('id')]
    assert ids == sorted(ids)
    records = ResultSet([Sorted(name='x', body=b'2'), Sorted(name='y', body=b'1')])
    assert in_turn(records.order_by('body')) == ['y', 'x']


def test_no_order() -> None:
    with pytest.raises(QueryError, match='expected the name'):
        PEOPLE.order_by()
    with pytest.raises(RepocketUnknownField, match='no attribute'):
        PEOPLE.order_by('nmae')
    records = ResultSet([Sorted(data={'a': 1}), Sorted(data={'b': 1})])
    with pytest.raises(QueryError, match='no order'):
        records.order_by('data')


class FoundTeam(ActiveRecord):
    name = attributes.Unicode(unique=True)


class FoundUser(ActiveRecord):
    name = attributes.Unicode()
    email = attributes.Unicode(unique=True)
    city = attributes.Unicode(index=True)
    raw = attributes.Bytes(index=True)
    age = attributes.Integer(index=True)
    score = attributes.Float(index=True)
    price = attributes.Decimal(index=True, null=True)
    born = attributes.DateTime(index=True)
    token = attributes.UUID(index=True)
    team = attributes.Pointer(FoundTeam, index=True)
    code = attributes.Integer(unique=True)


NOW = dt.datetime(2020, 1, 1, 12)


def names(records: Any) -> list[str]:
    return sorted(record.name for record in records)


@pytest.fixture
def people(store: redis.Redis) -> list[FoundUser]:
    red, blue = FoundTeam.create(name='red'), FoundTeam.create(name='blue')
    return [
        FoundUser.create(
            name=name,
            email=f'{name}@example.org',
            city='Oslo' if age % 2 else 'Rome',
            raw=b'\xff%d' % age,
            age=age,
            score=age / 8,
            price=decimal.Decimal(age) / 10,
            born=NOW + dt.timedelta(days=age),
            token=uuid.UUID(int=age),
            team=red if age < 3 else blue,
            code=2**70 + age,
        )
        for age, name in enumerate('abcdef')
    ]


INDEXED: list[tuple[dict[str, Any], str]] = [
    ({'city': 'Oslo'}, 'bdf'),
    ({'city': b'Oslo'}, 'bdf'),
    ({'raw': b'\xff3'}, 'd'),
    ({'age': 3}, 'd'),
    ({'age': '3'}, 'd'),
    ({'age__gte': 3}, 'def'),
    ({'age__gt': 3}, 'ef'),
    ({'age__lte': 1}, 'ab'),
    ({'age__lt': 1}, 'a'),
    ({'age__gte': 1, 'age__lt': 3}, 'bc'),
    ({'age__gte': 1, 'city': 'Rome'}, 'ce'),
    ({'age__gte': 1, 'name': 'e'}, 'e'),
    ({'score': 0.375}, 'd'),
    ({'price__gt': decimal.Decimal('0.3')}, 'ef'),
    ({'price': decimal.Decimal('0.30')}, 'd'),
    ({'born__gte': NOW + dt.timedelta(days=4)}, 'ef'),
    ({'born': (NOW + dt.timedelta(days=4)).replace(tzinfo=dt.UTC)}, 'e'),
    ({'token': uuid.UUID(int=2)}, 'c'),
    ({'token': str(uuid.UUID(int=2))}, 'c'),
    ({'email': 'c@example.org'}, 'c'),
    ({'email': 'c@example.org', 'age': 1}, ''),
    ({'code': 2**70 + 2}, 'c'),
    ({'city': 'nowhere'}, ''),
    ({'age': 10**30}, ''),
]


@pytest.mark.parametrize(('asked', 'expected'), INDEXED, ids=lambda value: str(value)[:40])
def test_an_indexed_filter_takes_one_trip(
    people: list[FoundUser], trips: list[str], asked: dict[str, Any], expected: str
) -> None:
    trips.clear()
    found = FoundUser.objects.filter(**asked)
    assert names(found) == list(expected)
    assert [trip for trip in trips if trip] == trips and len(trips) == 1
    assert trips[0] in ('search', 'load')
    assert names(FoundUser.objects.all()) == list('abcdef')


def test_pointers_in_a_filter(people: list[FoundUser], trips: list[str]) -> None:
    blue = FoundTeam.objects.get_by(name='blue')
    trips.clear()
    assert names(FoundUser.objects.filter(team=blue)) == list('def')
    assert names(FoundUser.objects.filter(team=str(blue.id), age__gt=4)) == ['f']
    assert names(FoundUser.objects.get_by(team=blue.id)) == list('def')
    assert trips == ['search'] * 3


@pytest.mark.parametrize(
    ('asked', 'expected'),
    [
        ({'name': 'a'}, 'a'),
        ({'name__gt': 'd'}, 'ef'),
        ({'price': None}, ''),
        ({'city': ''}, ''),
        ({'email': ''}, ''),
        ({'code': 0}, ''),
        ({}, 'abcdef'),
    ],
)
def test_what_no_index_tells(
    people: list[FoundUser], trips: list[str], asked: dict[str, Any], expected: str
) -> None:
    trips.clear()
    assert names(FoundUser.objects.filter(**asked)) == list(expected)
    assert trips[0] == 'SCAN'


def test_with_and_without_an_index_the_same_is_found(store: redis.Redis) -> None:
    """A field that is not there reads as its empty value, and is found by it."""
    FoundUser.create(name='bare')
    FoundUser.create(name='full', age=0, score=0.0, code=0)
    for asked in ({'age': 0}, {'score': 0.0}, {'age__lt': 1}, {'code': 0}):
        assert names(FoundUser.objects.filter(**asked)) == ['bare', 'full']
    assert names(FoundUser.objects.filter(born=None)) == ['bare', 'full']
    assert FoundUser.objects.get_by(code=0).name == 'full'


def test_get(people: list[FoundUser], trips: list[str]) -> None:
    id = people[0].id  # type: ignore[attr-defined]
    trips.clear()
    assert FoundUser.objects.get(id=id) == people[0]
    assert FoundUser.objects.get(id=str(id)) == people[0]
    assert FoundUser.objects.get(str(id).upper()) == people[0]
    assert FoundUser.objects.get(id=uuid.uuid1()) is None
    assert names(FoundUser.objects.filter(id=id)) == ['a']
    assert names(FoundUser.objects.filter(name='b', id=id)) == []
    assert trips == ['load'] * 6
    for wrong in ({}, {'id': 'x'}, {'id': 5}, {'name': 'a'}, {'id': id, 'name': 'a'}):
        with pytest.raises(QueryError, match=r'objects\.get'):
            FoundUser.objects.get(**wrong)


def test_get_by(people: list[FoundUser], trips: list[str]) -> None:
    trips.clear()
    assert FoundUser.objects.get_by(email='b@example.org') == people[1]
    assert FoundUser.objects.get_by(email='nobody') is None
    assert FoundUser.objects.get_by(email='') is None
    assert FoundUser.objects.get_by(id=people[1].id) == people[1]  # type: ignore[attr-defined]
    assert names(FoundUser.objects.get_by(city='Oslo')) == list('bdf')
    assert trips == ['load', 'load', 'load', 'search']
    for wrong in ({}, {'city': 'Oslo', 'age': 1}, {'name': 'a'}):
        with pytest.raises(QueryError, match='get_by'):
            FoundUser.objects.get_by(**wrong)
    with pytest.raises(RepocketUnknownField):
        FoundUser.objects.get_by(nmae='a')


def test_indexes_follow(people: list[FoundUser], raw: redis.Redis) -> None:
    a, b = people[:2]
    a.city, a.age, a.email, a.price = 'Bergen', 50, 'new', None
    a.save()
    assert names(FoundUser.objects.filter(city='Bergen')) == ['a']
    assert names(FoundUser.objects.filter(age__gt=40)) == ['a']
    assert names(FoundUser.objects.filter(price__lt=10)) == list('bcdef')
    assert FoundUser.objects.get_by(email='a@example.org') is None
    b.email = 'a@example.org'
    b.save()
    for person in people:
        assert person.delete() == 1
    for team in FoundTeam.objects.all():
        team.delete()
    assert [key for key in dump(raw) if b':done:' not in key] == []


def test_the_entries_of_a_record(store: redis.Redis, raw: redis.Redis) -> None:
    made = FoundUser.create(name='a', email='e', city='Oslo', age=7)
    id = str(made.id).encode()  # type: ignore[attr-defined]
    head = f'rom:repocket:{__name__}:FoundUser:'.encode()
    entries = {
        key.removeprefix(head): value
        for key, value in dump(raw).items()
        if key.startswith(b'rom:') and b':done:' not in key
    }
    assert entries == {
        b'city:Oslo:idx': {id},
        b'age:idx': {id: 7.0},
        b'score:idx': {id: 0.0},
        b'email:uidx': {b'e': id},
    }


def test_two_writers_of_one_indexed_field(store: redis.Redis, raw: redis.Redis) -> None:
    made = FoundUser.create(name='a', city='Oslo', age=1)
    other = FoundUser.objects.all()[0]
    other.city, other.email = 'Rome', 'x'
    other.save()
    made.city, made.email = 'Bergen', 'y'
    made.save()
    assert names(FoundUser.objects.filter(city='Bergen')) == ['a']
    assert FoundUser.objects.get_by(email='y').city == 'Bergen'
    assert raw.exists(f'rom:repocket:{__name__}:FoundUser:city:Rome:idx') == 0
    assert raw.hkeys(f'rom:repocket:{__name__}:FoundUser:email:uidx') == [b'y']
    other.delete()
    assert [key for key in dump(raw) if b':done:' not in key] == []


def test_unique_values(people: list[FoundUser], raw: redis.Redis) -> None:
    before = data(raw)
    with pytest.raises(UniqueKeyViolation, match=r'email=.a@example\.org. belongs to') as error:
        FoundUser.create(name='x', email='a@example.org')
    assert error.value.holder == people[0].id  # type: ignore[attr-defined]
    people[1].code = people[0].code
    with pytest.raises(UniqueKeyViolation, match='code: expected a unique value'):
        people[1].save()
    assert data(raw) == before
    people[0].delete()
    people[1].save()
    assert FoundUser.objects.get_by(code=2**70) == people[1]


def test_records_that_no_index_knows_yet(people: list[FoundUser], raw: redis.Redis) -> None:
    for key in raw.keys(f'rom:repocket:{__name__}:FoundUser:*'):
        raw.delete(key)
    assert FoundUser.objects.filter(city='Oslo') == []
    assert FoundUser.objects.reindex() == 6
    assert names(FoundUser.objects.filter(city='Oslo')) == list('bdf')
    assert FoundUser.objects.get_by(email='c@example.org') == people[2]
    assert FoundUser.objects.reindex() == 6


def test_reindex_finds_values_that_are_not_unique(
    people: list[FoundUser], raw: redis.Redis
) -> None:
    raw.delete(f'rom:repocket:{__name__}:FoundUser:email:uidx')
    key = people[0].save()['hash']
    value = raw.hget(people[1].save()['hash'], 'email')
    assert value is not None
    raw.hset(key, 'email', value)
    with pytest.raises(UniqueKeyViolation, match=r'b@example\.org'):
        FoundUser.objects.reindex()


def test_an_entry_that_is_left_over_does_no_harm(people: list[FoundUser], raw: redis.Redis) -> None:
    """A program that knows nothing of indexes changed a record, or deleted it."""
    value = attributes.Unicode().to_json('Bergen')
    raw.hset(people[1].save()['hash'], 'city', value)
    raw.delete(people[3].save()['hash'])
    assert names(FoundUser.objects.filter(city='Oslo')) == ['f']


def test_an_index_of_another_type(people: list[FoundUser], raw: redis.Redis) -> None:
    raw.set(f'rom:repocket:{__name__}:FoundUser:city:Oslo:idx', 'x')
    with pytest.raises(CorruptRowError, match='reindex'):
        FoundUser.objects.filter(city='Oslo')
    with pytest.raises(CorruptRowError, match='reindex'):
        FoundUser.create(name='x', city='Oslo')
    assert len(FoundUser.objects.all()) == 6


@pytest.mark.one_server
def test_no_value_for_an_index(store: redis.Redis, raw: redis.Redis) -> None:
    from rom.exceptions import InvalidColumnValue

    with pytest.raises(InvalidColumnValue, match=r'FoundUser\.score: nan'):
        FoundUser.create(score=float('nan'))
    assert dump(raw) == {}


class FoundMany(ActiveRecord):
    n = attributes.Integer()
    group = attributes.Integer(index=True)
    body = attributes.ByteStream()
    team = attributes.Pointer(FoundTeam)


COUNT = 10_000


def crowd() -> None:
    """Ten thousand records, as saves would write them, in a few trips."""
    schema = FoundMany._record_schema
    team = FoundTeam.create(name='all')
    for start in range(0, COUNT, 500):
        savings = []
        for n in range(start, start + 500):
            record = FoundMany(n=n, group=n % 1000, team=team)
            savings.append(RecordWrite(schema, record._id, None, record._wanted()))
        request = partial(_script, _batch_of(*savings), savings[0])
        assert run(attempt_to(schema, 'crowd').carry_out(request))[0] == b'ok'


@pytest.mark.one_server
@pytest.mark.slow
def test_ten_thousand_records(store: redis.Redis, trips: list[str]) -> None:
    crowd()
    trips.clear()
    everything = FoundMany.objects.all()
    assert sorted(record.n for record in everything) == list(range(COUNT))
    assert len(trips) <= 5
    assert not [trip for trip in trips if 'KEYS' in trip]

    trips.clear()
    assert {record.team.name for record in everything} == {'all'}
    assert trips == ['load']

    trips.clear()
    with pytest.warns(UserWarning, match='10000 records were read') as warned:
        assert [record.n for record in FoundMany.objects.filter(n=77)] == [77]
    assert warned[0].filename == __file__
    assert len(trips) <= 5

    trips.clear()
    assert len(FoundMany.objects.filter(group=5)) == 10
    assert trips == ['search']

    trips.clear()
    assert len(FoundMany.objects.filter(group__gte=500)) == COUNT / 2
    assert len(trips) <= 3

    trips.clear()
    assert {record.body for record in everything} == {b''}
    assert len(trips) <= COUNT / 50


@pytest.mark.one_server
def test_few_records_are_looked_at_without_a_word(
    people: list[FoundUser], recwarn: pytest.WarningsRecorder
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert names(FoundUser.objects.filter(name='a')) == ['a']


@pytest.mark.one_server
def test_a_stream_is_nothing_to_find_by(store: redis.Redis) -> None:
    with pytest.raises(QueryError, match='ByteStream'):
        FoundMany.objects.filter(body=b'x')
    with pytest.raises(RepocketUnknownField):
        FoundMany.objects.filter(nn=5)
