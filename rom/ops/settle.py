"""Settle: find out whether a commit whose answer was lost was carried out.

The program has an error in its hands and may have gone on to change the entity. Before it is
written again, its past must be known: that of before the commit, or the one the commit brought
about.
"""

from __future__ import annotations

from typing import NamedTuple

from rom.changes import Change
from rom.ops.entities import load_one, was_done
from rom.ops.requests import Operation


class Settled(NamedTuple):
    """The change was carried out.

    Attributes:
        id: the entity's.
        stored: what the row was made to hold.
    """

    id: int
    stored: dict[str, bytes]


def settle(change: Change, done_key: bytes) -> Operation[Settled | None]:
    """What became of a change: its outcome, or None if it was not carried out."""
    taken = yield from was_done(done_key)
    id = change.id or taken
    if not id or change.kind == 'delete':
        return None
    if taken is not None:
        return Settled(id, change.outcome)
    # The note is gone after some minutes; the row may still tell.
    row = yield from load_one(change.schema, id, with_expired=True)
    if row is None or any(row.stored.get(name) != raw for name, raw in change.wanted.items()):
        return None
    return Settled(id, change.outcome)
