"""Compilation of filters by the reverse of a ManyToMany, such as `Tag.query.filter(posts=post)`.

The links are in the row of the other entity. So the filter compiles to their ids, as this program
knows them: no index has them, and a look-up while a query is built would be a hidden round trip.
"""

from __future__ import annotations

from typing import Any

from rom._core.columns.reverse_links import ManyToManyReverse
from rom._core.encoding.text import show
from rom._core.query.clause import Clause
from rom._core.query.id_filters import is_of_ids, with_ids
from rom._core.query.nodes import Node
from rom._core.schema import Schema
from rom.exceptions import QueryError


def is_reverse(schema: Schema, name: str) -> bool:
    """Return whether a name is the reverse of a ManyToMany."""
    return isinstance(schema.lists.get(name), ManyToManyReverse)


def linked_from(schema: Schema, method: str, name: str, value: Any) -> Node | list[int]:
    """Return the node for the entities that others have links to; the ids without an id filter.

    Args:
        schema: the schema of the model.
        method: the name of the query's method.
        name: the name of the reverse.
        value: an entity of the other model, or a list of them.

    Raises:
        QueryError: a value is not an entity of the other model.
    """
    reverse: Any = schema.lists[name]
    other = reverse.get_related_model()
    column = other._columns[reverse.column]
    ids: set[int] = set()
    for one in value if isinstance(value, (list, set, frozenset)) else [value]:
        if not isinstance(one, other):
            raise QueryError(
                f'{schema.name}.query.{method}({name}={show(one)}): expected an entity of '
                f'{other.__name__}, whose row has the links. For an id: '
                f'{other.__name__}.get(id).{reverse.column}.query'
            )
        ids.update(column.to_json(column.links_of(one)))
    clause = Clause(schema, method, schema.primary)
    return with_ids(clause, sorted(ids)) if is_of_ids(clause) else sorted(ids)
