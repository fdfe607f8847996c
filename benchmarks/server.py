"""The servers of a run: one for each size of the data, so that no large set burdens a small one.

A search engine indexes its first database only. So each peer that needs one has servers of its own,
for each of its large sets and for the small one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.engine import Engine
from benchmarks.peers import Member
from benchmarks.peers.base import connect
from rom.embedded import EmbeddedServer, open_server

# The last database of a server is ours, to ask about the server.
_ADMIN = 15
_SMALL = 8

THRESHOLD = 1000  # microseconds: shorter commands of a write are not noted


class Server:
    """An embedded server, empty at first, with a database for each peer and another for its writes.

    Args:
        peers: the peers' names; seven at most.
        program: what to run; None: what an embedded server runs.
        modules: what it loads. With modules, both databases are the first one, so that one peer
            has either its large set or its small one here.
    """

    def __init__(
        self, peers: list[str], program: Path | None = None, modules: Iterable[Path] = ()
    ) -> None:
        self._stack = ExitStack()
        modules = tuple(modules)
        self._embedded = self._started(program, modules)
        self._small = 0 if modules else _SMALL
        self.socket = str(self._embedded.socket)
        self.admin = connect(self.socket, _ADMIN)
        self.places = {name: place for place, name in enumerate(peers)}

    def _started(self, program: Path | None, modules: tuple[Path, ...]) -> EmbeddedServer:
        if not modules:
            return self._stack.enter_context(open_server(binary=program))
        # Only a server with a folder reads settings; that it writes a log is turned off.
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix='rom-bench-')))
        settings = [*(f'loadmodule {module}' for module in modules), 'save ""']
        (folder / 'server.conf').write_text('\n'.join(settings) + '\n')
        started = self._stack.enter_context(open_server(folder, binary=program))
        with closing(connect(str(started.socket), _ADMIN)) as admin:
            admin.config_set('appendonly', 'no')
            # Or a search that takes half a second returns what it has found by then.
            unlimited = 'FT.CONFIG', 'SET', 'TIMEOUT', 0
            admin.execute_command(*unlimited)  # type: ignore[no-untyped-call]
        return started

    def close(self) -> None:
        """End the server, and its data with it."""
        self.admin.close()
        self._stack.close()

    def large(self, peer: str) -> dict[str, Any]:
        """Where a peer has its large set."""
        return {'socket': self.socket, 'db': self.places[peer]}

    def small(self, peer: str) -> dict[str, Any]:
        """Where a peer has its small set."""
        return {'socket': self.socket, 'db': self.places[peer] + self._small}

    def flush_small(self, peer: str) -> None:
        """Empty a peer's small set."""
        connect(**self.small(peer)).flushdb()

    def name(self) -> str:
        """What it is, and which version."""
        info = self.info('server')
        valkey = info.get('valkey_version')
        return f'Valkey {valkey}' if valkey else f'Redis {info["redis_version"]}'

    def engine(self) -> str:
        """Which version of the search engine it has loaded; empty: none."""
        for module in self.admin.module_list():
            if module[b'name'] == b'search':
                major, rest = divmod(int(module[b'ver']), 10_000)
                return f'RediSearch {major}.{rest // 100}.{rest % 100}'
        return ''

    def info(self, section: str) -> dict[str, Any]:
        """A section of INFO."""
        found: dict[str, Any] = self.admin.info(section)
        return found

    def used_memory(self) -> int:
        """Bytes in use, once the server has tidied up; the peers' connections are no part of it."""
        self.admin.client_kill_filter(_type='normal', skipme=True)
        used = [0]
        for _ in range(50):
            used.append(int(self.info('memory')['used_memory']))
            if abs(used[-1] - used[-2]) < 10_000:
                break
            time.sleep(0.2)
        return used[-1]

    def seconds_of_cpu(self) -> float:
        """What it has worked so far, all its threads together."""
        cpu = self.info('cpu')
        return float(cpu['used_cpu_user']) + float(cpu['used_cpu_sys'])

    def writes(self) -> int:
        """How many changes to the data there were."""
        return int(self.info('persistence')['rdb_changes_since_last_save'])

    def watch(self, threshold: int) -> None:
        """From now on, note commands that take so many microseconds."""
        self.admin.config_set('slowlog-max-len', 10_000)
        self.admin.config_set('slowlog-log-slower-than', threshold)
        self.admin.slowlog_reset()

    def longest(self) -> int:
        """The longest command since `watch`, in microseconds; 0: none was noted. Ends the watch."""
        self.admin.config_set('slowlog-log-slower-than', -1)
        noted: Any = self.admin.slowlog_get(10_000)
        return max((int(entry['duration']) for entry in noted), default=0)


class Servers:
    """All servers of a run; a context manager that ends them.

    Args:
        sizes: of the large sets, ascending.
        members: those who take part.
        engine: runs all of them, if there is one.
    """

    def __init__(
        self, sizes: Iterable[int], members: Iterable[Member], engine: Engine | None
    ) -> None:
        self._stack = ExitStack()
        self._of: dict[tuple[int, str], Server] = {}  # size (0: the small set) and peer
        self._sizes = tuple(sizes)
        alone = [member for member in members if member.engine and engine]
        shared = [member.name for member in members if member not in alone]
        with self._stack:
            for size in self._sizes:
                server = self._open(shared, engine.program if engine else None)
                self._of |= {(size, name): server for name in shared}
            for member in alone:
                assert engine is not None
                for size in (0, *(size for size in self._sizes if size <= member.most)):
                    one = self._open([member.name], engine.program, engine.modules)
                    self._of[size, member.name] = one
            self._stack = self._stack.pop_all()

    def _open(self, peers: list[str], program: Path | None, modules: Iterable[Path] = ()) -> Server:
        return self._stack.enter_context(closing(Server(peers, program, modules)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def of(self, peer: str, size: int) -> Server:
        """The server that has a peer's set of a size."""
        return self._of[size, peer]

    def small(self, peer: str) -> Server:
        """The server that has a peer's small set: where nothing is said, that of the smallest."""
        return self._of.get((0, peer)) or self._of[self._sizes[0], peer]
