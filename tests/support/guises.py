"""Guises: objects that programs set in place of plain values, each with the value that it is."""

import datetime as dt
import decimal
import enum
import ipaddress
import uuid
from typing import Any


class Label(str, enum.Enum):  # noqa: UP042 - its str() differs from its value
    DONE = 'done'


class Code(str):
    def __str__(self) -> str:
        return 'a code'

    def __repr__(self) -> str:
        return 'Code()'


class Blob(bytes):
    def __bytes__(self) -> bytes:
        return b'other'


class Level(enum.IntEnum):
    HIGH = 3


class Share(float, enum.Enum):
    HALF = 0.5


class Money(decimal.Decimal):
    def __str__(self) -> str:
        return f'{super().__str__()} EUR'


class Moment(dt.datetime):
    def __sub__(self, other: Any) -> Any:
        raise AssertionError('the arithmetic of a subclass')

    def __repr__(self) -> str:
        return 'Moment()'


class Day(dt.date):
    def __repr__(self) -> str:
        return 'Day()'


class Clock(dt.time):
    def __repr__(self) -> str:
        return 'Clock()'


class Span(dt.timedelta):
    days = 7  # type: ignore[assignment]

    def __repr__(self) -> str:
        return 'Span()'


class Key(uuid.UUID):
    def __str__(self) -> str:
        return 'a key'


class Host(ipaddress.IPv4Address):
    def __str__(self) -> str:
        return 'a host'


_MOMENT = (2024, 2, 29, 23, 59, 58, 123456)

#: A guise, and the plain value.
PAIRS: list[tuple[Any, Any]] = [
    (Label.DONE, 'done'),
    (Code('xy'), 'xy'),
    (Blob(b'\xff\0'), b'\xff\0'),
    (Level.HIGH, 3),
    (Share.HALF, 0.5),
    (Money('1.50'), decimal.Decimal('1.50')),
    (Moment(*_MOMENT), dt.datetime(*_MOMENT)),
    (Day(2024, 2, 29), dt.date(2024, 2, 29)),
    (Clock(23, 59, 58, 7), dt.time(23, 59, 58, 7)),
    (Span(3, 4, 5), dt.timedelta(3, 4, 5)),
]

#: Those that `plain` leaves alone; the columns of their types take them.
OF_COLUMNS: list[tuple[Any, Any]] = [
    (Key(int=5), uuid.UUID(int=5)),
    (Host('10.0.0.1'), ipaddress.IPv4Address('10.0.0.1')),
]

try:
    import numpy
except ModuleNotFoundError:
    pass
else:
    PAIRS += [
        (numpy.str_('wörd'), 'wörd'),
        (numpy.bytes_(b'\xfe'), b'\xfe'),
        (numpy.int64(-(2**63)), -(2**63)),
        (numpy.uint8(200), 200),
        (numpy.float64(1.5), 1.5),
        (numpy.float32(0.1), 0.10000000149011612),
        (numpy.float16(0.5), 0.5),
    ]

try:
    import pendulum
except ModuleNotFoundError:
    pass
else:
    PAIRS += [
        (pendulum.datetime(*_MOMENT), dt.datetime(*_MOMENT, dt.UTC)),
        (pendulum.naive(*_MOMENT), dt.datetime(*_MOMENT)),
        (
            pendulum.datetime(2024, 7, 1, 12, tz='Europe/Oslo'),
            dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        ),
        (pendulum.date(2024, 2, 29), dt.date(2024, 2, 29)),
        (pendulum.time(23, 59, 58, 7), dt.time(23, 59, 58, 7)),
        (pendulum.duration(weeks=2, hours=3), dt.timedelta(weeks=2, hours=3)),
    ]


def named(value: object) -> str:
    """A name for a test."""
    return f'{type(value).__module__}.{type(value).__name__}'
