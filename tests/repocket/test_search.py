"""Criteria, and a search that takes several calls, without a server."""

import datetime as dt
from typing import Any

import pytest

from rom._core.encoding.wire import unpack
from rom._core.ops.requests import Pipeline, Script
from rom.exceptions import CorruptRowError, QueryError
from rom.repocket import ActiveRecord, attributes, search
from rom.repocket.errors import RepocketUnknownField
from rom.repocket.search import criteria_of, nodes_of
from tests.support.packed import packed_rows


class Asked(ActiveRecord):
    name = attributes.Unicode(index=True)
    raw = attributes.Bytes()
    n = attributes.Integer(index=True, null=True)
    when = attributes.DateTime()
    data = attributes.JSON()
    a__b = attributes.Integer()
    code = attributes.Integer(unique=True)


def holds(found: Any, **asked: Any) -> bool:
    [criterion] = criteria_of(Asked._record_schema, asked)
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
        criteria_of(Asked._record_schema, asked)


def test_an_unknown_attribute() -> None:
    with pytest.raises(RepocketUnknownField, match="'nmae'; it has id, name"):
        criteria_of(Asked._record_schema, {'nmae': 'x'})


def test_what_an_index_can_tell() -> None:
    def count(**asked: Any) -> int:
        return len(nodes_of(criteria_of(Asked._record_schema, asked)))

    assert count(name='x', n=5, raw=b'x') == 2
    assert count(n__gte=5, n__lt=9) == 2
    assert count(name='') == count(n=None) == count(raw=b'x') == count(when=None) == 0


def test_a_value_that_only_one_record_has() -> None:
    [criterion] = criteria_of(Asked._record_schema, {'code': 5})
    assert criterion.identity() == b'5' and not criterion.may_be_missing
    [criterion] = criteria_of(Asked._record_schema, {'code': 0})
    assert criterion.identity() == b'0' and criterion.may_be_missing
    [criterion] = criteria_of(Asked._record_schema, {'n': 5})
    assert criterion.identity() is None


class SoughtThing(ActiveRecord):
    n = attributes.Integer(index=True)


SCHEMA = SoughtThing._record_schema
IDS = [b'5f3c6f38-9d4b-11ee-b962-0242ac12%04d' % n for n in range(9)]


def values(n: int) -> list[bytes]:
    return [attributes.UUID.to_json(None).encode(), attributes.Integer.to_json(n).encode()]


def test_it_goes_on_where_the_script_ended() -> None:
    operation = search.find(SCHEMA, criteria_of(SCHEMA, {'n__gt': 5}))
    first = next(operation)
    assert isinstance(first, Script) and first.name == 'search'
    asked = unpack(first.request)
    assert asked['position'] is None and asked['unnumbered'] is True
    # The script includes the bound; the records do not.
    answer = [
        b'ok',
        b'here',
        b'0',
        b'2',
        IDS[:2],
        packed_rows([values(5), values(6)]),
        [],
        IDS[2:3],
    ]
    second = operation.send(answer)
    assert isinstance(second, Script)
    assert unpack(second.request)['position'] == b'here'
    third = operation.send([b'ok', b'', b'0', b'0', [], packed_rows([]), [], []])
    assert isinstance(third, Pipeline)
    with pytest.raises(StopIteration) as end:
        operation.send([[IDS[2:3], packed_rows([values(7)]), []]])
    matches: Any = end.value.value
    assert [id for id, _ in matches.rows] == IDS[1:3]
    assert matches.scanned == 0 and matches.errors == []


def test_an_index_of_another_type() -> None:
    operation = search.find(SCHEMA, criteria_of(SCHEMA, {'n': 5}))
    next(operation)
    with pytest.raises(CorruptRowError, match='the:key: expected an index') as error:
        operation.send([b'wrong type', b'the:key'])
    assert error.value.key == 'the:key'
