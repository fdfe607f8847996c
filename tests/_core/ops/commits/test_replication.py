"""Waiting for replicas: what a durable commit costs, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.keys import hash_tag
from rom._core.ops.commits import replication
from rom._core.ops.commits.attempts import LIFE
from rom._core.ops.commits.receipts import Receipt
from rom._core.ops.commits.replication import Replication, number_of_replicas, wait_for_replicas
from rom._core.ops.requests import Barrier, Operation, Pipeline, Script
from rom._core.ops.shards.partitions import partitions_of
from rom.exceptions import ArgumentError, NotReplicatedError
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class KeptByReplicas(rom.Model):
    _namespace = 'replicationkept'
    number = rom.Integer(unique=True)


def test_numbers_of_replicas() -> None:
    assert [number_of_replicas(durable) for durable in (True, False, 0, 3)] == [1, 0, 0, 3]
    for wrong in (-1, None, '1', 1.0):
        with pytest.raises(ArgumentError, match='the number of replicas'):
            number_of_replicas(wrong)


def test_a_server_without_replicas(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit counts, and the entity is saved."""
    monkeypatch.setattr(replication, 'LONGEST', 1)
    with rom.Session(client, durable=True) as session:
        entity = KeptByReplicas(number=1)
        with pytest.raises(NotReplicatedError, match=r'0 of 1 replicas .* Do not repeat'):
            session.commit()
        assert (entity.id, session.commit()) == (1, 0)
        entity.number = 2
        assert session.save(entity, durable=False) == 1
        with pytest.raises(NotReplicatedError):
            session.delete(entity)
    assert raw.exists('replicationkept:1') == 0


def test_it_costs_one_trip(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, 'LONGEST', 1)
    trips: list[Any] = []
    perform = SyncDriver.perform

    def noted(self: SyncDriver, request: Any) -> Any:
        trips.append(request)
        return perform(self, request)

    with rom.Session(client) as session:
        KeptByReplicas(number=1)
        session.commit()
        monkeypatch.setattr(SyncDriver, 'perform', noted)
        KeptByReplicas(number=2)
        session.commit()
        assert len(trips) == 1
        trips.clear()
        for number in range(3, 6):
            KeptByReplicas(number=number)
        with pytest.raises(NotReplicatedError):
            session.commit(batch=2, durable=True)
    assert [type(trip) for trip in trips] == [Pipeline, Script, Script, Pipeline]
    last: Any = trips[-1]
    assert [command.args[0] for command in last.requests] == ['EXPIRE', 'WAIT', 'EXISTS']
    assert last.requests[0].args[1] == trips[-2].key


def test_a_master_that_does_not_have_the_commit(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, 'LONGEST', 1)
    wait = wait_for_replicas(KeptByReplicas._schema, [Receipt(b'replicationkept:id:done:lost')], 1)
    with pytest.raises(NotReplicatedError, match='a replica without it took over') as caught:
        SyncDriver(client).run(wait)
    assert (caught.value.wanted, caught.value.found) == (1, None)


def test_no_answer(server: Server) -> None:
    with server.connect() as client:
        driver = SyncDriver(client)
        monkey: Any = client.connection_pool
        monkey.connection_kwargs['path'] += '.nowhere'
        monkey.disconnect()
        with pytest.raises(NotReplicatedError, match='is not known: no answer'):
            lost = [Receipt(b'replicationkept:id:done:x')]
            driver.run(wait_for_replicas(KeptByReplicas._schema, lost, 1))


class KeptInPartitions(rom.Model):
    _shards = rom.Shards('replication', 4)
    name = rom.Text(unique=True)
    number = rom.Integer(index=True)


def test_a_claim_that_a_failover_has_lost(client: redis.Redis, raw: redis.Redis) -> None:
    """The row is there, and its entry is not: another row may take the value."""
    receipts: list[Receipt] = []
    with rom.Session(client) as session:
        entity = KeptInPartitions(name='a')
        session.save(entity)
        schema = KeptInPartitions._schema
        number = KeptInPartitions._shards.partition_of(entity.id)
        partitions = partitions_of(KeptInPartitions._shards)
        directory = partitions.directory(b'KeptInPartitions:name:uidx', b'a')
        entry = raw.hget(directory, 'a')
        assert isinstance(entry, bytes)
        own = entry[: entry.rindex(b':') + 1]
        receipts.append(Receipt(directory, b'a', own))
        run = SyncDriver(client).run

        def wait() -> None:
            run(wait_for_replicas(schema, receipts, 0))

        wait()
        raw.hset(directory, 'a', b'%d:another:1796070869' % number)  # the partition has the row
        wait()
        for lost in (None, b'%d:another:1796070869' % ((number + 1) % 4)):
            raw.hdel(directory, 'a')
            if lost:
                raw.hset(directory, 'a', lost)
            with pytest.raises(NotReplicatedError, match=r"entry of b'a'.*rom check") as caught:
                wait()
            assert caught.value.found is None
        raw.hset(directory, 'a', entry)
        session.delete(entity)
        assert not raw.hexists(directory, 'a')
        wait()  # the value was given up since


@pytest.fixture
def no_barriers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits over partitions are decided, although the server has no replicas."""

    def pass_by(replication: Replication, barrier: Barrier) -> Operation[None]:
        return
        yield

    monkeypatch.setattr(Replication, '_stop_at', pass_by)


def test_the_wait_keeps_the_notes_of_the_commit(
    client: redis.Redis, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch, no_barriers: None
) -> None:
    """Without its note, a late copy of the request to a partition would be prepared again."""
    monkeypatch.setattr(replication, 'LONGEST', 1)
    partitions = partitions_of(KeptInPartitions._shards)
    with rom.Session(client) as session:
        pair = [KeptInPartitions(name=name) for name in 'ab']
        for entity in pair:
            session.save(entity)
        # The last one is not the coordinator, and has the directory of its value as well.
        number = max(KeptInPartitions._shards.partition_of(entity.id) for entity in pair)
        names = (f'n{count}' for count in range(100))
        name = next(name for name in names if partitions.home(name.encode()) == number)
        raw.delete(*raw.scan_iter('*:done:*'))
        for entity in pair:
            entity.number = 1
            if KeptInPartitions._shards.partition_of(entity.id) == number:
                entity.name = name
        with pytest.raises(NotReplicatedError):
            session.commit(durable=True)
    notes = list(raw.scan_iter('*:done:*'))
    assert len(notes) == 2
    assert min(map(raw.ttl, notes)) > LIFE - 10


def tags_waited_for(trip: Any) -> set[bytes]:
    waits = [command for command in trip.requests if command.args[0] == 'WAIT']
    return {hash_tag(command.key) for command in waits}


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests so far; the answer of the first commit is lost."""
    monkeypatch.setattr(replication, 'LONGEST', 1)
    perform, trips = SyncDriver.perform, list[Any]()

    def lose(self: SyncDriver, request: Any) -> Any:
        reply = perform(self, request)
        is_first = not any(getattr(trip, 'name', '').endswith('commit') for trip in trips)
        trips.append(request)
        if is_first and getattr(request, 'name', '').endswith('commit'):
            raise rom.ServerUnavailable('the answer is lost')
        return reply

    monkeypatch.setattr(SyncDriver, 'perform', lose)
    return trips


@pytest.mark.parametrize('by_others', [False, True])
def test_a_commit_that_settles_an_earlier_one_waits_for_all_of_it(
    client: redis.Redis, raw: redis.Redis, losing: list[Any], no_barriers: None, by_others: bool
) -> None:
    """Its partitions, and the directories of its values, wrote before the answer was lost."""
    partitions = partitions_of(KeptInPartitions._shards)
    names = (f'n{count}' for count in range(100))
    with rom.Session(client) as session:
        losing.append(Script('commit', b'', b''))  # lose none of these
        pair = [KeptInPartitions(number=0) for _ in 'ab']
        for entity in pair:
            session.save(entity)
        numbers = {KeptInPartitions._shards.partition_of(entity.id) for entity in pair}
        other = min({0, 1, 2, 3} - numbers)
        pair[0].name = next(name for name in names if partitions.home(name.encode()) == other)
        pair[1].number = 1
        losing.clear()
        with pytest.raises(rom.ServerUnavailable):
            session.commit(durable=True)
        if by_others:
            with rom.Session(client) as another:
                for _ in range(4):
                    another.save(KeptInPartitions(number=3))
        with pytest.raises(NotReplicatedError, match='0 of 1 replicas'):
            session.commit(durable=True)
    expected = {partitions.tag(number)[1:-1] for number in {*numbers, other}}
    assert tags_waited_for(losing[-1]) == expected
    assert [key for key in raw.scan_iter() if key.endswith((b':intents', b':unfinished'))] == []


def test_a_commit_that_others_have_settled_waits(client: redis.Redis, losing: list[Any]) -> None:
    with rom.Session(client) as session:
        losing.append(Script('commit', b'', b''))
        session.save(KeptByReplicas(number=0))  # the first write asks more in its trip
        losing.clear()
        KeptByReplicas(number=1)
        with pytest.raises(rom.ServerUnavailable):
            session.commit(durable=True)
        with rom.Session(client) as another:
            another.save(KeptByReplicas(number=2))
        with pytest.raises(NotReplicatedError, match='0 of 1 replicas'):
            session.commit(durable=True)
