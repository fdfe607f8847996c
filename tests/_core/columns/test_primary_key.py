"""The primary key as a column: its values, its options, and what queries ask of it."""

import math
from typing import Any

import pytest

from rom.columns import (
    PrimaryKey,
)
from rom.exceptions import InvalidColumnValue

NAN = float('nan')


@pytest.mark.parametrize('value', [1, 2**53 + 1, 2**63])
def test_the_primary_key(value: int) -> None:
    column = PrimaryKey(index=True)
    assert column.decode(column.encode(value)) == value
    assert column.default_keys(value) == {'': float(value)}
    assert column.score(value) == column.score(str(value)) == float(value)


def test_the_primary_key_takes_nothing_but_index() -> None:
    assert not PrimaryKey().index
    assert PrimaryKey(True).index
    with pytest.raises(TypeError):
        PrimaryKey(unique=True)  # type: ignore[call-arg]


@pytest.mark.parametrize('value', ['x', None, [1], 'NaN'])
def test_a_query_s_value_that_is_no_id(value: Any) -> None:
    column = PrimaryKey(index=True)
    column.name = 'id'
    with pytest.raises(InvalidColumnValue):
        column.score(value)


@pytest.mark.parametrize('value', [1.5, math.inf])
def test_a_query_s_range_of_ids_may_have_a_fraction_or_no_end(value: float) -> None:
    assert PrimaryKey(index=True).score(value) == value
