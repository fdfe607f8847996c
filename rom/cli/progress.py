"""Progress: a bar on stderr if that is a terminal, otherwise nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from rom.cli import output

CODE = 'cyan'

# Drawing takes processor time from the job.
DRAWS_PER_SECOND = 4


class ProgressBar:
    """The progress of a job, shown or not."""

    def __init__(self, progress: Progress | None, task: TaskID | None) -> None:
        self._progress = progress
        self._task = task

    def set(self, done: int, total: int | None = None) -> None:
        """Set the amount that is done; and the total, if it became known or changed."""
        if self._progress is not None and self._task is not None:
            known = {} if total is None else {'total': float(total)}
            self._progress.update(self._task, completed=done, **known)  # type: ignore[arg-type]

    def advance(self, count: int = 1) -> None:
        """Add to the amount that is done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)


@contextmanager
def progress_bar(
    title: str, total: int | None = None, unit: str = '', is_shown: bool = True
) -> Iterator[ProgressBar]:
    """Show the progress of a job until the end of the block; other output goes above it.

    Args:
        title: the name of the job, as in 'Dumping User'.
        total: the amount to do; None: not known.
        unit: the unit of the amount, as in 'rows'.
        is_shown: False: show nothing, even on a terminal.
    """
    if not is_shown or not output.is_terminal(sys.stderr):
        yield ProgressBar(None, None)
        return
    console, title = output.console(to_stderr=True), _shortened(title)
    with (
        Progress(
            TextColumn('{task.description}', markup=False),
            BarColumn(_BAR, style=output.FAINT, complete_style=CODE, finished_style=CODE),
            _ProgressText(unit, console.width - len(title) - _BAR - _GAPS),
            console=console,
            refresh_per_second=DRAWS_PER_SECOND,
            transient=True,
            # rich would print redirected stdout on stderr; `output` uses this console anyway.
            redirect_stdout=False,
            redirect_stderr=False,
        ) as progress,
        output.above(console),
    ):
        yield ProgressBar(progress, progress.add_task(title, total=total))


# The widths of the bar, of the gaps beside it, and of the longest title.
_BAR, _GAPS, _TITLE = 16, 2, 30


def _shortened(title: str) -> str:
    return title if len(title) <= _TITLE else f'{title[: _TITLE - 1]}…'


class _ProgressText(ProgressColumn):
    """Count, time remaining and rate, as far as the terminal is wide enough."""

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
            left = f', {output.format_duration((task.total - done) / rate)} left'
        named = f'{counted} {self._unit}'.rstrip()
        choices = (named + speed + left, named + left, counted + left, counted)
        text = next((text for text in choices if len(text) <= self._room), choices[-1])
        return Text(text, output.FAINT, no_wrap=True)
