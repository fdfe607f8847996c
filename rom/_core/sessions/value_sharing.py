"""Whether a program still has a part of a value that an entity holds.

A value that can change in place belongs to its entity, but a program may keep the value, or a list
inside it, and let the entity go. What it changes then could no longer be written. CPython counts
the references to each object, so it can be seen whether there is any but the container's own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

# Other interpreters count no references: there every value may be in use.
_count: Any = getattr(sys, 'getrefcount', None)


def is_shared(values: Iterable[Any]) -> bool:
    """Return whether anything but their containers refers to one of these, or to a part of it."""
    try:
        return _most_references(values) > _OWN
    except RuntimeError:  # another thread changes a container at this moment
        return True


def _most_references(values: Iterable[Any]) -> int:
    """Return the largest number of references to a container that can change, or holds one."""
    most = 0
    for value in values:
        if not isinstance(value, (dict, list, tuple)):
            continue
        inside = _most_references(value.values() if isinstance(value, dict) else value)
        # A tuple of plain values cannot change, and Python shares some of them.
        if inside or not isinstance(value, tuple):
            most = max(most, inside, _references(value))
    return most


def _references(value: Any) -> int:
    return _count(value) if _count is not None else sys.maxsize


# As many references as a container has that is in one other container only.
_OWN: Final = max(_most_references([[], {}]), 1)
