"""How the `rom` command ends, as a number that scripts can use.

=====  =========================================================================================
code   meaning
=====  =========================================================================================
0      fine; a worker that was told to stop by SIGTERM, too
1      something was found (`rom check`, `rom status`), or not all could be done
2      used wrongly: an option, the name of a model, an expression; nothing was begun
3      no answer from the server, or it went away meanwhile
130    stopped by Ctrl-C (SIGINT), with nothing half done
143    stopped by SIGTERM, with nothing half done
=====  =========================================================================================
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """What the `rom` command exits with."""

    FINE = 0
    FOUND = 1
    FAILED = 1
    MISUSED = 2
    UNREACHABLE = 3
    # As shells have it: 128, and the number of the signal.
    INTERRUPTED = 130
    TERMINATED = 143


class MisuseError(Exception):
    """The command was told something that makes no sense; says what, and what to do instead."""


class Terminated(BaseException):
    """SIGTERM came. Not an `Exception`, as `KeyboardInterrupt` is none: nobody shall swallow it."""
