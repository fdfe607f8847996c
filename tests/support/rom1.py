"""rom 1.1.2 itself, in a folder of its own and a process of its own."""

import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support import fetched
from tests.support.patience import PATIENCE

PROGRAM = Path(__file__).with_name('old_program.py')


def install() -> Path:
    """The folder that has rom 1.1.2 and what it needs.

    Raises:
        Unavailable: it cannot be had, here.
    """
    return fetched.install('rom', '1.1.2')


def run(folder: Path, socket: str, what: str, **arguments: Any) -> Any:
    """Have a program of rom 1.1.2 do something of old_program.py; returns what it found."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / 'result'
        done = subprocess.run(
            [sys.executable, '-P', str(PROGRAM), socket, what, str(result), json.dumps(arguments)],
            env={**os.environ, 'PYTHONPATH': str(folder)},
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f'rom 1.1.2 failed at {what}:\n{done.stderr}'
        return pickle.loads(result.read_bytes())
