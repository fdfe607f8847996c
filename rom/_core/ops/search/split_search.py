"""Split search: answers a search filter by filter, where one call would block Redis for too long.

The script refuses to gather very many ids at once, and to probe very many filters for each id. Then
each filter's ids are read in calls of bounded work, and the sets of ids are combined in this
process. The first few of very many matches are found in two ways: by walking the index of the order
and skipping other ids, or by sorting some at a time and keeping the first ones. The result is exact
for rows that do not change meanwhile, as in any search of several calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from rom._core.ops.requests import Command, Operation
from rom._core.query.nodes import All, AnyOf, Given, InSet, Near, Node, Not, StartsWith
from rom._core.query.related_ids import in_parts
from rom._core.query.relation_nodes import Linked, Referring
from rom._core.query.sort_order import Direction, Order, SortCursor
from rom._core.query.spec import QuerySpec

if TYPE_CHECKING:
    from rom._core.ops.search.geo_search import Around

# Filters in one call of the script. It takes two or three microseconds to find the size of each.
MOST_FILTERS: Final = 2000
# Filters that are united in one call.
_GROUP = 500
# Ids that one call probes (fewer with several filters), and ids that one call sorts.
_ASKED = 9000
_SORTED = 1500
# Most results that are kept while the matches are sorted some at a time.
_KEPT = 1000
# Sets that one command intersects, and ids of the smallest of them.
_SETS, _LARGE = 1000, 100_000
_MOST_PROBED = 64
_EVERYTHING = All()


class InPartsError(Exception):
    """The script refuses to do a search in one call. Internal: `Search.ask` catches it."""


class Asking(Protocol):
    """Interface of `Search`, which asks the script.

    Attributes:
        asked: the query's parts; only the mark is used.
        orders: the orders of the results.
        direction: the direction of the ids; None where the last order decides.
    """

    spec: QuerySpec
    orders: tuple[Order, ...]
    direction: Direction | None

    @property
    def leaves_out(self) -> bool:
        """True where expired or soft-deleted entities are left out."""

    def about(
        self, where: All, orders: tuple[Order, ...] = (), mark: SortCursor | None = None
    ) -> Any:
        """Return a search of the same model for other matches."""

    def all_ids(self, need: int | None = None) -> Operation[list[bytes]]:
        """Return the ids of all matches, or of the first `need` ones.

        Raises:
            InPartsError: the script refuses the search.
        """

    def those_there(self, ids: Sequence[bytes]) -> Operation[set[bytes]]:
        """Return those of the ids that have a row which has not expired."""


def filters_in(node: Node) -> int:
    """Return the number of filters in a tree."""
    if isinstance(node, (All, AnyOf)):
        return sum(map(filters_in, node.nodes))
    return filters_in(node.node) if isinstance(node, Not) else 1


class Parts:
    """Answers one search in parts.

    Args:
        asking: the search.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        # The places of the first `near` filter: results without an order come nearest first.
        self._around: Around | None = None

    def matches(self, node: Node) -> Operation[set[bytes]]:
        """Return the ids that match a node."""
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
        if isinstance(node, (Referring, Linked)):
            return (yield from self._any(in_parts(node)))
        assert isinstance(node, InSet), node  # the script walks ranges, and never refuses them
        return (yield from self._sets([node]))

    def _whole(self, node: Node) -> Operation[set[bytes]]:
        """Return the ids that match a node, found by the script alone.

        Raises:
            InPartsError: the script refuses the search.
        """
        where = node if isinstance(node, All) else All((node,))
        return set((yield from self._asking.about(where).all_ids()))

    def _all(self, nodes: Sequence[Node]) -> Operation[set[bytes]]:
        """Return the ids that match all nodes: sets first, then nodes as `_by_ease` sorts them."""
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
        """Return those of the ids that match a node."""
        found: set[bytes] = set()
        for some in _in_chunks(ids, _ASKED // (2 + filters_in(node))):
            where = All((Given(some), node))
            found.update((yield from self._asking.about(where).all_ids()))
        return found

    def _any(self, nodes: Sequence[Node]) -> Operation[set[bytes]]:
        """Return the ids that match any node, asking for halves of a group that is refused."""
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
        """Return the intersection of sets, by SINTER where a script refuses to gather the ids."""
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
        is_all = not self._asking.leaves_out
        return found if is_all else (yield from self._probed(found, _EVERYTHING))

    def _near(self, node: Near) -> Operation[set[bytes]]:
        from rom._core.ops.search.geo_search import Around

        around = Around(node)
        yield from around.look()
        there = yield from self._asking.those_there(list(around.distances))
        nearest = around.nearest(there)
        if self._around is None:
            self._around = around
        return set(nearest)

    # Orders.

    def ordered(self, ids: set[bytes], wanted: int | None) -> Operation[list[bytes] | None]:
        """Return at least the first matches in order; None where only rows can tell the order.

        Args:
            ids: all matches.
            wanted: the number of first matches; None: all.
        """
        asking = self._asking
        mark, orders = asking.spec.mark, asking.orders
        if not orders:
            direction = asking.direction
            if mark is None and direction is None and self._around is not None:
                return self._around.nearest(ids)
            numbers = sorted(map(int, ids), reverse=direction == 'down')
            if mark is None or len(mark.places) != len(asking.spec.orders):
                pass  # the first page: nothing is behind its mark, and nothing before it
            elif direction == 'down':
                numbers = [id for id in numbers if id < mark.id]
            else:
                numbers = [id for id in numbers if id > mark.id]
            return [b'%d' % id for id in numbers]
        if any(order.kind != 'score' for order in orders):
            return None
        wanted = len(ids) if wanted is None else min(wanted, len(ids))
        found = yield from self._walked(ids, wanted)
        # Strings with equal scores are sorted faster in this process than in the script.
        has_ties = any(order.tie in ('text', 'text_ci') for order in orders)
        if found is None and wanted <= _KEPT and not has_ties:
            found = yield from self._best(ids, wanted)
        return found

    def _walked(self, ids: set[bytes], wanted: int) -> Operation[list[bytes] | None]:
        """Return the first matches, found by walking the order; None if the walk is too long."""
        walk = self._asking.about(_EVERYTHING, self._asking.orders, self._asking.spec.mark)
        patience, looked = max(2 * len(ids), _SORTED), 0
        found: list[bytes] = []
        try:
            cursor = walk.begin_with(None)
            while not cursor.is_done and len(found) < wanted:
                if looked > patience:
                    return None
                # A walk that ends at its budget returns a position; one that ends at its `need`
                # does not. So the budget bounds it.
                walk.bounds = walk.bounds._replace(budget=max(_SORTED, looked))
                answer = yield from walk.ask_whole(cursor, 'ids')
                looked += len(answer.further)
                found += [id for id in answer.further if id in ids]
        except InPartsError:
            return None
        return found

    def _best(self, ids: set[bytes], wanted: int) -> Operation[list[bytes] | None]:
        """Return the first matches: sorts some at a time, together with the first ones so far."""
        best: list[bytes] = []
        orders, mark = self._asking.orders, self._asking.spec.mark
        try:
            for some in _in_chunks(ids, _SORTED):
                where = All((Given((*best, *some)),))
                best = yield from self._asking.about(where, orders, mark).all_ids(wanted)
        except InPartsError:
            return None
        return best


def _by_ease(node: Node) -> tuple[bool, bool]:
    """Return the sort key of a node in an intersection: first come those that cannot be probed.

    They are read whole in any case, and leave fewer ids for which the others are probed.
    """
    comes_whole = isinstance(node, (Near, StartsWith)) or filters_in(node) > _MOST_PROBED
    return isinstance(node, Not), not comes_whole


def _in_chunks(ids: Iterable[bytes], size: int) -> Iterator[tuple[bytes, ...]]:
    every = tuple(ids)
    for at in range(0, len(every), size):
        yield every[at : at + size]
