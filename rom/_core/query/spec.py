"""Asked: what a query asks for, frozen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rom._core.query.nodes import All, Mark, Node, Order
from rom._core.query.selection import Selection

EVERYTHING = All()


class Asked(NamedTuple):
    """What a query asks for. A named tuple, of which another one is made in a third of the time.

    Attributes:
        where: all of these hold.
        orders: what the results are sorted by, the first counts most.
        offset: so many results are left out.
        count: at most so many come; None: all.
        selection: plain data instead of entities.
        loads: the relations to load as well.
        with_expired: entities that have expired are found, too.
        mark: only what comes after it; without an order, in the order of ids.
    """

    where: All = EVERYTHING
    orders: tuple[Order, ...] = ()
    offset: int = 0
    count: int | None = None  # type: ignore[assignment]  # and no method of tuples
    selection: Selection | None = None
    loads: tuple[str, ...] = ()
    with_expired: bool = False
    mark: Mark | None = None

    def also(self, nodes: Iterable[Node]) -> Asked:
        """The same, of which these hold as well."""
        return Asked(All((*self.where.nodes, *nodes)), *self[1:])


NOTHING_SAID = Asked()
