"""Several servers that belong together, as documents and tests need them: replicas, a sentinel.

They listen on ports of the loopback that were free a moment ago. Each runs under a shell that holds
a pipe from us, so that none outlives the tests, however these end.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from redis.sentinel import Sentinel

from rom._core.embedded.binaries import find_binary
from tests.support.patience import PATIENCE

HOST = '127.0.0.1'
NAME = 'shop'
_SHELL = '"$@" </dev/null & p=$!; trap "" INT; cat >/dev/null; kill -KILL $p; wait $p'


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


def until(done: Callable[[], Any]) -> Any:
    """Wait for something to be true; returns it.

    Raises:
        AssertionError: it took too long.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(redis.RedisError):
            if found := done():
                return found
        time.sleep(0.02)
    raise AssertionError('the servers did not get ready in time')


class Process:
    """A running server.

    Args:
        binary: its program; default: that of the embedded server.
        settings: what its configuration says beyond the port, line by line.
        sentinel: it is a sentinel.
        port: default: a free one.
    """

    def __init__(
        self,
        binary: Path | None = None,
        settings: tuple[str, ...] = (),
        sentinel: bool = False,
        port: int | None = None,
        **client: Any,
    ) -> None:
        self.port = port or free_port()
        self._folder = tempfile.TemporaryDirectory(prefix='rom-fleet-')
        configuration = Path(self._folder.name) / 'server.conf'
        lines = [f'bind {HOST}', f'dir {self._folder.name}', 'logfile server.log', *settings]
        if not any(line.startswith('tls-port') for line in settings):
            lines.append(f'port {self.port}')
        if not sentinel:
            lines += ['save ""', 'repl-diskless-sync-delay 0']
        configuration.write_text('\n'.join(lines) + '\n')
        command = [str(binary or find_binary()), str(configuration)]
        command += ['--sentinel'] if sentinel else []
        self._shell = subprocess.Popen(
            ['sh', '-c', _SHELL, 'sh', *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.client = redis.Redis(host=HOST, port=self.port, **client)
        until(self.client.ping)

    def end(self) -> None:
        """Kill it; a second time does nothing."""
        self.client.close()
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(PATIENCE)
        self._folder.cleanup()


class Fleet:
    """A main server, replicas of it, and a sentinel that watches them as `NAME`.

    Args:
        binary: the program of all; default: that of the embedded server.
        replicas: how many.
    """

    def __init__(self, binary: Path | None = None, replicas: int = 1) -> None:
        self.main = Process(binary)
        follow = (f'replicaof {HOST} {self.main.port}',)
        self.replicas = [Process(binary, follow) for _ in range(replicas)]
        self.watch = Process(
            binary,
            (
                f'sentinel monitor {NAME} {HOST} {self.main.port} 1',
                f'sentinel down-after-milliseconds {NAME} 300',
                f'sentinel failover-timeout {NAME} 5000',
            ),
            sentinel=True,
        )
        self.sentinels = [(HOST, self.watch.port)]
        asked = Sentinel(self.sentinels)
        for replica in self.replicas:
            until(lambda one=replica: is_in_step(one))
        until(lambda: len(asked.discover_slaves(NAME)) == replicas)

    def is_mended(self) -> bool:
        """After the end of the main server: one replica is in its place, and the others follow."""
        port = Sentinel(self.sentinels).discover_master(NAME)[1]
        others = [replica for replica in self.replicas if replica.port != port]
        return len(others) < len(self.replicas) and all(
            is_in_step(one) and one.client.info('replication')['master_port'] == port
            for one in others
        )

    def end(self) -> None:
        for process in (self.watch, *self.replicas, self.main):
            process.end()


def wait_for_replicas(client: redis.Redis, count: int, milliseconds: int) -> int:
    """How many replicas have all that was written before, on whichever connection."""
    with client.pipeline(transaction=False) as pipe:
        pipe.set('barrier', 1)
        pipe.wait(count, milliseconds)
        replicas: int = pipe.execute()[-1]
        return replicas


def is_in_step(replica: Process) -> bool:
    """It has all that its main server had when it joined."""
    found: dict[str, Any] = replica.client.info('replication')
    return found['master_link_status'] == 'up'


@contextlib.contextmanager
def ending(running: Any) -> Iterator[Any]:
    try:
        yield running
    finally:
        running.end()
