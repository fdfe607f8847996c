"""How every subcommand ends: an error is one message, and a signal says how things stand."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from rich.text import Text

from rom.cli import output
from rom.cli.exit_codes import Code, MisuseError, Terminated
from rom.exceptions import ORMError, ServerUnavailable

# The first that fits.
_CODES: tuple[tuple[type[Exception], Code], ...] = (
    (MisuseError, Code.MISUSED),
    (ServerUnavailable, Code.UNREACHABLE),
    (ORMError, Code.FAILED),
    (OSError, Code.FAILED),
)


def nothing_begun() -> str:
    """What a subcommand says after a signal, when it has written nothing."""
    return 'Stopped; nothing was written.'


@contextmanager
def reported(debug: bool, stopped: Callable[[], str] = nothing_begun) -> Iterator[None]:
    """Turn what ends a subcommand into a message on stderr, and an exit code.

    Args:
        debug: let errors through, with their traceback.
        stopped: says, after a signal, what was done, what was not, and how to go on.
    """
    output.lenient()
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
        # Whoever read our output has seen enough. Nothing is to be flushed there at exit.
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
    # Servers are closed at exit; a second signal would only cut that short.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end(Text(stopped()), code)


def _fail(error: Exception) -> NoReturn:
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    # Here, a program's way to name a server is not the one to tell of.
    said = str(error).replace('rom.util.set_connection_settings(...)', '--url')
    if code is None:
        # Ours, or of the models: whoever mends it needs to know where.
        said = f'{type(error).__name__}: {said} (--debug shows where)'
    _end(Text.assemble(('Error: ', 'bold red'), output.safe(said)), code or Code.FAILED)


def _warn(message: Warning | str, *where: Any, **options: Any) -> None:
    _say(Text.assemble(('Warning: ', 'bold yellow'), output.safe(str(message))))


def _end(message: Text, code: Code) -> NoReturn:
    _say(message)
    raise typer.Exit(code) from None


def _say(message: Text) -> None:
    console = output.console(to_stderr=True)
    console.print(message, soft_wrap=not console.is_terminal)
