"""Dates and times, stored as seconds in UTC; a value without a zone counts as UTC."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any, TypeVar

from rom._core.columns.base import Column
from rom._core.columns.value_limits import check_digits
from rom._core.encoding.plain_values import plain

T = TypeVar('T')

_NUMBERS = frozenset((int, float))

_EPOCH = dt.datetime(1970, 1, 1)
_MIDNIGHT = dt.time()
_SECOND = dt.timedelta(seconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)
# Up to here (the year 2242) seconds as a double tell microseconds apart.
_EXACT = 2.0**33
# More seconds than the years 1 to 9999 have.
_PAST = 1e12


def _write_seconds(span: dt.timedelta) -> bytes:
    """Write seconds as rom 1.x does, but with all digits where a double loses microseconds."""
    seconds = span / _SECOND
    if abs(seconds) > _EXACT and span % _SECOND:
        sign = '-' if span < dt.timedelta(0) else ''
        whole, rest = divmod(abs(span) // _MICROSECOND, 1_000_000)
        return f'{sign}{whole}.{rest:06d}'.encode('ascii')
    return repr(seconds).encode('ascii')


def _read_seconds(raw: bytes) -> dt.timedelta:
    seconds = float(raw)
    if abs(seconds) <= _EXACT:
        return dt.timedelta(seconds=seconds)
    if not abs(seconds) < _PAST:
        raise OverflowError('not within the years 1 to 9999')
    check_digits(raw)
    exact = decimal.Decimal(raw.decode('ascii'))
    return int((exact * 1_000_000).to_integral_value()) * _MICROSECOND


class _Seconds(Column[T]):
    """A column whose values are stored as seconds since a fixed start."""

    is_numeric = True

    def check(self, value: Any) -> T:
        try:
            given = plain(value)
        except (TypeError, ValueError) as error:
            self.refuse(value, f'is not a date or a time ({error})')
        if type(given) in _NUMBERS:
            try:
                return self.decode(repr(float(given)).encode('ascii'))
            except (ValueError, OverflowError):
                self.refuse(value, 'is out of range')
        return super().check(given)

    def span(self, value: T) -> dt.timedelta:
        """Return the time from the start to a value."""
        raise NotImplementedError

    def seconds(self, value: T) -> float:
        """Return the seconds from the start to a value: its score in the index."""
        return self.span(value) / _SECOND

    def encode(self, value: T) -> bytes:
        return _write_seconds(self.span(value))

    def number(self, value: T) -> float:
        return self.seconds(value)

    def score(self, value: Any) -> float:
        given = plain(value)
        if type(given) in _NUMBERS:
            return float(given)
        return self.seconds(self.check(given))


def _in_utc(column: Column[Any], moment: dt.datetime) -> dt.datetime:
    """Convert to UTC and drop the zone. As in Python, a zone without an offset counts as none."""
    if moment.utcoffset() is None:
        return moment.replace(tzinfo=None)
    try:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        column.refuse(moment, 'has no UTC equivalent within the years 1 to 9999')


class DateTime(_Seconds[dt.datetime]):
    """A date and time to the microsecond, stored in UTC, read back without a zone.

    A datetime with a zone is converted to UTC. Seconds since 1970 are accepted, too.

    Example::

        created_at = rom.DateTime(index=True, default=datetime.datetime.utcnow)
    """

    accepts = dt.datetime
    kind = 'a datetime'

    def check(self, value: Any) -> dt.datetime:
        if type(value) is dt.datetime and value.tzinfo is None:
            return value  # the fast path for most values
        return _in_utc(self, super().check(value))

    def span(self, value: dt.datetime) -> dt.timedelta:
        return value - _EPOCH

    def decode(self, raw: bytes) -> dt.datetime:
        return _EPOCH + _read_seconds(raw)


class SaferDateTime(DateTime):
    """A `DateTime` that accepts only a datetime, not seconds."""

    def check(self, value: Any) -> dt.datetime:
        if not isinstance(value, dt.datetime):
            self.refuse(value)
        return super().check(value)


class Date(_Seconds[dt.date]):
    """A date, stored as the seconds of its midnight in UTC; a datetime counts as its day in UTC.

    Example::

        born = rom.Date(index=True)
    """

    accepts = dt.date
    kind = 'a date'

    def check(self, value: Any) -> dt.date:
        day = super().check(value)
        if not isinstance(day, dt.datetime):
            return day
        return _in_utc(self, day).date()

    def span(self, value: dt.date) -> dt.timedelta:
        return dt.datetime.combine(value, _MIDNIGHT) - _EPOCH

    def decode(self, raw: bytes) -> dt.date:
        return (_EPOCH + _read_seconds(raw)).date()


class Time(_Seconds[dt.time]):
    """A time of day to the microsecond, stored as seconds since midnight.

    Example::

        opens = rom.Time(index=True)
    """

    accepts = dt.time
    kind = 'a time'

    def check(self, value: Any) -> dt.time:
        moment = super().check(value)
        if moment.tzinfo is not None:
            self.refuse(value, 'has a zone; use a time without one, or a DateTime column')
        return moment

    def span(self, value: dt.time) -> dt.timedelta:
        return dt.datetime.combine(_EPOCH, value) - _EPOCH

    def decode(self, raw: bytes) -> dt.time:
        span = _read_seconds(raw)
        if not dt.timedelta(0) <= span < dt.timedelta(days=1):
            raise ValueError('not within a day')
        return (_EPOCH + span).time()
