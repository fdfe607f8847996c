"""Nearest places: a `near` filter with a count over several partitions.

Each partition finds its own nearest places, and the nearest of all are chosen here. The query then
asks for these ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rom._core.ops.requests import Command, Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.geo_search import METERS, distance, point_of
from rom._core.query.nodes import All, Ids, Near
from rom._core.query.query import Query

# Tolerance for rounding in the radius of a circle: a factor, and meters.
_SLACK, _LEAST_SLACK = 1.000001, 0.01
# Places whose positions one command reads.
_READ = 2000
#: Returns the first results of a query over partitions, and their distances in meters by id.
FindNearest = Callable[[Query[Any]], Operation[tuple[list[Row], Mapping[int, float]]]]


def first_near(query: Query[Any]) -> Near | None:
    """Return the filter by whose distance the results of a query are sorted; None: by another."""
    spec = query.spec
    if spec.orders or spec.mark is not None or spec.search is not None:
        return None
    return next((node for node in spec.where.flat() if isinstance(node, Near)), None)


def is_by_count(query: Query[Any]) -> bool:
    """Return whether a query has a `near` filter with a count."""
    nodes = query.spec.where.flat()
    return any(isinstance(node, Near) and node.count is not None for node in nodes)


def with_nearest(query: Query[Any], find: FindNearest) -> Operation[Query[Any]]:
    """Return a query whose `near` filters have no count, but the ids that the count leaves.

    Args:
        query: a query over partitions.
        find: finds the places of one filter.
    """
    nodes: list[Any] = []
    for node in query.spec.where.flat():
        nodes.append(node)
        if isinstance(node, Near) and node.count is not None:
            rows, far = yield from find(_places_of(query, node))
            radius = max(far.values(), default=0.0) * _SLACK + _LEAST_SLACK
            digits = repr(min(radius / METERS[node.unit], float(node.radius))).encode('ascii')
            nodes[-1] = node._replace(radius=digits, count=None)
            nodes.append(Ids(tuple(sorted(row.id for row in rows)), node.label))
    return query._with(where=All(tuple(nodes)))


def _places_of(query: Query[Any], node: Near) -> Query[Any]:
    """Return the query of the nearest places, whatever other filters there are."""
    spec = query.spec
    assert node.count is not None
    alone = query._with(
        where=All((node,)), orders=(), offset=0, count=None, mark=None, selection=None, loads=()
    )
    found = alone.select(query.schema.primary).at_most(node.count)
    return found._with(with_expired=spec.with_expired, with_deleted=spec.with_deleted)


def distances(query: Query[Any], rows: Sequence[Row]) -> Operation[dict[int, float]]:
    """Return the distances of the places of rows in meters, by id.

    Args:
        query: the query of a partition, whose results are sorted by distance.
        rows: its results, with global ids; those that have left the index have no distance.
    """
    near, schema = first_near(query), query.schema
    assert near is not None
    lon, lat = float(near.lon), float(near.lat)
    found: dict[int, float] = {}
    every = [row.id for row in rows]
    for at in range(0, len(every), _READ):
        ids = every[at : at + _READ]
        scores = yield Command('ZMSCORE', near.key, *(b'%d' % schema.local_id(id) for id in ids))
        for id, score in zip(ids, scores, strict=True):
            if score is not None:
                found[id] = distance(lon, lat, *point_of(int(float(score))))
    return found
