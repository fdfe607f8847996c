"""Parts: a search that would hold the server for too long in one call, done filter by filter.

The script refuses to gather very many ids at once, and to ask very many filters about each id. Then
the ids of each filter come by themselves, in calls of bounded work, and their sets are put together
here. Few of very many matches in some order are found by walking the order and dropping what is no
match, or by sorting some thousands at a time and keeping the first ones. It is exact for what stays
as it is meanwhile, as any search of several calls is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

from rom._core.ops.requests import Command, Operation
from rom._core.ops.search.geo_search import Around
from rom._core.query.nodes import (
    All,
    AnyOf,
    Direction,
    Given,
    InSet,
    Mark,
    Near,
    Node,
    Not,
    Order,
    StartsWith,
)
from rom._core.query.spec import Asked

# Filters in one call of the script. To size each takes it two or three microseconds.
MOST_FILTERS: Final = 2000
# Of these, so many are united in one call.
_GROUP = 500
# What is asked about ids in one call: so many ids, or fewer for several filters.
_ASKED = 9000
_SORTED = 1500
# Of a search for so many, the best are kept while all are sorted some at a time.
_KEPT = 1000
# Sets that are intersected in one command, and ids of the smallest of them.
_SETS, _LARGE = 1000, 100_000
_MOST_PROBED = 64
_EVERYTHING = All()


class InPartsError(Exception):
    """The script refuses to do it all. For this module's ears."""


class Asking(Protocol):
    """What asks the script.

    Attributes:
        asked: of which the mark counts.
        orders: what the results are sorted by.
        expiry: the column that leaves entities out.
    """

    asked: Asked
    orders: tuple[Order, ...]
    direction: Direction | None
    expiry: str | None

    def about(self, where: All, orders: tuple[Order, ...] = (), mark: Mark | None = None) -> Any:
        """The same, of something else."""

    def all_ids(self, need: int | None = None) -> Operation[list[bytes]]:
        """The ids of all matches, or of the first ones.

        Raises:
            InPartsError: the script refuses.
        """

    def those_there(self, ids: Sequence[bytes]) -> Operation[set[bytes]]:
        """Those of some ids that have a row, which has not expired."""


def filters_in(node: Node) -> int:
    """How many filters a tree has."""
    if isinstance(node, (All, AnyOf)):
        return sum(map(filters_in, node.nodes))
    return filters_in(node.node) if isinstance(node, Not) else 1


class Parts:
    """One search, done in parts.

    Args:
        asking: the search.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        # Of the first `near`, how far its places are: results come in that order.
        self._around: Around | None = None

    def matches(self, node: Node) -> Operation[set[bytes]]:
        """The ids for which a node holds."""
        if filters_in(node) <= MOST_FILTERS:
            try:
                return (yield from self._whole(node))
            except InPartsError:
                pass
        if isinstance(node, All):
            return (yield from self._all(node.flat()))
        if isinstance(node, AnyOf):
            return (yield from self._any(node.nodes))
        if isinstance(node, Not):
            everything = yield from self._whole(_EVERYTHING)
            return everything - (yield from self.matches(node.node))
        if isinstance(node, Near):
            return (yield from self._near(node))
        assert isinstance(node, InSet), node  # ranges are walked, and never refused
        return (yield from self._sets([node]))

    def _whole(self, node: Node) -> Operation[set[bytes]]:
        """The same, of the script alone.

        Raises:
            InPartsError: it refuses.
        """
        where = node if isinstance(node, All) else All((node,))
        return set((yield from self._asking.about(where).all_ids()))

    def _all(self, nodes: Sequence[Node]) -> Operation[set[bytes]]:
        """The ids that all nodes have: sets first, then what only comes whole, then the rest."""
        sets = [node for node in nodes if isinstance(node, InSet)]
        others = [node for node in nodes if not isinstance(node, InSet)]
        found: set[bytes] | None = (yield from self._sets(sets)) if sets else None
        for node in sorted(others, key=_by_ease):
            if found is not None and (not found or self._may_probe(node)):
                try:
                    found = yield from self._probed(found, node)
                    continue
                except InPartsError:
                    pass
            if isinstance(node, Not):
                if found is None:
                    found = yield from self._whole(_EVERYTHING)
                found -= yield from self.matches(node.node)
                continue
            ids = yield from self.matches(node)
            found = ids if found is None else found & ids
        return found or set()

    def _may_probe(self, node: Node) -> bool:
        inner = node.node if isinstance(node, Not) else node
        comes_whole = isinstance(inner, Near) or (
            isinstance(inner, StartsWith) and inner.whole is None
        )
        return not comes_whole and filters_in(node) <= _MOST_PROBED

    def _probed(self, ids: set[bytes], node: Node) -> Operation[set[bytes]]:
        """Those of some ids for which a node holds."""
        found: set[bytes] = set()
        for some in _in_chunks(ids, _ASKED // (2 + filters_in(node))):
            where = All((Given(some), node))
            found.update((yield from self._asking.about(where).all_ids()))
        return found

    def _any(self, nodes: Sequence[Node]) -> Operation[set[bytes]]:
        """The ids that one of the nodes has: some nodes at a time, fewer where that is too much."""
        found: set[bytes] = set()
        groups = [nodes[at : at + _GROUP] for at in range(0, len(nodes), _GROUP)]
        while groups:
            group = groups.pop()
            try:
                found |= yield from self._whole(AnyOf(tuple(group)))
            except InPartsError:
                if len(group) == 1:
                    found |= yield from self.matches(group[0])
                else:
                    half = len(group) // 2
                    groups += [group[:half], group[half:]]
        return found

    def _sets(self, nodes: Sequence[InSet]) -> Operation[set[bytes]]:
        """What sets have in common: the server hands over many more than a script gathers."""
        try:
            return (yield from self._whole(All(tuple(nodes))))
        except InPartsError:
            pass
        keys = list(dict.fromkeys(node.key for node in nodes))
        found: set[bytes] | None = None
        for at in range(0, len(keys), _SETS):
            ids = set((yield Command('SINTER', *keys[at : at + _SETS])))
            found = ids if found is None else found & ids
        assert found is not None
        is_all = self._asking.expiry is None
        return found if is_all else (yield from self._probed(found, _EVERYTHING))

    def _near(self, node: Near) -> Operation[set[bytes]]:
        around = Around(node)
        yield from around.look()
        there = yield from self._asking.those_there(list(around.distances))
        nearest = around.nearest(there)
        if self._around is None:
            self._around = around
        return set(nearest)

    # Orders.

    def ordered(self, ids: set[bytes], wanted: int | None) -> Operation[list[bytes] | None]:
        """Matches in the order of the search, the first ones at least; None: rows must tell.

        Args:
            ids: all matches.
            wanted: how many; None: all.
        """
        asking = self._asking
        mark, orders = asking.asked.mark, asking.orders
        if not orders:
            direction = asking.direction
            if mark is None and direction is None and self._around is not None:
                return self._around.nearest(ids)
            numbers = sorted(map(int, ids), reverse=direction == 'down')
            if mark is not None and direction == 'down':
                numbers = [id for id in numbers if id < mark.id]
            elif mark is not None:
                numbers = [id for id in numbers if id > mark.id]
            return [b'%d' % id for id in numbers]
        if any(order.kind != 'score' for order in orders):
            return None
        wanted = len(ids) if wanted is None else min(wanted, len(ids))
        found = yield from self._walked(ids, wanted)
        # Strings with one score are sorted sooner here than there.
        has_ties = any(order.tie in ('text', 'text_ci') for order in orders)
        if found is None and wanted <= _KEPT and not has_ties:
            found = yield from self._best(ids, wanted)
        return found

    def _walked(self, ids: set[bytes], wanted: int) -> Operation[list[bytes] | None]:
        """The first matches, met on a walk along the order; None if the walk is too long."""
        walk = self._asking.about(_EVERYTHING, self._asking.orders, self._asking.asked.mark)
        patience, looked = max(2 * len(ids), _SORTED), 0
        found: list[bytes] = []
        try:
            cursor = walk.begin_with(None)
            while not cursor.is_done and len(found) < wanted:
                if looked > patience:
                    return None
                # A walk that is cut short says where to go on; one that has found enough does not.
                walk.bounds = walk.bounds._replace(budget=max(_SORTED, looked))
                answer = yield from walk.ask_whole(cursor, 'ids')
                looked += len(answer.further)
                found += [id for id in answer.further if id in ids]
        except InPartsError:
            return None
        return found

    def _best(self, ids: set[bytes], wanted: int) -> Operation[list[bytes] | None]:
        """The first matches: some are sorted at a time, with the best of those before."""
        best: list[bytes] = []
        orders, mark = self._asking.orders, self._asking.asked.mark
        try:
            for some in _in_chunks(ids, _SORTED):
                where = All((Given((*best, *some)),))
                best = yield from self._asking.about(where, orders, mark).all_ids(wanted)
        except InPartsError:
            return None
        return best


def _by_ease(node: Node) -> tuple[bool, bool]:
    """What only comes whole, and is no *not*, goes first; else many ids are asked about."""
    comes_whole = isinstance(node, (Near, StartsWith)) or filters_in(node) > _MOST_PROBED
    return isinstance(node, Not), not comes_whole


def _in_chunks(ids: Iterable[bytes], size: int) -> Iterator[tuple[bytes, ...]]:
    every = tuple(ids)
    for at in range(0, len(every), size):
        yield every[at : at + size]
