"""The screens of the demo: rich on a terminal, plain lines anywhere else.

The rich screen uses the terminal's basic colours, legible on dark and on light.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from rom.cli import output
from rom.cli.demo.answers import line_of, loading_line, measure_of, rows_of
from rom.cli.demo.questions import Answer

# Plain lines: their indentation, the gap of columns, and the seconds between lines of progress.
_SPACES = '    '
GAP = '  '
SECONDS_BETWEEN = 5.0

# The screen of rich: its indentation, and styles.
_PADDING = (0, 0, 0, 4)
CODE = 'cyan'
FAINT = 'dim'
# Drawing takes processor time from loading.
DRAWS_PER_SECOND = 4


class Screen(Protocol):
    """Screen of the demo."""

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


class PlainScreen:
    """Screen that prints lines of any length, without colours."""

    def say(self, text: str) -> None:
        print(text, flush=True)

    def head(self, text: str) -> None:
        print(f'\n{text}')

    def lines(self, lines: Sequence[str], prompt: str = '') -> None:
        for line in lines:
            print(f'{_SPACES}{prompt}{line}'.rstrip())

    @contextmanager
    def loading(self, total: int) -> Iterator[Callable[[int], None]]:
        begin = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN:
                last = now
                self.say(_SPACES + loading_line(done, total, done / (now - begin)))

        yield advance

    def answer(self, answer: Answer, columns: Sequence[str]) -> None:
        self.lines([answer.line], '>>> ')
        if not answer.has_value or answer.value is None:
            return
        rows = rows_of(answer.value, columns)
        if rows is None:
            print(f'{_SPACES}{line_of(answer.value)}  ({measure_of(answer)})')
            return
        for line in aligned(rows):
            print(_SPACES + line)
        print(f'{_SPACES}({measure_of(answer)})')


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines, in columns as wide as their widest cell on a screen.

    >>> list(aligned([('a', '1', 'x'), ('bcd', '22', 'y')]))
    ['a    1   x', 'bcd  22  y']
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + ' ' * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield GAP.join(padded).rstrip()


class RichScreen:
    """Screen that prints with rich."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, emoji=False, markup=False)

    def say(self, text: str) -> None:
        self.console.print(Text(text))

    def head(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, 'bold'))

    def lines(self, lines: Sequence[str], prompt: str = '') -> None:
        for line in lines:
            text = Text.assemble((prompt, FAINT), (line, CODE))
            self.console.print(Padding(text, _PADDING))

    @contextmanager
    def loading(self, total: int) -> Iterator[Callable[[int], None]]:
        bar = BarColumn(16, style=FAINT, complete_style=CODE, finished_style=CODE)
        percent = TextColumn('{task.percentage:>3.0f}%')
        with Progress(
            TextColumn('   '),
            bar,
            percent,
            _ProgressText(),
            console=self.console,
            refresh_per_second=DRAWS_PER_SECOND,
            transient=True,
        ) as progress:
            task = progress.add_task('', total=total)
            yield lambda count: progress.advance(task, count)

    def answer(self, answer: Answer, columns: Sequence[str]) -> None:
        self.lines([answer.line], '>>> ')
        if not answer.has_value or answer.value is None:
            return
        measure = Text(measure_of(answer), FAINT)
        rows = rows_of(answer.value, columns)
        if rows is None:
            style = 'red' if isinstance(answer.value, Exception) else 'bold'
            line = Text.assemble((line_of(answer.value), style), '  ', measure)
            self.console.print(Padding(line, _PADDING))
            return
        self.console.print(Padding(_table(rows), _PADDING))
        self.console.print(Padding(measure, _PADDING))


class _ProgressText(ProgressColumn):
    """Count, rate and time remaining."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed or 0.0
        line = loading_line(int(task.completed), int(task.total or 0), rate)
        return Text(line, FAINT, no_wrap=True)


def _table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    last = len(rows[0]) - 1 if rows else 0
    for index in range(last + 1):
        table.add_column(style=FAINT if 0 < index < last else '', no_wrap=index < last)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def screen() -> Screen:
    """Return a screen with rich on a terminal, or one with plain lines anywhere else."""
    return RichScreen() if output.is_terminal(sys.stdout) else PlainScreen()
