"""Patience: how long a transaction waits for another one that is not decided.

A transaction that waits may decide at any time that the other one is aborted: that is a fence, and
it is always safe. So these limits decide only how much work is done again.
"""

from __future__ import annotations

from typing import Final

from rom._core.ops.commits.attempts import is_own_token
from rom._core.ops.shards.partitions import Entry

#: Age in seconds from which any client may abort an undecided transaction.
GRACE: Final = 5
#: Number of tries after which the transaction with the smaller token aborts the other one. It
#: breaks the circle of two that wait for each other.
_FEW: Final = 3
_LONGEST_PAUSE: Final = 0.05

# Tokens of this process whose transactions are under way.
_under_way: set[bytes] = set()


def begin(token: bytes) -> None:
    """Note that a transaction of this process is under way."""
    _under_way.add(token)


def end(token: bytes) -> None:
    """Note that a transaction of this process is over, or was given up."""
    _under_way.discard(token)


class Patience:
    """The limits of waiting.

    Attributes:
        tries: how often a transaction waits, at most: some ten seconds in all.
    """

    tries = 250

    def may_fence(self, own: bytes, other: Entry, now: int, tries: int) -> bool:
        """Return whether a transaction may abort another one that is not decided.

        Args:
            own: the token of the transaction that waits; b'' for a reader.
            other: the entry or intent that it has met.
            now: the time of the server that has the entry.
            tries: how often it has waited.
        """
        if is_own_token(other.token) and other.token not in _under_way:
            return True
        return now - other.second >= GRACE or (tries >= _FEW and b'' < own < other.token)

    def pause(self, tries: int) -> float:
        """Return the seconds to wait before the next try."""
        return float(min(0.001 * 2**tries, _LONGEST_PAUSE)) if tries < 10 else _LONGEST_PAUSE


PATIENCE: Final = Patience()
