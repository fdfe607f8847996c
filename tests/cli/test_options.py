"""Durations on the command line."""

import pytest

from rom.cli.errors import UsageError
from rom.cli.options import parse_duration


@pytest.mark.parametrize(
    ('text', 'seconds'), [('10s', 10), ('5m', 300), ('1h', 3600), ('1d', 86400), ('1h0.5s', 3600.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize('text', ['', '10', 's', '-1s', '1 s', '5min', '0s', '10s!', '٣s ', 'soon'])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match='like 10s, 5m, 1h or 1h30m'):
        parse_duration(text)
