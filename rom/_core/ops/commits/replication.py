"""Replication: how many replicas have a commit.

WAIT counts the replicas that have all writes of its own connection, and a client has several. So a
write goes first, on the same connection: it renews the note of the commit. Replicas have that write
only if they have all earlier ones as well, whichever connection these came on.
"""

from __future__ import annotations

from typing import Final

from rom._core.ops.commits.attempts import LIFE
from rom._core.ops.requests import Command, Operation, Pipeline

#: Milliseconds to wait for the replicas.
WAIT: Final = 2000


def count_replicas(note: bytes, wanted: int) -> Operation[int | None]:
    """Wait until replicas have a commit, and return their number.

    Args:
        note: the key of the commit's note.
        wanted: the number of replicas to wait for, for `WAIT` milliseconds at most.

    Returns:
        The number of replicas that have the commit. None: the master that answers has no note of
        it, so it became master without the commit.
    """
    renew = Command('EXPIRE', note, LIFE)
    found, count = yield Pipeline((renew, Command('WAIT', wanted, WAIT, key=note)), together=True)
    return int(count) if found else None
