"""Updating a tracked entity from a row that was read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rom._core.sessions.value_sharing import is_shared

if TYPE_CHECKING:
    from rom._core.model import Model


def renew(entity: Model, stored: Mapping[str, bytes], seen_at: float, begun: float) -> None:
    """Update an entity from a row whose values differ.

    An entity with changes keeps them and its stored values, so that its save detects the
    conflict. So does a value of which the program holds a part, because it may change that
    part. A row that was requested before the entity was saved or read is out of date.

    Args:
        entity: the tracked entity.
        stored: the values of the row.
        seen_at: when the reply came, in seconds of `elapsed`.
        begun: when the row was requested.
    """
    if entity._modified or entity._deleted or (entity._seen_at or 0) > begun:
        return
    past, values = entity._stored, entity._values
    names = [name for name in {**past, **stored} if past.get(name) != stored.get(name)]
    kept = [name for name in names if name in entity._seen and _is_shared(values, name)]
    if kept:
        others = {name: raw for name, raw in stored.items() if name not in kept}
        stored = {**others, **{name: past[name] for name in kept if name in past}}
    else:
        entity._seen_at = seen_at
    taken = [name for name in names if name not in kept]
    # In this order: after an interrupt here, these values are decoded again from the old row.
    for name in taken:
        values.pop(name, None)
    if entity._seen:
        entity._seen = {name: raw for name, raw in entity._seen.items() if name not in taken}
    entity._stored = stored


def _is_shared(values: Mapping[str, object], name: str) -> bool:
    return is_shared(values[name] for _ in range(1))  # a tuple would add a reference
