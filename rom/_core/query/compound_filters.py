"""Queries by compound indexes: which filters and which order one of them answers.

A compound index of `city` and `age` has the entities of each city, sorted by age. It replaces two
filters, an equality of the city and a range of ages, by one range. And it replaces the index of
ages as the order of a query for one city, so that a walk meets no entity of another city. For that
every entity must have an age, because a compound index lacks the others: the column is required,
or the query has a range of ages as well.
"""

from collections.abc import Iterator
from typing import NamedTuple

from rom._core.indexing.compound_index import CompoundIndex, number_in_key
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import InRange, InSet, Node
from rom._core.query.sort_order import Order
from rom._core.schema import Schema

_ALL = (b'-inf', b'+inf')


class _Use(NamedTuple):
    """A use of a compound index in a query; the fields sort the better one first.

    Attributes:
        is_narrow: it replaces a range.
        sorts: it replaces the index of the first order.
        place: minus the position of the index in the declaration.
        equality: the filter on the first column.
        within: the range of the second column; None: all.
        compound: the compound index.
        value: the value of the first column, as in keys.
    """

    is_narrow: bool
    sorts: bool
    place: int
    equality: InSet | InRange
    within: InRange | None
    compound: CompoundIndex
    value: bytes


def with_compounds(
    schema: Schema, nodes: tuple[Node, ...], orders: tuple[Order, ...]
) -> tuple[tuple[Node, ...], tuple[Order, ...]]:
    """Return filters and orders, with those that compound indexes answer replaced.

    Args:
        schema: the schema of the model, which has compound indexes.
        nodes: the filters, all of which must match.
        orders: the orders.
    """
    while True:
        best = max(_uses(schema, nodes, orders), key=lambda use: use[:3], default=None)
        if best is None:
            return nodes, orders
        nodes, orders = _applied(best, nodes, orders)


def _uses(schema: Schema, nodes: tuple[Node, ...], orders: tuple[Order, ...]) -> Iterator[_Use]:
    for place, index in enumerate(schema.compounds):
        second = index.second
        ranges = [
            node for node in nodes if isinstance(node, InRange) and node.key == second.numbers_key
        ]
        within = ranges[0] if ranges else None
        is_order = bool(orders) and orders[0].kind == 'score'
        sorts = is_order and orders[0].key == second.numbers_key
        if within is None and not (sorts and second.column.required):
            continue
        for node in nodes:
            value = _value_of(index, node)
            if value is not None and isinstance(node, (InSet, InRange)):
                yield _Use(within is not None, sorts, -place, node, within, index, value)


def _value_of(index: CompoundIndex, node: Node) -> bytes | None:
    """Return the value that a filter gives the first column of an index; None: it gives none."""
    first = index.first
    if isinstance(node, InSet):
        return first.word_in(node.key) if first.has_word(node.key) else None
    if not isinstance(node, InRange) or node.key != first.numbers_key or node.exact is not None:
        return None
    return number_in_key(node.low) if node.low == node.high else None


def _applied(
    use: _Use, nodes: tuple[Node, ...], orders: tuple[Order, ...]
) -> tuple[tuple[Node, ...], tuple[Order, ...]]:
    key = use.compound.key(use.value)
    low, high, exact = use.within[1:4] if use.within else (*_ALL, None)
    label = FilterLabel(
        use.compound.name, 'compound', (use.equality.label, use.within and use.within.label)
    )
    compound = InRange(key, low, high, exact, label)
    nodes = (compound, *(n for n in nodes if n is not use.equality and n is not use.within))
    if use.sorts:
        orders = (orders[0]._replace(key=key), *orders[1:])
    return nodes, orders
