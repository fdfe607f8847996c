"""The end of every subcommand: one message for an error or a signal, and an exit code for scripts.

=====  =========================================================================================
code   meaning
=====  =========================================================================================
0      success; also if SIGTERM stopped a worker
1      problems found (`rom check`, `rom status`), or a part of the work failed
2      invalid usage: an option, the name of a model, an expression; nothing was started
3      the server did not answer, or the connection was lost
130    stopped by Ctrl-C (SIGINT); no batch is half written
143    stopped by SIGTERM; no batch is half written
=====  =========================================================================================
"""

from __future__ import annotations

import os
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType, TracebackType
from typing import Any, NoReturn

import typer
from rich.text import Text

from rom.cli import output
from rom.exceptions import ORMError, ServerUnavailable


class Code(IntEnum):
    """Exit codes of the `rom` command."""

    FINE = 0
    FOUND = 1
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    # The convention of shells: 128 plus the number of the signal.
    INTERRUPTED = 130
    TERMINATED = 143


class UsageError(Exception):
    """An invalid argument; the message names it and the remedy."""


class Terminated(BaseException):
    """SIGTERM came. Like `KeyboardInterrupt` not an `Exception`, so that no handler swallows it."""


# The first class that matches decides.
_CODES: tuple[tuple[type[Exception], Code], ...] = (
    (UsageError, Code.USAGE),
    (ServerUnavailable, Code.UNREACHABLE),
    (ORMError, Code.FAILED),
    (OSError, Code.FAILED),
)


SIGNALS = (signal.SIGINT, signal.SIGTERM)

# A batch takes much less than that if the server answers.
GRACE_SECONDS = 10


def nothing_written() -> str:
    """Return the message after a signal of a subcommand that writes nothing."""
    return 'Stopped; nothing was written.'


@contextmanager
def report_errors(debug: bool, stopped: Callable[[], str] = nothing_written) -> Iterator[None]:
    """Turn an error or a signal into a message on stderr and an exit code.

    Args:
        debug: let errors through, with their traceback.
        stopped: returns the message after a signal, with the work done, the work left and the way
            to continue.
    """
    output.escape_unencodable()
    warnings.showwarning = _warn
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        _stop(stopped, Code.INTERRUPTED)
    except Terminated:
        _stop(stopped, Code.TERMINATED)
    except BrokenPipeError:
        # The reader of the pipe has closed it, and a flush at exit would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Code.FAILED) from None
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            raise
        _fail(error)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _stop(stopped: Callable[[], str], code: Code) -> NoReturn:
    # Embedded servers are closed at exit; a second signal would interrupt that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end(Text(stopped()), code)


def _fail(error: Exception) -> NoReturn:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    # The message names the remedy of a program; on the command line it is --url.
    message = str(error).replace('rom.util.set_connection_settings(...)', '--url')
    if code is None:
        # A bug in rom or in the models: its traceback is needed to mend it.
        message = f'{type(error).__name__}: {message} (--debug shows where)'
    _end(Text.assemble(('Error: ', 'bold red'), output.safe(message)), code or Code.FAILED)


def _warn(message: Warning | str, *where: Any, **options: Any) -> None:
    _say(Text.assemble(('Warning: ', 'bold yellow'), output.safe(str(message))))


def _end(message: Text, code: Code) -> NoReturn:
    _say(message)
    raise typer.Exit(code) from None


def _say(message: Text) -> None:
    console = output.console(to_stderr=True)
    console.print(message, soft_wrap=not console.is_terminal)


class DeferredSignals:
    """Context manager that defers Ctrl-C and SIGTERM to the end of the current batch.

    For the main thread only::

        with DeferredSignals() as deferred:
            for batch in batches:
                write(batch)
                deferred.raise_pending()

    The first signal is noted, and `raise_pending()` raises its exception. A second signal raises at
    once. If the server does not answer, the exception comes after `GRACE_SECONDS`. Even then
    nothing is half done, because a batch is atomic; but it is unknown whether the last batch was
    written.

    Args:
        message: the message to print when a signal comes; '': none.
    """

    def __init__(self, message: str = 'Stopping after this batch; once more: at once.') -> None:
        self._message = message
        self._pending: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._reads, self._writes = -1, -1

    def __enter__(self) -> DeferredSignals:
        # `wait` selects on this pipe, because Python resumes an interrupted select.
        self._reads, self._writes = os.pipe()
        # A process in the background of a shell ignores Ctrl-C, and must go on ignoring it.
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heard}
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._give_up)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.alarm(0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reads)
        os.close(self._writes)
        # A signal after the last `raise_pending` must not be lost.
        if kind is None:
            self.raise_pending()

    @property
    def is_pending(self) -> bool:
        """True after a signal came."""
        return self._pending is not None

    def raise_pending(self) -> None:
        """Raise the exception of a signal that came; call it when nothing is half done.

        Raises:
            KeyboardInterrupt: by Ctrl-C.
            Terminated: by SIGTERM.
        """
        if self._pending is not None:
            _raise(self._pending)

    def wait(self, seconds: float) -> None:
        """Sleep, and stop as soon as a signal comes."""
        self.raise_pending()
        select.select([self._reads], [], [], seconds)
        self.raise_pending()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._pending is not None:
            _raise(number)
        self._pending = number
        os.write(self._writes, b'.')
        signal.alarm(GRACE_SECONDS)
        if self._message:
            output.note(self._message)

    def _give_up(self, number: int, frame: FrameType | None) -> None:
        if self._pending is not None:
            _raise(self._pending)


def _raise(number: int) -> NoReturn:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
