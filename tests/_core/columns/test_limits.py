"""Limits: each sign at its bound, and as a validator of a column of either style."""

import datetime
from typing import Any

import pytest

import rom
from rom._core.columns.limits import SIGNS, Limit

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize(
    ('sign', 'bound', 'good', 'bad'),
    [
        ('ge', 3, 3, 2),
        ('gt', 3, 4, 3),
        ('le', 3, 3, 4),
        ('lt', 3, 2, 3),
        ('multiple_of', 3, 9, 10),
        ('min_length', 3, 'abc', 'ab'),
        ('max_length', 3, 'abc', 'abcd'),
    ],
)
def test_each_sign(sign: str, bound: Any, good: Any, bad: Any) -> None:
    Limit(sign, bound)(good)
    with pytest.raises(ValueError, match=f'^expected {SIGNS[sign].words} {bound}$'):
        Limit(sign, bound)(bad)


def test_all_signs_are_tried() -> None:
    assert set(SIGNS) == {'ge', 'gt', 'le', 'lt', 'multiple_of', 'min_length', 'max_length'}


def test_a_value_that_cannot_be_compared(on_client: Any) -> None:
    class LimitedModel(rom.Model):
        day = rom.Date(validators=[Limit('ge', 5)])

    with pytest.raises(rom.InvalidColumnValue, match=r'LimitedModel.day: .*failed: TypeError'):
        LimitedModel(day=datetime.date(2020, 1, 1))
