"""`rom reindex`: builds the indexes that the models declare."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated

import typer

from rom import maintenance
from rom._core.model import Model
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, UsageError, report_errors
from rom.cli.model_args import names_of, open_models, require_names
from rom.cli.options import Debug, Models, Url
from rom.cli.progress import progress_bar
from rom.exceptions import BulkError

# The greatest number of rows that cannot be indexed and are named one by one.
_MOST_ERRORS = 20


def reindex(
    names: Models = None,
    url: Url = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar='N', help='At most N entities a second, to spare the server.'),
    ] = None,
    batch: Annotated[int, typer.Option(metavar='N', min=1, help='Entities in one step.')] = 1000,
    restart: Annotated[
        bool,
        typer.Option('--restart', help='Begin again, instead of continuing an incomplete reindex.'),
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            '--all',
            help='Also build indexes whose declaration is unchanged, after a change of the code '
            'of a keygen, or of a default.',
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Build the indexes that the models declare, after a change of them or for old data.

    Only indexes whose declaration has changed are built; if none has, all are compared with the
    rows. Other programs may write meanwhile if they have the same models. The progress is kept in
    Redis: a reindex that was stopped or killed continues there.
    """
    job = ReindexJob(rate, batch, restart, everything)
    with report_errors(debug, job.stopped):
        if rate is not None and not 0 < rate < math.inf:
            raise UsageError(
                f'--rate: expected a number of entities a second above 0, got {rate:g}'
            )
        job.left = open_models(require_names(names), url)
        # A step takes at most a second, even at a low rate, so it need not be interrupted.
        with DeferredSignals('Stopping after this step; once more: at once.') as deferred:
            while job.left:
                job.run(job.left[0], deferred)
                job.left.pop(0)
        if job.failed:
            raise typer.Exit(Code.FAILED)


@dataclass
class ReindexJob:
    """Reindexes models.

    Attributes:
        left: the models that are not done; the first one is being reindexed.
        failed: the number of rows that could not be indexed.
        done, total: the progress of the model that is being reindexed.
    """

    rate: float | None
    batch: int
    restart: bool
    everything: bool
    left: list[type[Model]] = field(default_factory=list)
    failed: int = 0
    done: int = 0
    total: int = 0

    def run(self, model: type[Model], deferred: DeferredSignals) -> None:
        """Reindex a model; a signal stops it between two steps."""
        name = model.__name__
        self.done = self.total = 0
        [status] = maintenance.status(model)
        if status.stopped_at is not None and not self.restart:
            output.note(
                f'{name}: a reindex stopped at id {status.stopped_at}; it continues there if it '
                'was for the same indexes.'
            )
        try:
            with progress_bar(f'Reindexing {name}', unit='entities') as progress:
                steps = maintenance.reindex(
                    model, self.rate, self.batch, self.restart, self.everything
                )
                for done, total in steps:
                    self.done, self.total = done, total
                    progress.set(done, total)
                    deferred.raise_pending()
        except BulkError as error:
            self._note_failures(name, error)
        else:
            output.line('reindexed', name)

    def _note_failures(self, name: str, error: BulkError) -> None:
        self.failed += len(error.errors)
        for failure in error.errors[:_MOST_ERRORS]:
            output.note(f'{name}: {failure}')
        if len(error.errors) > _MOST_ERRORS:
            output.note(f'{name}: and {len(error.errors) - _MOST_ERRORS:,} more')
        output.note(
            f'{name}: {len(error.errors):,} rows could not be indexed, all others are; correct or '
            'delete those, and run rom check --repair'
        )

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        if not self.left:
            return 'Stopped; nothing was written.'
        where = f'Stopped in {self.left[0].__name__}, {self.done:,} of {self.total:,} entities done'
        return (
            f'{where}, and nothing is half done. It continues there: rom reindex '
            f'{names_of(self.left)}'
        )
