"""The frozen data of a query: its filters, orders, limit and selection."""

from collections.abc import Iterable
from typing import NamedTuple

from rom._core.query.nodes import All, Node, Words
from rom._core.query.results import Selection
from rom._core.query.sort_order import Order, SortCursor

EVERYTHING = All()


class QuerySpec(NamedTuple):
    """The data of a query. A named tuple, because its copies take a third of the time.

    Attributes:
        where: the filters, all of which must hold.
        orders: the sort orders, the most significant first.
        offset: the number of results to skip.
        count: the maximum number of results; None: no limit.
        selection: the plain data to return instead of entities; None: entities.
        loads: the paths of relations to load with the results.
        with_expired: include expired entities.
        with_deleted: include soft-deleted entities.
        mark: only results after this position; without an order, in the order of ids.
        with_scores: the results are pairs with their scores.
        over_relations: some filters are over relations; see `rom._core.query.relation_nodes`.
    """

    where: All = EVERYTHING
    orders: tuple[Order, ...] = ()
    offset: int = 0
    count: int | None = None  # type: ignore[assignment]  # hides the method of tuples
    selection: Selection | None = None
    loads: tuple[str, ...] = ()
    with_expired: bool = False
    mark: SortCursor | None = None
    with_deleted: bool = False
    with_scores: bool = False
    over_relations: bool = False

    @property
    def ranking(self) -> Words | None:
        """The search by whose relevance the results are sorted; None: they are not."""
        return None if self.orders else self.search

    @property
    def search(self) -> Words | None:
        """The search for words; None without one."""
        return next((node for node in self.where.nodes if type(node) is Words), None)

    def also(self, nodes: Iterable[Node]) -> 'QuerySpec':
        """Return a copy with more filters."""
        return QuerySpec(All((*self.where.nodes, *nodes)), *self[1:])


EMPTY_SPEC = QuerySpec()
