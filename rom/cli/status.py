"""`rom status`: compares the declared indexes with the data's, and warns of eviction."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from rom import maintenance
from rom._core.drivers import eviction_warning
from rom._core.drivers.connections import connection_of
from rom._core.ops.maintenance.reindex import Status
from rom.cli import output
from rom.cli.errors import Code, report_errors
from rom.cli.model_args import names_of, open_models, require_names
from rom.cli.options import AsJson, Debug, Models, Url

_DESCRIPTIONS = {
    'right': 'the indexes are those that it declares',
    'stale': 'the indexes are not those that it declares',
    'unknown': 'the indexes of the data are unknown, as with data of rom 1.x',
    'empty': 'there is no data yet',
}


def status(
    names: Models = None, url: Url = None, as_json: AsJson = False, debug: Debug = False
) -> None:
    """Show which models need `rom reindex`; exit 1 if any does.

    It compares the declared indexes with those that are recorded beside the data. A keygen is known
    by its name alone: after a change of its code, run `rom reindex --all`.

    It also warns of a server that evicts keys when its memory is full.
    """
    with report_errors(debug):
        models = open_models(require_names(names), url)
        found = maintenance.status(*models)
        objections = [
            eviction_warning.objection(connection_of(model), model._schema.keys.head)
            for model in models
        ]
        if as_json:
            output.as_json(
                [
                    {**asdict(one), 'is_due': one.is_due, 'eviction': objection}
                    for one, objection in zip(found, objections, strict=True)
                ]
            )
        else:
            for one in found:
                _show(one)
        for objection in dict.fromkeys(filter(None, objections)):
            output.note(objection)
        due = [model for model, one in zip(models, found, strict=True) if one.is_due]
        if due:
            output.note(f'To build them: rom reindex {names_of(due)}')
            raise typer.Exit(Code.FOUND)


def _show(status: Status) -> None:
    changes = '; '.join(status.changes)
    stopped_at = None
    if status.stopped_at is not None:
        stopped_at = f'a reindex stopped at id {status.stopped_at}'
    if not output.is_terminal(sys.stdout):
        output.row('status', status.model, status.state, changes, status.stopped_at)
        return
    details = '; '.join(part for part in (_DESCRIPTIONS[status.state], changes, stopped_at) if part)
    output.text(f'{status.model}  {status.state}: {details}')
