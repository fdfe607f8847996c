"""Memory policy: whether a server with full memory refuses writes or evicts keys.

The keys of rom depend on each other. A server that evicts some of them breaks that without an
error: rows are lost while their index entries stay, or the other way round. Where only keys with a
TTL are evicted, the rows are safe. But the notes of commits and the locks are not, so writes may
happen twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rom._core.encoding.text import as_text

_BREAKS = {
    'volatile': (
        'it evicts keys that expire: locks (a lock then has two holders), the notes of commits (a '
        'commit that is sent twice is then carried out twice) and cached results'
    ),
    'allkeys': (
        'it evicts any key: rows, index entries, unique values, locks and the notes of commits; '
        'queries then miss entities, unique values are taken twice and ids are given again'
    ),
}


class Memory(NamedTuple):
    """Memory settings of a server.

    Attributes:
        limit: its ``maxmemory`` in bytes; 0: no limit.
        policy: its ``maxmemory-policy``.
    """

    limit: int
    policy: str

    @property
    def breaks(self) -> str | None:
        """The harm that evictions do when the memory is full; None if nothing is evicted."""
        return _BREAKS.get(self.policy.partition('-')[0]) if self.limit else None


def read(reply: Sequence[bytes] | None) -> Memory | None:
    """Return the settings in a server's reply; None if they are not in it.

    >>> read([b'1000', b'volatile-lru'])
    Memory(limit=1000, policy='volatile-lru')
    >>> read([])
    """
    return Memory(int(reply[0]), as_text(reply[1])) if reply else None


def objection(memory: Memory | None, server: str) -> str | None:
    """Return a warning about a server that evicts keys; None if it does not.

    Args:
        memory: the settings of the server.
        server: the address of the server.
    """
    if memory is None or memory.breaks is None:
        return None
    return (
        f'Redis at {server} has maxmemory-policy {memory.policy}: when its memory is full '
        f'({memory.limit:,} bytes), {memory.breaks}. Set it to noeviction (CONFIG SET '
        'maxmemory-policy noeviction, and in its configuration), so that a full server refuses '
        'writes; keep caches on another server'
    )
