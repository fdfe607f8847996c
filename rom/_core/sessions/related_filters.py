"""Filters over relations: the ids of related rows, found before a query is sent.

A query with ``team__name='x'`` takes two round trips: one finds the ids of these teams, and the
other one the users that refer to them. The models may be on different servers. Each further
relation of a path takes one more. If very many rows of the other model match, the query's own rows
may be fewer: then those are read first, and only the rows that they are related to are searched.

In either way, a result was related to a row that matched a moment ago.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

from rom._core.ops.search import queries
from rom._core.query.clause import MOST_LISTED
from rom._core.query.nodes import All, AnyOf, Ids, Node, Not
from rom._core.query.query import Query
from rom._core.query.related_ids import node_of_ids, node_of_relation, owner_of
from rom._core.query.relation_filters import has_related
from rom._core.query.relation_nodes import Related
from rom._core.query.spec import QuerySpec
from rom._core.sessions.parts import RunOn, Work
from rom.exceptions import QueryError

R = TypeVar('R')

# Ids that one call finds. With more on one side, the other side is tried.
_FEW: Final = 2000
_BOUNDS: Final = (_FEW, MOST_LISTED)


class Lookup(NamedTuple):
    """A search for the ids of related rows.

    Attributes:
        relation: the name of the relation.
        query: the query of the other model that was run.
        found: the number of ids that took the filter's place.
        way: which rows were read first; see `rom.query.Related`.
        inner: the searches for the relations of the other model.
    """

    relation: str
    query: Query[Any]
    found: int
    way: Literal['related first', 'own first']
    inner: 'Sequence[Lookup]'


def resolved(query: Query[R], lookups: list[Lookup] | None = None) -> Work[Query[R]]:
    """Return a query with ids in place of its filters over relations.

    Args:
        query: the query; returned as it is if it has no such filters.
        lookups: gets the searches that were made.

    Raises:
        QueryError: too many rows are related.
    """
    if not query.spec.over_relations:
        return query
    own = [node for node in query.spec.where.nodes if not has_related(node)]
    resolver = _Resolver(query, All(tuple(own)), [] if lookups is None else lookups)
    nodes: list[Node] = []
    for node in query.spec.where.nodes:
        nodes.append((yield from resolver.node(node)))
    return query._with(where=All(tuple(nodes)), over_relations=False)


class _Resolver:
    """Replaces the filters over relations of one query.

    Args:
        query: the query.
        own: its other filters, all of which must hold.
        lookups: gets the searches that are made.
    """

    def __init__(self, query: Query[Any], own: All, lookups: list[Lookup]) -> None:
        self._query = query
        self._lookups = lookups
        self._own = query.entities()._with(
            where=own, orders=(), offset=0, count=None, mark=None, loads=(), over_relations=False
        )

    def node(self, node: Node, is_negated: bool = False) -> Work[Node]:
        """Return a node with ids in place of filters over relations."""
        if isinstance(node, (All, AnyOf)) and has_related(node):
            nodes: list[Node] = []
            for part in node.nodes:
                nodes.append((yield from self.node(part, is_negated)))
            return type(node)(tuple(nodes))
        if isinstance(node, Not):
            return Not((yield from self.node(node.node, True)))
        if isinstance(node, Related):
            return (yield from self._found(node, is_negated))
        return node

    def _found(self, node: Related, is_negated: bool) -> Work[Node]:
        """Return the node with the ids of related rows.

        The query's own rows say which related rows matter to results. A negated filter has to know
        all of them, because a row may get another relation meanwhile.
        """
        inner: list[Lookup] = []
        spec = QuerySpec(where=node.where, over_relations=has_related(node.where))
        other: Query[Any] = yield from resolved(Query(node.model, spec), inner)
        side = _sides(self._own, node, other)
        for most in _BOUNDS:
            way: Literal['related first', 'own first'] = 'related first'
            ids = yield from side.matching(most)
            if ids is None and not is_negated:
                way, ids = 'own first', (yield from side.narrowed(most))
            if ids is not None:
                self._lookups.append(Lookup(node.relation, other, len(ids), way, inner))
                return side.node(sorted(ids))
        raise self._too_many(node, other, is_negated)

    def _too_many(self, node: Related, other: Query[Any], is_negated: bool) -> QueryError:
        name = self._query.schema.name
        remedy = (
            f'within ~ all of them must be known, so narrow the filter on {node.model.__name__}'
            if is_negated
            else f'add a filter on {name} or {node.model.__name__} that fewer entities match'
        )
        return QueryError(
            f'{name}.{node.relation}: more than {MOST_LISTED} entities are related by {other!r}, '
            f'and more than {MOST_LISTED} of {name} match the other filters; {remedy}, or keep '
            f'what the filter asks for in a column of {name}'
        )


class _ToRelated:
    """A relation that the query's rows store: the ids are those of related rows."""

    def __init__(self, own: Query[Any], node: Related, other: Query[Any]) -> None:
        self._own, self._related, self._other = own, node, other

    def matching(self, most: int) -> Work[set[int] | None]:
        """Return the ids of all related rows that match; None for more than `most`."""
        return (yield from _ids(self._other, most))

    def narrowed(self, most: int) -> Work[set[int] | None]:
        """Return those that own rows are related to; None for more own rows than `most`."""
        related = yield from _targets(self._own, self._related.relation, most)
        if related is None or len(related) > MOST_LISTED:
            return None
        among = Ids(tuple(sorted(related)))
        return (yield from _ids(self._other._also((among,)), MOST_LISTED)) if related else set()

    def node(self, ids: list[int]) -> Node:
        """Return the node that finds the rows by ids."""
        return node_of_relation(self._own.schema, self._related, ids)


class _FromRelated:
    """A relation that the other model's rows store: the ids are those of the query's rows."""

    def __init__(self, own: Query[Any], node: Related, other: Query[Any]) -> None:
        self._own, self._related, self._other = own, node, other
        self._column = owner_of(own.schema, own.model, node)

    def matching(self, most: int) -> Work[set[int] | None]:
        """Return the ids that all matching rows refer to; None for more than `most`."""
        if most <= _FEW:
            return (yield from _targets(self._other, self._column, most))
        return (yield from _distinct_targets(self._other, self._column, most))

    def narrowed(self, most: int) -> Work[set[int] | None]:
        """Return the ids of own rows that matching rows refer to; None for more than `most`."""
        own = yield from _ids(self._own, most)
        if not own:
            return own
        related = self._related._replace(relation=self._column)
        among = node_of_relation(self._other.schema, related, sorted(own))
        other = self._other._also((among,))
        found = yield from _distinct_targets(other, self._column, None)
        return None if found is None else found & own

    def node(self, ids: list[int]) -> Node:
        """Return the node that finds the rows by ids."""
        return node_of_ids(self._related, ids)


def _sides(own: Query[Any], node: Related, other: Query[Any]) -> _ToRelated | _FromRelated:
    return (_ToRelated if node.relation in own.schema.columns else _FromRelated)(own, node, other)


def _ids(query: Query[Any], most: int) -> Work[set[int] | None]:
    ids: list[int] = yield RunOn(query.model, queries.ids(query.at_most(most + 1)))
    return None if len(ids) > most else set(ids)


def _targets(query: Query[Any], column: str, most: int) -> Work[set[int] | None]:
    """Return the ids that a column of the results refers to; None for more results than `most`."""
    asked = query.at_most(most + 1).select(column, decode=False)
    rows = yield RunOn(query.model, queries.search(asked, queries.IDS_BOUNDS))
    if len(rows) > most:
        return None
    if not query.schema.columns[column].is_links:
        return {id for row in rows if (id := row.refers(column)) is not None}
    return {int(id) for row in rows for id in row.stored.get(column, b'').split(b',') if id}


def _distinct_targets(query: Query[Any], column: str, most: int | None) -> Work[set[int] | None]:
    """Return the ids that a column of the results refers to; None for more ids than `most`."""
    from rom._core.ops.search import facets

    ids: set[int] = yield RunOn(query.model, facets.distinct_ids(query, column))
    return None if most is not None and len(ids) > most else ids
