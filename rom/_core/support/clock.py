"""The server's clock, as far as a program knows it.

A request says when it was made, so that one that comes too late is refused. That is a matter of
minutes, and a program's own clock is nearly always that good. Where it is not, the server says so,
and what time it has; from then on the difference is known.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

#: Return the seconds since some fixed moment, whatever becomes of the clock. What passes while the
#: machine sleeps counts, where the system can tell.
elapsed: Final = partial(time.clock_gettime, getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC))

# The system is asked itself: a test that freezes the clock of its program stops no server.
_real_time: Final = partial(time.clock_gettime, time.CLOCK_REALTIME)

# Seconds by which servers are ahead of this program, by what the keys of a model begin with.
_ahead: dict[bytes, int] = {}


def server_time(head: bytes) -> int:
    """Return the time on the server that holds these keys: seconds since 1970."""
    return int(_real_time()) + (_ahead.get(head, 0) if _ahead else 0)


def learn_server_time(head: bytes, now: int) -> None:
    """Note what time the server that holds these keys has just told."""
    _ahead[head] = now - int(_real_time())
