"""Shared connections to the nodes of a real cluster: who has them, what breaks them, who waits."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import redis.asyncio.cluster
from redis.crc import key_slot

import rom
from rom._core.drivers import node_connections
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.ops.requests import Command, Pipeline
from tests.support.cluster import Cluster
from tests.support.fleet import HOST, Process
from tests.support.patience import eventually
from tests.support.slot_moves import move_by_hand
from tests.support.tls_proxy import KEYS, encrypting
from tests.support.worlds import ASYNC, ClusterWorld

pytestmark = pytest.mark.one_server
TAG = '{shared}'
NAME = 'shared-test'


class Sharer(rom.Model):
    _namespace = '{shared}sharer'
    name = rom.Text(unique=True)
    age = rom.Integer(index=True)


def key(number: int) -> bytes:
    return f'{TAG}{number}'.encode()


def run(
    cluster: Cluster,
    story: Callable[[Any], Awaitable[Any]],
    startup: list[tuple[str, int]] | None = None,
    **settings: Any,
) -> Any:
    """Run a story with a client of its own."""

    async def told() -> Any:
        world = ClusterWorld(ASYNC, startup or cluster.startup, client_name=NAME, **settings)
        client = world.connect()
        try:
            return await story(client)
        finally:
            await client.aclose()

    return asyncio.run(told())


def connections(node: Process) -> list[dict[str, str]]:
    """The connections of the story's client to a node that have sent a request with a key."""
    found = [one for one in node.client.client_list() if one['name'] == NAME]
    return [one for one in found if one['cmd'] not in ('cluster|slots', 'command')]


def other_tag(cluster: Cluster, tag: str = TAG) -> str:
    """A tag whose slot is on another node."""
    tags = (f'{{{number}}}' for number in range(100))
    return next(other for other in tags if cluster.owner(other) is not cluster.owner(tag))


# --- who has them --------------------------------------------------------------------------------


def test_tasks_share_two_connections(cluster: Cluster) -> None:
    owner = cluster.owner(TAG)

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        for _ in range(2):
            asked = [driver.perform(Command('SET', key(n), n)) for n in range(100)]
            assert await asyncio.gather(*asked) == [True] * 100  # as the library converts it
            several = [
                driver.perform(Pipeline((Command('GET', key(n)), Command('INCR', key(n)))))
                for n in range(50)
            ]
            assert await asyncio.gather(*several) == [[b'%d' % n, n + 1] for n in range(50)]
            assert len(connections(owner)) == 2
            await client.aclose()
            await asyncio.to_thread(eventually, lambda: not connections(owner))

    run(cluster, story)


def test_clients_that_must_not_have_them(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    class OwnConnection(redis.asyncio.Connection):
        pass

    async def shares(client: Any) -> bool:
        assert await AsyncDriver(client).perform(Command('ECHO', b'x', key=key(1))) == b'x'
        node = client.nodes_manager.default_node
        return node_connections.of(client).shared(node) is not None

    async def story(client: Any) -> None:
        assert await shares(client)
        with monkeypatch.context() as patch:
            patch.setattr(node_connections, 'collects_metrics', lambda: True)
            assert not await shares(client)
        node = redis.asyncio.cluster.ClusterNode
        for name in ('execute_command', 'execute_pipeline'):
            method = getattr(node, name)
            with monkeypatch.context() as patch:
                patch.setattr(node, name, lambda *args, method=method, **o: method(*args, **o))
                assert not await shares(client)

    async def replaced(client: Any) -> None:
        close = client.aclose
        client.aclose = lambda: close()
        assert not await shares(client)

    async def of_its_own(client: Any) -> None:
        await client.initialize()
        for one in client.nodes_manager.nodes_cache.values():
            one.connection_class = OwnConnection
        assert not await shares(client)

    for told in (story, replaced, of_its_own):
        run(cluster, told)


def test_replicas_are_asked_on_connections_that_say_so(cluster: Cluster) -> None:
    """No other request uses them: a script that must read from the master would run there."""
    owner = cluster.owner(TAG)
    (replica,) = cluster.replicas_of(owner)
    owner.client.set(key(1), 'one')
    # A node lists a replica only once it knows how much that one has.
    eventually(lambda: str(replica.port) in str(owner.client.execute_command('CLUSTER SLOTS')))
    eventually(lambda: replica.client.dbsize() == owner.client.dbsize())

    async def story(client: Any) -> None:
        reader = AsyncDriver(client, from_replicas=True)
        for _ in range(2):
            asked = [reader.perform(Command('GET', key(1))) for _ in range(20)]
            assert await asyncio.gather(*asked) == [b'one'] * 20
        assert await reader.perform(Pipeline((Command('GET', key(1)),) * 2)) == [b'one'] * 2
        assert await reader.perform(Command('SET', key(2), 'two'))
        # The flag of such a connection to a replica; masters have it, too.
        assert [one['flags'] for one in connections(replica)] == ['r', 'r']
        assert 'r' not in ''.join(one['flags'] for one in connections(owner))

    run(cluster, story, [(HOST, owner.port)])


def test_they_are_opened_as_the_client_says(cluster: Cluster) -> None:
    owner = cluster.owner(TAG)

    async def story(client: Any) -> list[str]:
        assert await AsyncDriver(client).perform(Command('SET', key(1), 'one'))
        return [one['user'] for one in connections(owner)]

    for node in cluster.nodes:
        node.client.acl_setuser(
            'sharer', enabled=True, passwords=['+secret'], keys=['*'], categories=['+@all']
        )
    try:
        assert run(cluster, story, username='sharer', password='secret') == ['sharer']
    finally:
        for node in cluster.nodes:
            node.client.acl_deluser('sharer')


@pytest.mark.skipif(not KEYS.exists(), reason="there are no tests of Python's own")
def test_they_are_encrypted(cluster: Cluster) -> None:
    """By a proxy in front of each node."""

    async def story() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ports = {}
            for node in cluster.nodes:
                proxy = encrypting(partial(asyncio.open_connection, HOST, node.port))
                ports[node.port], _ = await stack.enter_async_context(proxy)
            world = ClusterWorld(
                ASYNC, [(HOST, port) for port in ports.values()], ssl=True, ssl_cert_reqs='none',
                ssl_check_hostname=False, address_remap=lambda at: (HOST, ports[at[1]]),
            )  # fmt: skip
            client = world.connect()
            driver = AsyncDriver(client)
            asked = [driver.perform(Command('ECHO', b'%d' % n, key=key(n))) for n in range(50)]
            assert await asyncio.gather(*asked) == [b'%d' % n for n in range(50)]
            pair = (Command('SET', key(1), 'x'), Command('INCR', other_tag(cluster)))
            assert await driver.perform(Pipeline(pair)) == [True, 1]
            node = client.nodes_manager.get_node_from_slot(key_slot(TAG.encode()))
            shared = node_connections.of(client).shared(node)
            assert shared is not None
            assert shared.short.current is not None
            assert shared.long.current is not None
            await client.aclose()

    asyncio.run(story())


@pytest.mark.filterwarnings('ignore:Unclosed')  # the client library's own
def test_a_client_that_is_dropped(cluster: Cluster) -> None:
    owner = cluster.owner(TAG)

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *report: None)
        client = ClusterWorld(ASYNC, cluster.startup, client_name=NAME).connect()
        assert await AsyncDriver(client).perform(Command('SET', key(1), 'one'))
        assert len(connections(owner)) == 1
        del client
        gc.collect()
        await asyncio.to_thread(eventually, lambda: not connections(owner))

    asyncio.run(story())


# --- what breaks them ----------------------------------------------------------------------------


def broken(cluster: Cluster, node: Process) -> int:
    """Break a node's connections of the story's client; return how many."""
    ids = [one['id'] for one in connections(node)]
    return sum(node.client.execute_command('CLIENT', 'KILL', 'ID', id) for id in ids)


def test_a_broken_connection_fails_all_and_all_are_repeated(cluster: Cluster) -> None:
    """The tasks ask for the slots once, not each of them."""
    owner = cluster.owner(TAG)

    def slots_asked() -> int:
        stats: list[dict[str, Any]] = [one.client.info('commandstats') for one in cluster.nodes]
        return sum(one.get('cmdstat_cluster|slots', {'calls': 0})['calls'] for one in stats)

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        async with rom.AsyncSession(client) as s:
            sharers = [Sharer(name=f'n{n}', age=n) for n in range(40)]
            await s.commit()
            before = slots_asked()
            owner.client.client_pause(60_000, all=False)  # writes wait
            for sharer in sharers:
                sharer.age += 100
            saves = [asyncio.create_task(_save(client, sharer.id)) for sharer in sharers]
            asked = [asyncio.create_task(driver.perform(Command('INCR', key(1)))) for _ in range(9)]
            await asyncio.to_thread(eventually, lambda: _blocked(owner) > 0)
            assert broken(cluster, owner)
            owner.client.client_unpause()
            await asyncio.gather(*saves)
            counts = await asyncio.gather(*asked)
            assert sorted(counts) == sorted(set(counts))  # what was sent twice counts twice
            assert slots_asked() - before <= 6
            s.rollback()
            ages = [sharer.age for sharer in await s.all(Sharer.query.order_by('age'))]
            assert ages == [n + 1000 for n in range(40)]  # and each save counts once

    run(cluster, story)


async def _save(client: Any, id: int) -> None:
    async with rom.AsyncSession(client) as session:
        await session.update_all(Sharer.query.filter(id=id), age=Sharer.age + 1000)


def _blocked(node: Process) -> int:
    told: dict[str, Any] = node.client.info('clients')
    return int(told['blocked_clients'])


def test_a_cancelled_task_leaves_the_connection_as_it_is(cluster: Cluster) -> None:
    owner = cluster.owner(TAG)

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        await driver.perform(Command('SET', key(1), 'one'))
        before = [one['id'] for one in connections(owner)]
        for _ in range(5):
            tasks = [asyncio.create_task(driver.perform(Command('ECHO', b'%d' % n, key=key(1))))
                     for n in range(20)]  # fmt: skip
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert done[1::2] == [b'%d' % n for n in range(1, 20, 2)]
        assert [one['id'] for one in connections(owner)] == before

    run(cluster, story)


def test_a_node_that_is_gone_is_let_go(cluster: Cluster) -> None:
    """What is in flight gets its reply first."""
    owner = cluster.owner(TAG)

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        await driver.perform(Command('SET', key(1), 1))
        known, names = node_connections.of(client), list(client.nodes_manager.nodes_cache)
        owner.client.client_pause(60_000, all=False)
        write = asyncio.create_task(driver.perform(Command('INCR', key(1))))
        await asyncio.to_thread(eventually, lambda: _blocked(owner) > 0)
        others = [name for name in names if name != f'{HOST}:{owner.port}']
        known.keep(others)
        owner.client.client_unpause()
        assert await write == 2
        await asyncio.to_thread(eventually, lambda: not connections(owner))
        known.keep(others)
        assert all(name != f'{HOST}:{owner.port}' for name, _ in known._pools)
        assert await driver.perform(Command('GET', key(1))) == b'2'

    run(cluster, story)


# --- several nodes, and slots that move ----------------------------------------------------------


def test_a_pipeline_is_written_to_all_nodes_before_replies_are_read(cluster: Cluster) -> None:
    there = other_tag(cluster)
    here, other = cluster.owner(TAG), cluster.owner(there)

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        pair = (Command('INCR', key(1)), Command('INCR', there), Command('INCR', key(1)))
        assert await driver.perform(Pipeline(pair)) == [1, 1, 2]
        for waits, free, counter in ((here, other, there), (other, here, key(1).decode())):
            read = partial(free.client.get, counter)
            before = read()
            waits.client.client_pause(60_000, all=False)
            task = asyncio.create_task(driver.perform(Pipeline(pair)))
            await asyncio.to_thread(eventually, partial(_differs, read, before))
            assert not task.done()
            waits.client.client_unpause()
            await task
        assert await driver.perform(Pipeline(pair)) == [7, 4, 8]

    run(cluster, story)


def _differs(read: Callable[[], Any], before: Any) -> bool:
    return bool(read() != before)


def test_pages_are_read_one_by_one(cluster: Cluster) -> None:
    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        await driver.perform(Pipeline(tuple(Command('SET', key(n), n) for n in range(9))))
        gets = tuple(Command('GET', key(n)) for n in range(9))
        replies = await driver.perform(Pipeline(gets, one_by_one=True))
        assert not isinstance(replies, list)
        found = [await replies.take() for _ in range(4)]
        await asyncio.to_thread(move_by_hand, cluster, TAG)
        found += [await replies.take() for _ in range(5)]
        assert found == [b'%d' % n for n in range(9)]

    run(cluster, story)


def test_what_is_asked_of_the_new_node_stays_in_order(cluster: Cluster) -> None:
    """ASKING is for the next command on its connection, which other tasks use as well."""

    async def story(client: Any) -> None:
        driver = AsyncDriver(client)
        await driver.perform(Pipeline(tuple(Command('SET', key(n), n) for n in range(60))))
        loop = asyncio.get_running_loop()

        async def read() -> list[Any]:
            asked = [driver.perform(Command('GET', key(n))) for n in range(60)]
            asked += [driver.perform(Pipeline((Command('GET', key(n)),) * 2)) for n in range(60)]
            return await asyncio.gather(*asked)

        def between() -> None:
            found = asyncio.run_coroutine_threadsafe(read(), loop).result()
            assert found[:60] == [b'%d' % n for n in range(60)]
            assert found[60:] == [[b'%d' % n] * 2 for n in range(60)]
            looks.append(len(found))

        looks: list[int] = []
        await asyncio.to_thread(move_by_hand, cluster, TAG, None, 20, between)
        assert looks

    run(cluster, story)
