"""Numbers and truth values: what is taken, stored, read and scored."""

import decimal
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rom.columns import (
    Boolean,
    Date,
    DateTime,
    Decimal,
    Float,
    Integer,
    Time,
)
from rom.exceptions import CorruptRowError, InvalidColumnValue
from tests.support.refusals import refused

NAN = float('nan')


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
