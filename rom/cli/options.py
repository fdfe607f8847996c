"""Options and arguments that subcommands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Debug: TypeAlias = Annotated[bool, typer.Option('--debug', help='Show the traceback of an error.')]

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        '--url',
        metavar='URL',
        help='The server: redis://HOST:PORT/DB, rediss://..., unix://PATH, or embedded:PATH. '
        'Without it: what the models themselves set up, else the environment variable '
        'ROM_REDIS_URI, else redis://localhost:6379/0.',
    ),
]

AsJson: TypeAlias = Annotated[bool, typer.Option('--json', help='Print JSON, for scripts.')]

_NAMES = (
    'package.module (all models in it) or package.module:Model; imported with the current folder '
    'on the path. Without any: those that the environment variable ROM_MODELS names, with spaces '
    'in between.'
)

# Optional here, because typer's own message for a missing argument does not name ROM_MODELS;
# `rom.cli.model_args.needed` raises one that does.
Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar='MODEL', envvar='ROM_MODELS', show_envvar=False, show_default=False, help=_NAMES
    ),
]
