"""What the tallies of several calls come to. No server."""

from __future__ import annotations

import decimal
import math
from typing import Any

import pytest

from rom._core.ops.search.aggregates import Totals
from rom._core.query.aggregates import Aggregate
from rom.columns import Decimal, Float, Integer, Text
from rom.exceptions import CorruptRowError, QueryError
from tests._core.ops.search.search_support import model_of

MODEL = model_of(
    whole=Integer(), real=Float(), exact=Decimal(), city=Text(),
)  # fmt: skip
SCHEMA = MODEL._schema
WHOLE, REAL, EXACT = (
    Aggregate('whole', b'whole', 'integer'),
    Aggregate('real', b'real', 'float'),
    Aggregate('exact', b'exact', 'decimal'),
)


def totals(tally: Aggregate, *replies: Any) -> Totals:
    return Totals(SCHEMA, tally, replies)


def test_nothing() -> None:
    for tally, nothing in ((WHOLE, 0), (REAL, 0.0), (EXACT, decimal.Decimal(0))):
        found = totals(tally, [b'0', [], []])
        assert (found.sum, type(found.sum)) == (nothing, type(nothing))
        assert found.average is None


def test_integers_in_pieces() -> None:
    found = totals(
        WHOLE,
        [b'3', [b'0', b'1', b'2', b'5', b'0', b'2', b'-1', b'7'], [b'9', b'+3']],
        [b'1', [b'0', b'1', b'0', b'-6'], []],
    )
    assert found.sum == 2 * 2**52 + 5 + 10**15 * (7 - 2**52) + 3 - 6
    assert found.average == found.sum / 4
    assert totals(WHOLE, [b'2', [b'0', b'30', b'0', b'3'], []]).average == math.inf
    assert totals(WHOLE, [b'2', [b'0', b'30', b'0', b'-3'], []]).average == -math.inf


def test_floats_are_rounded_once() -> None:
    found = totals(REAL, [b'2', [b'1e16', b'1'], []], [b'2', [b'-1e16', b'1e-30'], []])
    assert found.sum == math.fsum([1e16, 1, -1e16, 1e-30]) == 1.0
    found = totals(REAL, [b'3', [], [b'1', b'1e308', b'2', b'1e308', b'3', b'-1e308']])
    assert found.sum == 1e308
    assert found.average == 1e308 / 3
    found = totals(REAL, [b'2', [], [b'1', b'1.7e308', b'2', b'1.7e308']])
    assert (found.sum, found.average) == (math.inf, 1.7e308)


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([b'inf'], math.inf),
        ([b'-inf', b'-inf'], -math.inf),
        ([b'inf', b'-inf'], math.nan),
        ([b'nan', b'inf'], math.nan),
    ],
)
def test_floats_that_are_no_numbers(values: list[bytes], expected: float) -> None:
    rest = [item for id, value in enumerate(values) for item in (b'%d' % id, value)]
    found = totals(REAL, [b'5', [b'3'], rest])
    assert str(found.sum) == str(found.average) == str(expected)


def test_decimals_keep_their_digits() -> None:
    found = totals(
        EXACT,
        [b'2', [b'2', b'1', b'0', b'150', b'1', b'1', b'0', b'5'], []],
        [b'2', [], [b'7', b'1E+3', b'8', b'1E-3']],
    )
    assert str(found.sum) == '1002.001'
    assert str(found.average) == '250.50025'
    third = totals(EXACT, [b'3', [b'0', b'1', b'0', b'1'], []]).average
    assert third == decimal.Decimal(1) / 3
    with decimal.localcontext(prec=5):
        assert str(totals(EXACT, [b'3', [b'0', b'1', b'0', b'1'], []]).average) == '0.33333'
        assert str(totals(EXACT, [b'1', [b'0', b'1', b'0', b'1234567'], []]).sum) == '1234567'
    nines = b'9' * 4300
    assert totals(EXACT, [b'1', [], [b'1', nines]]).sum == decimal.Decimal(nines.decode())


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([b'Infinity', b'1E+5'], 'Infinity'),
        ([b'Infinity', b'-Infinity'], 'NaN'),
        ([b'sNaN'], 'NaN'),
        ([b'NaN123', b'Infinity'], 'NaN'),
    ],
)
def test_decimals_that_are_no_numbers(values: list[bytes], expected: str) -> None:
    rest = [item for id, value in enumerate(values) for item in (b'%d' % id, value)]
    found = totals(EXACT, [b'5', [b'0', b'1', b'0', b'1'], rest])
    assert str(found.sum) == str(found.average) == expected


def test_decimals_too_far_apart() -> None:
    with pytest.raises(QueryError, match=r'Thing.query.sum\(exact\): .* 1000000 digits'):
        totals(EXACT, [b'2', [b'1', b'1', b'0', b'1'], [b'7', b'1E+999999']])
    with pytest.raises(QueryError, match='leave out'):
        totals(EXACT, [b'2', [], [b'7', b'1E-999999999999999999', b'8', b'1']])
    # What is exact all the same.
    tiny = decimal.Decimal('1E-999999999999999999')
    zero = [
        b'2',
        [b'0', b'1', b'0', b'0'],
        [b'6', b'0E-9999999999', b'7', b'1E-999999999999999999'],
    ]
    assert totals(EXACT, zero).sum == tiny
    assert str(totals(EXACT, [b'1', [b'2', b'1', b'0', b'0'], []]).sum) == '0.00'


@pytest.mark.parametrize('tally', [WHOLE, REAL, EXACT])
def test_what_does_not_decode(tally: Aggregate) -> None:
    with pytest.raises(CorruptRowError, match=f"Thing:7, column '{tally.column}'") as error:
        totals(tally, [b'1', [], [b'6', b'5', b'7', b'x']])
    assert (error.value.key, error.value.value) == ('Thing:7', b'x')
