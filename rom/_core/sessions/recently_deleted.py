"""The rows that this process deleted lately, by their keys.

To save an entity without changes costs no trip. Yet where its row was deleted by way of another
object, as by a second session, the save has to say so, as in rom 1.x: the row of such an entity is
looked at. A key that is noted wrongly, as of another database, costs that look and no more. One
that is noted no longer is found out as what another program deleted is: by the next write.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

# Some hundred bytes each.
MOST: Final = 10_000

# A dict whose oldest entry goes in one step, whatever other threads do.
_keys: Final[OrderedDict[str, None]] = OrderedDict()


def note(key: str) -> None:
    """Remember that a row was deleted."""
    _keys[key] = None
    if len(_keys) > MOST:
        _keys.popitem(last=False)


def forget(keys: Iterable[str]) -> None:
    """Rows of these keys were written: they are there."""
    for key in keys:
        _keys.pop(key, None)


def is_any() -> bool:
    """Whether this process has deleted anything lately."""
    return bool(_keys)


def may_be(key: str) -> bool:
    """Whether this process has deleted a row of this key."""
    return key in _keys
