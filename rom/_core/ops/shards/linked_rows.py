"""The rows that new links of a commit lead to, by the partition that has them.

The commit looks at each of them, so that a link never leads to a row that does not exist. Their
partitions take part in its transaction: each checks its rows, and keeps them until the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rom._core.schema import Schema
from rom._core.writes.changes import Change
from rom.exceptions import InvalidOperation


def linked_rows(changes: Iterable[Change]) -> dict[int, dict[Schema, dict[bytes, None]]]:
    """Return the local ids of the rows that new links lead to, by partition and model.

    Args:
        changes: the changes, in terms of their partitions.

    Raises:
        InvalidOperation: a link leads to a model that is not in the group.
    """
    found: dict[int, dict[Schema, dict[bytes, None]]] = {}
    for change in changes:
        for name, ids in change.new_links() if change.schema.links else ():
            target = _target_of(change.schema, name)
            for raw in ids:
                schema = target.at_id(int(raw))
                assert schema.part is not None
                id = b'%d' % schema.local_id(int(raw))
                found.setdefault(schema.part.number, {}).setdefault(schema, {})[id] = None
    return found


def _target_of(schema: Schema, name: str) -> Schema:
    """Return the schema of the model that a column of links leads to.

    Raises:
        InvalidOperation: it is not in the group.
    """
    assert schema.part is not None
    column: Any = schema.columns[name]
    model = column.get_related_model()
    target: Schema = model._schema
    group = schema.part.whole.placement.group
    if target.placement is not None and target.placement.group._key == group._key:
        return target
    raise InvalidOperation(
        f'{schema.name}.{name}: {model.__name__} is not in the group {group.name!r}, so a commit '
        'could not check that the linked entities exist; nothing was written. Give '
        f'{model.__name__} _shards = {group!r}, or use a model with two relations'
    )
