"""Set up .venv of this checkout: `prepare.py test check` installs rom, editable, and these extras.

When nothing changed since the last time, this costs a look at one file and needs no network. What
counts as a change: the metadata in pyproject.toml (not the settings of the tools), setup.py, the
version of Python, and the place of the checkout, because a virtual environment cannot be moved.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'rom-setup.json'


def main(extras: set[str]) -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))
    wanted = fingerprint(project)
    if ready(wanted, extras):
        return
    with locked():
        if ready(wanted, extras):
            return
        extras |= installed_extras()
        if not usable():
            create()
        # Without a fingerprint until all is there, so that what was interrupted is done again.
        write_stamp('', extras)
        install(project['build-system']['requires'], extras)
        write_stamp(wanted, extras)


def fingerprint(project: dict[str, object]) -> str:
    tool = project.get('tool')
    parts = {
        'metadata': project['project'],
        'build': project['build-system'],
        'setuptools': tool.get('setuptools') if isinstance(tool, dict) else None,
        'setup.py': (ROOT / 'setup.py').read_text('utf-8'),
        'python': sys.version_info[:2],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def stamp() -> dict[str, object]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(STAMP.read_text('utf-8')))
    return {}


def write_stamp(done: str, extras: set[str]) -> None:
    STAMP.write_text(json.dumps({'root': str(ROOT), 'fingerprint': done, 'extras': sorted(extras)}))


def usable() -> bool:
    """lib.sh runs us with .venv's own Python when that one works; after create() it does."""
    ours = Path(sys.prefix).resolve() == VENV
    return ours and stamp().get('root') == str(ROOT)


def installed_extras() -> set[str]:
    extras = stamp().get('extras') if usable() else None
    return set(extras) if isinstance(extras, list) else set()


def ready(wanted: str, extras: set[str]) -> bool:
    return usable() and stamp().get('fingerprint') == wanted and extras <= installed_extras()


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Two scripts started at once set up one after the other."""
    with open(ROOT / '.venv.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create() -> None:
    if importlib.util.find_spec('ensurepip') is None:
        sys.exit(
            f'{sys.executable} cannot make virtual environments: its ensurepip module is '
            f'missing. On Debian and Ubuntu it comes with '
            f'`apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv`.'
        )
    say(f'creating {VENV.name} with Python {sys.version.split()[0]}')
    venv.create(VENV, clear=True, with_pip=True)


def install(build_requires: list[str], extras: set[str]) -> None:
    # What builds the package stays in the environment, so that setting up again needs no network
    # as long as nothing new is required.
    say(f'installing rom-redis[{",".join(sorted(extras))}]')
    pip(*build_requires)
    pip('--no-build-isolation', '--editable', f'{ROOT}[{",".join(sorted(extras))}]')


def pip(*arguments: str) -> None:
    quiet = ['--quiet', '--no-input', '--disable-pip-version-check']
    command = [str(PYTHON), '-m', 'pip', 'install', *quiet, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != 'PIP_USER'}
    if code := subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode:
        say('pip failed (see above). The first set-up, and each change of what is required, needs')
        say('a package index; after that the scripts work offline.')
        sys.exit(code)


def say(line: str) -> None:
    print(f'[setup] {line}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    try:
        main(set(sys.argv[1:]))
    except KeyboardInterrupt:
        # What is there without a fingerprint is made anew.
        say('stopped; .venv is not complete, and the next script begins it again')
        sys.exit(130)
