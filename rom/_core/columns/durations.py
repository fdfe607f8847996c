"""Duration: a column of lengths of time, stored as seconds."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import TYPE_CHECKING, Any, Final, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Span
from rom._core.columns.value_limits import check_digits
from rom._core.encoding.plain_values import plain
from rom._core.encoding.scores import nearest_double

if TYPE_CHECKING:
    from rom._core.columns.signatures import Default, IndexOptions, Yes

_SECOND: Final = dt.timedelta(seconds=1)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_MILLION: Final = 1_000_000
_ISO: Final = re.compile(
    r'(?P<sign>[-+]?)P(?:(?P<days>\d{1,9})D)?'
    r'(?:T(?=\d)(?:(?P<hours>\d{1,12})H)?(?:(?P<minutes>\d{1,14})M)?'
    r'(?:(?P<seconds>\d{1,15})(?:[.,](?P<fraction>\d{1,6})\d*)?S)?)?',
    re.ASCII,
)


class Duration(Column[dt.timedelta, Span]):
    """A length of time to the microsecond: a `datetime.timedelta`, which may be negative.

    The row holds the seconds in decimal digits, all of them. The index holds the nearest double,
    which is exact to the microsecond up to 272 years. ``sum`` and ``avg`` give a timedelta. Seconds
    are accepted, as an int or a float.

    Raises:
        InvalidColumnValue: the value is not a timedelta, or has more days than one can have.

    Example::

        length = rom.Duration(index=True)
        Song.query.filter(length=(None, datetime.timedelta(minutes=3)))
        Song.query.sum('length')
    """

    accepts = dt.timedelta
    kind = 'a timedelta or seconds'
    is_numeric = True
    adds = 'decimal'
    json_schema = {'type': 'string', 'format': 'duration'}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Duration[dt.timedelta],
            required: Yes,
            default: Default[dt.timedelta] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Duration[dt.timedelta],
            required: bool = False,
            *,
            default: Default[dt.timedelta],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Duration[dt.timedelta | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> dt.timedelta:
        if type(value) is dt.timedelta:
            return value  # the fast path for most values
        given = plain(value)
        if isinstance(given, bool):
            self.refuse(value)
        try:
            if isinstance(given, (int, float)):
                return dt.timedelta(seconds=given)
            if isinstance(given, str):
                return read_iso(given)
        except (OverflowError, ValueError):
            self.refuse(value, f'is not {self.kind}, or is out of range')
        return super().check(given)

    def encode(self, value: dt.timedelta) -> bytes:
        sign = '-' if value < dt.timedelta(0) else ''
        whole, rest = divmod(abs(value) // _MICROSECOND, _MILLION)
        fraction = f'.{rest:06d}'.rstrip('0') if rest else ''
        return f'{sign}{whole}{fraction}'.encode('ascii')

    def decode(self, raw: bytes) -> dt.timedelta:
        check_digits(raw)
        try:
            return self.from_total(decimal.Decimal(raw.decode('ascii')))
        except decimal.InvalidOperation:
            raise ValueError('not seconds') from None

    def number(self, value: dt.timedelta) -> float:
        return value / _SECOND

    def score(self, value: Any) -> float:
        given = plain(value)
        if isinstance(given, int) and not isinstance(given, bool):
            return nearest_double(given)
        if isinstance(given, float):
            return self.sortable(given, value)
        return self.number(self.check(given))

    def canonical(self, raw: bytes) -> bytes:
        try:
            return self.encode(self.decode(raw))
        except (ValueError, ArithmeticError):
            return raw

    def from_total(self, total: decimal.Decimal) -> dt.timedelta:
        """Return seconds as a timedelta, rounded to microseconds.

        Raises:
            OverflowError: they are more than a timedelta can have.
        """
        if not total.is_finite() or total.adjusted() > 15:
            raise OverflowError('not within 999999999 days')
        with decimal.localcontext(prec=60):
            return int((total * _MILLION).to_integral_value()) * _MICROSECOND

    def to_json(self, value: dt.timedelta) -> str:
        return write_iso(value)


def write_iso(span: dt.timedelta) -> str:
    """Return a timedelta in the form of ISO 8601, with days as the largest unit.

    >>> write_iso(dt.timedelta(days=400, hours=2, seconds=1.5)), write_iso(-dt.timedelta(hours=1))
    ('P400DT2H1.5S', '-PT1H')
    >>> write_iso(dt.timedelta(0))
    'PT0S'
    """
    sign, span = ('-', -span) if span < dt.timedelta(0) else ('', span)
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f'.{span.microseconds:06d}'.rstrip('0') if span.microseconds else ''
    days = f'{span.days}D' if span.days else ''
    time = (f'{hours}H' if hours else '') + (f'{minutes}M' if minutes else '')
    time += f'{seconds}{fraction}S' if seconds or fraction or not (days or time) else ''
    return f'{sign}P{days}{"T" if time else ""}{time}'


def read_iso(text: str) -> dt.timedelta:
    """Return the timedelta that a text in the form of ISO 8601 stands for.

    Raises:
        ValueError: the text has another form; years and months have no fixed length.
        OverflowError: more days than a timedelta can have.

    >>> read_iso('P1DT2H0.5S') == dt.timedelta(days=1, hours=2, milliseconds=500)
    True
    """
    found = _ISO.fullmatch(text)
    if found is None or not any(found.group('days', 'hours', 'minutes', 'seconds')):
        raise ValueError('expected a duration like PT1H30M')
    parts = {name: int(found[name] or 0) for name in ('days', 'hours', 'minutes', 'seconds')}
    microseconds = int((found['fraction'] or '').ljust(6, '0'))
    span = dt.timedelta(**parts, microseconds=microseconds)
    return -span if found['sign'] == '-' else span
