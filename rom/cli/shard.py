"""`rom shard`: moves the rows of models into partitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import typer

from rom import maintenance
from rom._core.model import Model
from rom.cli import output
from rom.cli.errors import DeferredSignals, UsageError, report_errors
from rom.cli.model_args import names_of, open_models, require_names
from rom.cli.options import Debug, Models, Url
from rom.cli.progress import progress_bar
from rom.exceptions import InvalidOperation


def shard(
    names: Models = None,
    into: Annotated[
        str | None,
        typer.Option(metavar='GROUP', help='The name of the group, as the models declare it.'),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            '--from',
            metavar='NAMESPACE',
            help='The namespace of the rows, for one model whose _namespace has changed as well.',
        ),
    ] = None,
    forget: Annotated[
        bool,
        typer.Option(
            '--forget',
            help='In the end, also delete the marks that took the place of rows. Stop programs '
            'without _shards before: they would find no rows.',
        ),
    ] = False,
    durable: Annotated[
        int,
        typer.Option(metavar='N', min=0, help='Give up rows only once N replicas have copies.'),
    ] = 0,
    url: Url = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar='N', help='At most N rows a second, to spare the server.'),
    ] = None,
    batch: Annotated[int, typer.Option(metavar='N', min=1, help='Rows in one step.')] = 1000,
    debug: Debug = False,
) -> None:
    """Move the rows of models without partitions into those of their group.

    The models are declared as they will be, with _shards. Other programs work on without _shards
    while rows are copied. Then they are refused, row by row; and programs with _shards work once
    all rows are moved. The progress is kept in Redis: a move that was stopped or killed continues
    there.
    """
    job = ShardJob(into or '', source, rate, batch, forget, durable)
    with report_errors(debug, job.stopped):
        if into is None:
            raise UsageError('--into: expected the name of the group of the models, got none')
        if rate is not None and not 0 < rate < math.inf:
            raise UsageError(f'--rate: expected a number of rows a second above 0, got {rate:g}')
        job.left = open_models(require_names(names), url)
        if source is not None and len(job.left) > 1:
            raise UsageError('--from: expected one model, got several; move them one by one')
        job.check()
        with DeferredSignals('Stopping after this step; once more: at once.') as deferred:
            while job.left:
                job.run(job.left[0], deferred)
                job.left.pop(0)


@dataclass
class ShardJob:
    """Moves models.

    Attributes:
        into: the name of the group.
        source: the namespace of the rows, or None.
        rate: the limit of rows a second, or None.
        batch: rows in one step.
        forget: delete the marks in the end.
        durable: the number of replicas that must have the copies of rows.
        left: the models that are not done; the first one is being moved.
        done, total: the progress of the model that is being moved.
    """

    into: str
    source: str | None
    rate: float | None
    batch: int
    forget: bool = False
    durable: int = 0
    left: list[type[Model]] = field(default_factory=list)
    done: int = 0
    total: int = 0

    def check(self) -> None:
        """Raise `UsageError` if a model cannot be moved, before the first one is."""
        for model in self.left:
            try:
                self._steps(model)
            except InvalidOperation as error:
                raise UsageError(str(error)) from None

    def _steps(self, model: type[Model]) -> Iterator[tuple[int, int]]:
        """Return the move of a model, whose arguments are checked; its first step is not made."""
        return maintenance.shard(
            model, self.into, self.rate, self.batch, self.source, self.forget, self.durable
        )

    def run(self, model: type[Model], deferred: DeferredSignals) -> None:
        """Move a model; a signal stops it between two steps."""
        name = model.__name__
        self.done = self.total = 0
        with progress_bar(f'Moving {name}', unit='rows') as progress:
            for done, total in self._steps(model):
                self.done, self.total = done, total
                progress.set(done, total)
                deferred.raise_pending()
        output.line('moved', name, self.into)

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        if not self.left:
            return 'Stopped; nothing was written.'
        more = '' if self.source is None else f' --from {self.source}'
        more += ' --forget' if self.forget else ''
        more += f' --durable {self.durable}' if self.durable else ''
        return (
            f'Stopped in {self.left[0].__name__}, {self.done:,} of {self.total:,} steps done, and '
            'nothing is half done. It continues there: rom shard '
            f'{names_of(self.left)} --into {self.into}{more}'
        )
