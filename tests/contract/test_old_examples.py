"""Small programs for rom 1.x run here, and show what they show with rom 1.1.2 itself.

Each version runs them in a process of its own, on the same server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.support import ROOT
from tests.support import old_examples, rom1
from tests.support.fetched import Unavailable
from tests.support.patience import PATIENCE
from tests.support.servers import Server, Servers

pytestmark = [pytest.mark.one_server]

FILE = Path(old_examples.__file__)


def run(folder: Path, server: Server) -> tuple[str, dict[str, list[str]]]:
    """The version of rom in a folder, and what the programs show with it."""
    done = subprocess.run(
        [sys.executable, '-P', str(FILE), server.socket],
        env={**os.environ, 'PYTHONPATH': str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    version, lines = json.loads(done.stdout)
    return version, lines


@pytest.fixture(scope='module')
def both(servers: Servers) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What the programs show with rom 1.1.2, and with this version."""
    try:
        folder = rom1.install()
    except Unavailable as error:
        pytest.skip(f'needs rom 1.1.2 (once, with a network): {error}')
    server = servers.get('valkey9')
    version, theirs = run(folder, server)
    assert version == '1.1.2'
    version, ours = run(ROOT, server)
    assert version != '1.1.2'
    return theirs, ours


@pytest.mark.parametrize('program', [each.__name__ for each in old_examples.PROGRAMS])
def test_a_program_shows_the_same(program: str, both: Any, server: Server) -> None:
    theirs, ours = (shown[program] for shown in both)
    assert theirs and not any('Traceback' in line for line in theirs), theirs[-1]
    assert ours == theirs
