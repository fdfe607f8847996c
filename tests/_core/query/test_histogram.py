"""Which columns have histograms, and which bounds they take."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import Any

import pytest

from rom._core.query.histogram import MOST_BOUNDS, histogram_of, ranges_of
from rom.columns import (
    UUID,
    Boolean,
    Date,
    DateTime,
    Decimal,
    Duration,
    Float,
    Integer,
    Json,
    ManyToOne,
    Text,
)
from rom.exceptions import QueryError
from tests._core.ops.search.search_support import model_of
from tests._core.query.test_aggregates import Hex

D = decimal.Decimal
MODEL = model_of(
    age=Integer(index=True),
    plain=Integer(),
    grade=Integer(index=True, default=3),
    own=Integer(index=True, keygen=lambda value: {'': -value}),
    score=Float(index=True),
    price=Decimal(index=True),
    free=Decimal(),
    born=Date(index=True),
    seen=DateTime(index=True),
    length=Duration(index=True),
    flag=Boolean(index=True),
    name=Text(),
    code=Hex(index=True),
    key=UUID(),
    extra=Json(),
    boss=ManyToOne('Thing', on_delete='no action'),
)
SCHEMA = MODEL._schema


def test_bounds_make_intervals() -> None:
    found = histogram_of(SCHEMA, 'price', [0, '2.50', D('1E+1')])
    assert found.as_map() == {
        'field': b'price', 'way': 'intervals', 'alone': False, 'bounds': [b'0', b'2.50', b'1E+1'],
    }  # fmt: skip
    assert found.asked([9, 1, 2, 8]) == [1, 2]
    assert [found.place_of(D(n), b'') for n in ('-1', '0', '2.49', '2.5', '10', 'sNaN')] == [
        0, 1, 1, 2, 3, None,
    ]  # fmt: skip
    assert histogram_of(SCHEMA, 'grade', (1, 2)).absent == b'3'


def test_open_ends() -> None:
    counts = [5, 1, 2, 8]
    for bounds, expected in (
        ([None, 1, 2, 3], [5, 1, 2]),
        ([1, 2, 3, None], [1, 2, 8]),
        ([None, 1, 2, 3, None], counts),
        (range(1, 4), [1, 2]),
    ):
        assert histogram_of(SCHEMA, 'age', bounds).asked(counts) == expected
    assert histogram_of(SCHEMA, 'age', [None, 1]).asked([3, 4]) == [3]
    assert histogram_of(SCHEMA, 'age', [1, None]).asked([3, 4]) == [4]


@pytest.mark.parametrize(
    ('name', 'bounds', 'says'),
    [
        ('nme', [1, 2], 'the model has no column'),
        ('name', [1, 2], "(name): only numbers, dates and times ... facets('name')"),
        ('code', [1, 2], 'only numbers, dates and times lie in intervals, and this is a Hex'),
        ('flag', [1, 2], 'this is a Boolean'),
        ('key', [1, 2], 'this is a UUID'),
        ('extra', [1, 2], 'this is a Json'),
        ('id', [1, 2], 'ids are names'),
        ('boss', [1, 2], 'ids are names'),
        ('age', [], '(age=[]): takes a list of 2 to 1000 bounds'),
        ('age', [1], 'takes a list of 2 to 1000 bounds'),
        ('age', 5, 'takes a list of 2 to 1000 bounds'),
        ('age', 'ab', 'takes a list of 2 to 1000 bounds'),
        ('age', {1, 2}, 'takes a list of 2 to 1000 bounds'),
        ('age', range(MOST_BOUNDS + 1), 'takes a list of 2 to 1000 bounds'),
        ('age', [1, None, 2], 'None is an open end: only the first or the last'),
        ('age', [None, None], 'None is an open end'),
        ('age', [1, 1], '(age): the bounds must ascend, and 1 follows 1; pass sorted(set('),
        ('age', [3, 1], 'the bounds must ascend, and 1 follows 3'),
        ('age', [1, 'x'], "(age='x'): "),
        ('score', [0.0, float('inf')], 'inf is no bound; None is an open end'),
        ('score', [float('nan'), 1.0], 'nan is not a number'),
        ('price', [0, D('sNaN')], 'is not a number'),
        ('free', [0, D('NaN')], 'is no bound; None is an open end'),
        ('free', [0, D('-Infinity')], 'is no bound; None is an open end'),
        ('born', [0, dt.date(2026, 1, 1), 'x'], "(born='x'): "),
    ],
)
def test_what_is_refused(name: str, bounds: Any, says: str) -> None:
    with pytest.raises(QueryError, match=re.escape(says).replace(r'\.\.\.', '.*')):
        histogram_of(SCHEMA, name, bounds)


@pytest.mark.parametrize(
    ('name', 'bounds', 'expected'),
    [
        ('age', [1, 5], [(b'1.0', b'4.999999999999999')]),
        ('age', [None, 1, 5, None], [
            (b'-inf', b'0.9999999999999999'), (b'1.0', b'4.999999999999999'), (b'5.0', b'+inf'),
        ]),
        ('score', [0.0, 1.0], [(b'0.0', b'0.9999999999999999')]),
        ('born', [dt.date(1970, 1, 2), None], [(b'86400.0', b'+inf')]),
        ('plain', [1, 5], None),
        ('grade', [1, 5], None),  # rows from before the default are in no index
        ('own', [1, 5], None),
        ('price', [1, 5], None),  # a score has fifteen digits of a decimal
        ('length', [dt.timedelta(1), dt.timedelta(2)], None),
        ('age', [1, 2**40], None),
        ('seen', [dt.datetime(1970, 1, 1), dt.datetime(2970, 1, 1)], None),
    ],
)  # fmt: skip
def test_an_exact_index_counts(name: str, bounds: Any, expected: Any) -> None:
    found = ranges_of(SCHEMA, histogram_of(SCHEMA, name, bounds))
    assert expected == (None if found is None else [(each.low, each.high) for each in found])
