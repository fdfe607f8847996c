"""The nodes that a search has in place of filters over relations, once the ids are known. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rom._core.query.filter_labels import FilterLabel
from rom._core.query.filters import filtered
from rom._core.query.nodes import AnyOf, Ids, InRange, InSet, Node
from rom._core.query.relation_nodes import Linked, Referring, Related
from rom._core.schema import Schema

# Larger ids share a double with their neighbours, and only the row tells them apart.
_EXACT: Final = 2**53


def node_of_relation(schema: Schema, related: Related, ids: Sequence[int]) -> Node:
    """Return the node for the rows whose relation leads to one of some ids.

    Args:
        schema: the schema of the model with the relation.
        related: the filter that the node replaces.
        ids: the ids of the other model, in ascending order.
    """
    name = related.relation
    if not ids:
        return AnyOf()
    if len(ids) == 1 or ids[-1] > _EXACT:
        return _one_by_one(schema, related, ids)
    label, keys = _label(related, ids), schema.keys
    if schema.columns[name].is_links:
        head, _, tail = keys.word(name, '\0').partition(b'\0')
        return Linked(head, tail, keys.field(name), tuple(ids), label)
    return Referring(keys.scores(name), tuple(ids), label)


def _one_by_one(schema: Schema, related: Related, ids: Sequence[int]) -> Node:
    near = [id for id in ids if id <= _EXACT]
    far = [id for id in ids if id > _EXACT] if len(ids) > 1 else ids
    nodes = [filtered(schema, related.relation, id) for id in far]
    if len(ids) > 1 and near:
        nodes.append(node_of_relation(schema, related, near))
    label = _label(related, ids)
    labelled = [n._replace(label=label) for n in nodes if isinstance(n, (InRange, InSet))]
    return labelled[0] if len(nodes) == 1 and labelled else AnyOf(tuple(nodes))


def in_parts(node: Referring | Linked) -> tuple[Node, ...]:
    """Return two nodes for half of the ids each, or the filter by the only id."""
    half = len(node.ids) // 2
    if half:
        return node._replace(ids=node.ids[:half]), node._replace(ids=node.ids[half:])
    [id] = node.ids
    if isinstance(node, Linked):
        return (InSet(b'%s%d%s' % (node.head, id, node.tail)),)
    return (InRange(node.key, b'%d' % id, b'%d' % id),)


def node_of_ids(related: Related, ids: Sequence[int]) -> Node:
    """Return the node for the rows with some ids, in ascending order."""
    return Ids(tuple(ids), _label(related, ids)) if ids else AnyOf()


def owner_of(schema: Schema, model: Any, related: Related) -> str:
    """Return the name of the column of the other model that leads to a model's rows."""
    name: str = schema.lists[related.relation].referring_column(model, related.model)
    return name


def _label(related: Related, ids: Sequence[int]) -> FilterLabel:
    return FilterLabel(related.relation, 'related', (len(ids), related.model.__name__))
