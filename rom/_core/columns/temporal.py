"""Dates and times, stored as seconds in UTC; a value without a zone counts as UTC."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.column_rules import ColumnOptions
from rom._core.columns.signatures import Clock, Day, Read, T
from rom._core.columns.signatures import Moment as MomentRead
from rom._core.columns.value_limits import check_digits
from rom._core.encoding.keygens import Keygen, Keys
from rom._core.encoding.plain_values import plain

if TYPE_CHECKING:
    from rom._core.columns.column_owner import Holder
    from rom._core.columns.signatures import DateTimeOptions, Default, TimeOptions, Yes

_NUMBERS = frozenset((int, float))

_EPOCH = dt.datetime(1970, 1, 1)
_MIDNIGHT = dt.time()
_SECOND = dt.timedelta(seconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)
# Up to here (the year 2242) seconds as a double are exact to the microsecond.
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


class _Seconds(Column[T, Read]):
    """A column whose values are stored as seconds since a fixed start.

    Args:
        auto_now_add: a commit that inserts an entity without a value gives it the current time.
        auto_now: each write that changes an entity gives it the current time, as does an insert.

    Raises:
        ColumnError: a default beside auto_now or auto_now_add.
    """

    is_numeric = True

    def __init__(
        self,
        required: bool = False,
        default: T | Callable[[], T] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        *,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.stamps_update = bool(auto_now)
        self.stamps_insert = bool(auto_now or auto_now_add)
        if self.stamps_insert and default is not None:
            self._wrong('auto_now and auto_now_add give the value: drop the default')
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2, **options
        )

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

    def initial(self, entity: Holder, given: Mapping[str, Any]) -> T | None:
        if self.stamps_insert and given.get(self.name) is None:
            return None  # the commit gives the value
        return super().initial(entity, given)

    def encode(self, value: T) -> bytes:
        return _write_seconds(self.span(value))

    def number(self, value: T) -> float:
        return self.seconds(value)

    def shares_score(self, value: T) -> bool:
        return abs(self.seconds(value)) > _EXACT

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


class DateTime(_Seconds[dt.datetime, MomentRead]):
    """A date and time to the microsecond, stored in UTC, read back without a zone.

    A datetime with a zone is converted to UTC. Seconds since 1970 are accepted, too.

    Args:
        tz: the values are aware datetimes in UTC, and a datetime without a zone is refused. The
            stored form is the same, so that the option can be added to a model with data.
        auto_now_add: a commit that inserts an entity without a value gives it the current time.
        auto_now: each write that changes an entity gives it the current time, as does an insert.
            A value that the program sets itself wins.

    Example::

        created_at = rom.DateTime(tz=True, index=True, auto_now_add=True)
        updated_at = rom.DateTime(tz=True, index=True, auto_now=True)
    """

    accepts = dt.datetime
    kind = 'a datetime'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: DateTime[dt.datetime],
            required: Yes,
            default: Default[dt.datetime] | None = None,
            **options: Unpack[DateTimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTime[dt.datetime],
            required: bool = False,
            *,
            default: Default[dt.datetime],
            **options: Unpack[DateTimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: DateTime[dt.datetime | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[DateTimeOptions],
        ) -> None: ...

    def __init__(
        self,
        required: bool = False,
        default: dt.datetime | Callable[[], dt.datetime] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        *,
        tz: bool = False,
        auto_now: bool = False,
        auto_now_add: bool = False,
        **options: Unpack[ColumnOptions],
    ) -> None:
        #: The zone of all values; None: they have none, and count as UTC.
        self.zone = dt.UTC if tz else None
        self._epoch = _EPOCH.replace(tzinfo=self.zone)
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2,
            auto_now=auto_now, auto_now_add=auto_now_add, **options,
        )  # fmt: skip

    def check(self, value: Any) -> dt.datetime:
        if type(value) is dt.datetime and value.tzinfo is self.zone:
            return value  # the fast path for most values
        moment = super().check(value)
        if self.zone is not None and moment.utcoffset() is None:
            self.refuse(
                value,
                'has no zone, and the column has tz=True; pass datetime.now(datetime.UTC), or '
                'value.replace(tzinfo=...) with the zone that it is in',
            )
        return _in_utc(self, moment).replace(tzinfo=self.zone)

    def span(self, value: dt.datetime) -> dt.timedelta:
        return value - self._epoch

    def decode(self, raw: bytes) -> dt.datetime:
        return self._epoch + _read_seconds(raw)

    def at(self, moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=self.zone)


class SaferDateTime(DateTime[MomentRead]):
    """A `DateTime` that accepts only a datetime, not seconds."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SaferDateTime[dt.datetime],
            required: Yes,
            default: Default[dt.datetime] | None = None,
            **options: Unpack[DateTimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: SaferDateTime[dt.datetime],
            required: bool = False,
            *,
            default: Default[dt.datetime],
            **options: Unpack[DateTimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: SaferDateTime[dt.datetime | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[DateTimeOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> dt.datetime:
        if not isinstance(value, dt.datetime):
            self.refuse(value)
        return super().check(value)


class Date(_Seconds[dt.date, Day]):
    """A date, stored as the seconds of its midnight in UTC; a datetime counts as its day in UTC.

    Args:
        auto_now_add: an insert without a value sets today's date in UTC.
        auto_now: each write sets today's date in UTC, as for a `DateTime`.

    Example::

        born = rom.Date(index=True)
    """

    accepts = dt.date
    kind = 'a date'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Date[dt.date],
            required: Yes,
            default: Default[dt.date] | None = None,
            **options: Unpack[TimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Date[dt.date],
            required: bool = False,
            *,
            default: Default[dt.date],
            **options: Unpack[TimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Date[dt.date | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[TimeOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> dt.date:
        day = super().check(value)
        if not isinstance(day, dt.datetime):
            return day
        return _in_utc(self, day).date()

    def span(self, value: dt.date) -> dt.timedelta:
        return dt.datetime.combine(value, _MIDNIGHT) - _EPOCH

    def decode(self, raw: bytes) -> dt.date:
        return (_EPOCH + _read_seconds(raw)).date()

    def at(self, moment: dt.datetime) -> dt.date:
        return moment.date()


class Time(_Seconds[dt.time, Clock]):
    """A time of day to the microsecond, stored as seconds since midnight.

    Args:
        auto_now_add: an insert without a value sets the current time in UTC.
        auto_now: each write sets the current time in UTC, as for a `DateTime`.

    Example::

        opens = rom.Time(index=True)
    """

    accepts = dt.time
    kind = 'a time'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Time[dt.time],
            required: Yes,
            default: Default[dt.time] | None = None,
            **options: Unpack[TimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Time[dt.time],
            required: bool = False,
            *,
            default: Default[dt.time],
            **options: Unpack[TimeOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Time[dt.time | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[TimeOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

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

    def at(self, moment: dt.datetime) -> dt.time:
        return moment.time()
