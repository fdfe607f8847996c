"""Places near a point, over partitions, against a twin without partitions."""

from __future__ import annotations

import random
from typing import Any

import pytest

import rom
from tests.support.stories import both
from tests.support.trips import note_trips

pytestmark = pytest.mark.one_server
FILTERS: tuple[dict[str, Any], ...] = ({}, {'mark': (10, 80)}, {'tenant': 3}, {'tenant': [3, 4]})


def columns() -> dict[str, Any]:
    return {
        'tenant': rom.Integer(index=True, required=True),
        'mark': rom.Integer(index=True),
        'title': rom.Text(rank=True),
        'lon': rom.Float(),
        'geo_index': [rom.GeoIndex('place', lambda row: {'lon': row['lon'], 'lat': 0})],
    }


NearWhole = type(rom.Model)('NearWhole', (rom.Model,), columns())
NearBy = type(rom.Model)(
    'NearBy',
    (rom.Model,),
    {**columns(), '_shards': rom.Shards('nearest', 5), '_shard_by': 'tenant'},
)
TWINS: tuple[Any, ...] = (NearWhole, NearBy)


@pytest.fixture
def places(on_client: None) -> None:
    drawn = random.Random(3)
    lons = [drawn.uniform(-20, 20) for _ in range(120)]
    for model in TWINS:
        for mark, lon in enumerate(lons):
            model(tenant=mark % 11, mark=mark, lon=lon, title='red' if mark % 2 else 'blue red')
        rom.session.commit()


def marks(query: Any) -> list[int]:
    return [entity.mark for entity in query.all()]


@pytest.mark.parametrize('count', [None, 1, 9, 60])
@pytest.mark.usefixtures('places')
def test_the_nearest_are_those_of_the_twin(count: int | None) -> None:
    for filters in FILTERS:
        whole, parts = (
            model.query.near('place', 1, 0, radius=900, unit='km', count=count).filter(**filters)
            for model in TWINS
        )
        wanted = marks(whole)
        assert marks(parts) == wanted
        assert marks(parts.limit(2, 5)) == wanted[2:7]
        assert [entity.mark for entity in rom.session.stream(parts, 3)] == wanted
        assert parts.count() == whole.count() and parts.exists() == whole.exists()
        assert marks(parts.order_by('-mark')) == marks(whole.order_by('-mark'))
        assert parts.sum('mark') == whole.sum('mark')
        assert sorted(marks(parts.search('blue'))) == sorted(marks(whole.search('blue')))
        first = parts.first()
        assert (first and first.mark) == (wanted[0] if wanted else None)


@pytest.mark.usefixtures('places')
def test_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    near = NearBy.query.near('place', 1, 0, radius=900, unit='km')
    nearest = NearBy.query.near('place', 1, 0, radius=900, unit='km', count=9)
    near.count()
    seen = note_trips(monkeypatch)
    for query, trips in ((near, 2), (nearest, 2), (nearest.filter(mark=(0, 90)), 4)):
        seen.clear()
        assert query.all() and len(seen) == trips
    for query, trips in ((near, 1), (nearest, 3)):
        seen.clear()
        assert query.count() and len(seen) == trips
    seen.clear()
    assert near.filter(tenant=3).all() and len(seen) == 1
    assert len(near.explain(run=True).run.calls) == 2


@both(NearBy)
async def test_both_sessions(s: Any) -> None:
    for tenant, lon in enumerate((1.5, 0.5, 3.0, 2.0, 90.0)):
        await s.save(NearBy(tenant=tenant, mark=tenant, lon=lon))
    near = NearBy.query.near('place', 0, 0, radius=1000, unit='km')
    assert [entity.mark for entity in await s.all(near)] == [1, 0, 3, 2]
    assert [entity.mark async for entity in s.stream(near, 2)] == [1, 0, 3, 2]
    nearest = NearBy.query.near('place', 0, 0, radius=1000, unit='km', count=2)
    assert await s.update_all(nearest, title='near') == 2
    assert await s.ids(nearest.order_by('mark')) == [
        entity.id for entity in await s.all(NearBy.query.search('near').order_by('mark'))
    ]
    assert await s.delete_all(nearest) == 2
    assert [entity.mark for entity in await s.all(near)] == [3, 2]
