"""Numbers, truth values, JSON and the primary key: what is taken, stored, read and scored."""

import decimal
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rom._core.encoding.text import show
from rom.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Json,
    PrimaryKey,
    Time,
)
from rom.exceptions import CorruptRowError, InvalidColumnValue

NAN = float('nan')


def refused(column: Column[Any], value: Any, *parts: str) -> None:
    column.name = 'c'
    with pytest.raises(InvalidColumnValue) as caught:
        column.check(value)
    message = str(caught.value)
    assert message.startswith(
        (f'c: {show(value)} ', f'c: expected {column.kind}, got {show(value)} ')
    )
    for part in parts:
        assert part in message


# Integer.


@given(st.integers())
@example(2**63)
@example(-(2**63) - 1)
@example(2**256)
@example(10**4299)
@example(10**4300 - 1)
@example(-(10**4300) + 1)
def test_integers_of_any_size_round_trip(value: int) -> None:
    column = Integer()
    raw = column.encode(column.check(value))
    assert raw.lstrip(b'-').isdigit()
    assert column.decode(raw) == value


@pytest.mark.parametrize('value', ['12', b'12', 12.0, ' 12 ', '+12'])
def test_what_is_an_integer_without_loss_is_taken(value: Any) -> None:
    assert Integer().check(value) == 12
    assert type(Integer().check(value)) is int


@pytest.mark.parametrize(
    'value',
    [
        1.5,
        math.inf,
        -math.inf,
        NAN,
        decimal.Decimal(1),
        'x',
        '',
        '1.0',
        b'\xff',
        True,
        False,
        None,
        [1],
    ],
)
def test_integers_refuse_what_is_lossy_or_a_bool(value: Any) -> None:
    """Ours: rom 1.x took 1.5 as 1, and True as 1."""
    refused(Integer(), value, 'expected an int', type(value).__name__)


@pytest.mark.parametrize('value', ['9' * 4300, b'9' * 4300, '-' + '9' * 4300])
def test_digits_are_taken(value: Any) -> None:
    assert abs(Integer().check(value)) == 10**4300 - 1


@pytest.mark.parametrize('kind', [Integer, Decimal])
@pytest.mark.parametrize(
    'value',
    [10**4300, -(10**4300), '9' * 4301, '9' * 300_000],
    ids=['int', '-int', '4301', '300,000'],
)
def test_more_digits_than_python_reads_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(InvalidColumnValue) as raised:
        kind().check(value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize('value', ['1.' + '0' * 4300, decimal.Decimal('9' * 5000)])
def test_a_decimal_of_many_digits_is_refused(value: Any) -> None:
    with pytest.raises(InvalidColumnValue, match='more than 4300 digits'):
        Decimal().check(value)


def test_zeros_of_an_exponent_are_no_digits() -> None:
    column = Decimal()
    assert column.decode(column.encode(column.check('1E+999999'))) == decimal.Decimal('1E+999999')


@pytest.mark.parametrize('kind', [Integer, Decimal, DateTime, Date, Time])
@pytest.mark.parametrize('raw', [b'9' * 5000, b'9' * 300_000, b'1E+999999'])
def test_stored_digits_without_end_are_corrupt(kind: Any, raw: bytes) -> None:
    column = kind()
    column.name = 'c'
    if kind is Decimal and raw[1:2] == b'E':
        return
    with pytest.raises(CorruptRowError) as raised:
        column.read_stored(raw, 'things:1')
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize('value', [2**1024, 10**4200], ids=['2**1024', '10**4200'])
def test_integers_past_the_doubles_have_an_infinite_score(value: int) -> None:
    """Ours: rom 1.x could not index them (ResponseError)."""
    column = Integer(index=True)
    assert column.default_keys(value) == {'': math.inf}
    assert column.score(value) == math.inf
    assert column.score(-value) == -math.inf


def test_a_query_s_value_for_an_integer() -> None:
    column = Integer(index=True)
    assert column.score(5) == 5.0
    assert column.score('5') == 5.0
    assert column.score(1.5) == 1.5
    assert column.score(-math.inf) == -math.inf
    with pytest.raises(InvalidColumnValue):
        column.score('x')
    with pytest.raises(InvalidColumnValue):
        column.score(True)


# Float.


@given(st.floats())
@example(-0.0)
@example(5e-324)
@example(-5e-324)
@example(1.7976931348623157e308)
@example(math.inf)
def test_floats_round_trip_bit_for_bit(value: float) -> None:
    column = Float()
    raw = column.encode(column.check(value))
    assert raw == repr(value).encode()
    assert column.decode(raw).hex() == value.hex()


@pytest.mark.parametrize(
    ('given', 'value'),
    [(3, 3.0), ('1.5', 1.5), (b'1.5', 1.5), ('inf', math.inf), (2**53 + 1, 2.0**53), (-0, 0.0)],
)
def test_what_a_float_takes(given: Any, value: float) -> None:
    """Whatever was given, it is a float: equal values are stored alike."""
    checked = Float().check(given)
    assert type(checked) is type(value)
    assert checked == value
    assert Float().decode(Float().encode(checked)) == value


@pytest.mark.parametrize('value', [True, None, 'x', '', b'\xff', [], 1j, decimal.Decimal(1)])
def test_what_a_float_refuses(value: Any) -> None:
    refused(Float(), value, 'expected a float or int', type(value).__name__)


@pytest.mark.parametrize('value', [2**1024, -(10**400)])
def test_an_int_past_the_floats_is_refused(value: int) -> None:
    refused(Float(), value, 'too large')


@pytest.mark.parametrize('value', [NAN, 'nan', b'NaN', -NAN])
def test_nan_in_an_indexed_float_is_refused(value: Any) -> None:
    """Ours: rom 1.x leaked the server's ResponseError."""
    with pytest.raises(InvalidColumnValue, match=r'^Float: .*an indexed column cannot hold NaN'):
        Float(index=True).check(value)
    assert math.isnan(Float().check(value))


def test_a_query_s_value_for_a_float() -> None:
    column = Float(index=True)
    assert column.score(5) == 5.0
    assert column.score('-inf') == -math.inf
    for value in (NAN, 'x', True):
        with pytest.raises(InvalidColumnValue):
            column.score(value)
    with pytest.raises(InvalidColumnValue, match='NaN'):
        Float().score(NAN)


# Decimal.


@given(st.decimals())
@example(decimal.Decimal('1E+400'))
@example(decimal.Decimal('-0'))
@example(decimal.Decimal('1.' + '0' * 60))
@example(decimal.Decimal('sNaN'))
def test_decimals_round_trip_digit_by_digit(value: decimal.Decimal) -> None:
    column = Decimal()
    read = column.decode(column.encode(column.check(value)))
    assert str(read) == str(value)


@pytest.mark.parametrize('value', [5, '5', decimal.Decimal(5)])
def test_what_a_decimal_takes(value: Any) -> None:
    assert Decimal().check(value) == 5
    assert type(Decimal().check(value)) is decimal.Decimal


@pytest.mark.parametrize('value', [0.1, 5.0, NAN, True, None, 'x', '', b'5', []])
def test_what_a_decimal_refuses(value: Any) -> None:
    refused(Decimal(), value, 'expected a Decimal', type(value).__name__)


@pytest.mark.parametrize('value', ['NaN', '-NaN', 'sNaN'])
def test_nan_in_an_indexed_decimal_is_refused(value: str) -> None:
    """Ours: rom 1.x leaked the server's ResponseError."""
    assert Decimal().check(value).is_nan()
    for spelling in (value, decimal.Decimal(value)):
        with pytest.raises(InvalidColumnValue, match='an indexed column cannot hold NaN'):
            Decimal(index=True).check(spelling)


def test_the_precision_of_the_context_does_not_matter() -> None:
    digits = '0.' + '1234567890' * 5
    with decimal.localcontext(prec=5):
        column = Decimal()
        assert str(column.decode(column.encode(column.check(digits)))) == digits


def test_a_query_s_value_for_a_decimal() -> None:
    column = Decimal(index=True)
    assert column.score('1.5') == column.score(decimal.Decimal('1.5')) == column.score(1.5) == 1.5
    assert column.score('1E+400') == math.inf
    with pytest.raises(InvalidColumnValue):
        column.score('x')
    with pytest.raises(InvalidColumnValue):
        column.score('NaN')


# Boolean.


@pytest.mark.parametrize(
    ('value', 'truth'),
    [(True, True), (False, False), (1, True), (0, False), ('', False), ('no', True), ([], False),
     (NAN, True)],
)  # fmt: skip
def test_booleans_go_by_truth(value: Any, truth: bool) -> None:
    column = Boolean(index=True)
    checked = column.check(value)
    assert checked is truth
    assert column.encode(checked) == (b'1' if truth else b'')
    assert column.decode(column.encode(checked)) is truth
    assert column.default_keys(checked) == [str(truth)]


# Json.

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


# PrimaryKey.


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
