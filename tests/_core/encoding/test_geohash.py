"""Geohashes: the scores that Redis itself gives."""

import random

import redis

from rom._core.encoding.scores import LATITUDES, LONGITUDES, geo_score

EDGES = [
    (lon, lat)
    for lon in (*LONGITUDES, 0.0, -0.0, 1e-300, 179.99999999999997)
    for lat in (*LATITUDES, 0.0, 5e-324, 85.05112877999999)
]


def test_as_geoadd(client: redis.Redis) -> None:
    rng = random.Random(5)
    points = [(rng.uniform(*LONGITUDES), rng.uniform(*LATITUDES)) for _ in range(2000)]
    points += [(round(lon, 2), round(lat, 1)) for lon, lat in points[:500]] + EDGES
    for number, (lon, lat) in enumerate(points):
        client.execute_command('GEOADD', 'g', repr(lon), repr(lat), number)
    scores = client.zmscore('g', [str(number) for number in range(len(points))])
    assert scores == [float(geo_score(lon, lat)) for lon, lat in points]
    assert all(float(score).is_integer() for score in scores)
