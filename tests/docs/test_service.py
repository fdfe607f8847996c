"""docs/tutorial-service.rst, run literally in an empty folder, with rom and the packages from here.

The commands are taken from the page. Only ``pip install`` is not run: its names must be known
here, and the new environment gets the packages of this one, and this checkout.
"""

import contextlib
import doctest
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.support.fleet import free_port, until
from tests.support.pages import DOCS, Block, blocks, files
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.slow]

ROOT = DOCS.parent
PAGE = DOCS / 'tutorial-service.rst'
PREPARING, TESTING, SERVING, ASKING = (b for b in blocks(PAGE) if b.language == 'console')
PORT = '8000'
# Variables that the environment of a reader does not have.
OURS = ('PYTHON', 'PYTEST', 'ROM_', 'VIRTUAL_ENV')


@pytest.fixture(scope='module')
def shell(tmp_path_factory: pytest.TempPathFactory) -> 'Shell':
    """A shell in the folder that the page makes, with its environment and all its files."""
    shell = Shell(tmp_path_factory.mktemp('empty'))
    for command in PREPARING.commands:
        if command.startswith('pip install '):
            check_names(command)
            shell.see_what_is_installed_here()
        else:
            shell.begin(command)
    for name, text in files(PAGE).items():
        (shell.folder / name).write_text(text)
    return shell


class Shell:
    """A shell in which commands continue from earlier ones, as in a terminal."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._before: list[str] = []
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(OURS)
        }
        programs = home / 'programs'
        programs.mkdir()
        (programs / 'python3').symlink_to(Path(sys.executable).resolve())
        self._environment['PATH'] = f'{programs}:{os.environ["PATH"]}'

    @property
    def log(self) -> Path:
        """The output of a service."""
        return self._home / 'service.log'

    @property
    def folder(self) -> Path:
        return Path(self.run('pwd').strip())

    def run(self, command: str) -> str:
        done = subprocess.run(**self._how(command), capture_output=True, text=True)
        assert done.returncode == 0, f'$ {command}\n{done.stdout}{done.stderr}'
        return str(done.stdout)

    def begin(self, command: str) -> None:
        """Run a command; keep its effects on the shell itself (cd, activate, export)."""
        self.run(command)
        if re.match(r'(cd|\.|export) ', command):
            self._before.append(command)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        with self.log.open('ab') as log:
            return subprocess.Popen(
                **self._how(f'exec {command}'), stdout=log, stderr=log, start_new_session=True
            )

    def see_what_is_installed_here(self) -> None:
        places = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib'), str(ROOT)}
        purelib = self.run('python -c "import sysconfig; print(sysconfig.get_path(\'purelib\'))"')
        assert str(self._home) in purelib
        Path(purelib.strip(), 'installed-here.pth').write_text('\n'.join(sorted(places)) + '\n')

    def _how(self, command: str) -> dict[str, object]:
        script = '\n'.join(['set -e', *self._before, command])
        return {
            'args': ['bash', '-c', script],
            'cwd': self._home,
            'env': self._environment,
            'stdin': subprocess.DEVNULL,
        }


def check_names(command: str) -> None:
    extras = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project'][
        'optional-dependencies'
    ]
    for wanted in command.replace("'", '').split()[2:]:
        name, _, named = wanted.rstrip(']').partition('[')
        if name == 'rom-redis':
            assert set(named.split(',')) <= set(extras)
        else:
            assert metadata.version(name)


def assert_printed(expected: str, printed: str) -> None:
    checker, options = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert checker.check_output(expected, printed, options), (
        f'{expected}\nis what the page has:\n{printed}'
    )


def test_its_tests_pass(shell: Shell) -> None:
    [command], [expected] = TESTING.commands, TESTING.printed
    assert_printed(expected, shell.run(command))


@contextlib.contextmanager
def serving(shell: Shell, port: int) -> Iterator[None]:
    *preparing, command = SERVING.commands
    for one in preparing:
        shell.begin(one)
    assert PORT in command
    service = shell.start(command.replace(PORT, str(port)))
    try:
        until(lambda: answers(port) or service.poll() is not None)
        assert service.poll() is None, shell.log.read_text()
        yield
    finally:
        service.send_signal(signal.SIGINT)  # Ctrl-C
        assert service.wait(PATIENCE) in (0, -signal.SIGINT, 130)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(
            urllib.request.urlopen(f'http://127.0.0.1:{port}/docs', timeout=PATIENCE).read()
        )
    return False


def test_it_serves_and_keeps_what_it_has(shell: Shell) -> None:
    if shutil.which('curl') is None:
        pytest.skip('there is no curl')
    port = free_port()
    with serving(shell, port):
        ask(shell, ASKING, port)
    with serving(shell, port):
        assert 'summary' in ASKING.commands[-1]
        last = shell.run(ASKING.commands[-1].replace(PORT, str(port)))
    assert_printed(ASKING.printed[-1], last + '\n')


def ask(shell: Shell, block: Block, port: int) -> None:
    for command, expected in zip(block.commands, block.printed, strict=True):
        assert_printed(expected, shell.run(command.replace(PORT, str(port))) + '\n')
