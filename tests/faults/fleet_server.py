"""The servers of a campaign on a fleet, as the rounds need them."""

import time
from typing import Any

import redis
from redis.crc import key_slot

from tests.faults.index_check import Keyspace
from tests.faults.worker_task import SENTINELS
from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process, until
from tests.support.servers import dump
from tests.support.watched import Watched

#: What all namespaces of the models begin with, and a key of the same slot.
HEAD = '{faults}'
KEY = f'{HEAD}:mark'
#: Milliseconds that a replica may take to get what it has not got.
WAIT = 60_000


class Fleet:
    """Servers of which one has all keys, and others its copies.

    Args:
        servers: those that run, and are ended by whoever started them.
    """

    def __init__(self, servers: Cluster | Watched) -> None:
        self._servers = servers
        self._others: set[str] = set()

    @property
    def address(self) -> str:
        """Where workers begin."""
        raise NotImplementedError

    def owner(self) -> Process:
        """Return the server that has the keys."""
        raise NotImplementedError

    def hand_over(self) -> Process:
        """Have a replica take the place of the owner, without a loss; return it."""
        raise NotImplementedError

    def kill(self) -> Process:
        """Kill the owner, and wait until a replica is in its place; return what was killed."""
        raise NotImplementedError

    def stop(self) -> Process:
        """Stop the owner, and wait until a replica is in its place; return what stands."""
        raise NotImplementedError

    def restart(self, lost: Process) -> None:
        """Start a server that was killed, without its data, and wait until all is well."""
        self._servers.restart(lost)

    def cont(self, lost: Process) -> None:
        """Let a server go on that was stopped, and wait until all is well."""
        self._servers.cont(lost)

    def mark(self) -> float:
        """Write a mark, and wait until a replica has it; return the time before."""
        begun = time.monotonic()
        owner = self.owner().client

        def is_there() -> bool:
            with owner.pipeline(transaction=False) as pipe:
                pipe.set(KEY, begun)
                pipe.wait(1, WAIT)
                told: list[Any] = pipe.execute()
                return bool(told[-1])

        until(is_there, 'no replica gets the mark')
        return begun

    def keyspace(self) -> Keyspace:
        """Return what is stored, with the names of a single server."""
        self._servers.wait_until_healthy()
        with redis.Redis(host=HOST, port=self.owner().port, protocol=2) as client:
            whole = dump(client)
        plain = HEAD.strip('{}').encode()
        return {key.replace(HEAD.encode(), plain, 1): value for key, value in whole.items()}

    def astray(self) -> list[bytes]:
        """Return the keys of servers that must not have them."""
        return []

    def empty(self) -> None:
        """Empty it; whoever is connected now is nobody to wait for."""
        self.owner().client.flushall()
        self._others = self._clients()

    def wait_until_quiet(self) -> None:
        """Wait until no new client is connected, whose requests may still be carried out."""
        until(lambda: self._clients() <= self._others, 'clients stay')

    def _clients(self) -> set[str]:
        return {address for node in self._servers.running() for address in _clients(node)}


class ClusterFleet(Fleet):
    """A cluster whose keys are all in one slot."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self.cluster = cluster

    @property
    def address(self) -> str:
        return ','.join(f'{host}:{port}' for host, port in self.cluster.startup)

    def owner(self) -> Process:
        return self.cluster.owner(KEY)

    def hand_over(self) -> Process:
        return self.cluster.hand_over(KEY)

    def kill(self) -> Process:
        return self.cluster.kill(KEY)

    def stop(self) -> Process:
        return self.cluster.stop(KEY)

    def astray(self) -> list[bytes]:
        owner, slot = self.owner(), key_slot(KEY.encode())
        nodes = self.cluster.masters()
        return [
            key
            for node in nodes
            for key in node.client.scan_iter(count=1000)
            if node is not owner or key_slot(key) != slot
        ]

    def empty(self) -> None:
        self.cluster.flush()
        super().empty()


class SentinelFleet(Fleet):
    """A main server with replicas that a sentinel watches."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(watched)
        self._watched = watched

    @property
    def address(self) -> str:
        return SENTINELS + ','.join(f'{host}:{port}' for host, port in self._watched.sentinels)

    def owner(self) -> Process:
        return self._watched.owner()

    def hand_over(self) -> Process:
        return self._watched.hand_over()

    def kill(self) -> Process:
        return self._watched.kill()

    def stop(self) -> Process:
        return self._watched.stop()


def _clients(node: Process) -> set[str]:
    """The addresses of a server's clients, without the one that asks and other servers."""
    with node.client.pipeline(transaction=False) as pipe:
        pipe.client_id()
        pipe.client_list(_type='normal')
        own, found = pipe.execute()
    return {
        one['addr']
        for one in found
        if int(one['id']) != own
        and not one['cmd'].startswith('restore')
        and not one['name'].startswith('sentinel-')
    }
