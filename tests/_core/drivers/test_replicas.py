"""Requests that read, on replicas of a real cluster and of a real Sentinel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Command, Pipeline, Script
from rom.exceptions import InvalidOperation
from tests.support.cluster import Cluster
from tests.support.fleet import HOST, NAME, Fleet, Process, ending, until
from tests.support.servers import Unavailable, find
from tests.support.worlds import BOTH, SYNC, ClusterWorld

ROW = b'{replicas}row'
LOAD = Script('load', ROW, pack({'head': b'{replicas}', 'ids': [b'row'], 'fields': [b'a']}))
PART = Command('HMGET', ROW, 'a')


class Reader:
    """A driver of either kind that reads from replicas, and servers that stand behind it."""

    def __init__(self, kind: str, make: Any, master: Process, replica: Process) -> None:
        self.kind, self._make = kind, make
        self.master, self.replica = master, replica

    def perform(self, *requests: Any) -> list[Any]:
        async def ask() -> list[Any]:
            client = self._make()
            try:
                if self.kind == SYNC:
                    driver = SyncDriver(client, from_replicas=True)
                    return [driver.perform(request) for request in requests]
                other = AsyncDriver(client, from_replicas=True)
                return [await other.perform(request) for request in requests]
            finally:
                if self.kind == SYNC:
                    client.close()
                else:
                    await client.aclose()
                    if other._reader is not None:
                        await other._reader.aclose()

        return asyncio.run(ask())

    def asked(self) -> tuple[int, int]:
        """How many commands the master and the replica got that read the row."""
        found = []
        for node in (self.master, self.replica):
            stats: dict[str, Any] = node.client.info('commandstats')
            names = ('evalsha', 'evalsha_ro', 'eval_ro', 'eval', 'fcall_ro', 'hmget')
            found.append(sum(stats.get(f'cmdstat_{name}', {'calls': 0})['calls'] for name in names))
        return found[0], found[1]

    def spent(self, *requests: Any) -> tuple[int, int]:
        before = self.asked()
        self.perform(*requests)
        after = self.asked()
        return after[0] - before[0], after[1] - before[1]


@pytest.fixture(scope='module')
def fleet() -> Iterator[Fleet]:
    with ending(Fleet()) as fleet:
        yield fleet


def on_cluster(kind: str, cluster: Cluster) -> Reader:
    master = cluster.owner('{replicas}')
    replica = cluster.replicas_of(master)[0]
    # A node lists a replica only once it knows how much that one has.
    until(lambda: str(replica.port) in str(master.client.execute_command('CLUSTER SLOTS')))
    return filled(Reader(kind, ClusterWorld(kind, [(HOST, master.port)]).connect, master, replica))


def on_sentinel(kind: str, fleet: Fleet) -> Reader:
    library: Any = Sentinel if kind == SYNC else AsyncSentinel

    def make() -> Any:
        return library(fleet.sentinels, socket_timeout=5).master_for(NAME)

    return filled(Reader(kind, make, fleet.main, fleet.replicas[0]))


@pytest.fixture(params=[(kind, place) for kind in BOTH for place in ('cluster', 'fleet')], ids=str)
def reader(request: pytest.FixtureRequest) -> Reader:
    kind, place = request.param
    running = request.getfixturevalue(place)
    return (on_cluster if place == 'cluster' else on_sentinel)(kind, running)


def filled(reader: Reader) -> Reader:
    reader.master.client.delete(ROW.decode())
    reader.master.client.hset(ROW.decode(), 'a', '5')
    until(lambda: _has(reader))
    return reader


def _has(reader: Reader) -> bool:
    reader.replica.client.execute_command('READONLY')
    return bool(reader.replica.client.hget(ROW.decode(), 'a') == b'5')


def test_replicas_answer_what_reads(reader: Reader) -> None:
    both = Pipeline((LOAD, PART))
    assert reader.perform(PART, both)[0] == [b'5']
    assert reader.perform(LOAD)[0][0] == [b'row']
    master, replica = reader.spent(LOAD, PART, both)
    # The inner HMGET of a script counts as well.
    assert (master, replica > 0) == (0, True)


def test_the_library_of_functions_reaches_replicas_from_the_master(reader: Reader) -> None:
    def libraries(node: Process) -> int:
        return len(node.client.execute_command('FUNCTION', 'LIST'))

    def called() -> int:
        stats: dict[str, Any] = reader.replica.client.info('commandstats')
        found = stats.get('cmdstat_fcall_ro', {'calls': 0, 'failed_calls': 0})
        return int(found['calls'] - found['failed_calls'])

    reader.master.client.execute_command('FUNCTION', 'FLUSH', 'SYNC')
    until(lambda: libraries(reader.replica) == 0)
    assert reader.perform(LOAD)[0][0] == [b'row'], 'by function or by script'
    assert libraries(reader.master) == 1
    until(lambda: libraries(reader.replica) == 1)
    before = called()
    assert reader.perform(LOAD)[0][0] == [b'row']
    assert called() == before + 1


def test_the_master_gets_what_writes(reader: Reader) -> None:
    write = Command('HSET', ROW, 'b', '1')
    mixed = Pipeline((PART, write))
    assert reader.perform(write, mixed) == [1, [[b'5'], 0]]
    assert reader.spent(mixed) == (1, 0)


def test_the_master_answers_for_a_replica_that_is_gone(reader: Reader) -> None:
    """The client may not know yet; the reader does not wait until it does."""
    reader.replica.kill()
    try:
        assert reader.perform(PART, Pipeline((LOAD, PART)))[0] == [b'5']
    finally:
        reader.replica.restart()
        until(lambda: reader.replica.client.info('replication')['master_link_status'] == 'up')


def test_a_plain_client_knows_no_replicas(cluster: Cluster) -> None:
    with (
        redis.Redis(host=HOST) as client,
        pytest.raises(InvalidOperation, match='needs a client that knows the replicas'),
    ):
        SyncDriver(client, from_replicas=True)
    with pytest.raises(InvalidOperation, match='needs a client that knows the replicas'):
        AsyncDriver(redis.asyncio.Redis(host=HOST), from_replicas=True)


def test_servers_before_7(request: pytest.FixtureRequest) -> None:
    try:
        binary: Path = find('redis6.2')
    except Unavailable as reason:
        pytest.skip(str(reason))
    with ending(Cluster(binary, masters=1, replicas=1)) as old:
        master = old.owner('{replicas}')
        world = ClusterWorld(SYNC, old.startup)
        reader = filled(Reader(SYNC, world.connect, master, old.replicas_of(master)[0]))
        assert reader.perform(PART) == [[b'5']]
        for one in (LOAD, Pipeline((LOAD, PART))):
            with pytest.raises(InvalidOperation, match=r'older than 7\.0'):
                reader.perform(one)
