"""Compilation of filters by the reverse of a ManyToMany, such as `Tag.query.filter(posts=post)`.

The links are in the row of the other entity. So the filter compiles to their ids, as this program
knows them, which takes no round trip. For an id of the other entity, the links are looked up: see
`rom._core.query.relation_filters.related_to`.
"""

from __future__ import annotations

from typing import Any

from rom._core.columns.reverse_links import ManyToManyReverse
from rom._core.query.clause import Clause
from rom._core.query.id_filters import is_of_ids, with_ids
from rom._core.query.nodes import Node
from rom._core.schema import Schema


def is_of_entities(schema: Schema, name: str, value: Any) -> bool:
    """Return whether a name is the reverse of a ManyToMany, and a value one or more entities."""
    reverse = schema.lists[name]
    if not isinstance(reverse, ManyToManyReverse):
        return False
    other = reverse.get_related_model()
    several = value if isinstance(value, (list, set, frozenset)) else [value]
    return all(isinstance(one, other) for one in several)


def linked_from(schema: Schema, method: str, name: str, value: Any) -> Node | list[int]:
    """Return the node for the entities that others have links to; the ids without an id filter.

    Args:
        schema: the schema of the model.
        method: the name of the query's method.
        name: the name of the reverse.
        value: an entity of the other model, or a list of them.
    """
    reverse: Any = schema.lists[name]
    other = reverse.get_related_model()
    column = other._columns[reverse.column]
    ids: set[int] = set()
    for one in value if isinstance(value, (list, set, frozenset)) else [value]:
        ids.update(column.to_json(column.links_of(one)))
    clause = Clause(schema, method, schema.primary)
    return with_ids(clause, sorted(ids)) if is_of_ids(clause) else sorted(ids)
