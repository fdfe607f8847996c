"""A main server with replicas that a sentinel watches, and what befalls it.

The sentinel takes none for failed because the machine is busy: it is told to be quick only while a
server is to fail. Whatever changes, it and the servers are asked until they agree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis.sentinel import Sentinel

from tests.support.fleet import HOST, NAME, Fleet, Process, is_in_step, until

#: Milliseconds without an answer after which the sentinel calls a server failed.
CALM, ALERT = 60_000, 300
#: Milliseconds for which writes may wait in a planned failover.
PAUSE = 8_000
#: Half of the milliseconds that the sentinel waits from one failover to the next.
BETWEEN = 2_000


class Watched(Fleet):
    """A running fleet with one sentinel; `end` ends it.

    Args:
        binary: the program of all; default: that of the embedded server.
        replicas: how many.
    """

    def __init__(self, binary: Path | None = None, replicas: int = 2) -> None:
        super().__init__(binary, replicas)
        self.nodes = [self.main, *self.replicas]
        self._asked = Sentinel(self.sentinels)
        self._expect_within(CALM)
        self._asked.sentinels[0].sentinel_set(NAME, 'failover-timeout', BETWEEN)

    def running(self) -> list[Process]:
        """Return the servers that were neither killed nor stopped."""
        return [node for node in self.nodes if node.is_running]

    def owner(self) -> Process:
        """Return the main server, as the sentinel knows it."""
        port = until(self._port)  # the sentinel knows none for a moment
        return next(node for node in self.nodes if node.port == port)

    def wait_until_healthy(self) -> None:
        """Wait until all servers that run follow the one that the sentinel has for the main one."""
        until(self._is_healthy, 'the servers and the sentinel do not agree')

    def _is_healthy(self) -> bool:
        owner = self.owner()
        seen: dict[str, Any] = self._asked.sentinels[0].sentinel_master(NAME)
        others = [node for node in self.running() if node is not owner]
        return (
            owner.is_running
            and owner.client.info('replication')['role'] == 'master'
            and seen['flags'] in ('master', {'master'})
            and all(_follows(node, owner) and is_in_step(node) for node in others)
        )

    def hand_over(self) -> Process:
        """Have a replica take the place of the main server, without a loss; return it.

        As docs/howto/replicas-and-sentinel.rst has it, for servers that cannot do it by themselves.
        """
        old = self.owner()

        def is_replaced() -> bool:
            old.client.client_pause(PAUSE, all=False)  # anew, because what is written now is lost
            return self._port() != old.port

        old.client.client_pause(PAUSE, all=False)
        for replica in self.running():
            until(lambda one=replica: _offset(one) >= _offset(old))
        # It refuses while it has not heard of the replicas, and soon after the last failover.
        until(lambda: is_replaced() or self._fails_over())
        until(is_replaced, f'nobody takes the place of {old}')
        old.client.replicaof(HOST, self._port())
        old.client.client_kill_filter(_type='normal', skipme=True)
        self.wait_until_healthy()
        return self.owner()

    def kill(self) -> Process:
        """Kill the main server, and wait until a replica is in its place; return the old one."""
        return self._lose(Process.kill)

    def stop(self) -> Process:
        """Stop the main server, and wait until a replica is in its place; return what stands."""
        return self._lose(Process.stop)

    def restart(self, node: Process) -> None:
        """Start a server that was killed, without its data, as a replica."""
        node.restart()
        node.client.replicaof(HOST, self._port())
        self.wait_until_healthy()

    def cont(self, node: Process) -> None:
        """Let a server go on that was stopped, until the sentinel has made it a replica."""
        node.cont()
        self.wait_until_healthy()

    def _lose(self, lose: Callable[[Process], None]) -> Process:
        old = self.owner()
        self._expect_within(ALERT)
        try:
            lose(old)
            until(lambda: self._port() != old.port, f'nobody takes the place of {old}')
        finally:
            self._expect_within(CALM)
        self.wait_until_healthy()
        return old

    def _fails_over(self) -> bool:
        return bool(self._asked.sentinels[0].execute_command('SENTINEL', 'FAILOVER', NAME))

    def _port(self) -> int:
        found: int = self._asked.discover_master(NAME)[1]
        return found

    def _expect_within(self, milliseconds: int) -> None:
        self._asked.sentinels[0].sentinel_set(NAME, 'down-after-milliseconds', milliseconds)


def _follows(node: Process, owner: Process) -> bool:
    told: dict[str, Any] = node.client.info('replication')
    return told['role'] == 'slave' and told['master_port'] == owner.port


def _offset(node: Process) -> int:
    told: dict[str, Any] = node.client.info('replication')
    offset: int = told.get('slave_repl_offset', told['master_repl_offset'])
    return offset
