"""The cluster of a campaign, as the rounds need it."""

import time
from typing import Any

import redis
from redis.crc import key_slot

from tests.faults.index_check import Keyspace
from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process, until
from tests.support.servers import dump

#: What all namespaces of the models begin with, and a key of the same slot.
HEAD = '{faults}'
KEY = f'{HEAD}:mark'
#: Milliseconds that a replica may take to get what it has not got.
WAIT = 60_000


class Fleet:
    """A cluster whose keys are all in one slot."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._others: set[str] = set()

    @property
    def address(self) -> str:
        """Where workers begin."""
        return ','.join(f'{host}:{port}' for host, port in self.cluster.startup)

    def mark(self) -> float:
        """Write a mark, and wait until a replica has it; return the time before."""
        begun = time.monotonic()
        owner = self.cluster.owner(KEY).client

        def is_there() -> bool:
            with owner.pipeline(transaction=False) as pipe:
                pipe.set(KEY, begun)
                pipe.wait(1, WAIT)
                told: list[Any] = pipe.execute()
                return bool(told[-1])

        until(is_there, 'no replica gets the mark')
        return begun

    def keyspace(self) -> tuple[Keyspace, list[bytes]]:
        """Return what is stored, with the names of a single server, and keys at wrong masters."""
        self.cluster.wait_until_healthy()
        owner = self.cluster.owner(KEY)
        wrong = [
            key
            for node in self.cluster.masters()
            for key in _keys(node)
            if node is not owner or key_slot(key) != key_slot(KEY.encode())
        ]
        with redis.Redis(host=HOST, port=owner.port, protocol=2) as client:
            whole = dump(client)
        plain = HEAD.strip('{}').encode()
        return {key.replace(HEAD.encode(), plain, 1): value for key, value in whole.items()}, wrong

    def empty(self) -> None:
        """Empty it; whoever is connected now is nobody to wait for."""
        self.cluster.flush()
        self._others = self._clients()

    def wait_until_quiet(self) -> None:
        """Wait until no new client is connected, whose requests may still be carried out."""
        until(lambda: self._clients() <= self._others, 'clients stay')

    def _clients(self) -> set[str]:
        return {address for node in self.cluster.running() for address in _clients(node)}


def _keys(node: Process) -> list[bytes]:
    return list(node.client.scan_iter(count=1000))


def _clients(node: Process) -> set[str]:
    """The addresses of a node's clients, without the one that asks and nodes that sent it keys."""
    with node.client.pipeline(transaction=False) as pipe:
        pipe.client_id()
        pipe.client_list(_type='normal')
        own, found = pipe.execute()
    return {
        one['addr']
        for one in found
        if int(one['id']) != own and not one['cmd'].startswith('restore')
    }
