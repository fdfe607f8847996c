"""Result order: the order in which the rows of several partitions become the results of a query.

Columns and ids sort most queries. Without an order, a search sorts by relevance, and a `near`
filter by distance: the partitions tell these numbers, or they are read.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from rom._core.ops.requests import Operation
from rom._core.ops.rows import Row
from rom._core.ops.search.nearest import distances, first_near
from rom._core.ops.search.sorting import merge_rows
from rom._core.ops.shards.lockstep import lockstep
from rom._core.query.ordering import direction_of, orders_for
from rom._core.query.query import Query
from rom._core.query.sort_order import Order


class ResultOrder:
    """The order of the results of a query over partitions.

    Args:
        query: the query.
        several: whether it asks several partitions.

    Attributes:
        scores: the relevance of rows by id, for a search.
        distances: the distances of rows by id, in meters, for a `near` filter.
        is_sorted: whether the results have an order.
    """

    __slots__ = ('_is_by_score', '_near', '_query', 'distances', 'is_sorted', 'scores')

    def __init__(self, query: Query[Any], several: bool) -> None:
        self._query = query
        self._is_by_score = query.spec.ranking is not None
        self._near = first_near(query) if several else None
        self.scores: dict[int, float] = {}
        self.distances: dict[int, float] = {}
        self.is_sorted = bool(query.spec.orders) or self._is_by_score or self._near is not None

    def note(self, one: Query[Any], scores: Mapping[int, float]) -> None:
        """Note the relevance of the rows of a partition.

        Args:
            one: the query of the partition.
            scores: the scores by local ids.
        """
        part = one.schema.part
        assert part is not None
        self.scores.update((part.global_id(id), score) for id, score in scores.items())

    def measure(self, found: Sequence[tuple[Query[Any], Sequence[Row]]]) -> Operation[None]:
        """Read the distances of rows, if they are sorted by these; one round trip for all.

        Args:
            found: the query of each partition, and its rows, with global ids.
        """
        if self._near is not None:
            each = yield from lockstep([distances(one, rows) for one, rows in found if rows])
            for some in each:
                self.distances |= some

    def merged(self, runs: Sequence[Sequence[Row]], most: int | None) -> Operation[list[Row]]:
        """Return the first rows of all partitions, in order; None: all rows."""
        query = self._query
        orders = orders_for(query.schema, query.spec)
        if orders:
            direction = direction_of(orders)
            plain = without_ids(orders)
            return (yield from merge_rows(query.schema, plain, runs, direction, most))
        key = self._key
        found = chain.from_iterable(runs) if key is None else heapq.merge(*runs, key=key)
        return list(islice(found, most))

    @property
    def _key(self) -> Callable[[Row], Any] | None:
        """The function that gives what rows of a query without `order_by` are compared by."""
        if self._is_by_score:
            return lambda row: (-self.scores.get(row.id, 0.0), row.id)
        if self._near is not None:
            return lambda row: (self.distances.get(row.id, math.inf), row.id)
        # With a mark, a query without an order is sorted by ids.
        return None if self._query.spec.mark is None else lambda row: row.id


def without_ids(orders: Sequence[Order]) -> tuple[Order, ...]:
    """Return orders without that of the ids."""
    return tuple(order for order in orders if order.kind != 'id')
