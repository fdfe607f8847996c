"""Commits over partitions on a cluster, while slots move and a master changes."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import rom
from rom import maintenance
from tests.support.cluster import Cluster, connect
from tests.support.slot_moves import move_by_hand

pytestmark = pytest.mark.slow
SHARDS = rom.Shards('moving', 6)
ACCOUNTS, GOLD = 6, 100


class MovingAccount(rom.Model):
    _shards = SHARDS
    gold = rom.Integer(index=True)
    email = rom.Text(unique=True)


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Any]:
    client = connect(cluster, protocol=2)
    rom.util.CONNECTION = client
    yield client
    rom.session.rollback()
    client.close()


class Writer(threading.Thread):
    """Transfers gold between accounts, and competes for emails.

    Attributes:
        owned: how often it was told that an email is its own.
        commits: the number of transfers that were acknowledged.
    """

    def __init__(self, ids: list[int], seed: int, stop: threading.Event) -> None:
        super().__init__()
        self.owned, self.commits = Counter[str](), 0
        self._ids, self._luck, self._stop_event = ids, random.Random(seed), stop

    def run(self) -> None:
        number = 0
        while not self._stop_event.is_set():
            with suppress(rom.ORMError):
                self._transfer()
            with suppress(rom.ORMError), rom.Session():
                email = f'e{number}'
                MovingAccount(email=email, gold=0).save()
                self.owned[email] += 1
            number += 1

    def _transfer(self) -> None:
        with rom.Session() as session:
            one, other = session.get(MovingAccount, self._luck.sample(self._ids, 2))
            assert one is not None and other is not None
            one.gold -= 1
            other.gold += 1
            session.commit()
            self.commits += 1


def test_moves_and_a_new_master(cluster: Cluster, client: Any) -> None:
    accounts = []
    for number in range(ACCOUNTS):
        account = MovingAccount(gold=GOLD, email=f'account{number}')
        account.save()
        accounts.append(account)
    ids = [account.id for account in accounts]
    rom.session.rollback()
    stop = threading.Event()
    writers = [Writer(ids, seed, stop) for seed in range(2)]
    for writer in writers:
        writer.start()
    try:
        for number in range(2):
            moved = move_by_hand(cluster, f'{{{SHARDS.tag(number)}}}', batches=3)
            assert moved.twice == []
        cluster.hand_over(f'{{{SHARDS.tag(2)}}}')
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert sum(writer.commits for writer in writers) > 0
    maintenance.recover(MovingAccount)
    rows = MovingAccount.query.all()
    assert sum(row.gold for row in rows) == ACCOUNTS * GOLD
    stored = Counter(row.email for row in rows)
    assert max(stored.values()) == 1
    owned = writers[0].owned + writers[1].owned
    assert max(owned.values()) == 1 and set(owned) <= set(stored)
    assert [*maintenance.check(MovingAccount)] == []
