"""The `rom` command and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from rom._version import VERSION
from rom.cli.check import check
from rom.cli.demo import demo
from rom.cli.dump import dump
from rom.cli.expire import expire
from rom.cli.explain import explain
from rom.cli.load import load
from rom.cli.migrate import migrate
from rom.cli.models import models
from rom.cli.options import StrictCommand
from rom.cli.recover import recover
from rom.cli.reindex import reindex
from rom.cli.shard import shard
from rom.cli.shell import shell
from rom.cli.status import status

# In the order in which `rom --help` lists them.
COMMANDS = (
    models, status, check, reindex, migrate, explain, expire, recover, shard, dump, load, shell,
    demo,
)  # fmt: skip

# Help and errors of usage as plain text: boxes are of no use in a pipe, a log or a narrow window.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={'help_option_names': ['-h', '--help']},
)


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


for command in COMMANDS:
    app.command(cls=StrictCommand)(command)
