"""Exit codes of the `rom` command, for scripts.

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
    """Exit codes of the `rom` command."""

    FINE = 0
    FOUND = 1
    FAILED = 1
    MISUSED = 2
    UNREACHABLE = 3
    # The convention of shells: 128 plus the number of the signal.
    INTERRUPTED = 130
    TERMINATED = 143


class MisuseError(Exception):
    """An invalid argument; the message names it and the remedy."""


class Terminated(BaseException):
    """SIGTERM came. Like `KeyboardInterrupt` not an `Exception`, so that no handler swallows it."""
