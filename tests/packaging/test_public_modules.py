"""The public modules of the package are found from `rom`, whatever else was imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    'name', ['aio', 'index', 'index_stats', 'jsonl', 'locks', 'maintenance', 'migrations', 'util']
)
def test_a_module_needs_no_import_of_its_own(name: str) -> None:
    """A new process, because any test may have imported the module already."""
    shown = [sys.executable, '-c', f'import rom; print(rom.{name}.__name__)']
    done = subprocess.run(shown, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f'rom.{name}\n', '')
