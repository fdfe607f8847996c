"""The look-ups that a query with soft-deleted entities refuses."""

from __future__ import annotations

from collections.abc import Iterable

from rom._core.query.nodes import All, AnyOf, InUnique, Node, Not
from rom._core.schema import Schema
from rom.exceptions import QueryError


def check_lookups(schema: Schema, nodes: Iterable[Node]) -> None:
    """Raise QueryError for a look-up of a unique value, which no deleted entity has any longer."""
    if schema.soft_delete is None:
        return
    for node in nodes:
        if isinstance(node, InUnique):
            column = node.label.column if node.label is not None else 'the column'
            raise QueryError(
                f'{schema.name}.query.with_deleted(): {column} has no index, and the unique values '
                'of deleted entities are free, so that none would be found; declare it with '
                'index=True, too'
            )
        if isinstance(node, (All, AnyOf)):
            check_lookups(schema, node.nodes)
        elif isinstance(node, Not):
            check_lookups(schema, (node.node,))
