"""redis-schematics 0.3.1 itself, in a folder of its own and a process of its own.

It is fetched from the package index once, with the schematics that it needs, and kept in
.venv/redis-schematics-0.3.1 between runs. This project knows it by what it does alone.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / '.venv' / 'redis-schematics-0.3.1'
PROGRAM = Path(__file__).with_name('old_ice_cream.py')


class Unavailable(Exception):
    """redis-schematics cannot be had, here."""


def install(folder: Path = FOLDER) -> Path:
    """The folder that has redis-schematics 0.3.1 and what it needs.

    Raises:
        Unavailable: the package index does not answer, or there is no pip.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / '.redis-schematics.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may want it at once
        if not folder.is_dir():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch) / 'new'
        command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', str(target)]
        command += ['--disable-pip-version-check', '--retries', '1', '--timeout', '15']
        wanted = ['redis-schematics==0.3.1', 'schematics>=2.1']
        try:
            done = subprocess.run(
                [*command, *wanted], capture_output=True, text=True, timeout=100, cwd=scratch
            )
        except subprocess.TimeoutExpired:
            raise Unavailable('pip did not get redis-schematics within 100 s') from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ['no reason given']
            raise Unavailable(f'pip cannot get redis-schematics from the index: {lines[-1]}')
        target.rename(folder)  # all of it, or nothing


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
            timeout=100,
        )
    assert done.returncode == 0, f'redis-schematics failed at {what}:\n{done.stderr}'
    return json.loads(done.stdout)
