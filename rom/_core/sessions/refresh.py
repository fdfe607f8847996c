"""Renewing: an entity that is known, and whose row has come once more, is as the row says now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rom._core.sessions.value_sharing import is_shared

if TYPE_CHECKING:
    from rom._core.model import Model


def renew(entity: Model, stored: Mapping[str, bytes], seen_at: float, begun: float) -> None:
    """Take a row that differs from what an entity knows.

    One with changes keeps them, and its past with them: its save will meet the lock. So does a
    value of which the program has a part, for it may change it. A row that was read before the
    entity was saved or read is out of date.

    Args:
        entity: which.
        stored: what the row holds.
        seen_at: when the answer came.
        begun: when the row was asked for.
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
    # In this order: whoever is interrupted here reads these values again.
    for name in taken:
        values.pop(name, None)
    if entity._seen:
        entity._seen = {name: raw for name, raw in entity._seen.items() if name not in taken}
    entity._stored = stored


def _is_shared(values: Mapping[str, object], name: str) -> bool:
    return is_shared(values[name] for _ in range(1))  # a tuple of it would refer to it, too
