"""Ids and counts that come from the outside."""

from __future__ import annotations

import decimal
import enum
from typing import Any

import numpy
import pytest

from rom._core.encoding.integers import (
    ENDLESS,
    LARGEST_ID,
    check_count,
    read_count,
    read_digits,
    read_id,
)
from rom.exceptions import InvalidOperation, QueryError


def len_of(value: Any) -> str:
    return f'{type(value).__name__} {value.__sizeof__()}'


Kind = enum.IntEnum('Kind', {'FIVE': 5})


@pytest.mark.parametrize(
    'value', [5, 5.0, '5', b'5', '05', Kind.FIVE, numpy.int64(5), numpy.float32(5)]
)
def test_an_id(value: Any) -> None:
    found = read_id(value)
    assert (found, type(found)) == (5, int)


@pytest.mark.parametrize(
    'value',
    [
        -1, '-1', '+1', ' 1', '1 ', '1_0', '０１', '²', '', b'', '1.0', '1e3', 1.9, float('nan'),
        float('inf'), True, False, None, [1], decimal.Decimal('1E+999999'), '\ud800', int,
    ],
)  # fmt: skip
def test_no_id(value: Any) -> None:
    assert read_id(value) is None


@pytest.mark.parametrize('value', [2**63, 10**400, 1 << 20_000, '9' * 300_000, 1e308], ids=len_of)
def test_no_row_has_an_id_that_large(value: Any) -> None:
    assert read_id(value) == LARGEST_ID + 1


def test_digits_are_those_of_ascii() -> None:
    assert [read_digits(text) for text in ('12', b'12', '٣', '1.')] == [12, 12, None, None]


@pytest.mark.parametrize(
    ('value', 'count'),
    [(1, 1), (Kind.FIVE, 5), (2**52, ENDLESS), (2**63, ENDLESS), (10**400, ENDLESS)],
)
def test_a_count(value: Any, count: int) -> None:
    assert read_count(value) == count


@pytest.mark.parametrize('value', [0, -1, 1.0, '1', True, None, float('inf'), [1]])
def test_no_count(value: Any) -> None:
    assert read_count(value) is None
    with pytest.raises(InvalidOperation, match=r'^size: expected an int of at least 1, got '):
        check_count('size', value)
    assert read_count(0, least=0) == check_count('size', 0, 0) == 0


@pytest.mark.parametrize('value', [5, Kind.FIVE, numpy.int8(5), numpy.uint64(5)])
def test_a_count_is_a_plain_int(value: Any) -> None:
    found = check_count('size', value)
    assert (found, type(found)) == (5, int)


def test_the_error_of_a_count() -> None:
    with pytest.raises(QueryError, match=r'^page: expected an int of at least 2, or None, got 1$'):
        check_count('page', 1, 2, error=QueryError, otherwise=', or None')
