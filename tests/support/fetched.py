"""Packages of others that tests run in processes of their own, each from a folder of its own.

They are fetched from the package index once, and kept in .venv/ between runs. This project knows
them by what they do alone.
"""

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path

VENV = Path(__file__).parents[2] / '.venv'


class Unavailable(Exception):
    """The package cannot be had, here."""


def install(name: str, version: str, *others: str) -> Path:
    """The folder that has a package of this version, and what it needs.

    Args:
        name: the package's.
        version: which.
        others: what else is asked for, as pip takes it.

    Raises:
        Unavailable: the package index does not answer, or there is no pip.
    """
    folder = VENV / f'{name}-{version}'
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f'.{name}-{version}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may want it at once
        if not folder.is_dir():
            _fetch(folder, f'{name} {version}', [f'{name}=={version}', *others])
    return folder


def _fetch(folder: Path, shown: str, wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        target = Path(scratch) / 'new'
        command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--target', str(target)]
        command += ['--disable-pip-version-check', '--retries', '1', '--timeout', '15']
        try:
            done = subprocess.run(
                [*command, *wanted], capture_output=True, text=True, timeout=100, cwd=scratch
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f'pip did not get {shown} within 100 s') from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ['no reason given']
            raise Unavailable(f'pip cannot get {shown} from the package index: {lines[-1]}')
        target.rename(folder)  # all of it, or nothing
