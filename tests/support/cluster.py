"""A cluster of real servers, masters with replicas, for tests and the fault campaign.

It is formed and looked after without any other tool. Whatever changes it waits until all nodes that
run are of one mind again, by asking them: never for a time. `tests/support/slot_moves.py` moves
slots between its masters.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.support.cluster_views import complaint, introduce_again, seen_by, takes_requests
from tests.support.fleet import HOST, Process, until

#: Milliseconds after which nodes call another one failed: so many that a machine is never too busy,
#: but for the time in which one is to fail.
CALM, ALERT = 60_000, 400
#: Seconds after which servers give a handover up.
HANDOVER = 6.0
#: Seconds after which nodes are introduced to each other once more.
INTRODUCED = 0.3
_SETTINGS = (
    f'cluster-node-timeout {CALM}',
    'cluster-replica-validity-factor 100',  # a busy replica may take over as well
    'cluster-migration-barrier 100',  # replicas stay with their masters
    'repl-ping-replica-period 1',
)


class Cluster:
    """A running cluster; `end` ends it.

    Args:
        binary: the program of all nodes; default: that of the embedded server.
        masters: how many; they share the slots evenly.
        replicas: of each master.
        settings: more lines for the configuration of each node.

    Attributes:
        nodes: all of its processes, whichever is a master now.
    """

    def __init__(
        self,
        binary: Path | None = None,
        masters: int = 3,
        replicas: int = 1,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.nodes: list[Process] = []
        try:
            for _ in range(masters * (1 + replicas)):
                self.nodes.append(Process(binary, (*_SETTINGS, *settings), cluster=True))
            self._form(masters)
        except BaseException:
            self.end()
            raise

    def __repr__(self) -> str:
        return f'<Cluster of {self.nodes}>'

    def _form(self, masters: int) -> None:
        size, first = REDIS_CLUSTER_HASH_SLOTS, self.nodes[0]
        for number, node in enumerate(self.nodes):
            # Nodes that begin with the same epoch would have to settle first which of them has it.
            node.client.cluster('SET-CONFIG-EPOCH', number + 1)
            if number < masters:
                slots = range(number * size // masters, (number + 1) * size // masters)
                node.client.cluster('ADDSLOTS', *slots)
            if number:
                first.client.cluster('MEET', HOST, node.port)
        until(lambda: self._are_met(), f'the nodes of {self} do not meet')
        for number, node in enumerate(self.nodes[masters:]):
            node.client.cluster('REPLICATE', self.id_of(self.nodes[number % masters]))
        self.wait_until_healthy()

    def _are_met(self) -> bool:
        return all(seen_by(node).is_well(len(self.nodes)) for node in self.nodes)

    # --- who is what ---

    @property
    def startup(self) -> list[tuple[str, int]]:
        """The addresses of the nodes that run."""
        return [(HOST, node.port) for node in self.running()]

    def running(self) -> list[Process]:
        """Return the nodes that were neither killed nor stopped."""
        return [node for node in self.nodes if node.is_running]

    def masters(self) -> list[Process]:
        """Return the nodes that run and are masters."""
        return [node for node in self.running() if seen_by(node).itself.is_master]

    def replicas_of(self, master: Process) -> list[Process]:
        """Return the nodes that run and replicate a master."""
        id = self.id_of(master)
        return [node for node in self.running() if seen_by(node).itself.master == id]

    def owner(self, key: str) -> Process:
        """Return the master that has the slot of a key, or of a tag such as '{users}'."""
        slot = key_slot(key.encode())

        def found() -> Process | None:
            owners = [node for node in self.running() if seen_by(node).itself.has(slot)]
            return owners[0] if len(owners) == 1 else None

        owner: Process = until(found, f'not one node of {self} has the slot {slot}')
        return owner

    def id_of(self, node: Process) -> str:
        """Return the name that a node has in the cluster."""
        return seen_by(node).itself.id

    def wait_until_healthy(self) -> None:
        """Wait until the nodes that run agree, no slot moves, and replicas have all.

        Raises:
            AssertionError: this never happens.
        """
        last, introduced = '', time.monotonic()

        def is_healthy() -> bool:
            nonlocal last, introduced
            last = complaint(self.running())
            if last and time.monotonic() - introduced > INTRODUCED:
                introduce_again(self.running())
                introduced = time.monotonic()
            return not last

        try:
            until(is_healthy)
        except AssertionError:
            raise AssertionError(f'{self} does not get well: {last}') from None

    # --- what befalls it ---

    def flush(self) -> None:
        """Empty it."""
        for node in self.masters():
            node.client.flushall()

    def hand_over(self, key: str) -> Process:
        """Have a replica take the place of a key's master, which loses nothing; return it."""
        owner = self.owner(key)
        replica, asked = self.replicas_of(owner)[0], 0.0

        def is_master() -> bool:
            nonlocal asked
            if seen_by(replica).itself.is_master:
                return True
            if time.monotonic() - asked > HANDOVER:
                asked = time.monotonic()
                replica.client.cluster('FAILOVER')
            return False

        until(is_master, f'{replica} does not take over')
        self.wait_until_healthy()
        # Redis 6.2 lets the old master's clients wait for ten seconds, also when it is the master
        # again by then. Not earlier: what it still believed to be would be written, and lost.
        owner.client.client_unpause()
        return replica

    def kill(self, key: str) -> Process:
        """Kill a key's master, and wait until a replica is in its place; return what was killed."""
        return self._lose(key, Process.kill)

    def stop(self, key: str) -> Process:
        """Stop a key's master, and wait until a replica is in its place; return what stands."""
        return self._lose(key, Process.stop)

    def restart(self, node: Process) -> None:
        """Start a node that was killed, without its data, and wait until all is well."""
        node.restart()
        self.wait_until_healthy()

    def cont(self, node: Process) -> None:
        """Let a node go on that was stopped, and wait until all is well."""
        node.cont()
        self.wait_until_healthy()
        self._expect_within(CALM)

    def _lose(self, key: str, lose: Callable[[Process], None]) -> Process:
        owner = self.owner(key)
        with self._alert():
            lose(owner)
            self.owner(key)
            # With the long time-out they would take no requests for five seconds more.
            until(lambda: all(map(takes_requests, self.running())), f'{self} stays down')
        return owner

    @contextlib.contextmanager
    def _alert(self) -> Iterator[None]:
        """Let nodes soon notice that one of them has failed."""
        self._expect_within(ALERT)
        try:
            yield
        finally:
            self._expect_within(CALM)

    def _expect_within(self, milliseconds: int) -> None:
        for node in self.running():
            until(lambda one=node: one.client.config_set('cluster-node-timeout', milliseconds))

    def end(self) -> None:
        """Kill all nodes, and remove their folders; a second time does nothing."""
        for node in self.nodes:
            node.end()


def connect(cluster: Cluster, **options: object) -> redis.RedisCluster:
    """Return a blocking client of a cluster."""
    nodes = [redis.cluster.ClusterNode(*address) for address in cluster.startup]
    return redis.RedisCluster(startup_nodes=nodes, **options)
