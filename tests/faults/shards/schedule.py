"""One schedule: clients take turns at random, then everything is recovered and compared."""

import random
from collections import Counter
from typing import NamedTuple

import redis

from rom._core.ops.id_counters import take_ids
from rom._core.ops.shards.recover import recover
from rom._core.ops.shards.transact import transact
from tests.faults.shards.clients import Client
from tests.faults.shards.group import (
    ACCOUNTS,
    GOLD,
    PARTITIONS,
    SCHEMAS,
    SIZE,
    account,
    change,
    collect,
    transaction_of,
    unique_key,
)
from tests.faults.shards.oracle import leftovers, problems
from tests.faults.shards.stories import Stories
from tests.faults.shards.world import Chances, Luck, World

_MOST_CLIENTS = 5


class Result(NamedTuple):
    """What a schedule has found.

    Attributes:
        problems: what is wrong.
        met: how often each script and each fault was met.
        outcomes: what clients were told, counted.
    """

    problems: list[str]
    met: Counter[str]
    outcomes: Counter[str]


def run(connection: redis.Redis, seed: int, with_indexes: bool = False) -> Result:
    """Run the schedule of a seed on a server, which is emptied first."""
    luck = random.Random(seed)
    connection.flushall()
    world = World(connection, luck, Chances.drawn(luck))
    _begin(world)
    stories = Stories(world, Luck(luck, luck.choice((0.02, 0.3, 0.9))))
    _take_turns(world, stories)
    found = list(stories.told.wrong)
    for again in range(3):
        # A recovery that finds nothing, too, must not mind requests that come late.
        world.straight(recover(PARTITIONS, older=-1))
        found += problems(connection, stories.told.outcomes, with_indexes)
        if found:
            break
        world.meet_late() if again else world.meet_all_late()
        for _ in range(5):
            world.expire()
    if not found:
        _collect_all(world)
        found += problems(connection, stories.told.outcomes)
        found += leftovers(connection)
    return Result(found, world.met, Counter(stories.told.outcomes.values()))


def _collect_all(world: World) -> None:
    """Remove all entries that no row needs."""
    world.straight(recover(PARTITIONS, older=-1))
    for number in range(SIZE):
        for column in ('email', 'ref'):
            name = PARTITIONS.name(0, unique_key(0, column))
            collecting = collect(number, name, lambda _: True)
            world.met['collected'] += world.straight(collecting)


def _begin(world: World) -> None:
    """Write the accounts; the ids below ten are theirs."""
    for schema in SCHEMAS:
        world.straight(take_ids({schema: 9}))
    parts = {
        number: [
            change(
                number, 'insert', account(place)[1], {}, kind='account', gold=GOLD, grants=0,
                email=f'account{place}',
            )
            for place in range(ACCOUNTS)
            if account(place)[0] == number
        ]
        for number in range(SIZE)
    }  # fmt: skip
    world.straight(transact(transaction_of(parts)))


def _take_turns(world: World, stories: Stories) -> None:
    luck = world.luck
    clients: list[Client] = []
    begun, total = 0, luck.randrange(6, 22)
    while begun < total or clients:
        is_room = begun < total and len(clients) < _MOST_CLIENTS
        if is_room and (not clients or luck.random() < 0.2):
            clients.append(Client(world, stories.draw()))
            begun += 1
        alive = [client for client in clients if client.is_alive]
        if alive:
            luck.choice(alive).step()
        clients = [client for client in alive if client.is_alive]
        world.meet_late()
        world.expire()
