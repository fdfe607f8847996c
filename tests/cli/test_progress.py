"""The bar of a long job, on a terminal: what it says, and what is printed meanwhile."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from rich.progress import ProgressSample, Task, TaskID

from rom.cli.progress import _ProgressText

ROOT = Path(__file__).parents[2]
WIDTH = 80

PROGRAM = """
import sys
from rom.cli import output
from rom.cli.progress import progress_bar

with progress_bar('Checking ' + 'Product' * 8, 200_000, 'entities') as progress:
    progress.set(64_000)
    progress._progress.refresh()
    output.text('found: one')
    progress.set(65_000)
    progress._progress.refresh()
    output.row('for', 'programs')
"""


def run(shares_stdout: bool) -> tuple[str, str]:
    """Run the program on a terminal; what the terminal got, and what came out of a pipe."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, 'rb', buffering=0) as terminal:
        environment = {
            **os.environ,
            'TERM': 'xterm',
            'COLUMNS': str(WIDTH),
            'PYTHONPATH': str(ROOT),
        }
        stdout = theirs if shares_stdout else subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, '-c', PROGRAM], stdout=stdout, stderr=theirs, env=environment
        ) as program:
            os.close(theirs)
            shown = b''
            try:
                while some := terminal.read(4096):
                    shown += some
            except OSError:
                pass  # so Linux says that nobody writes any more
            piped = program.stdout.read() if program.stdout is not None else b''
        assert program.returncode == 0
    return shown.decode(), piped.decode()


def test_what_is_found_stands_above_the_bar() -> None:
    shown, _ = run(shares_stdout=True)
    assert 'found: one\r\n' in shown
    before = shown.partition('found: one')[0]
    assert before.endswith('\x1b[2K'), 'the bar was taken away first'
    assert 'programs' not in shown


def test_the_pipe_gets_what_is_for_programs() -> None:
    shown, piped = run(shares_stdout=False)
    assert piped == 'found: one\nfor\tprograms\n'
    assert 'found' not in shown


def test_it_fits_the_line() -> None:
    shown, _ = run(shares_stdout=True)
    lines = re.split(r'[\r\n]+', re.sub(r'\x1b\[[?\d;]*[a-zA-Z]', '', shown))
    bars = [line for line in lines if line.startswith('Checking')]
    assert bars and all(len(line) <= WIDTH for line in bars)
    assert any('64,000 of 200,000 entities' in line for line in bars)
    assert all('…' in line for line in bars), 'the name is what is cut'


@pytest.mark.parametrize('room', [80, 40, 25, 5])
def test_what_there_is_room_for(room: int) -> None:
    task = Task(TaskID(0), '', 200_000, 70_000, lambda: 0.0)
    task.start_time = 0.0
    task._progress = deque([ProgressSample(0, 0), ProgressSample(10, 5000)])
    text = str(_ProgressText('entities', room).render(task))
    assert (
        text
        == {
            80: '70,000 of 200,000 entities, 500 a second, 4 min 20 s left',
            40: '70,000 of 200,000, 4 min 20 s left',
            25: '70,000 of 200,000',
            5: '70,000 of 200,000',
        }[room]
    )
