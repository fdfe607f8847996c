"""Finding out whether a program still holds a part of an entity's value.

A value that can change in place belongs to its entity. But a program may keep the value, or a list
inside it, and drop the entity; a later change of the value could not be written. CPython counts the
references to each object, which shows whether there are others than that of the container.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

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
