"""Plain values: objects of subclasses, enums, numpy and pendulum, as Python's own types."""

import datetime as dt
import decimal
import enum
import fractions
from typing import Any

import pytest

from rom._core.encoding.plain_values import plain
from tests.support.guises import PAIRS, Label, named


@pytest.mark.parametrize(('guise', 'value'), PAIRS, ids=named)
def test_a_guise_becomes_what_it_stands_for(guise: Any, value: Any) -> None:
    found = plain(guise)
    assert type(found) is type(value)
    assert found == value
    assert getattr(found, 'tzinfo', None) is None or found.utcoffset() == value.utcoffset()


@pytest.mark.parametrize(
    'value',
    [
        True, 5, 1.5, 'x', b'x', decimal.Decimal(1), dt.date(2020, 1, 2), dt.time(1),
        dt.datetime(2020, 1, 2), None, (1, 2), fractions.Fraction(1, 3), dt.timedelta(1),
        enum.Enum('Plain', 'A').A, Label,
    ],
    ids=repr,
)  # fmt: skip
def test_all_else_is_left_as_it_is(value: Any) -> None:
    assert plain(value) is value


class NoDate(dt.datetime):
    """As pandas.NaT: an instance of a datetime without a date."""

    year = month = day = float('nan')  # type: ignore[assignment]


def test_what_stands_for_no_date_is_an_error() -> None:
    with pytest.raises((ValueError, TypeError)):
        plain(NoDate(2020, 1, 2))
