"""Duration: exact to the microsecond, in rows, sums and ranges."""

import datetime as dt
import random
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

import rom
from rom._core.columns.durations import Duration, read_iso, write_iso
from tests.support.stories import both

pytestmark = pytest.mark.one_server

SECOND = dt.timedelta(seconds=1)
TINY = dt.timedelta(microseconds=1)


class DurationSong(rom.Model):
    _namespace = '{durations}song'
    length = rom.Duration(index=True)
    pause = rom.Duration(default=SECOND)
    at = rom.DateTime()


@given(st.timedeltas())
def test_rows_and_json_hold_every_microsecond(span: dt.timedelta) -> None:
    column = Duration()
    assert column.decode(column.encode(span)) == span
    assert column.canonical(column.encode(span)) == column.encode(span)
    assert read_iso(write_iso(span)) == span
    assert column.check(write_iso(span)) == span


@pytest.mark.parametrize(
    ('span', 'raw', 'iso'),
    [
        (dt.timedelta(0), b'0', 'PT0S'),
        (TINY, b'0.000001', 'PT0.000001S'),
        (-TINY, b'-0.000001', '-PT0.000001S'),
        (dt.timedelta(hours=1, milliseconds=500), b'3600.5', 'PT1H0.5S'),
        (dt.timedelta(days=-1), b'-86400', '-P1D'),
        (dt.timedelta.max, b'86399999999999.999999', 'P999999999DT23H59M59.999999S'),
        (dt.timedelta.min, b'-86399999913600', '-P999999999D'),
    ],
)
def test_forms(span: dt.timedelta, raw: bytes, iso: str) -> None:
    assert Duration().encode(span) == raw
    assert write_iso(span) == iso


@pytest.mark.parametrize('stored', [b'', b'x', b'NaN', b'1e400', b'9' * 20, b'9' * 5000])
def test_what_is_no_duration_in_a_row(stored: bytes) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        Duration().decode(stored)


@pytest.mark.parametrize(
    'given',
    [True, 'five', 'P', 'PT', 'P1Y', 'PT1', float('nan'), float('inf'), 10**20, b'5', dt.time()],
)
def test_what_is_refused(on_client: Any, given: Any) -> None:
    with pytest.raises(rom.InvalidColumnValue, match=r'DurationSong\.length: '):
        DurationSong(length=given)


@both(DurationSong)
async def test_queries(s: Any) -> None:
    spans = [TINY * 2, SECOND, SECOND + TINY, dt.timedelta(days=99_000), -SECOND]
    songs = [DurationSong(length=span) for span in spans]
    await s.commit()
    ids = [song.id for song in songs]
    query = DurationSong.query
    for found, places in [
        (query.filter(length=SECOND), [1]),
        (query.filter(length=[1, -1.0]), [1, 4]),
        (query.filter(length=(TINY, SECOND)), [0, 1]),
        (query.where(DurationSong.length > SECOND), [2, 3]),
        (query.where(DurationSong.length < 0), [4]),
        (query.where(DurationSong.length.is_none()), []),
    ]:
        assert sorted(await s.ids(found)) == [ids[place] for place in places], found
    assert await s.sum(query, 'length') == sum(spans, dt.timedelta(0))
    assert await s.avg(query, 'length') == sum(spans, dt.timedelta(0)) / 5
    assert await s.sum(query, 'pause') == 5 * SECOND
    assert await s.sum(query.filter(length=7), 'length') == dt.timedelta(0)
    assert await s.avg(query.filter(length=7), 'length') is None
    assert (await s.min(query, 'length'), await s.max(query, 'length')) == (-SECOND, spans[3])
    assert await s.facets(query, 'pause') == {SECOND: 5}
    await s.update_all(query.filter(length=SECOND), length=DurationSong.length * 2 + SECOND)
    await s.update_all(query, at=dt.datetime(2030, 1, 1))
    await s.update_all(query, at=DurationSong.at + DurationSong.pause)
    s.rollback()
    song = await s.get(DurationSong, ids[1])
    assert (song.length, song.at) == (3 * SECOND, dt.datetime(2030, 1, 1, 0, 0, 1))


def test_sums_are_exact(on_client: Any) -> None:
    lot = random.Random(20)
    spans = [TINY * lot.randrange(-(10**15), 10**15) for _ in range(300)]
    for span in spans:
        DurationSong(length=span)
    rom.session.commit()
    assert DurationSong.query.sum('length') == sum(spans, dt.timedelta(0))


def test_a_sum_that_no_timedelta_can_have(on_client: Any) -> None:
    for _ in range(3):
        DurationSong(length=dt.timedelta.max)
    rom.session.commit()
    with pytest.raises(rom.QueryError, match=r"sum\('length'\).*add up fewer rows with a filter"):
        DurationSong.query.sum('length')
    assert DurationSong.query.avg('length') == dt.timedelta.max


def test_a_value_that_another_program_wrote(on_client: Any, raw: redis.Redis) -> None:
    """In digits with an exponent, which the server cannot add."""
    DurationSong(length=1).save()
    rom.session.rollback()
    raw.hset('{durations}song:1', 'length', '2.5e0')
    assert DurationSong.get(1).length == 2.5 * SECOND
    assert DurationSong.query.sum('length') == 2.5 * SECOND
    raw.hset('{durations}song:1', 'length', 'long')
    with pytest.raises(rom.CorruptRowError, match="column 'length'"):
        DurationSong.query.sum('length')
    rom.session.rollback()
    with pytest.raises(rom.CorruptRowError, match="column 'length'"):
        DurationSong.get(1).length
