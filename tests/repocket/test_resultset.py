"""Sorting records."""

import datetime as dt

import pytest

from rom.exceptions import QueryError
from rom.repocket import ActiveRecord, ResultSet, attributes
from rom.repocket.errors import RepocketUnknownField


class Sorted(ActiveRecord):
    name = attributes.Unicode(null=True)
    age = attributes.Integer(null=True)
    born = attributes.DateTime(null=True)
    data = attributes.JSON()
    body = attributes.ByteStream()


def names(records: ResultSet[Sorted]) -> list[str]:
    return [record.name for record in records]


PEOPLE = ResultSet(
    Sorted(name=name, age=age) for name, age in [('b', 2), ('a', None), ('d', 1), ('c', 2)]
)


def test_one_name() -> None:
    assert names(PEOPLE.order_by('name')) == ['a', 'b', 'c', 'd']
    assert names(PEOPLE.order_by('-name')) == ['d', 'c', 'b', 'a']
    assert names(PEOPLE) == ['b', 'a', 'd', 'c']
    assert isinstance(PEOPLE.order_by('name'), ResultSet)


def test_none_last_either_way() -> None:
    assert names(PEOPLE.order_by('age')) == ['d', 'b', 'c', 'a']
    assert names(PEOPLE.order_by('-age')) == ['b', 'c', 'd', 'a']


def test_several_names() -> None:
    assert names(PEOPLE.order_by('-age', '-name')) == ['c', 'b', 'd', 'a']


def test_moments_with_and_without_a_zone() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    moments = [
        dt.datetime(2020, 1, 1, 13, tzinfo=zone),
        dt.datetime(2020, 1, 1, 12),
        dt.datetime(2020, 1, 1, 10),
    ]
    records = ResultSet(Sorted(name=str(at), born=moment) for at, moment in enumerate(moments))
    assert names(records.order_by('born')) == ['2', '0', '1']


def test_ids_and_streams() -> None:
    ids = [record.id for record in PEOPLE.order_by('id')]
    assert ids == sorted(ids)
    records = ResultSet([Sorted(name='x', body=b'2'), Sorted(name='y', body=b'1')])
    assert names(records.order_by('body')) == ['y', 'x']


def test_no_order() -> None:
    with pytest.raises(QueryError, match='expected the name'):
        PEOPLE.order_by()
    with pytest.raises(RepocketUnknownField, match='no attribute'):
        PEOPLE.order_by('nmae')
    records = ResultSet([Sorted(data={'a': 1}), Sorted(data={'b': 1})])
    with pytest.raises(QueryError, match='no order'):
        records.order_by('data')
