"""Closing lines of the demo: the commands to type, for the data that was just loaded."""

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
    """Return the lines to type in a Python shell to use the data of a demo."""
    return ('import rom', f'db = rom.connect({url!r})', *PREPARATION)


def python_command() -> str:
    """Return the shell command that starts this Python."""
    return _command(sys.executable)


def rom_command() -> str:
    """Return the shell command that starts `rom`."""
    name = Path(sys.argv[0])
    if name.name == '__main__.py' or not os.access(name, os.X_OK):
        return f'{python_command()} -m rom.cli'
    return _command(str(name.absolute()))


def _command(program: str) -> str:
    """Return a program's name if the shell finds it on PATH, else its shorter path."""
    path = Path(program)
    if shutil.which(path.name) == program:
        return path.name
    try:
        return shlex.quote(f'./{path.relative_to(Path.cwd())}')
    except ValueError:
        return shlex.quote(program)
