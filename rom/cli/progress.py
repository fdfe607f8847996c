"""Progress: a bar on stderr, where somebody looks at it; elsewhere nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from rom.cli import output

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
def bar(title: str, total: int | None = None, unit: str = '') -> Iterator[Bar]:
    """Show how far a job has got, until the end of the block.

    Args:
        title: what is done, as in 'Dumping User'.
        total: how much there is to do; None: not known.
        unit: what is counted, as in 'rows'.
    """
    if not output.is_terminal(sys.stderr):
        yield Bar(None, None)
        return
    with Progress(
        TextColumn('{task.description}', markup=False),
        BarColumn(16, style=output.FAINT, complete_style=CODE, finished_style=CODE),
        _HowFar(unit),
        console=output.console(to_stderr=True),
        refresh_per_second=DRAWS_PER_SECOND,
        transient=True,
    ) as progress:
        yield Bar(progress, progress.add_task(title, total=total))


class _HowFar(ProgressColumn):
    """Count, rate and time remaining."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        done, rate = int(task.completed), task.finished_speed or task.speed
        parts = [f'{done:,}' if task.total is None else f'{done:,} of {int(task.total):,}']
        parts[0] += f' {self._unit}'.rstrip()
        if rate:
            parts.append(f'{rate:,.0f} a second')
        if rate and task.total is not None and task.total > done:
            parts.append(f'{(task.total - done) / rate:.0f} s left')
        return Text(', '.join(parts), output.FAINT, no_wrap=True)
