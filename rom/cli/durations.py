"""Durations on the command line: 10s, 5m, 1h, 1h30m."""

from __future__ import annotations

import re

from rom._core.encoding.text import show
from rom.cli.exit_codes import MisuseError

_SECONDS = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}
_PART = re.compile(r'(\d+(?:\.\d+)?)([dhms])')


def seconds_of(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        MisuseError: the text is not a duration, or the duration is 0.

    >>> seconds_of('10s'), seconds_of('1h30m'), seconds_of('0.5s')
    (10.0, 5400.0, 0.5)
    """
    parts = _PART.findall(text)
    if ''.join(number + unit for number, unit in parts) != text or not parts:
        raise MisuseError(f'{show(text)} is no duration: write 10s, 5m, 1h, or 1h30m')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise MisuseError(f'{show(text)} is no time at all: write 10s, 5m, 1h, or 1h30m')
    return seconds


# Two adjacent units are precise enough.
_WRITTEN = (('d', 86400), ('h', 3600), ('min', 60), ('s', 1))


def written(seconds: float) -> str:
    """Return a duration for people to read, to the second, in at most two units.

    >>> written(45), written(130), written(3600), written(11_105), written(200_000)
    ('45 s', '2 min 10 s', '1 h', '3 h 5 min', '2 d 7 h')
    """
    left = round(seconds)
    parts: list[str] = []
    for unit, one in _WRITTEN:
        count, left = divmod(left, one)
        if count:
            parts.append(f'{count} {unit}')
        elif parts:
            break
        if len(parts) == 2:
            break
    return ' '.join(parts) or '0 s'
