"""`rom dump`: models as lines of JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from rom import jsonl
from rom._core.model import Model
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, UsageError, report_errors
from rom.cli.model_args import open_models, require_names
from rom.cli.options import Debug, Models, Url
from rom.cli.progress import progress_bar
from rom.exceptions import InvalidOperation, ORMError

After = tuple[type[Model], int] | None

STDOUT = Path('-')

# The greatest number of unreadable rows that are named one by one.
_MOST_ERRORS = 20


def dump(
    names: Models = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar='FILE', help='Write to a new file. Without it: to stdout.'),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            '--resume',
            help='Continue the file of an incomplete dump of the same models, after its last '
            'complete line.',
        ),
    ] = False,
    with_expired: Annotated[
        bool,
        typer.Option('--with-expired', help='Include expired rows that are not removed yet.'),
    ] = False,
    url: Url = None,
    debug: Debug = False,
) -> None:
    """Write models as lines of JSON, in the order of their ids.

    Other programs may write meanwhile: each row is as it was at some moment of the dump. The data
    of UnsafeColumns is left out. `rom load` reads the lines.
    """
    to = None if to == STDOUT else to
    job = DumpJob(to)
    with report_errors(debug, job.stopped):
        if resume and to is None:
            raise UsageError('--resume: expected a file to continue; name it with --to FILE')
        models = open_models(require_names(names), url)
        _note_unsafe_columns(models)
        with DeferredSignals() as deferred, _file(to, resume, models) as (file, after):
            for model in models if after is None else models[models.index(after[0]) :]:
                with job.explained():
                    job.run(model, file, after, with_expired, deferred)
                after = None
            if to is not None:
                os.fsync(file.fileno())
        job.end()
        if job.broken:
            raise typer.Exit(Code.FAILED)


def _note_unsafe_columns(models: Sequence[type[Model]]) -> None:
    for model in models:
        if model._schema.unsafe:
            columns = ', '.join(model._schema.unsafe)
            output.note(f'{model.__name__}: the data of its UnsafeColumns ({columns}) is left out.')


@contextmanager
def _file(
    to: Path | None, resume: bool, models: Sequence[type[Model]]
) -> Iterator[tuple[BinaryIO, After]]:
    """Yield the output file, and the row after which to continue."""
    if to is None:
        yield sys.stdout.buffer, None
        return
    after: After = None
    try:
        if resume:
            file, after = jsonl.resume(to, *models)
        else:
            file = open(to, 'xb')  # noqa: SIM115 - closed by the block below
    except InvalidOperation as error:
        raise UsageError(str(error)) from None
    except FileExistsError:
        raise UsageError(
            f'{to}: expected a new file, but it exists; continue it with --resume, '
            'remove it, or name another'
        ) from None
    except OSError as error:
        raise UsageError(f'{to} cannot be written: {error.strerror}') from None
    with file:
        yield file, after


@dataclass
class DumpJob:
    """A dump and its progress.

    Attributes:
        to: the file; None: stdout.
        rows: the number of rows that this run has written.
        last_row: the model and the id of the last of them, as text.
        broken: the number of rows that could not be read.
    """

    to: Path | None
    rows: int = 0
    last_row: str = ''
    broken: int = 0

    def run(
        self,
        model: type[Model],
        file: BinaryIO,
        after: After,
        with_expired: bool,
        deferred: DeferredSignals,
    ) -> None:
        """Dump a model; a signal stops it between two blocks, with whole lines written."""
        with progress_bar(f'Dumping {model.__name__}', jsonl.highest(model), 'ids') as progress:
            for block in jsonl.dump(model, after=after, with_expired=with_expired):
                file.write(block.text)
                file.flush()
                self._count(block)
                progress.set(block.last)
                deferred.raise_pending()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Print the progress before an error, such as a full disk or a lost connection."""
        try:
            yield
        except BrokenPipeError:
            raise
        except (ORMError, OSError):
            if self.last_row:
                output.note(self.stopped())
            raise

    def _count(self, block: jsonl.Block) -> None:
        self.rows += block.rows
        if block.rows:
            self.last_row = f'{block.model.__name__} {block.last}'
        for error in block.broken:
            self.broken += 1
            if self.broken <= _MOST_ERRORS:
                output.note(f'Left out: {error}')

    def end(self) -> None:
        """Print what was done."""
        left_out = f'; {self.broken:,} could not be read, and are left out' if self.broken else ''
        output.note(f'Dumped {_counted(self.rows)}{left_out}.')

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        if not self.last_row:
            return 'Stopped; nothing was written.'
        then = '' if self.to is None else ' The same command with --resume continues after it.'
        return f'Stopped after {_counted(self.rows)}, the last one {self.last_row}.{then}'


def _counted(rows: int) -> str:
    return f'{rows:,} row' if rows == 1 else f'{rows:,} rows'
