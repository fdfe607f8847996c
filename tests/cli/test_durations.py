"""Durations on the command line."""

import pytest

from rom.cli.durations import seconds_of
from rom.cli.exit_codes import MisuseError


@pytest.mark.parametrize(
    ('text', 'seconds'), [('10s', 10), ('5m', 300), ('1h', 3600), ('1d', 86400), ('1h0.5s', 3600.5)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize('text', ['', '10', 's', '-1s', '1 s', '5min', '0s', '10s!', '٣s ', 'soon'])
def test_what_is_none(text: str) -> None:
    with pytest.raises(MisuseError, match='write 10s, 5m, 1h, or 1h30m'):
        seconds_of(text)
