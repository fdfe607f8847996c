"""Partitions whose masters are killed: a durable commit is kept as a whole, or lost as a whole.

What was acknowledged is kept. See "Promises and limits" in docs/design/shards.rst.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import redis

import rom
from tests.cluster.test_durable import replicate
from tests.support.cluster import Cluster, connect
from tests.support.fleet import until
from tests.support.servers import available

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize(
        'each_cluster', [name for name in available() if 'valkey' in name], indirect=True
    ),
]
SHARDS = rom.Shards('lostmasters', 6)
PURSES, MONEY = 12, 1000
#: Masters that are killed, and acknowledged transfers between one and the next.
KILLS, BETWEEN = 2, 30
#: Transfers that no replica can have, before a kill.
REFUSED = 3


class KilledPurse(rom.Model):
    _shards = SHARDS
    name = rom.Text(unique=True)
    balance = rom.Integer(index=True)


class KilledReceipt(rom.Model):
    _shards = SHARDS
    op = rom.Text(unique=True)
    source = rom.Integer(index=True)
    target = rom.Integer(index=True)
    amount = rom.Integer()


class Deed(NamedTuple):
    """A transfer as its program knows it."""

    op: str
    is_acknowledged: bool


class Program(threading.Thread):
    """Transfers money between purses, and renames one of them, each with a commit of its own."""

    def __init__(self, client: redis.RedisCluster, number: int, ids: list[int]) -> None:
        super().__init__()
        self.deeds: list[Deed] = []
        self.errors: list[BaseException] = []
        self.is_over = False
        self._client, self._number, self._ids = client, number, ids
        self._dice = random.Random(number)

    def run(self) -> None:
        try:
            while not self.is_over:
                op = f'{self._number}.{len(self.deeds)}'
                self.deeds.append(Deed(op, self._transfer(op)))
        except BaseException as error:
            self.errors.append(error)

    def _transfer(self, op: str) -> bool:
        """Return whether it was acknowledged."""
        source, target = self._dice.sample(self._ids, 2)
        with rom.Session(self._client, durable=True) as session:
            try:
                first, second = session.get(KilledPurse, [source, target])
                amount = self._dice.randint(1, 5)
                first.balance -= amount
                second.balance += amount
                first.name = f'{first.id} after {op}'
                KilledReceipt(op=op, source=source, target=target, amount=amount)
                session.commit()
            except (rom.DataRaceError, rom.ServerUnavailable, rom.NotReplicatedError):
                session.rollback()
                return False
        return True


@pytest.fixture
def client(each_cluster: Cluster) -> Iterator[redis.RedisCluster]:
    with connect(each_cluster) as client:
        before, rom.util.CONNECTION = rom.util.CONNECTION, client
        try:
            yield client
        finally:
            rom.session.rollback()
            rom.util.CONNECTION = before


def test_masters_are_killed(each_cluster: Cluster, client: redis.RedisCluster) -> None:
    purses = [KilledPurse(name=f'new {number}', balance=MONEY) for number in range(PURSES)]
    for purse in purses:
        purse.save()  # a commit each, so that they are in several partitions
    ids = [purse.id for purse in purses]
    assert len({SHARDS.partition_of(id) for id in ids}) > 2
    rom.session.rollback()
    programs = [Program(client, number, ids) for number in range(3)]
    for program in programs:
        program.start()
    try:
        for number in range(KILLS):
            _wait_for_more(programs, BETWEEN)
            tag = SHARDS.tag(number * SHARDS.partitions // KILLS)
            # What comes now is on no replica, and so is lost.
            replicate(each_cluster.owner(f'{{{tag}}}'), False)
            _wait_for_more(programs, REFUSED, of_all=True)
            lost = each_cluster.kill(f'{{{tag}}}')
            each_cluster.restart(lost)
        _wait_for_more(programs, BETWEEN)
    finally:
        for program in programs:
            program.is_over = True
        for program in programs:
            program.join()
    assert [error for program in programs for error in program.errors] == []
    _assert_kept([deed for program in programs for deed in program.deeds])


def _wait_for_more(programs: list[Program], more: int, of_all: bool = False) -> None:
    """Wait for more transfers: those that are acknowledged, or all."""

    def count() -> int:
        deeds = [deed for program in programs for deed in list(program.deeds)]
        return sum(of_all or deed.is_acknowledged for deed in deeds)

    enough = count() + more
    until(lambda: count() >= enough or any(program.errors for program in programs))


def _assert_kept(deeds: list[Deed]) -> None:
    rom.maintenance.recover(KilledPurse)
    receipts = KilledReceipt.query.all()
    found = [one.op for one in receipts]
    assert {deed.op for deed in deeds if deed.is_acknowledged} <= set(found)
    assert len(set(found)) == len(found)
    for deed in deeds:
        if deed.is_acknowledged:
            receipt = KilledReceipt.get_by(op=deed.op)
            assert receipt is not None and receipt.op == deed.op
    balances = dict.fromkeys([purse.id for purse in KilledPurse.query.all()], MONEY)
    for receipt in receipts:
        balances[receipt.source] -= receipt.amount
        balances[receipt.target] += receipt.amount
    assert {purse.id: purse.balance for purse in KilledPurse.query.all()} == balances
    assert len(balances) == PURSES
