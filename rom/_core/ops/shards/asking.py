"""Queries of partitions: which partitions a query needs, and the query of each of them. Pure.

A query of a model over partitions holds keys that do not exist. For a partition, each key gets the
namespace of the partition, and each id becomes local.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import (
    All,
    AnyOf,
    Given,
    Ids,
    IdsBetween,
    InRange,
    InSet,
    InUnique,
    Near,
    Node,
    Not,
    StartsWith,
    Words,
)
from rom._core.query.query import Query
from rom._core.query.relation_nodes import Linked, Referring
from rom._core.query.schema_queries import query_of
from rom._core.query.sort_order import SortCursor
from rom._core.schema import Schema
from rom._core.sharding.placement import Part, Placement
from rom.exceptions import ORMError


def query_in(query: Query[Any], number: int) -> Query[Any]:
    """Return a query of one partition: its keys and its ids; the mark stays as it is."""
    schema = query.schema.at(number)
    assert schema.part is not None
    move = _Move(query.schema.keys.head, schema.keys.head, schema.part)
    where = move.node(query.spec.where)
    assert isinstance(where, All)
    orders = tuple(order._replace(key=move.key(order.key)) for order in query.spec.orders)
    return query_of(schema, query.spec._replace(where=where, orders=orders))


def moved_node(query: Query[Any], own: Schema, node: Node) -> Node:
    """Return a node of a query in terms of a partition, of which this is the schema."""
    assert own.part is not None
    return _Move(query.schema.keys.head, own.keys.head, own.part).node(node)


class _Move:
    """Moves the nodes of a query into a partition.

    Args:
        head: the prefix of the keys in the query.
        own: the prefix of the keys of the partition.
        part: the partition.
    """

    def __init__(self, head: bytes, own: bytes, part: Part) -> None:
        self._head, self._own, self._part = head, own, part

    def key(self, key: bytes) -> bytes:
        """Return a key with the prefix of the partition."""
        return self._own + key[len(self._head) :] if key.startswith(self._head) else key

    def node(self, node: Node) -> Node:
        """Return a node in terms of the partition."""
        return _MOVED[type(node)](self, node)

    def keyed(self, node: Any) -> Node:
        """Return a node that has a key."""
        moved: Node = node._replace(key=self.key(node.key))
        return moved

    def all(self, node: All) -> Node:
        return All(tuple(map(self.node, node.nodes)))

    def any(self, node: AnyOf) -> Node:
        return AnyOf(tuple(map(self.node, node.nodes)))

    def no(self, node: Not) -> Node:
        return Not(self.node(node.node))

    def ids(self, node: Ids) -> Node:
        own = self._part.local_ids(node.ids)
        return Ids(own, node.label) if own else AnyOf()

    def between(self, node: IdsBetween) -> Node:
        """Return the range of local ids; a bound of another partition becomes the next one."""
        part = self._part
        low = max(part.last_at(node.low - 1) + 1, 0)
        high = None if node.high is None else part.last_at(node.high)
        return AnyOf() if high is not None and high < low else IdsBetween(low, high, node.label)

    def linked(self, node: Linked) -> Node:
        return node._replace(head=self.key(node.head))

    def words(self, node: Words) -> Words:
        columns = tuple((self.key(head), weight) for head, weight in node.columns)
        return node._replace(columns=columns)

    def given(self, node: Given) -> Node:
        raise AssertionError(f'{node} is a node of one partition already')


_MOVED: Final[Mapping[type, Callable[[_Move, Any], Node]]] = {
    All: _Move.all,
    AnyOf: _Move.any,
    Not: _Move.no,
    Ids: _Move.ids,
    IdsBetween: _Move.between,
    Given: _Move.given,
    Linked: _Move.linked,
    Words: _Move.words,
    **dict.fromkeys((InSet, InRange, InUnique, StartsWith, Near, Referring), _Move.keyed),
}


def mark_in(mark: SortCursor, part: Part, goes_down: bool) -> SortCursor:
    """Return the mark of a page in terms of a partition, where no row may have its id.

    Args:
        mark: the mark, with a global id.
        part: the partition.
        goes_down: rows in the place of the mark are sorted by descending ids.
    """
    if not mark.id:
        return mark  # the first page
    id = part.first_at(mark.id) if goes_down else part.last_at(mark.id)
    return mark._replace(id=id)


def asked_partitions(query: Query[Any]) -> list[int]:
    """Return the numbers of the partitions that may have results, in ascending order."""
    schema = query.schema
    assert schema.placement is not None
    found = _asked(schema, schema.placement, query.spec.where)
    return sorted(range(schema.placement.group.partitions) if found is None else found)


def _asked(schema: Schema, placement: Placement, node: Node) -> set[int] | None:
    """Return the partitions that may have rows that match a node; None: any."""
    if isinstance(node, All):
        each = [_asked(schema, placement, part) for part in node.nodes]
        known = [numbers for numbers in each if numbers is not None]
        return set.intersection(*known) if known else None
    if isinstance(node, AnyOf):
        return _union([_asked(schema, placement, part) for part in node.nodes])
    if isinstance(node, Ids):
        return {placement.group.partition_of(id) for id in node.ids}
    label = getattr(node, 'label', None)
    if not isinstance(label, FilterLabel) or label.column not in placement.deciders:
        return None
    if label.column == placement.beside:
        return _beside(placement, node)
    column = schema.columns[label.column]
    if isinstance(node, InUnique):
        return {placement.number_by(column, value) for value in node.values}
    if label.sign != '=' or not _is_exact(schema, label.column):
        return None
    return _by_value(placement, column, label.value, isinstance(node, InRange))


def _union(each: Iterable[set[int] | None]) -> set[int] | None:
    found: set[int] = set()
    for numbers in each:
        if numbers is None:
            return None
        found |= numbers
    return found


def _beside(placement: Placement, node: Node) -> set[int] | None:
    """Return the partitions of the entities that a relation is filtered by."""
    if isinstance(node, Referring):
        return {placement.group.partition_of(id) for id in node.ids}
    if isinstance(node, InRange) and node.low == node.high and node.exact is None:
        id = float(node.low)
        if id.is_integer() and id > 0:
            return {placement.group.partition_of(int(id))}
    return None


@lru_cache(maxsize=256)
def _is_exact(schema: Schema, name: str) -> bool:
    """Return whether a filter for a value of a column finds rows with that value alone."""
    index = schema.indexes.get(name)
    if index is None or not index.is_equalled:
        return False
    traits = schema.columns[name].traits
    return not (traits.lowers or traits.splits)


def _by_value(placement: Placement, column: Any, value: Any, is_by_score: bool) -> set[int] | None:
    try:
        if column.takes_ranges and column.as_range(value) is not None:
            return None  # a date finds the times of the whole day
        value = column.check(value)
        if is_by_score and column.shares_score(value):
            return None
        return {placement.number_by(column, column.encode(value))}
    except (ORMError, ValueError, TypeError, ArithmeticError):
        return None  # not a possible value: the index decides
