"""Where the demo shows itself: the form that both screens have, and which of them it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rom.cli import output
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
    if output.is_terminal(sys.stdout):
        from rom.cli.demo.pretty import Pretty

        return Pretty()
    from rom.cli.demo.plain import Plain

    return Plain()
