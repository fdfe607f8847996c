"""The screen of the demo: the protocol of both screens, and the choice between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rom.cli import output
from rom.cli.demo.questions import Answer


class Screen(Protocol):
    """Prints the demo."""

    def say(self, text: str) -> None:
        """Print a paragraph."""

    def head(self, text: str) -> None:
        """Print the title of a section."""

    def lines(self, lines: Sequence[str], prompt: str = '') -> None:
        """Print lines of a program, or lines to type."""

    def loading(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show progress; the context's function takes the number of further characters done."""

    def answer(self, answer: Answer, columns: Sequence[str]) -> None:
        """Print a line of Python and its result."""


def screen() -> Screen:
    """Return a screen with rich on a terminal, or one with plain lines anywhere else."""
    if output.is_terminal(sys.stdout):
        from rom.cli.demo.pretty import Pretty

        return Pretty()
    from rom.cli.demo.plain import Plain

    return Plain()
