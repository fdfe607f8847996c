"""Where the demo shows itself: the form that both screens have, and which of them it is."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rom.cli.demo.questions import Answer


class Screen(Protocol):
    """What the demo prints with."""

    def say(self, text: str) -> None:
        """Print a paragraph."""

    def head(self, text: str) -> None:
        """Print the title of what follows."""

    def lines(self, lines: Sequence[str], prompt: str = '') -> None:
        """Print lines of a program, or to type."""

    def loading(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show progress; what is entered is called with how many more are done."""

    def answer(self, answer: Answer, columns: Sequence[str]) -> None:
        """Print a line of Python, and what came of it."""


def screen() -> Screen:
    """Rich on a terminal, plain lines anywhere else."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the output's encoding lacks is no reason to stop.
        sys.stdout.reconfigure(errors='backslashreplace')
    if sys.stdout.isatty() and os.environ.get('TERM') not in (None, '', 'dumb'):
        from rom.cli.demo.pretty import Pretty

        return Pretty()
    from rom.cli.demo.plain import Plain

    return Plain()
