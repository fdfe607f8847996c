"""Values that can change in place: what a Json takes, stores and reads."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rom.columns import (
    Boolean,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
)
from rom.exceptions import InvalidColumnValue
from tests.support.refusals import refused

NAN = float('nan')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
@example(['\0', '\ud800', 10**30, 1e400, -0.0])
def test_json_round_trips_as_ascii_with_sorted_keys(value: Any) -> None:
    column = Json()
    raw = column.encode(column.check(value))
    raw.decode('ascii')
    assert column.decode(raw) == value
    assert raw == json.dumps(value, sort_keys=True).encode()


def test_json_keeps_nan_as_rom_1_does() -> None:
    column = Json()
    raw = column.encode(column.check({'a': NAN}))
    assert raw == b'{"a": NaN}'
    assert math.isnan(column.decode(raw)['a'])


def test_a_tuple_is_read_as_a_list() -> None:
    column = Json()
    assert column.decode(column.encode(column.check((1, (2,))))) == [1, [2]]


@pytest.mark.parametrize('value', ['a', 5, True, None, {1}, b'x'])
def test_what_json_refuses(value: Any) -> None:
    refused(Json(), value, 'expected a dict, list or tuple', type(value).__name__)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    'value', [[{1}], {'a': b'x'}, {'a': object}, {1: 1, 'a': 1}, {(1, 2): 3}, CYCLE], ids=repr
)
def test_what_json_cannot_say_is_refused_when_it_is_set(value: Any) -> None:
    refused(Json(), value, 'cannot be written as JSON')


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_json_of_some_depth_round_trips() -> None:
    column = Json()
    assert column.decode(column.encode(column.check(deep(199)))) == deep(199)


@pytest.mark.parametrize(
    'value',
    [deep(200), {'a': [1, {'b': deep(197)}]}, [[1]] * 1000 + [deep(300)]],
    ids=['a', 'b', 'c'],
)
def test_json_is_200_deep_at_most(value: Any) -> None:
    with pytest.raises(InvalidColumnValue, match='nests lists and dicts too deep; at most 200'):
        Json().check(value)
    assert Json().check([[1]] * 1000)


def test_json_that_is_too_deep_is_refused() -> None:
    with pytest.raises(InvalidColumnValue, match='cannot be written as JSON'):
        Json().check(deep(100_000))


def test_json_is_mutable_and_the_only_one() -> None:
    assert Json().is_mutable
    assert not any(kind().is_mutable for kind in (Boolean, Decimal, Float, Integer, PrimaryKey))
