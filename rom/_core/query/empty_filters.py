"""Guards against filters that can match nothing: expired entities, freed unique values."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rom._core.query.nodes import All, AnyOf, InRange, InUnique, Node, Not
from rom._core.schema import Schema
from rom._core.support.caller_warnings import warn
from rom.exceptions import QueryError


def warn_of_expired(schema: Schema, nodes: Iterable[Node]) -> None:
    """Warn of a range of expiry times in the past: no result can be in it.

    Clean-up jobs used such filters before the column was an ExpireAt.
    """
    if schema.expiry is None:
        return
    key = schema.keys.scores(schema.expiry)
    for node in All(tuple(nodes)).flat():
        if isinstance(node, InRange) and node.key == key and float(node.high) <= time.time():
            warn(
                f'{schema.name}.query: a range of {schema.expiry!r} that is past finds nothing, '
                'for queries leave out what has expired; call with_expired() before this filter, '
                f'or remove it all with rom.util.expire({schema.name})',
            )


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
