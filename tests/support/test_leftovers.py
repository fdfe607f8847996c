"""A run that leaves something behind fails, and says what."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.leftovers import files, processes, running
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]
OTHERS = {name: value for name, value in os.environ.items() if name != 'PYTEST_ADDOPTS'}
needs_proc = pytest.mark.skipif(not Path('/proc/self').exists(), reason='there is no /proc')

TIDY = """
def test(tmp_path):
    (tmp_path / 'file').touch()
"""
UNTIDY = """
import subprocess, sys, tempfile

def test():
    tempfile.mkdtemp(prefix='forgotten-')
"""


def run(folder: Path, text: str) -> 'subprocess.CompletedProcess[str]':
    """Run one test as scripts/test would, with a temporary folder of its own."""
    (folder / 'test_one.py').write_text(text)
    (folder / 'tmp').mkdir()
    command = [sys.executable, '-m', 'pytest', '-p', 'tests.support.leftovers', '-p', 'no:valkey']
    return subprocess.run(
        [*command, '-p', 'no:cacheprovider', 'test_one.py'],
        cwd=folder,
        env={**OTHERS, 'PYTHONPATH': str(ROOT), 'TMPDIR': str(folder / 'tmp')},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(('text', 'code'), [(TIDY, 0), (UNTIDY, 1)], ids=['tidy', 'untidy'])
def test_a_run(tmp_path: Path, text: str, code: int) -> None:
    done = run(tmp_path, text)
    assert done.returncode == code, done.stdout + done.stderr
    assert '1 passed' in done.stdout
    assert ('left behind: ' in done.stdout) == (code == 1)
    assert ('forgotten-' in done.stdout) == (code == 1)
    assert list((tmp_path / 'tmp').iterdir()) == []


def test_where_the_folders_of_tests_are(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert tmp_path.is_relative_to(Path(os.environ['TMPDIR'])) or request.config.option.basetemp


@needs_proc
def test_a_process_is_named_and_ended(tmp_path: Path) -> None:
    code = 'print(flush=True); import time; time.sleep(1000)'
    with subprocess.Popen(
        [sys.executable, '-c', code],
        env={**os.environ, 'TMPDIR': str(tmp_path / 'below')},
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        assert list(running(tmp_path)) == [program.pid]
        assert running(tmp_path / 'other') == {}
        [said] = processes(tmp_path, 0)
        assert said.startswith(f'process {program.pid}: ') and said.endswith(code)
        assert program.wait(PATIENCE) == -9
    assert running(tmp_path) == {}


def test_files(tmp_path: Path) -> None:
    (tmp_path / 'pytest').mkdir()
    assert files(tmp_path) == []
    (tmp_path / 'x').touch()
    assert files(tmp_path) == [str(tmp_path / 'x')]
