"""Expressions: data, and no truth."""

# ruff: noqa: SIM300

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from rom._core.columns.expressions import And, Compare, Expression, Not, Or
from rom._core.encoding.keygens import IDENTITY
from rom.columns import Integer, Text
from rom.exceptions import InvalidOperation, QueryError


class Holds:
    age = Integer(index=True)
    name = Text(index=True, keygen=IDENTITY)


AGE: Any = Holds.age
NAME: Any = Holds.name
A, B, C = AGE == 1, AGE == 2, NAME == 'c'


def compare(sign: Any, value: Any) -> Compare:
    return Compare('age', sign, value, AGE)


@pytest.mark.parametrize(
    ('made', 'means'),
    [
        (AGE == 5, compare('==', 5)),
        (AGE != 5, Not(compare('==', 5))),
        (AGE < 5, compare('<', 5)),
        (AGE <= 5, compare('<=', 5)),
        (AGE > 5, compare('>', 5)),
        (AGE >= 5, compare('>=', 5)),
        (5 < AGE, compare('>', 5)),
        (5 >= AGE, compare('<=', 5)),
        (5 == AGE, compare('==', 5)),
        (AGE.between(1, 2), compare('between', (1, 2))),
        (AGE.in_([1, 2]), compare('in_', (1, 2))),
        (AGE.in_(number for number in (1, 2)), compare('in_', (1, 2))),
        (AGE.startswith('a'), compare('startswith', 'a')),
        (AGE.endswith('a'), compare('endswith', 'a')),
        (AGE.like('a*'), compare('like', 'a*')),
        (AGE.is_none(), compare('is_none', None)),
    ],
)
def test_what_a_comparison_is(made: Expression, means: Expression) -> None:
    assert isinstance(made, Expression)
    assert (made == means) is True
    assert (made != means) is False


def test_they_are_put_together() -> None:
    assert A & B & C == And((A, B, C)) == A & (B & C)
    assert A | B | C == Or((A, B, C))
    assert A & B | C == Or((And((A, B)), C))
    assert A & (B | C) == And((A, Or((B, C))))
    assert ~(A | B) == Not(Or((A, B)))
    assert ~~A is A
    assert And((A,)) != Or((A,))


def test_they_are_frozen_and_can_be_kept() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        A.value = 5
    assert len({A, AGE == 1, B}) == 2
    assert copy.copy(A & B) == A & B


@pytest.mark.parametrize(
    'asked',
    [
        lambda: A and B,
        lambda: A or B,
        lambda: not A,
        lambda: 1 < AGE < 5,
        lambda: bool(A & B),
        lambda: AGE in [NAME],
        lambda: [1] if AGE == 5 else [2],
    ],
)
def test_they_have_no_truth(asked: Any) -> None:
    with pytest.raises(InvalidOperation, match=r'use & \| ~ and parentheses'):
        asked()


@pytest.mark.parametrize(
    'asked',
    [lambda: A & True, lambda: True | A, lambda: AGE >= 18 & NAME == 'x', lambda: A & AGE],
)
def test_nothing_else_goes_with_them(asked: Any) -> None:
    """The third: & binds closer than >=, so without parentheses it is 18 & name."""
    with pytest.raises(TypeError, match='unsupported operand'):
        asked()


@pytest.mark.parametrize('values', ['abc', b'abc', 5, None])
def test_in_takes_a_collection(values: Any) -> None:
    with pytest.raises(QueryError, match=r'age\.in_: expected a list'):
        AGE.in_(values)


def test_columns_are_still_keys_and_members() -> None:
    """As objects they are; each is itself only."""
    assert {AGE: 1, NAME: 2}[NAME] == 2
    assert len({AGE, NAME, AGE}) == 2
    assert hash(AGE) == object.__hash__(AGE)
    assert AGE in [AGE, NAME]
