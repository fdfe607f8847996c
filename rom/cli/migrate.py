"""`rom migrate`: runs the migrations of a module."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, TypeAlias

import typer

from rom import migrations
from rom._core.migrations.migration import REINDEX, collect
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, UsageError, report_errors
from rom.cli.model_args import import_named, use_server_for
from rom.cli.options import AsJson, Debug, Url
from rom.cli.progress import ProgressBar, progress_bar
from rom.exceptions import BulkError, InvalidOperation
from rom.migrations import Migration, MigrationProgress, MigrationStatus

# The greatest number of rows that cannot be indexed and are named one by one.
_MOST_ERRORS = 20

Modules: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar='MODULE',
        envvar='ROM_MIGRATIONS',
        show_envvar=False,
        show_default=False,
        help='package.module with migrations, as shop.migrations; imported with the current folder '
        'on the path. Without any: those that the environment variable ROM_MIGRATIONS names.',
    ),
]


Wait: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar='SECONDS', min=0, help='How long to wait for another migrator of a model.'
    ),
]
TakeOver: TypeAlias = Annotated[
    bool,
    typer.Option(
        '--take-over', help='Do not wait: the other migrator can write nothing from then on.'
    ),
]
ShowStatus: TypeAlias = Annotated[
    bool,
    typer.Option('--status', help='Show the state of all migrations; exit 1 if any must be run.'),
]
SkipFailing: TypeAlias = Annotated[
    bool,
    typer.Option(
        '--skip-failing',
        help='Leave rows that cannot be migrated as they are, and list them at the end.',
    ),
]


def migrate(
    names: Modules = None,
    url: Url = None,
    plan: Annotated[
        bool,
        typer.Option('--plan', help='Show the migrations that would run; write nothing.'),
    ] = False,
    status: ShowStatus = False,
    to: Annotated[
        str | None, typer.Option(metavar='NAME', help='Stop after the migration of this name.')
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(metavar='N', help='At most N rows a second, to spare the server.'),
    ] = None,
    batch: Annotated[int, typer.Option(metavar='N', min=1, help='Rows in one step.')] = 1000,
    wait: Wait = 15.0,
    take_over: TakeOver = False,
    no_reindex: Annotated[
        bool, typer.Option('--no-reindex', help='Build no indexes at the end.')
    ] = False,
    skip_failing: SkipFailing = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Run the migrations of modules that were not run yet, in the order of their declaration.

    Other programs may write meanwhile. The progress is kept in Redis: a migration that was stopped
    or killed continues there, and no row is migrated twice. At the end, indexes that the models
    declare and the data lacks are built.
    """
    job = MigrateJob(list(names or ()))
    with report_errors(debug, job.stopped):
        _check_options(plan, status, rate)
        found = _open_migrations(job.names, to, url)
        if plan or status:
            if plan:
                states = migrations.plan(*found, to=to, reindex=not no_reindex)
            else:
                states = migrations.status(*found)
            _show(states, as_json)
            if status and any(each.is_due for each in states):
                raise typer.Exit(Code.FOUND)
            return
        steps = migrations.migrate(
            *found, to=to, rate=rate, batch=batch, wait=wait, take_over=take_over,
            reindex=not no_reindex, skip_failing=skip_failing,
        )  # fmt: skip
        job.run(steps)
        job.report_skipped()
        if job.failed or job.skipped:
            raise typer.Exit(Code.FAILED)


def _check_options(plan: bool, status: bool, rate: float | None) -> None:
    if plan and status:
        raise UsageError('--plan and --status: expected one of them, got both; leave one out')
    if rate is not None and not 0 < rate < math.inf:
        raise UsageError(f'--rate: expected a number of rows a second above 0, got {rate:g}')


def _open_migrations(names: Sequence[str], to: str | None, url: str | None) -> list[Migration]:
    """Import modules, and set the server of their models. Nothing is sent yet.

    Raises:
        UsageError: a name or the URL is invalid, or the modules have no such migrations.
    """
    if not names:
        raise UsageError(
            'expected a module of migrations, got none; name it as package.module, or set the '
            'environment variable ROM_MIGRATIONS'
        )
    modules = [import_named(name, name) for name in names]
    try:
        found = collect(modules)
    except InvalidOperation as error:
        raise UsageError(str(error)) from None
    known = [each.name for each in found]
    if to is not None and to not in known:
        raise UsageError(f'--to: no migration is called {to!r}; there are {", ".join(known)}')
    use_server_for(list(dict.fromkeys(each.model for each in found)), url)
    return found


@dataclass
class MigrateJob:
    """Runs migrations.

    Attributes:
        names: the modules.
        failed: the number of rows that could not be indexed.
        last: the progress of the migration that is running; None before the first one.
        skipped: the progress of each migration that has skipped rows, by name.
    """

    names: list[str]
    failed: int = 0
    last: MigrationProgress | None = None
    skipped: dict[str, MigrationProgress] = field(default_factory=dict)

    def run(self, steps: migrations.Steps) -> None:
        """Run the migrations; a signal stops them between two batches."""
        with DeferredSignals('Stopping after this batch; once more: at once.') as deferred:
            try:
                self._run_each(steps, deferred)
            finally:
                steps.close()  # releases the lock

    def _run_each(self, steps: migrations.Steps, deferred: DeferredSignals) -> None:
        step = self._next(steps)
        if step is None and not self.failed:
            output.note('Nothing to do: all migrations are done.')
        while step is not None:
            name, model = step.name, step.model
            title = f'{name} of {model}' if name != REINDEX else f'Reindexing {model}'
            with progress_bar(title, unit='rows') as progress:
                step = self._run_one(steps, step, progress, deferred)
            if self.failed:
                return
            if name == REINDEX:
                output.line('reindexed', model)
            else:
                output.line('migrated', name, model)

    def _run_one(
        self,
        steps: migrations.Steps,
        step: MigrationProgress | None,
        progress: ProgressBar,
        deferred: DeferredSignals,
    ) -> MigrationProgress | None:
        """Run one migration to its end; return the first step of the next one."""
        first = step
        while step is not None and first is not None and step[:2] == first[:2]:
            self.last = step
            if step.skipped:
                self.skipped[step.name] = step
            progress.set(step.done, step.total)
            deferred.raise_pending()
            step = self._next(steps)
        return step

    def _next(self, steps: migrations.Steps) -> MigrationProgress | None:
        try:
            return next(steps, None)
        except BulkError as error:
            self._note_failures(error)
            return None

    def _note_failures(self, error: BulkError) -> None:
        self.failed += len(error.errors)
        for failure in error.errors[:_MOST_ERRORS]:
            output.note(str(failure))
        if len(error.errors) > _MOST_ERRORS:
            output.note(f'and {len(error.errors) - _MOST_ERRORS:,} more')
        output.note(
            f'The migrations are done. {len(error.errors):,} rows could not be indexed, all others '
            'are; correct or delete those, and run rom check --repair'
        )

    def report_skipped(self) -> None:
        """List the rows that were skipped, with the reasons."""
        for name, step in self.skipped.items():
            for row in step.skipped[:_MOST_ERRORS]:
                output.note(f'{step.model} {row.id}: {row.reason}')
            if len(step.skipped) > _MOST_ERRORS:
                output.note(f'and {len(step.skipped) - _MOST_ERRORS:,} more')
            output.note(
                f'{name}: {len(step.skipped):,} of {step.total:,} rows of {step.model} were '
                'skipped, and are as they were; correct them in a migration of their own. '
                'rom migrate --status --json lists all'
            )

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        if self.last is None:
            return 'Stopped; nothing was written.'
        name, model, done, total, _ = self.last
        return (
            f'Stopped in {name} of {model}, {done:,} of {total:,} rows done, and nothing is half '
            f'done. It continues there: rom migrate {" ".join(self.names)}'
        )


def _show(states: Sequence[MigrationStatus], as_json: bool) -> None:
    if as_json:
        output.as_json(
            [{**_as_dict(s), 'is_due': s.is_due, 'rows_left': s.rows_left} for s in states]
        )
        return
    if not states and output.is_terminal(sys.stdout):
        output.text('Nothing to do: all migrations are done.')
    rows = [
        (s.name, s.model, s.state, s.rows_left, s.done, len(s.skipped), _time(s.ended), s.steps)
        for s in states
    ]
    titles = (
        'name', 'model', 'state', '>rows left', '>rows done', '>skipped', 'ended (UTC)', 'steps',
    )  # fmt: skip
    output.table('migration', titles, rows)


def _as_dict(status: MigrationStatus) -> dict[str, Any]:
    return {**asdict(status), 'skipped': [row._asdict() for row in status.skipped]}


def _time(seconds: int | None) -> str | None:
    """Return a time in UTC, to the second."""
    if seconds is None:
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime('%Y-%m-%d %H:%M:%S')
    except (ValueError, OverflowError, OSError):
        return str(seconds)
