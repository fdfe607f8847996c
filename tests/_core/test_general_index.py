"""rom.index: the names of 1.x, and a GeneralIndex that answers as rom 1.1.2 does (observed)."""

from typing import Any

import pytest
import redis

import rom
from rom.exceptions import QueryError
from rom.index import GeneralIndex, Geofilter, GeoIndex, Pattern, Prefix, Suffix


class GeneralPaper(rom.Model):
    a = rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    n = rom.Integer(index=True)


def test_the_names_are_tuples() -> None:
    assert Prefix('a', 'x') == ('a', 'x') and Prefix._fields == ('attr', 'prefix')
    assert Suffix('a', 'x') == ('a', 'x') and Suffix._fields == ('attr', 'suffix')
    assert Pattern('a', 'x') == ('a', 'x') and Pattern._fields == ('attr', 'pattern')
    assert GeoIndex('a', len) == ('a', len) and GeoIndex._fields == ('name', 'callback')
    assert rom.GeoIndex is GeoIndex and rom.GeneralIndex is GeneralIndex


@pytest.mark.parametrize(
    ('filters', 'ids'),
    [
        (['a:hello'], [1, 2, 3, 4, 5]),
        ([('n', 1, 3)], [2, 3, 4]),
        ([('n', None, 2), 'a:hello'], [1, 2, 3]),
        ([['a:w1', 'a:w2']], [2, 3]),
        (['n'], [1, 2, 3, 4, 5]),
        ([Prefix('a', 'w')], [1, 2, 3, 4, 5]),
        ([Prefix('a', 'W')], []),
        ([Suffix('a', '2w')], [3]),
        ([Suffix('a', 'w2')], []),
        ([Pattern('a', 'w!')], [1, 2, 3, 4, 5]),
        ([Pattern('a', '*o')], [1, 2, 3, 4, 5]),
        ([], [1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize('known', [True, False])
def test_search_and_count(client: redis.Redis, filters: Any, ids: Any, known: bool) -> None:
    rom.util.CONNECTION = client
    for number in range(5):
        GeneralPaper(a=f'hello w{number}', n=number)
    rom.session.commit()
    if not known:
        rom.MODELS.clear()
    index = GeneralIndex('GeneralPaper')
    assert sorted(index.search(client, filters, None, 0, 20)) == [b'%d' % id for id in ids]
    assert index.search(client, filters, '-n', 1, 2) == [b'%d' % id for id in ids[::-1][1:3]]
    assert index.search(client, filters, 'n') == [b'%d' % id for id in ids]
    assert index.count(client, filters) == len(ids)


def test_kept_for_a_while(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    for number in range(3):
        GeneralPaper(n=number)
    rom.session.commit()
    key = GeneralIndex('GeneralPaper').search(client, ['n'], '-n', timeout=30)
    assert raw.zrange(key, 0, -1) == [b'3', b'2', b'1']
    assert 0 < raw.ttl(key) <= 30


@pytest.mark.one_server
def test_what_is_no_filter(client: redis.Redis) -> None:
    for wrong in (5, ('n', 1), None):
        with pytest.raises(QueryError, match='expected a filter'):
            GeneralIndex('GeneralPaper').count(client, [wrong])
    with pytest.raises(ValueError, match='x'):
        GeneralIndex('GeneralPaper').count(client, [('n', 'x', 1)])


def test_places(client: redis.Redis) -> None:
    """As 1.1.2: the ids of the places within a distance."""
    rom.util.CONNECTION = client

    class GeneralPlace(rom.Model):
        n = rom.Integer(index=True)
        geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.n, 'lat': 60})]

    for number in range(5):
        GeneralPlace(n=number)
    rom.session.commit()
    index = GeneralIndex('GeneralPlace')
    near = Geofilter('at', 2.1, 60, 70, 'km', None)
    assert sorted(index.search(client, [near], None)) == [b'2', b'3', b'4']
    assert index.search(client, [near, ('n', 3, None)], None) == [b'4']
    assert index.count(client, [Geofilter('at', 2.1, 60, 70, 'km', 1)]) == 1
    assert Geofilter._fields == ('name', 'lon', 'lat', 'radius', 'measure', 'count')
