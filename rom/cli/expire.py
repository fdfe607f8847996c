"""`rom expire`: removes expired entities, once or periodically."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

import rom
from rom._core.model import Model
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, Terminated, UsageError, report_errors
from rom.cli.model_args import open_models, require_names
from rom.cli.options import Debug, Models, Url, parse_duration

# The greatest number of errors that are printed.
_MOST_ERRORS = 20


def expire(
    names: Models = None,
    url: Url = None,
    every: Annotated[
        str | None,
        typer.Option(
            metavar='TIME',
            help='Repeat every 10s, 5m, 1h, 1h30m ... until stopped by Ctrl-C or SIGTERM, which '
            'wait for the end of a batch. If the server is unreachable, try again later.',
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar='N', min=1, help='Remove at most N entities of a model at a time.'),
    ] = None,
    batch: Annotated[
        int, typer.Option(metavar='N', min=1, help='Entities in one atomic batch.')
    ] = 1000,
    on_delete: Annotated[
        bool,
        typer.Option('--on-delete', help='Obey the on_delete of columns that refer to them.'),
    ] = False,
    hooks: Annotated[
        bool, typer.Option('--hooks', help='Call _before_delete and _after_delete.')
    ] = False,
    debug: Debug = False,
) -> None:
    """Remove expired entities of models with an ExpireAt column."""
    worker = ExpiryWorker(limit, batch, on_delete, hooks)
    with report_errors(debug, worker.stopped):
        pause = None if every is None else parse_duration(every)
        given = require_names(names)
        worker.models = _expiring(given, open_models(given, url))
        with DeferredSignals() as deferred:
            if pause is None:
                worker.sweep(deferred.raise_pending)
            else:
                _work(worker, pause, deferred)
        if worker.failed:
            raise typer.Exit(Code.FAILED)


def _expiring(names: Sequence[str], models: list[type[Model]]) -> list[type[Model]]:
    """Return the models that have an ExpireAt column."""
    found = [model for model in models if model._schema.expiry is not None]
    named = {name.partition(':')[2] for name in names if ':' in name}
    never = [model.__name__ for model in models if model not in found and model.__name__ in named]
    if never or not found:
        which = ', '.join(never or (model.__name__ for model in models))
        raise UsageError(
            f'{which}: expected models with an ExpireAt column, got none; declare one, such as '
            'expire_at = rom.ExpireAt()'
        )
    return found


def _work(worker: ExpiryWorker, pause: float, deferred: DeferredSignals) -> None:
    """Sweep until stopped; SIGTERM is the normal end of a worker."""
    is_away = has_worked = False
    try:
        while True:
            try:
                worker.sweep(deferred.raise_pending)
            except (rom.ServerUnavailable, rom.ServerError) as error:
                # An error of the first sweep stays, such as a wrong password. After a sweep that
                # worked, it passes: a replica that is not yet the master soon will be.
                if isinstance(error, rom.ServerError) and not has_worked:
                    raise
                if not is_away:
                    output.note(f'{_first_sentence(error)}. Trying again every {pause:g} s.')
                is_away = True
            else:
                if is_away:
                    output.note('The server answers again.')
                is_away, has_worked = False, True
            deferred.wait(pause)
    except Terminated:
        output.note(worker.stopped())
        raise typer.Exit(Code.FINE) from None


def _first_sentence(error: Exception) -> str:
    """Return an error's first sentence, without the advice that follows."""
    return str(error).partition('. ')[0]


@dataclass
class ExpiryWorker:
    """Removes the expired entities of some models, and counts them.

    Attributes:
        models: the models.
        removed: the number of entities removed in all sweeps.
        failed: whether some could not be removed in the last sweep.
    """

    limit: int | None
    batch: int
    on_delete: bool
    hooks: bool
    models: list[type[Model]] = field(default_factory=list)
    removed: int = 0
    failed: bool = False

    def sweep(self, between: Callable[[], None]) -> None:
        """Remove the entities that have expired by now, and print their number.

        Args:
            between: called between two batches, when nothing is half done.
        """
        self.failed = False
        for model in self.models:
            count = 0
            try:
                for removed in self._rounds(model):
                    count += removed
                    self.removed += removed
                    between()
            finally:
                if count:
                    output.line('expired', model.__name__, count)

    def _rounds(self, model: type[Model]) -> Iterator[int]:
        """Remove one batch after the other; yield the number of each."""
        left, errors = self.limit, list[Exception]()
        while left is None or left > 0:
            count = self.batch if left is None else min(self.batch, left)
            try:
                removed, errors = self._remove(model, count), []
            except rom.BulkError as error:
                # Each round finds these again, so only the last round's errors are printed.
                removed, errors = error.done, error.errors
            if self.hooks:
                rom.session.commit()  # the changes of hooks; it also empties the session
            yield removed
            if removed < count:
                break
            left = None if left is None else left - removed
        self.failed = self.failed or bool(errors)
        for failure in errors[:_MOST_ERRORS]:
            output.note(f'{model.__name__}: {failure}')
        if len(errors) > _MOST_ERRORS:
            output.note(f'{model.__name__}: and {len(errors) - _MOST_ERRORS:,} more')

    def _remove(self, model: type[Model], count: int) -> int:
        return rom.util.expire(model, count, count, self.on_delete, self.hooks)

    def stopped(self) -> str:
        """Return the message after a signal, with the work done."""
        return f'Stopped after {self.removed:,} removed; nothing is half done.'
