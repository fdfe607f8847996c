"""Native reads: rows by `HMGET`s of one round trip, and when an operation should use them.

A query that one native command answers takes two round trips so: one for the ids, one for the rows.
Its script takes one. The commands take the server a quarter to a third of the script's time, and
the program less too. So two trips are faster where a trip takes less than they save.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rom._core.ops.requests import RowReads

#: A server that has ever answered within this time, in seconds, is so near that two trips are
#: faster than one script. At 60 microseconds, they are still a fifth faster.
USUAL: Final = 60e-6

_limit = USUAL


def limit() -> float:
    """Return the time, in seconds, within which a server must answer to get native reads."""
    return _limit


def set_limit(seconds: float = USUAL) -> None:
    """Set that time, for tests and measurements; 0: no native reads, infinity: all."""
    global _limit
    _limit = seconds


def packed_reads(reads: RowReads) -> list[bytes]:
    """Return the commands as the server gets them.

    >>> packed_reads(RowReads(b'u:', (b'7',), (b'age',)))
    [b'*3\\r\\n$5\\r\\nHMGET\\r\\n$3\\r\\nu:7\\r\\n$3\\r\\nage\\r\\n']
    """
    begin, end = _around(reads.fields)
    head, length = reads.head, len(reads.head)
    return [b'%s%d\r\n%s%s\r\n%s' % (begin, length + len(id), head, id, end) for id in reads.ids]


@lru_cache(maxsize=256)
def _around(fields: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return what comes before and after the key, which is the same for all rows of a model."""
    end = b''.join([b'$%d\r\n%s\r\n' % (len(field), field) for field in fields])
    return b'*%d\r\n$5\r\nHMGET\r\n$' % (len(fields) + 2), end
