"""A warning about filters that only expired entities match, in queries that leave those out."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rom._core.query.nodes import All, InRange, Node
from rom._core.schema import Schema
from rom._core.support.caller_warnings import warn


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
