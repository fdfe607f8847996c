"""Dates and times: UTC, to the microsecond, as rom 1.x stores them where a double can say it."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rom.columns import Column, Date, DateTime, SaferDateTime, Time
from rom.exceptions import InvalidColumnValue
from tests.support.refusals import refused

EPOCH = dt.datetime(1970, 1, 1)
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
WEST = dt.timezone(-dt.timedelta(hours=12))
KINDS: list[type[Column[Any]]] = [DateTime, SaferDateTime, Date, Time]


def stored(column: Column[Any], value: Any) -> bytes:
    return column.encode(column.check(value))


@given(st.datetimes())
@example(dt.datetime.min)
@example(dt.datetime.max)
@example(dt.datetime(1, 1, 1, 0, 0, 0, 1))
@example(dt.datetime(2242, 3, 16, 12, 56, 31, 999999))
@example(dt.datetime(2242, 3, 16, 12, 56, 32, 1))
@example(dt.datetime(1697, 10, 17, 11, 3, 27, 999999))
@example(dt.datetime(1697, 10, 17, 11, 3, 28, 1))
@example(dt.datetime(1969, 12, 31, 23, 59, 59, 999999))
@example(dt.datetime(1970, 1, 1, 0, 0, 0, 1))
def test_every_datetime_round_trips_to_the_microsecond(value: dt.datetime) -> None:
    column = DateTime()
    assert column.decode(stored(column, value)) == value


@given(st.dates())
@example(dt.date.min)
@example(dt.date.max)
def test_every_date_round_trips(value: dt.date) -> None:
    column = Date()
    raw = stored(column, value)
    assert column.decode(raw) == value
    assert raw == repr((dt.datetime.combine(value, dt.time()) - EPOCH).total_seconds()).encode()


@given(st.times())
@example(dt.time.min)
@example(dt.time.max)
def test_every_time_keeps_its_microsecond(value: dt.time) -> None:
    """Ours: rom 1.x lost some of them when it read the float back."""
    column = Time()
    assert column.decode(stored(column, value)) == value


def test_the_first_and_the_last_moment_have_all_their_digits() -> None:
    """Ours: as a double, the seconds of datetime.max are those of the year 10000, which is none."""
    assert stored(DateTime(), dt.datetime.max) == b'253402300799.999999'
    assert stored(DateTime(), dt.datetime.min) == b'-62135596800.0'
    assert stored(DateTime(), dt.datetime(1, 1, 1, 0, 0, 0, 1)) == b'-62135596799.999999'


@given(st.datetimes(), st.datetimes())
def test_scores_keep_the_order(one: dt.datetime, other: dt.datetime) -> None:
    column = DateTime(index=True)
    if one <= other:
        assert column.score(one) <= column.score(other)
    assert column.default_keys(one) == {'': column.score(one)}


@given(st.datetimes(timezones=st.just(EAST) | st.just(WEST) | st.just(dt.UTC)))
def test_an_aware_datetime_is_stored_as_utc(value: dt.datetime) -> None:
    """Ours: rom 1.x refused or mistook them."""
    column = DateTime()
    try:
        utc = value.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        refused(column, value, 'no UTC equivalent')
        return
    assert column.check(value) == utc
    assert column.check(value).tzinfo is None
    assert column.score(value) == column.score(utc)


@pytest.mark.parametrize(
    'value', [dt.datetime.min.replace(tzinfo=EAST), dt.datetime.max.replace(tzinfo=WEST)], ids=str
)
def test_a_moment_that_has_no_utc_is_refused(value: dt.datetime) -> None:
    refused(DateTime(), value, 'no UTC equivalent')
    refused(SaferDateTime(), value, 'no UTC equivalent')


@pytest.mark.parametrize(
    'value', [dt.datetime.min.replace(tzinfo=EAST), dt.datetime.max.replace(tzinfo=WEST)], ids=str
)
def test_a_day_that_has_no_utc_is_refused(value: dt.datetime) -> None:
    refused(Date(), value, 'no UTC equivalent')


def test_no_daylight_saving_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's zone has no part in it: 02:30 on that day did not exist in Berlin."""
    import time

    monkeypatch.setenv('TZ', 'Europe/Berlin')
    time.tzset()
    try:
        value = dt.datetime(2021, 3, 28, 2, 30)
        assert stored(DateTime(), value) == b'1616898600.0'
        assert DateTime().decode(b'1616898600.0') == value
        assert stored(Date(), dt.date(2021, 3, 28)) == b'1616889600.0'
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_zone_that_does_not_know_its_offset_is_no_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    class Unknown(dt.tzinfo):
        def utcoffset(self, moment: dt.datetime | None) -> None:
            return None

    monkeypatch.setenv('TZ', 'Asia/Tokyo')
    time.tzset()
    try:
        value = dt.datetime(2021, 1, 1, 12, tzinfo=Unknown())
        assert DateTime().check(value) == dt.datetime(2021, 1, 1, 12)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ('given', 'day'),
    [
        (dt.datetime(2020, 2, 29, 23, 59, 59), dt.date(2020, 2, 29)),
        (dt.datetime(2020, 2, 29, 1, tzinfo=EAST), dt.date(2020, 2, 28)),
        (dt.datetime(2020, 2, 29, 13, tzinfo=WEST), dt.date(2020, 3, 1)),
    ],
)
def test_of_a_datetime_a_date_takes_the_day_only(given: dt.datetime, day: dt.date) -> None:
    """Ours: rom 1.x stored the time of the day with it."""
    checked = Date().check(given)
    assert type(checked) is dt.date
    assert checked == day


@pytest.mark.parametrize('seconds', [0, 1577934245, 1577934245.678901, -1, -0.0])
def test_seconds_are_taken_too(seconds: float) -> None:
    moment = EPOCH + dt.timedelta(seconds=seconds)
    assert DateTime().check(seconds) == moment
    assert Date().check(seconds) == moment.date()
    if 0 <= seconds < 86400:
        assert Time().check(seconds) == moment.time()


@pytest.mark.parametrize('kind', [DateTime, Date, Time])
@pytest.mark.parametrize('value', [1e20, -1e12, float('inf'), float('nan'), 10**400])
def test_seconds_out_of_range_are_refused(kind: type[Column[Any]], value: float) -> None:
    refused(kind(), value, 'out of range')


@pytest.mark.parametrize('value', [86400, -1, 86399.9999999])
def test_a_time_is_within_a_day(value: float) -> None:
    refused(Time(), value, 'out of range')


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('value', [True, None, '2020-01-01', b'0.0', [], dt.timedelta(1)])
def test_other_types_are_refused(kind: type[Column[Any]], value: Any) -> None:
    refused(kind(), value, kind.kind, type(value).__name__)


@pytest.mark.parametrize('value', [0, 1577934245.5, dt.date(2020, 1, 1), dt.time(1), '0.0'])
def test_a_safer_datetime_takes_nothing_but_a_datetime(value: Any) -> None:
    refused(SaferDateTime(), value, 'expected a datetime')
    value = dt.datetime(2020, 1, 1)
    assert SaferDateTime().check(value) == value


def test_a_datetime_takes_no_date_and_a_date_no_time() -> None:
    refused(DateTime(), dt.date(2020, 1, 1), 'expected a datetime')
    refused(Date(), dt.time(1), 'expected a date')
    refused(Time(), dt.datetime(2020, 1, 1), 'expected a time')


def test_a_time_has_no_zone() -> None:
    refused(Time(), dt.time(1, tzinfo=dt.UTC), 'has a zone')


@pytest.mark.parametrize('kind', KINDS)
def test_a_query_s_number_is_seconds(kind: type[Column[Any]]) -> None:
    column = kind(index=True)
    assert column.score(5) == column.score(5.0) == 5.0
    assert column.score(float('-inf')) == float('-inf')
    with pytest.raises(InvalidColumnValue):
        column.score(True)
    with pytest.raises(InvalidColumnValue):
        column.score('x')


@given(st.floats(-62135596800, 253402300799))
def test_what_rom_1_stored_as_any_float_is_read_to_the_microsecond(seconds: float) -> None:
    read = DateTime().decode(repr(seconds).encode())
    assert abs((read - EPOCH).total_seconds() - seconds) <= max(1e-6, abs(seconds) * 2**-52)


@given(st.datetimes())
def test_what_was_read_is_not_written_differently(value: dt.datetime) -> None:
    """A save of a row that was only read must not change it."""
    column = DateTime()
    raw = stored(column, value)
    assert column.encode(column.decode(raw)) == raw
