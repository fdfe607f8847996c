"""`rom demo`: the characters of Unicode, and some questions about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rom.cli.errors import report_errors
from rom.cli.options import Debug

# With fewer, the questions about particular characters would have no answer.
LEAST = 3000


def demo(
    keep: Annotated[
        str | None,
        typer.Option(
            metavar='PATH',
            help='Keep the data in this folder; a later run finds it there, and loads only what '
            'is missing.',
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar='URL',
            help='Use another server than an embedded one, as in redis://localhost:6379/0. '
            "All keys begin with '{rom-demo}:'.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            metavar='N',
            min=LEAST,
            help='For trying out: only N characters, those with short names first.',
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Load every named character of Unicode, and ask some questions about them.

    Starts a server of its own, which ends with the command.
    """
    if keep is not None and url is not None:
        raise typer.BadParameter('--keep is for embedded servers, --url for others: give one')
    if keep is not None and not keep.strip():
        raise typer.BadParameter('--keep: expected the path of a folder, got an empty text')
    # Imported only here, because the import defines the model, and so registers its name.
    from rom.cli.demo.screens import screen
    from rom.cli.demo.tour import DemoServer, Tour

    if url is not None:
        server = DemoServer(url, kept=True)
    elif keep is not None:
        folder = Path(keep).expanduser().absolute()
        server = DemoServer(f'embedded:{folder}', kept=True)
    else:
        server = DemoServer('embedded:', kept=False)
    tour = Tour(screen(), server, limit)
    with report_errors(debug, tour.stopped):
        tour.run()
