"""Where few of the nearest places are wanted, the others are not looked at."""

from __future__ import annotations

import random
from typing import Any

import pytest
import redis

import rom

pytestmark = pytest.mark.one_server


@pytest.fixture
def place(raw: redis.Redis) -> Any:
    class SortKey(rom.Model):
        _conn = raw
        lon = rom.Float()
        lat = rom.Float()
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.lon, 'lat': e.lat})]

    drawn = random.Random(7)
    for _ in range(2000):
        SortKey(lon=drawn.uniform(9, 11), lat=drawn.uniform(59, 61))
    rom.session.commit()
    rom.session.rollback()
    return SortKey


@pytest.mark.parametrize('radius', [5, 50, 500, 5000])
@pytest.mark.parametrize(('offset', 'count'), [(0, 1), (0, 10), (30, 10), (1995, 10), (5000, 10)])
def test_the_nearest_few(
    place: Any, raw: redis.Redis, radius: float, offset: int, count: int
) -> None:
    query = place.query.near('at', 10, 60, radius, 'km')
    every = query.ids()
    for id in every[:: max(len(every) // 5, 1)]:
        raw.delete(f'Place:{id}')  # a place whose row is gone is none
    right = query.ids()
    raw.config_resetstat()
    assert query.limit(offset, count).ids() == right[offset : offset + count]
    looked = raw.info('commandstats').get('cmdstat_exists', {'calls': 0})['calls']
    assert looked <= 8 * (offset + count)
    assert place.query.near('at', 10, 60, radius, 'km', 7).limit(2, 10).ids() == right[2:7]


def test_equal_clauses_are_asked_once(place: Any, raw: redis.Redis) -> None:
    class Note(rom.Model):
        _conn = raw
        words = rom.Text(index=True, keygen=rom.FULL_TEXT)

    note = Note(words='a b')
    note.save()
    raw.config_resetstat()
    assert Note.query.filter(words='a a a a a').filter(words='a').ids() == [note.id]
    assert raw.info('commandstats')['cmdstat_scard']['calls'] == 1
