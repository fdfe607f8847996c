"""Options and arguments that subcommands share.

A command refuses a repeated option, because either value may be the intended one.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperOption

from rom._core.encoding.text import show
from rom.cli.errors import UsageError

Debug: TypeAlias = Annotated[bool, typer.Option('--debug', help='Show the traceback of an error.')]

Url: TypeAlias = Annotated[
    str | None,
    typer.Option(
        '--url',
        metavar='URL',
        help='The server: redis://HOST:PORT/DB, rediss://..., redis+cluster://HOST:PORT, '
        'unix://PATH, or embedded:PATH. '
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
# `rom.cli.model_args.require_names` raises one that does.
Models: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar='MODEL', envvar='ROM_MODELS', show_envvar=False, show_default=False, help=_NAMES
    ),
]


class StrictCommand(TyperCommand):
    """A subcommand that refuses an option that takes one value and is given twice."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            BadParameter: an option is given twice.
        """
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option, times in Counter(given).items():
            takes_one = isinstance(option, TyperOption) and not option.is_flag
            if takes_one and not option.multiple and times > 1:
                raise typer.BadParameter(
                    f'{option.opts[0]}: expected one value, got {times}; leave out the others'
                )
        return super().parse_args(ctx, args)


_SECONDS = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}
_DURATION = re.compile(r'(\d+(?:\.\d+)?)([dhms])')


def parse_duration(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        UsageError: the text is not a duration, or the duration is 0.

    >>> parse_duration('10s'), parse_duration('1h30m'), parse_duration('0.5s')
    (10.0, 5400.0, 0.5)
    """
    parts = _DURATION.findall(text)
    if ''.join(number + unit for number, unit in parts) != text or not parts:
        raise UsageError(f'{show(text)}: expected a duration like 10s, 5m, 1h or 1h30m')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise UsageError(f'{show(text)}: expected a duration above 0, like 10s, 5m, 1h or 1h30m')
    return seconds
