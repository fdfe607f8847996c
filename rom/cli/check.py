"""`rom check`: every index against every row."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import typer

from rom import maintenance
from rom._core.model import Model
from rom._core.ops.maintenance.findings import KINDS, Finding, Kind
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, report_errors
from rom.cli.model_args import names_of, open_models, require_names
from rom.cli.options import Debug, Models, Url
from rom.cli.progress import progress_bar


def check(
    names: Models = None,
    url: Url = None,
    repair: Annotated[
        bool,
        typer.Option(
            '--repair', help='Repair the indexes. No row changes; ambiguous findings stay.'
        ),
    ] = False,
    batch: Annotated[int, typer.Option(metavar='N', min=1, help='Entities in one batch.')] = 1000,
    quiet: Annotated[
        bool,
        typer.Option('--quiet', '-q', help='Print only the number of findings; show no progress.'),
    ] = False,
    debug: Debug = False,
) -> None:
    """Compare every index with every row; exit 1 if anything is wrong, repaired or not.

    Other programs may write meanwhile. In a pipe, each finding is a line, tab separated: 'finding',
    model, kind, key, id, message, and 'repaired' or 'left'. Then the sums: 'found', model, kind,
    number, and the number of those that are left.
    """
    job = CheckJob(repair, batch, quiet)
    with report_errors(debug, job.stopped):
        job.left = open_models(require_names(names), url)
        with DeferredSignals('Stopping after this batch; once more: at once.') as deferred:
            while job.left:
                job.run(job.left[0], deferred)
                job.left.pop(0)
        if job.found:
            raise typer.Exit(Code.FOUND)


@dataclass
class CheckJob:
    """Checks models, and counts the findings.

    Attributes:
        left: the models that are not done; the first one is being checked.
        found, repaired: the numbers of findings, and of those repaired, in all models.
        done, total: the progress of the model that is being checked.
    """

    repair: bool
    batch: int
    quiet: bool
    left: list[type[Model]] = field(default_factory=list)
    found: int = 0
    repaired: int = 0
    done: int = 0
    total: int = 0

    def run(self, model: type[Model], deferred: DeferredSignals) -> None:
        """Check a model; a signal stops it between two batches."""
        self._note_due_reindex(model)
        name, left = model.__name__, Counter[Kind]()
        title = 'Repairing' if self.repair else 'Checking'
        with progress_bar(f'{title} {name}', unit='entities', is_shown=not self.quiet) as progress:

            def show_progress(done: int, total: int) -> None:
                self.done, self.total = done, total
                progress.set(done, total)
                deferred.raise_pending()

            check = maintenance.check(model, self.repair, self.batch, show_progress)
            for finding in check:
                self.found += 1
                self.repaired += finding.repaired
                left[finding.kind] += not finding.repaired
                if not self.quiet:
                    _show(finding)
        if not check.counts:
            output.line('right', name)
        for kind, count in sorted(check.counts.items()):
            if output.is_terminal(sys.stdout):
                output.text(f'{name}: {_sum(kind, count, left[kind], self.repair)}')
            else:
                output.row('found', name, kind, count, left[kind])

    def _note_due_reindex(self, model: type[Model]) -> None:
        [status] = maintenance.status(model)
        if status.is_due:
            why = '; '.join(status.changes) or 'the indexes of the data are unknown'
            if status.stopped_at is not None:
                why = 'a reindex is incomplete'
            output.note(
                f'{model.__name__} needs rom reindex {names_of([model])} ({why}), which may be why '
                'something is found.'
            )

    def stopped(self) -> str:
        """Return the message after a signal, with the work done and the way to continue."""
        if not self.left:
            return 'Stopped; nothing was written.'
        model = self.left[0]
        where = f'Stopped in {model.__name__}, {self.done:,} of {self.total:,} entities checked'
        repaired = f', {self.repaired:,} repaired' if self.repair else ''
        option = ' --repair' if self.repair else ''
        return (
            f'{where}; {self.found:,} found{repaired}, and nothing is half done. A check begins '
            f'again: rom check{option} {names_of(self.left)}'
        )


def _show(finding: Finding) -> None:
    if output.is_terminal(sys.stdout):
        output.text(str(finding))
        return
    state = 'repaired' if finding.repaired else 'left'
    output.row(
        'finding', finding.model, finding.kind, finding.key, finding.id, finding.message, state
    )


def _sum(kind: Kind, count: int, left: int, is_repair: bool) -> str:
    repaired = f', {count - left:,} repaired' if is_repair else ''
    return f'{count:,} {kind}{repaired} ({KINDS[kind]})'
