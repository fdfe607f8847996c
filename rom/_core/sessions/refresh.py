"""Refreshing a tracked entity from a row that was read again, and what a refresh must leave alone.

A value that can change in place belongs to its entity. But a program may keep the value, or a list
inside it, and drop the entity; a later change of the value could not be written. CPython counts the
references to each object, which shows whether there are others than that of the container.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rom._core.model import Model

# Other interpreters do not count references: there, every value is taken as shared.
_count: Any = getattr(sys, 'getrefcount', None)


def is_shared(values: Iterable[Any]) -> bool:
    """Return whether anything but its container refers to a value, or to a part of one."""
    try:
        return _most_references(values) > _OWN
    except RuntimeError:  # another thread changes a container now
        return True


def _most_references(values: Iterable[Any]) -> int:
    """Return the largest reference count of the containers that are or hold mutable ones."""
    most = 0
    for value in values:
        if not isinstance(value, (dict, list, tuple)):
            continue
        inside = _most_references(value.values() if isinstance(value, dict) else value)
        # A tuple of plain values cannot change, and Python shares some of these tuples.
        if inside or not isinstance(value, tuple):
            most = max(most, inside, _references(value))
    return most


def _references(value: Any) -> int:
    return _count(value) if _count is not None else sys.maxsize


# The reference count of a container that is in one other container only.
_OWN: Final = max(_most_references([[], {}]), 1)


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
