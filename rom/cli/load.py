"""`rom load`: rows from lines of JSON."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from rom import jsonl
from rom._core.model import Model
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, UsageError, report_errors
from rom.cli.model_args import open_models, require_names
from rom.cli.options import AsJson, Debug, Models, Url
from rom.cli.progress import ProgressBar, progress_bar
from rom.exceptions import BulkError, ORMError

STDIN = Path('-')

# The number of lines between two updates of the progress.
_LINES_BETWEEN_UPDATES = 1000


class OnConflict(Enum):
    """The treatment of a row that exists already."""

    update = 'update'
    replace = 'replace'
    skip = 'skip'
    fail = 'fail'


def load(
    names: Models = None,
    source: Annotated[
        Path | None,
        typer.Option('--from', metavar='FILE', help='Read from a file. Without it: from stdin.'),
    ] = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            help='The treatment of an existing row with the same id: write the columns of the '
            'line; also remove the others; leave the row as it is; refuse the line.'
        ),
    ] = OnConflict.update,
    from_line: Annotated[
        int, typer.Option(metavar='N', min=1, help='Skip the lines before this one.')
    ] = 1,
    batch: Annotated[
        int, typer.Option(metavar='N', min=1, max=10_000, help='Lines in one atomic batch.')
    ] = 500,
    url: Url = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Write rows from lines of JSON.

    `rom dump` writes such lines; rows keep their ids. Each batch is atomic; loading lines again
    changes nothing. An invalid line ends the load, and nothing of its batch is written. The ids of
    a file are reserved first, so that programs may make new entities meanwhile.
    """
    job = LoadJob(from_line)
    with report_errors(debug, job.stopped):
        models = open_models(require_names(names), url)
        with _input(source) as (file, size):
            if size is not None:
                _reserve(file, models, size)
            steps = jsonl.load(
                file,
                *models,
                on_conflict=on_conflict.value,
                from_line=from_line,
                batch_size=batch,
            )
            title = f'Loading {source.name}' if source else 'Loading'
            with DeferredSignals() as deferred, progress_bar(title, size, 'bytes') as progress:
                for done in job.watched(steps):
                    progress.set(done.bytes)
                    deferred.raise_pending()
        job.show(as_json)


def _reserve(file: BinaryIO, models: list[type[Model]], size: int) -> None:
    """Read the file once, and reserve its ids, so that no program is given one of them."""
    with progress_bar('Reading ids', size, 'bytes') as progress:
        jsonl.reserve(_with_progress(file, progress), *models)
    file.seek(0)


def _with_progress(file: BinaryIO, progress: ProgressBar) -> Iterator[bytes]:
    for number, text in enumerate(file):
        if number % _LINES_BETWEEN_UPDATES == 0:
            progress.set(file.tell())
        yield text


@contextmanager
def _input(source: Path | None) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield the input file, and its size in bytes if that is known."""
    if source is None or source == STDIN:
        if sys.stdin.isatty():
            raise UsageError(
                'expected lines of JSON, got a terminal; name a file with --from FILE, or pipe '
                'them in'
            )
        yield sys.stdin.buffer, None
        return
    try:
        file = open(source, 'rb')  # noqa: SIM115 - closed by the block below
    except OSError as error:
        raise UsageError(f'{source} cannot be read: {error.strerror}') from None
    with file:
        status = os.fstat(file.fileno())
        yield file, status.st_size if stat.S_ISREG(status.st_mode) else None


class LoadJob:
    """A load and its progress."""

    def __init__(self, from_line: int) -> None:
        self._first = from_line
        self.done = jsonl.Loaded(from_line - 1)

    def watched(self, steps: Iterator[jsonl.Loaded]) -> Iterator[jsonl.Loaded]:
        """Yield each step; before an error, print which lines are in."""
        try:
            for self.done in steps:
                yield self.done
        except BulkError as error:
            for line in error.errors:
                output.note(str(line))
            output.note(f'Nothing of their batch was written. {self._how_far()}')
            raise typer.Exit(Code.FAILED) from None
        except ORMError:
            output.note(self._how_far())
            raise

    def show(self, as_json: bool) -> None:
        """Print what was done."""
        rows = self.done.rows
        facts = {
            'inserted': rows.inserted,
            'updated': rows.updated,
            'unchanged': rows.unchanged,
            'skipped': rows.skipped,
        }
        if as_json:
            output.as_json({'line': self.done.line, **facts})
        else:
            output.facts(facts)

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        return f'Stopped; nothing is half done. {self._how_far()}'

    def _how_far(self) -> str:
        if self.done.line < self._first:
            return 'No line is loaded.' if self._first == 1 else 'No further line is loaded.'
        return (
            f'All lines up to {self.done.line} are loaded; --from-line {self.done.line + 1} '
            'continues after them.'
        )
