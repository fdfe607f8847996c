"""Criteria, without a server."""

import datetime as dt
from typing import Any

import pytest

from rom.exceptions import QueryError
from rom.repocket import ActiveRecord, attributes
from rom.repocket.criteria import criteria_of, nodes_of
from rom.repocket.errors import RepocketUnknownField


class Asked(ActiveRecord):
    name = attributes.Unicode(index=True)
    raw = attributes.Bytes()
    n = attributes.Integer(index=True, null=True)
    when = attributes.DateTime()
    data = attributes.JSON()
    a__b = attributes.Integer()
    code = attributes.Integer(unique=True)


def holds(found: Any, **asked: Any) -> bool:
    [criterion] = criteria_of(Asked._layout, asked)
    return criterion.holds(found)


def test_signs() -> None:
    assert holds(5, n=5) and not holds(5, n=6)
    assert holds(5, n='5')
    assert [holds(n, n__gte=5) for n in (4, 5, 6)] == [False, True, True]
    assert [holds(n, n__gt=5) for n in (4, 5, 6)] == [False, False, True]
    assert [holds(n, n__lte=5) for n in (4, 5, 6)] == [True, True, False]
    assert [holds(n, n__lt=5) for n in (4, 5, 6)] == [True, False, False]
    assert [holds(word, name__lt='b') for word in ('a', 'b')] == [True, False]
    assert holds(7, a__b=7)
    assert holds({'a': [1]}, data={'a': [1]})
    zone = dt.timezone(dt.timedelta(hours=1))
    assert holds(dt.datetime(2020, 1, 1, 11), when=dt.datetime(2020, 1, 1, 12, tzinfo=zone))


def test_none() -> None:
    assert holds(None, n=None)
    assert not holds(0, n=None)
    assert not holds(None, n=0)
    assert not holds(None, n__lt=5)


@pytest.mark.parametrize(
    'asked',
    [
        {'n__almost': 5},
        {'n': 'x'},
        {'n__gt': None},
        {'data__gt': {}},
        {'when': 'soon'},
    ],
)
def test_what_makes_no_sense(asked: dict[str, Any]) -> None:
    with pytest.raises(QueryError, match='Asked: '):
        criteria_of(Asked._layout, asked)


def test_an_unknown_attribute() -> None:
    with pytest.raises(RepocketUnknownField, match="'nmae'; it has id, name"):
        criteria_of(Asked._layout, {'nmae': 'x'})


def test_what_an_index_can_tell() -> None:
    def count(**asked: Any) -> int:
        return len(nodes_of(criteria_of(Asked._layout, asked)))

    assert count(name='x', n=5, raw=b'x') == 2
    assert count(n__gte=5, n__lt=9) == 2
    assert count(name='') == count(n=None) == count(raw=b'x') == count(when=None) == 0


def test_a_value_that_only_one_record_has() -> None:
    [criterion] = criteria_of(Asked._layout, {'code': 5})
    assert criterion.identity() == b'5' and not criterion.may_be_missing
    [criterion] = criteria_of(Asked._layout, {'code': 0})
    assert criterion.identity() == b'0' and criterion.may_be_missing
    [criterion] = criteria_of(Asked._layout, {'n': 5})
    assert criterion.identity() is None
