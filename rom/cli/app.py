"""The `rom` command: its subcommands, and how all of them end."""

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

from rom._version import VERSION
from rom.exceptions import ORMError

INTERRUPTED = 130  # as shells have it: 128, and the number of SIGINT

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Debug = Annotated[bool, typer.Option('--debug', help='Show the traceback of an error.')]


@contextmanager
def reported(debug: bool, stopped: Callable[[], str]) -> Iterator[None]:
    """End a subcommand as it should: an error is one message, Ctrl-C says how things stand.

    Args:
        debug: let errors through, with their traceback.
        stopped: says, after Ctrl-C, what was done and what was not.
    """
    try:
        yield
    except KeyboardInterrupt:
        # Servers are closed at exit; a second Ctrl-C would only cut that short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end(stopped(), INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing is to be flushed there at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    except ORMError as error:
        if debug:
            raise
        _end(Text.assemble(('Error: ', 'bold red'), str(error)), 1)


def _end(message: str | Text, code: int) -> NoReturn:
    Console(stderr=True, highlight=False).print(message, markup=False, soft_wrap=True)
    raise typer.Exit(code) from None


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f'rom {VERSION}')
        raise typer.Exit()


@app.callback()
def rom(
    version: Annotated[
        bool,
        typer.Option(
            '--version', is_eager=True, callback=_print_version, help='Show the version, and exit.'
        ),
    ] = False,
) -> None:
    """Python objects on Redis and Valkey."""


# Subcommands enter themselves.
from rom.cli import demo  # noqa: E402, F401
