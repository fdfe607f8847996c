"""The server's clock, as far as a program knows it.

A request contains the time at which it was made, so that the server can refuse a late one. The
limit is a matter of minutes, and the clock of a program is usually that accurate. If not, the
refusal contains the time of the server, and from then on the difference is known.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Final

#: Return the seconds since a fixed moment; changes of the clock have no effect. The time while the
#: machine sleeps counts, if the system measures it.
elapsed: Final = partial(time.clock_gettime, getattr(time, 'CLOCK_BOOTTIME', time.CLOCK_MONOTONIC))

# Not `time.time`: a test that freezes the clock of its program does not stop the server's.
_real_time: Final = partial(time.clock_gettime, time.CLOCK_REALTIME)

# Seconds by which servers are ahead of this program, by the prefix of a model's keys.
_ahead: dict[bytes, int] = {}


def server_time(head: bytes) -> int:
    """Return the time on the server with these keys: seconds since 1970."""
    return int(_real_time()) + (_ahead.get(head, 0) if _ahead else 0)


def learn_server_time(head: bytes, now: int) -> None:
    """Note the time that the server with these keys has just sent."""
    _ahead[head] = now - int(_real_time())
