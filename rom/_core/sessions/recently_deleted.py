"""The keys of the rows that this process deleted last.

Saving an entity without changes costs no round trip. But if its row was deleted by way of another
object, for example in a second session, the save must raise an error, as in rom 1.x. So the save
reads the row of an entity whose key is noted here. A wrong note, such as one of another database,
costs only that read. A deletion that is no longer noted is found by the next write, as one by
another program is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

# Each entry takes some hundred bytes.
MOST: Final = 10_000

# Removing the oldest entry of this dict is one step, and so safe among threads.
_keys: Final[OrderedDict[str, None]] = OrderedDict()


def note(key: str) -> None:
    """Remember that a row was deleted."""
    _keys[key] = None
    if len(_keys) > MOST:
        _keys.popitem(last=False)


def forget(keys: Iterable[str]) -> None:
    """Remove the keys of rows that were written again."""
    for key in keys:
        _keys.pop(key, None)


def is_any() -> bool:
    """Return whether this process has deleted any row lately."""
    return bool(_keys)


def may_be(key: str) -> bool:
    """Return whether this process has deleted the row of this key lately."""
    return key in _keys
