"""The demo on a terminal, in the terminal's basic colours, legible on dark and on light."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from rom.cli.demo.answers import line_of, loading_line, measure_of, rows_of
from rom.cli.demo.questions import Answer

INDENT = (0, 0, 0, 4)
CODE = 'cyan'
FAINT = 'dim'

# Drawing takes processor time from loading.
DRAWS_PER_SECOND = 4


class Pretty:
    """Prints with rich."""

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
            self.console.print(Padding(text, INDENT))

    @contextmanager
    def loading(self, total: int) -> Iterator[Callable[[int], None]]:
        bar = BarColumn(16, style=FAINT, complete_style=CODE, finished_style=CODE)
        percent = TextColumn('{task.percentage:>3.0f}%')
        with Progress(
            TextColumn('   '),
            bar,
            percent,
            _HowFar(),
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
            self.console.print(Padding(line, INDENT))
            return
        self.console.print(Padding(_table(rows), INDENT))
        self.console.print(Padding(measure, INDENT))


class _HowFar(ProgressColumn):
    """Count, rate and time remaining."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed or 0.0
        line = loading_line(int(task.completed), int(task.total or 0), rate)
        return Text(line, FAINT, no_wrap=True)


def _table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    last = len(rows[0]) - 1 if rows else 0
    for place in range(last + 1):
        table.add_column(style=FAINT if 0 < place < last else '', no_wrap=place < last)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
