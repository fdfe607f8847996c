"""scripts/prepare.py, in a copy of its own: Ctrl-C while the environment is made."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.one_server
def test_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / 'scripts').mkdir()
    for name in ('scripts/prepare.py', 'pyproject.toml', 'setup.py'):
        shutil.copy(ROOT / name, tmp_path / name)
    with subprocess.Popen(
        [sys.executable, 'scripts/prepare.py', 'test'],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stderr is not None
        assert 'creating .venv' in program.stderr.readline()
        program.send_signal(signal.SIGINT)
        said = program.stderr.read()
        assert program.wait(30) == 130
    assert 'Traceback' not in said
    assert '.venv is not complete' in said
