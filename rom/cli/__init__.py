"""The `rom` command. This module works without typer, to report that typer is missing."""

from __future__ import annotations

import sys

NEEDED = ('typer', 'click', 'rich')


def main() -> None:
    """Run the `rom` command on the program's arguments, and exit."""
    try:
        from rom.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or '').partition('.')[0]
        if missing not in NEEDED:
            raise
        sys.exit(
            f"The rom command needs {missing}, which is not installed: pip install 'rom-redis[cli]'"
        )
    except KeyboardInterrupt:
        print('Stopped before anything was done.', file=sys.stderr)
        sys.exit(130)
    app(prog_name='rom')
