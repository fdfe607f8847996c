"""The `rom` command and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from rom._version import VERSION
from rom.cli.demo import demo

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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


app.command()(demo)
