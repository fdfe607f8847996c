"""A run of the tests leaves nothing behind, or fails; a plugin of pytest.

All temporary files of a run are in one folder, which goes with it. At the end nothing may be in
that but pytest's own, and no process may live that was started with it: each one is named, and
ended. (Where there is no /proc, processes are not looked for.)
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

FOLDER = pytest.StashKey[Path]()
PYTESTS = 'pytest'


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the folder; the processes that run the tests inherit it.

    The folders of tests are in it too (tmp_path), unless --basetemp names a place to keep them in.
    Their names are short then: a socket's has 100 bytes.
    """
    if hasattr(config, 'workerinput'):
        return
    config.stash[FOLDER] = folder = Path(tempfile.mkdtemp(prefix='rom-tests-')).resolve()
    os.environ['TMPDIR'] = str(folder)
    tempfile.tempdir = None
    config.option.basetemp = config.option.basetemp or str(folder / PYTESTS)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Look for what is left, when all else has ended."""
    yield
    folder = session.config.stash.get(FOLDER, None)
    if folder is None:
        return
    if embedded := sys.modules.get('rom._core.embedded.server'):
        embedded._close_all()  # as at the end of the program, which is after this
    left = [*processes(folder, PATIENCE), *files(folder)]
    shutil.rmtree(folder, ignore_errors=True)
    if left and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for one in left:
        print(f'left behind: {one}')


def pytest_unconfigure(config: pytest.Config) -> None:
    """Where no session began: the folder goes all the same."""
    if folder := config.stash.get(FOLDER, None):
        shutil.rmtree(folder, ignore_errors=True)


def files(folder: Path) -> list[str]:
    """Return what is in the folder, but for pytest's own."""
    return [str(path) for path in folder.iterdir() if path.name != PYTESTS]


def processes(folder: Path, patience: float) -> list[str]:
    """Return what still runs that was started with this temporary folder, and end it.

    Args:
        folder: the one that TMPDIR names, or one above it.
        patience: for so many seconds they may end by themselves.
    """
    end = time.monotonic() + patience
    while (left := running(folder)) and time.monotonic() < end:
        time.sleep(0.02)
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return [f'process {pid}: {command}' for pid, command in left.items()]


def running(folder: Path) -> dict[int, str]:
    """Return the commands of the processes that have this temporary folder, by their ids."""
    mark = f'TMPDIR={folder}'.encode()
    found = {}
    for path in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):  # another user's, or it has ended
            begins = [text[: len(mark)] for text in (path / 'environ').read_bytes().split(b'\0')]
            if mark in begins and int(path.name) != os.getpid():
                command = (path / 'cmdline').read_bytes().replace(b'\0', b' ')
                found[int(path.name)] = command.decode(errors='replace').strip()
    return found
