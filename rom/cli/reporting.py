"""How every subcommand ends: an error is one message, and Ctrl-C says how things stand."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from rom.exceptions import ORMError

INTERRUPTED = 130  # as shells have it: 128, and the number of SIGINT

Debug = Annotated[bool, typer.Option('--debug', help='Show the traceback of an error.')]


@contextmanager
def reported(debug: bool, stopped: Callable[[], str]) -> Iterator[None]:
    """Turn what ends a subcommand into a message on stderr, and an exit code.

    Args:
        debug: let errors through, with their traceback.
        stopped: says, after Ctrl-C, what was done and what was not.
    """
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Servers are closed at exit; a second Ctrl-C would only cut that short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end(Text(stopped()), INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing is to be flushed there at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except ORMError as error:
        if debug:
            raise
        _end(Text.assemble(('Error: ', 'bold red'), str(error)), 1)


def _end(message: Text, code: int) -> NoReturn:
    console = Console(stderr=True, highlight=False)
    console.print(message, soft_wrap=not console.is_terminal)
    raise typer.Exit(code) from None
