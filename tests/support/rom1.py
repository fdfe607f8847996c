"""rom 1.1.2 itself, in a folder of its own and a process of its own.

It is fetched from the package index once, and kept in .venv/rom-1.1.2 between runs. This project
knows it by what it does alone: nothing of it is imported here.
"""

import fcntl
import json
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / '.venv' / 'rom-1.1.2'
PROGRAM = Path(__file__).with_name('old_program.py')


class Unavailable(Exception):
    """rom 1.1.2 cannot be had, here."""


def install(folder: Path = FOLDER) -> Path:
    """The folder that has rom 1.1.2 and what it needs.

    Raises:
        Unavailable: the package index does not answer, or there is no pip.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / '.rom-1.1.2.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may want it at once
        if not folder.is_dir():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch) / 'new'
        command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', str(target)]
        command += ['--disable-pip-version-check', '--retries', '1', '--timeout', '15']
        try:
            done = subprocess.run(
                [*command, 'rom==1.1.2'], capture_output=True, text=True, timeout=100, cwd=scratch
            )
        except subprocess.TimeoutExpired:
            raise Unavailable('pip did not get rom 1.1.2 within 100 s') from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ['no reason given']
            raise Unavailable(f'pip cannot get rom 1.1.2 from the package index: {lines[-1]}')
        target.rename(folder)  # all of it, or nothing


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
            timeout=100,
        )
        assert done.returncode == 0, f'rom 1.1.2 failed at {what}:\n{done.stderr}'
        return pickle.loads(result.read_bytes())
