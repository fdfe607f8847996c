"""How long tests wait for other processes and threads: so long that only what hangs meets the end.

No test may depend on how fast the machine is. So wait for what is to happen, rather than for a
time; give `PATIENCE` wherever a time-out must be given; and measure no upper bound of a time.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar('Found')

#: Seconds; less than the time-out of pytest, so that what hangs is named by its own message.
PATIENCE = 100.0


def eventually(
    condition: Callable[[], Found],
    why: str | Callable[[], str] = 'it did not happen in time',
    pause: float = 0.005,
) -> Found:
    """Wait for something to be true; returns what it is then.

    Args:
        condition: is asked again and again.
        why: the message, or what makes it, when it never comes true.
        pause: seconds from one time to the next.

    Raises:
        AssertionError: it is false after PATIENCE seconds.
    """
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, why if isinstance(why, str) else why()
        time.sleep(pause)
    return found
