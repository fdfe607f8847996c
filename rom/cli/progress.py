"""Progress: a bar on stderr, where somebody looks at it; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from rom.cli import output
from rom.cli.durations import written

CODE = 'cyan'

# Drawing takes time from the work.
DRAWS_PER_SECOND = 4


class Bar:
    """How far a job has got."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task

    def to(self, done: int, total: int | None = None) -> None:
        """So much of all is done; `total` where it became known, or changed."""
        if self._progress is not None and self._task is not None:
            known = {} if total is None else {'total': float(total)}
            self._progress.update(self._task, completed=done, **known)  # type: ignore[arg-type]

    def advance(self, count: int = 1) -> None:
        """So much more is done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)


@contextmanager
def bar(
    title: str, total: int | None = None, unit: str = '', is_shown: bool = True
) -> Iterator[Bar]:
    """Show how far a job has got, until the end of the block. What is printed stands above it.

    Args:
        title: what is done, as in 'Dumping User'.
        total: how much there is to do; None: not known.
        unit: what is counted, as in 'rows'.
        is_shown: whether to show anything, where somebody looks at it.
    """
    if not is_shown or not output.is_terminal(sys.stderr):
        yield Bar(None, None)
        return
    console, title = output.console(to_stderr=True), _cut(title)
    with (
        Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(_BAR, style=output.FAINT, complete_style=CODE, finished_style=CODE),
            _HowFar(unit, console.width - len(title) - _BAR - _GAPS),
            console=console,
            refresh_per_second=DRAWS_PER_SECOND,
            transient=True,
            # What goes into a pipe must not come here; all else is printed on this console.
            redirect_stdout=False,
            redirect_stderr=False,
        ) as progress,
        output.above(console),
    ):
        yield Bar(progress, progress.add_task(title, total=total))


# The widths of the bar, of what stands between it and its neighbours, and of the longest title.
_BAR, _GAPS, _TITLE = 16, 2, 30


def _cut(title: str) -> str:
    return title if len(title) <= _TITLE else f'{title[: _TITLE - 1]}…'


class _HowFar(ProgressColumn):
    """Count, time remaining and rate, as much of that as there is room for."""

    def __init__(self, unit: str, room: int) -> None:
        super().__init__()
        self._unit = unit
        self._room = room

    def render(self, task: Task) -> Text:
        done, rate = int(task.completed), task.finished_speed or task.speed
        counted = f'{done:,}' if task.total is None else f'{done:,} of {int(task.total):,}'
        left, speed = '', ''
        if rate:
            speed = f', {rate:,.0f} a second'
        if rate and task.total is not None and task.total > done:
            left = f', {written((task.total - done) / rate)} left'
        named = f'{counted} {self._unit}'.rstrip()
        choices = (named + speed + left, named + left, counted + left, counted)
        text = next((text for text in choices if len(text) <= self._room), choices[-1])
        return Text(text, output.FAINT, no_wrap=True)
