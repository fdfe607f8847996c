"""`rom recover`: finishes commits over several partitions that programs have left behind."""

from __future__ import annotations

from rom import maintenance
from rom.cli import output
from rom.cli.errors import report_errors
from rom.cli.model_args import open_models, require_names
from rom.cli.options import Debug, Models, Url


def recover(names: Models = None, url: Url = None, debug: Debug = False) -> None:
    """Finish the commits over several partitions that programs left behind when they died.

    It is for models with _shards. A commit or a read that meets such a rest finishes it as well,
    so this may be run at any time, or never. In a pipe, it prints a line for each number, tab
    separated: 'recovered', and 'carried out', 'undone' or 'under way', and the number.
    """
    with report_errors(debug):
        models = open_models(require_names(names), url)
        sharded = [model for model in models if model._schema.placement is not None]
        if not sharded:
            output.note('No model has _shards; commits of other models leave nothing behind.')
        done = maintenance.recover(*sharded) if sharded else maintenance.Recovered()
        for name, number in done._asdict().items():
            output.line('recovered', name.replace('_', ' '), number)
