"""redis-schematics 0.3.1 itself, in a folder of its own and a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support import fetched
from tests.support.patience import PATIENCE

PROGRAM = Path(__file__).with_name('old_ice_cream.py')


def install() -> Path:
    """The folder that has redis-schematics 0.3.1, and the schematics that it needs.

    Raises:
        Unavailable: it cannot be had, here.
    """
    return fetched.install('redis-schematics', '0.3.1', 'schematics>=2.1')


def run(folder: Path, socket: str, what: str, **arguments: Any) -> Any:
    """Have a program of redis-schematics do something of old_ice_cream.py."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, '-P', '-W', 'ignore', str(PROGRAM), socket, what],
            input=json.dumps(arguments),
            env={**os.environ, 'PYTHONPATH': str(folder)},
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 0, f'redis-schematics failed at {what}:\n{done.stderr}'
    return json.loads(done.stdout)
