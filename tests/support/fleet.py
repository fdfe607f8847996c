"""Several servers that belong together, as documents and tests need them: replicas, a sentinel.

A cluster of them is in `tests/support/cluster.py`.

They listen on ports of the loopback that were free a moment ago. Each runs under a shell that holds
a pipe from us, so that none outlives the tests, however these end.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from rom._core.embedded.binaries import find_binary
from tests.support.patience import PATIENCE

HOST = '127.0.0.1'
NAME = 'shop'
#: How far above the port of a cluster's node the port for the other nodes is.
BUS = 10_000
#: Ends the server with the pipe, and removes the folder unless the pipe said to keep it.
_SHELL = (
    'folder=$1; shift; "$@" </dev/null & server=$!; trap "" INT; said=$(cat); '
    'kill -KILL $server; wait $server; [ "$said" ] || rm -rf "$folder"'
)


def free_port(*offsets: int) -> int:
    """Return a port that nobody listens on.

    It is below the range that systems take for the own ends of connections, so that none of those
    comes between the look and the use.

    Args:
        offsets: the ports so far above it are free as well.
    """
    for _ in range(1000):
        port = random.randrange(10_240, 22_000)
        if all(_is_free(port + offset) for offset in (0, *offsets)):
            return port
    raise AssertionError('no port of the loopback is free')


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
        return True


def until(done: Callable[[], Any], why: str = 'the servers did not get ready in time') -> Any:
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
    raise AssertionError(why)


class Process:
    """A server that runs, and can be killed, stopped and started again.

    Args:
        binary: its program; default: that of the embedded server.
        settings: what its configuration says beyond the port, line by line.
        sentinel: it is a sentinel.
        port: default: a free one.
        cluster: it is a node of a cluster, which listens on another port for the other nodes.
        client: options of the client.

    Attributes:
        client: a client on it.
        is_running: it was neither killed nor stopped.
    """

    def __init__(
        self,
        binary: Path | None = None,
        settings: tuple[str, ...] = (),
        sentinel: bool = False,
        port: int | None = None,
        cluster: bool = False,
        **client: Any,
    ) -> None:
        self.port = port or (free_port(BUS) if cluster else free_port())
        self._folder = tempfile.mkdtemp(prefix='rom-fleet-')
        configuration = Path(self._folder) / 'server.conf'
        lines = [f'bind {HOST}', f'dir {self._folder}', 'logfile server.log', *settings]
        if not any(line.startswith('tls-port') for line in settings):
            lines.append(f'port {self.port}')
        if not sentinel:
            lines += ['save ""', 'repl-diskless-sync yes', 'repl-diskless-sync-delay 0']
        if cluster:
            lines += ['cluster-enabled yes', 'cluster-config-file nodes.conf']
        configuration.write_text('\n'.join(lines) + '\n')
        self._command = [str(binary or find_binary()), str(configuration)]
        self._command += ['--sentinel'] if sentinel else []
        client.setdefault('retry', Retry(NoBackoff(), 1))  # whoever waits asks again anyway
        self.client = redis.Redis(host=HOST, port=self.port, **client)
        self.is_running = False
        self.restart()

    def __repr__(self) -> str:
        return f'<Process {Path(self._command[0]).name} on {self.port}>'

    def restart(self) -> None:
        """Start it, on what its folder has, and wait until it answers."""
        self._shell = subprocess.Popen(
            ['sh', '-c', _SHELL, 'sh', self._folder, *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._number = until(self._number_of_process, f'{self} does not start')
        except BaseException:
            self.end()
            raise
        self.is_running = True

    def _number_of_process(self) -> int:
        found: int = self.client.info('server')['process_id']
        return found

    def kill(self) -> None:
        """End it by SIGKILL, and wait for its end."""
        self._end_shell(b'keep')

    def _end_shell(self, said: bytes) -> None:
        self.is_running = False
        assert self._shell.stdin is not None
        with contextlib.suppress(ValueError):  # it has ended
            self._shell.stdin.write(said)
            self._shell.stdin.close()
        self._shell.wait(PATIENCE)

    def stop(self) -> None:
        """Stop it by SIGSTOP: it holds its connections, and neither reads nor answers."""
        self.is_running = False
        os.kill(self._number, signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on from where it was stopped."""
        os.kill(self._number, signal.SIGCONT)
        self.is_running = True

    def end(self) -> None:
        """Kill it, and remove its folder; a second time does nothing."""
        self.client.close()
        self._end_shell(b'')
        shutil.rmtree(self._folder, ignore_errors=True)


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
