"""Conditions, without a server."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from schematics import models, types

from rom.schematics.conditions import SIGNS, conditions_of
from rom.schematics.fields import fields_of


class Meal(models.Model):  # type: ignore[misc]
    pk = types.StringType()
    grams = types.IntType()
    at = types.DateTimeType()
    extra__gt = types.IntType()
    parts = types.DictType(types.IntType)


def holds(value: Any, **clauses: Any) -> bool:
    [condition] = conditions_of(fields_of(Meal), clauses)
    return condition.holds(value)


@pytest.mark.parametrize('sign', SIGNS)
def test_a_missing_value_is_no_error(sign: str) -> None:
    asked: Any = {'in': [5], 'exclude': [5], 'startswith': 'x', 'endswith': 'x'}.get(sign, 5)
    assert holds(None, **{f'grams__{sign}': asked}) is (sign in ('not', 'exclude'))


def test_a_field_whose_name_ends_like_an_operator() -> None:
    [condition] = conditions_of(fields_of(Meal), {'extra__gt': 5})
    assert (condition.field.name, condition.sign) == ('extra__gt', 'eq')
    [condition] = conditions_of(fields_of(Meal), {'extra__gt__lt': 5})
    assert (condition.field.name, condition.sign) == ('extra__gt', 'lt')


def test_moments_with_and_without_a_zone() -> None:
    noon = datetime.datetime(2030, 1, 1, 12)
    east = noon.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert holds(noon, at__gt=east)
    assert holds(east, at__lt=noon)
    assert not holds(noon, at=east)
    assert holds(east, at=noon - datetime.timedelta(hours=2))
    assert holds(noon, at__in=[noon.replace(tzinfo=datetime.UTC)])


def test_what_has_no_order_is_never_before() -> None:
    assert not holds({'a': 1}, parts__gt={'a': 0})
    assert holds({'a': 1}, parts={'a': '1'})


@pytest.mark.parametrize(
    ('clauses', 'message'),
    [
        ({'gram': 5}, r"no field 'gram' \(gram=...\); it has pk, grams, .* mean 'grams'\?"),
        ({'zzz__gt': 5}, r"no field 'zzz' .*parts\.$"),
        ({'grams__': 5}, 'expected one of the operators .* got __$'),
        ({'grams__in': {'a': 1}}, 'expected a list'),
        ({'grams__exclude': b'12'}, 'expected a list'),
    ],
)
def test_what_makes_no_sense(clauses: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditions_of(fields_of(Meal), clauses)
