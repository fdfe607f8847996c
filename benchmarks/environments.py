"""An environment for each peer, made once and kept in .venv-bench/."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / '.venv-bench'
# Draws the plots; measures nothing.
PLOTS = 'plots'
PLOTS_REQUIRE = ('matplotlib>=3.8',)


class Unavailable(Exception):
    """Why an environment cannot be had."""


def prepare(name: str, requires: Sequence[str]) -> Path:
    """The Python of an environment that has what is required; it is made if need be.

    Raises:
        Unavailable: the package index does not answer, or has no such thing.
    """
    folder = FOLDER / name
    python = folder / 'bin' / 'python'
    stamp = folder / 'requires.txt'
    wanted = _fingerprint(requires)
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        return python
    print(f'[setup] {folder.relative_to(ROOT)}: {" ".join(requires)}', file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run([sys.executable, '-m', 'venv', str(folder)])
        options = ['--quiet', '--no-input', '--disable-pip-version-check', '--retries', '1']
        _run([str(python), '-m', 'pip', 'install', *options, *requires])
    except Unavailable:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    stamp.write_text(wanted)
    return python


def existing(name: str, requires: Sequence[str]) -> Path | None:
    """The Python of an environment, if it was made before."""
    stamp = FOLDER / name / 'requires.txt'
    if stamp.is_file() and stamp.read_text() == _fingerprint(requires):
        return FOLDER / name / 'bin' / 'python'
    return None


def versions(python: Path) -> dict[str, str]:
    """What is installed there, by name."""
    program = (
        'import importlib.metadata as m, json;'
        'print(json.dumps({d.metadata["Name"].lower(): d.version for d in m.distributions()}))'
    )
    done = subprocess.run([python, '-P', '-c', program], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def _fingerprint(requires: Sequence[str]) -> str:
    # An environment cannot be moved, nor can it change its Python.
    parts = [*requires, str(FOLDER), sys.version]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != 'PIP_USER'}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f'{command[2]} took more than 300 s') from None
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ['no reason given'])[-1])
