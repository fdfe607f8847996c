"""A failover, as clients that ask sentinels see it: they wait, and then go on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.sentinel import Sentinel

import rom
from rom._core.drivers import loop_connections, send_outcome
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command
from rom.exceptions import ServerError, ServerUnavailable
from tests.support.fleet import NAME, Fleet, ending, wait_for_replicas


class SentinelOrder(rom.Model):
    _namespace = 'sentinelorder'
    number = rom.Integer(unique=True)


def test_a_failover_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with ending(Fleet(replicas=2)) as fleet:
        watch = Sentinel(fleet.sentinels, socket_timeout=5)
        main = watch.master_for(NAME)

        def write(number: int) -> None:
            with rom.Session(main) as session:
                session.add(SentinelOrder(number=number))
                assert session.commit() > 0

        async def write_there(number: int) -> None:
            other = AsyncSentinel(fleet.sentinels, socket_timeout=5).master_for(NAME)
            assert loop_connections.of(other) is not None
            async with other, rom.AsyncSession(other) as session:
                session.add(SentinelOrder(number=number))
                assert await session.commit() > 0

        write(1)
        wait_for_replicas(main, 2, 5000)
        fleet.main.kill()
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(write, 2), pool.submit(asyncio.run, write_there(3))]
            for one in both:
                one.result()
        with rom.Session(main) as session:
            assert session.count(SentinelOrder.query) == 3

        replica = watch.slave_for(NAME)
        with pytest.raises(ServerError, match='read only replica'):
            SyncDriver(replica).perform(Command('SET', 'x', 'y'))

        monkeypatch.setattr(send_outcome, 'PATIENCE', 0.05)
        for one in fleet.replicas:
            one.kill()
        with pytest.raises(ServerUnavailable, match="the sentinels have of 'shop'"):
            write(4)
        main.close()
        replica.close()
