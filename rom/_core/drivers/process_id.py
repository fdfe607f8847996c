"""The id of this process, without a system call: a forked child must not use its parent's sockets.

A system call at each use would take as long as all else that finds a connection.
"""

from __future__ import annotations

import os

#: The id of this process.
current = os.getpid()


def _note() -> None:
    global current
    current = os.getpid()


os.register_at_fork(after_in_child=_note)
