"""Commands that refuse a repeated option, because either value may be the intended one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption


class OnceCommand(TyperCommand):
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
                    f'{option.opts[0]} is given {times} times, and takes one value'
                )
        return super().parse_args(ctx, args)
