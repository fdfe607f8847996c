"""How to go on: the very lines to type, for the data that was loaded just now."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from rom.cli.demo.questions import PREPARATION

SUGGESTED_FOLDER = 'unicode-data'

TO_TRY = (
    "chars.filter(words='heart').all()",
    "chars.startswith(name='GREEK').order_by('-point').first().to_dict()",
    "Character.get_by(name='PILE OF POO').char",
)

REMOVAL = "db.unlink(*db.scan_iter('rom-demo:*', 1000))"


def shell_lines(url: str) -> tuple[str, ...]:
    """What to type in a Python shell to have the data of a demo at hand."""
    return ('import rom', f'db = rom.connect({url!r})', *PREPARATION)


def python_command() -> str:
    """How this Python is started in a shell."""
    return _command(sys.executable)


def rom_command() -> str:
    """How the rom command is started in a shell."""
    name = Path(sys.argv[0])
    if name.name == '__main__.py' or not os.access(name, os.X_OK):
        return f'{python_command()} -m rom.cli'
    return _command(str(name.absolute()))


def _command(program: str) -> str:
    """A program's name where that is enough, else its path, the shorter way."""
    path = Path(program)
    if shutil.which(path.name) == program:
        return path.name
    try:
        return shlex.quote(f'./{path.relative_to(Path.cwd())}')
    except ValueError:
        return shlex.quote(program)
