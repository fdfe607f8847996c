"""Models in one slot of a real cluster: where requests go, also while the slot moves."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from redis.crc import key_slot

import rom
from rom._core.drivers import node_connections, send_outcome
from rom._core.drivers.async_clients import async_connection
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.server_identity import server_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Command, Pipeline, Request, Script
from rom.exceptions import InvalidOperation, ServerError, ServerUnavailable, UniqueKeyViolation
from tests.support.cluster import Cluster, connect
from tests.support.fleet import Process, until
from tests.support.slot_moves import move_by_hand
from tests.support.worlds import BOTH, SYNC, ClusterWorld

TAG = '{nodes}'


class Guest(rom.Model):
    _namespace = '{nodes}guest'
    name = rom.Text(unique=True)
    age = rom.Integer(index=True)


class Room(rom.Model):
    _namespace = '{nodes}room'
    guest = rom.ManyToOne('Guest', on_delete='cascade')


class Visit(rom.Model):
    _namespace = '{elsewhere}visit'
    number = rom.Integer(index=True)
    unsafe = rom.UnsafeColumn()


class Untagged(rom.Model):
    _namespace = 'nodesuntagged'
    number = rom.Integer(index=True, unique=True)
    size = rom.Integer()
    unsafe = rom.UnsafeColumn()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, cluster: Cluster) -> ClusterWorld:
    return ClusterWorld(request.param, cluster.startup)


def perform(world: ClusterWorld, request: Request) -> Any:
    """Carry out one request with a new client."""

    async def ask() -> Any:
        client = world.connect()
        try:
            if world.kind == SYNC:
                return SyncDriver(client).perform(request)
            return await AsyncDriver(client).perform(request)
        finally:
            await world.close(client)

    return world.run(ask())


def calls(node: Process, *leave_out: str) -> dict[str, int]:
    """How often each command was called, but for those of nodes and of this look."""
    found: dict[str, Any] = node.client.info('commandstats')
    own = {'info', 'ping', 'replconf', 'psync', 'client|setinfo', 'hello', 'select', *leave_out}
    stats = {name.removeprefix('cmdstat_'): told['calls'] for name, told in found.items()}
    return {name: times for name, times in stats.items() if name not in own}


def gained(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: n - before.get(name, 0) for name, n in after.items() if n > before.get(name, 0)}


def refusals(cluster: Cluster, code: str) -> int:
    """How often nodes have answered with an error of this code."""
    told: list[dict[str, Any]] = [node.client.info('errorstats') for node in cluster.nodes]
    return sum(one.get(f'errorstat_{code}', {'count': 0})['count'] for one in told)


async def fill(session: Any, count: int = 40) -> list[Guest]:
    guests = [Guest(name=f'n{number}', age=number) for number in range(count)]
    await session.commit()
    return guests


def test_one_command_goes_to_one_node(world: ClusterWorld, cluster: Cluster) -> None:
    owner = cluster.owner(TAG)

    async def story() -> dict[str, int]:
        async with world.session() as s:
            guest = (await fill(s))[0]
            assert await s.get_by(Guest, name='n0') is guest
            others = [node for node in cluster.masters() if node is not owner]
            idle = [calls(node) for node in others]
            before = calls(owner)
            for age in range(5):
                guest.age = 100 + age
                await s.save(guest)
            assert await s.count(Guest.query.filter(age=104)) == 1
            spent = gained(before, calls(owner))
            assert [gained(*pair) for pair in zip(idle, map(calls, others), strict=True)] == [
                {}
            ] * len(others)
            return spent

    spent = world.run(story())
    assert (spent['evalsha'], spent['zcount']) == (5, 1)


def test_a_pipeline_is_one_trip(world: ClusterWorld, cluster: Cluster) -> None:
    keys = [f'{TAG}{number}'.encode() for number in range(3)]
    both = Pipeline((Command('ECHO', 'x'), *(Command('INCR', key) for key in keys)))
    assert perform(world, both) == [b'x', 1, 1, 1]
    tags = (f'{{{number}}}' for number in range(100))
    other = next(tag for tag in tags if cluster.owner(tag) is not cluster.owner(TAG))
    two = Pipeline((Command('INCR', keys[0]), Command('INCR', other), Command('ECHO', 'x')))
    assert perform(world, two) == [2, 1, b'x']


class WhileItMoves:
    """Runs stories while the slot is half here and half there, and waits for their end."""

    def __init__(self, cluster: Cluster, *stories: Callable[[], Any]) -> None:
        self.results: list[Any] = []
        self._cluster, self._stories = cluster, stories
        self._is_begun = False

    def __enter__(self) -> WhileItMoves:
        self._pool = ThreadPoolExecutor(len(self._stories))
        return self

    def __exit__(self, *error: Any) -> None:
        self._pool.shutdown()

    def move(self) -> list[Any]:
        before = refusals(self._cluster, 'TRYAGAIN')
        running: list[Any] = []

        def begin() -> None:
            if not running:
                running.extend(self._pool.submit(story) for story in self._stories)
                until(lambda: refusals(self._cluster, 'TRYAGAIN') > before + len(self._stories))
                assert not any(one.done() for one in running)

        assert move_by_hand(self._cluster, TAG, between=begin).keys > 20
        return [one.result() for one in running]


def test_a_slot_that_moves_is_waited_for(world: ClusterWorld, cluster: Cluster) -> None:
    """The half that has moved would be missing in the half that a script sees."""

    def in_session(story: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[], Any]:
        async def told() -> Any:
            async with world.session() as s:
                return await story(s)

        return lambda: world.run(told())

    async def counted(s: Any) -> int:
        return len(await s.ids(Guest.query.filter(age=(0, 100))))

    async def refused(s: Any) -> bool:
        s.add(Guest(name='n3'))
        with pytest.raises(UniqueKeyViolation):
            await s.commit()
        await _drop(s)
        return True

    async def found(s: Any) -> list[int]:
        return [(await s.get_by(Guest, name=f'n{number}')).age for number in range(40)]

    async def written(s: Any) -> int:
        guest = Guest(name='new', age=1000)
        s.add(guest)
        await s.commit()
        id: int = guest.id
        return id

    in_session(fill)()
    with WhileItMoves(cluster, *map(in_session, (counted, refused, found, written))) as moving:
        assert moving.move() == [40, True, list(range(40)), 41]
    assert in_session(counted)() == 40
    assert list(rom.maintenance.check(_on(Guest, cluster))) == []


async def _drop(session: Any) -> None:
    session.rollback()


def _on(model: type[rom.Model], cluster: Cluster) -> type[rom.Model]:
    rom.util.CONNECTION = connect(cluster)
    return model


def open_slot(cluster: Cluster) -> tuple[Process, Process]:
    """Begin to move the slot, and move no key; return where it is, and where it goes."""
    source = cluster.owner(TAG)
    target = next(node for node in cluster.masters() if node is not source)
    slot = key_slot(TAG.encode())
    target.client.execute_command('CLUSTER SETSLOT', slot, 'IMPORTING', cluster.id_of(source))
    source.client.execute_command('CLUSTER SETSLOT', slot, 'MIGRATING', cluster.id_of(target))
    return source, target


def test_of_a_pipeline_only_the_refused_are_sent_again(
    world: ClusterWorld, cluster: Cluster
) -> None:
    here, there = f'{TAG}here', f'{TAG}there'
    cluster.owner(TAG).client.set(here, 0)
    source, target = open_slot(cluster)
    try:
        several = Pipeline((Command('INCR', here), Command('INCR', there), Command('INCR', here)))
        assert perform(world, several) == [1, 1, 2]
        assert source.client.get(here) == b'2'
    finally:
        move_by_hand(cluster, TAG, target)
    assert [target.client.get(key) for key in (here, there)] == [b'2', b'1']


def test_patience_ends(
    world: ClusterWorld, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the one that retry loops catch, and the write counts once."""
    monkeypatch.setattr(send_outcome, 'PATIENCE', 0.05)
    late = pytest.raises(ServerUnavailable, match=r'the cluster of .* takes no requests.*TRYAGAIN')

    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            s.add(Guest(name='late', age=7))
            _, target = open_slot(cluster)
            try:
                for _ in range(2):
                    with late:
                        await s.commit()
                with late:
                    await s.ids(Guest.query.filter(age=7))
            finally:
                await asyncio.to_thread(move_by_hand, cluster, TAG, target)
            await s.commit()
            assert await s.count(Guest.query.filter(age=7)) == 2

    world.run(story())


def test_a_write_without_an_answer_counts_once(
    world: ClusterWorld, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The master stands still, and carries out what it was sent when it goes on."""
    monkeypatch.setattr(send_outcome, 'PATIENCE', 0.3)
    hasty = ClusterWorld(world.kind, cluster.startup, socket_timeout=0.2)
    owner = cluster.owner(TAG)

    async def story() -> None:
        async with hasty.session() as s:
            old = (await fill(s))[0]
            new = Guest(name='once', age=7)
            s.add(new)
            old.age += 1000
            owner.stop()
            try:
                for _ in range(2):
                    with pytest.raises(ServerUnavailable, match='no answer from Redis at the clus'):
                        await s.commit()
            finally:
                owner.cont()
            monkeypatch.undo()
            await s.commit()
            s.rollback()
            assert await s.count(Guest.query) == 41
            assert (await s.get_by(Guest, name='n0')).age == 1000
            assert await s.count(Guest.query.filter(age=7)) == 2

    world.run(story())
    cluster.wait_until_healthy()


def test_a_replica_takes_over(world: ClusterWorld, cluster: Cluster) -> None:
    async def story() -> None:
        async with world.session() as s:
            guests = await fill(s)
            for number, lose in enumerate((cluster.hand_over, cluster.kill, cluster.hand_over)):
                lost = await asyncio.to_thread(lose, TAG)
                guests[number].age = 500
                await s.save(guests[number])
                assert await s.count(Guest.query.filter(age=500)) == number + 1
                if not lost.is_running:
                    await asyncio.to_thread(cluster.restart, lost)

    world.run(story())


def test_a_refusal_is_a_fence_wherever_the_slot_goes(
    world: ClusterWorld, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late copy of a refused commit, when its reason is gone, and the slot as well."""
    kind: Any = SyncDriver if world.kind == SYNC else AsyncDriver
    sent: list[Script] = []
    perform_ = kind.perform

    def noted(self: Any, request: Any) -> Any:
        parts = request.requests if isinstance(request, Pipeline) else (request,)
        sent.extend(one for one in parts if isinstance(one, Script) and one.name == 'commit')
        return perform_(self, request)

    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            monkeypatch.setattr(kind, 'perform', noted)
            s.add(Guest(name='n3'))
            with pytest.raises(UniqueKeyViolation):
                await s.commit()
            s.rollback()
            monkeypatch.setattr(kind, 'perform', perform_)
            await s.delete(await s.get_by(Guest, name='n3'))

    world.run(story())
    move_by_hand(cluster, TAG)
    assert perform(world, sent[0]) == [b'void']


# --- what is refused --------------------------------------------------------------------------


ENTRIES: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
    'get': lambda s: s.get(Untagged, 1),
    'get of several': lambda s: s.get(Untagged, [1, 2]),
    'get_by': lambda s: s.get_by(Untagged, number=1),
    'count': lambda s: s.count(Untagged.query),
    'all': lambda s: s.all(Untagged.query.filter(number=(1, 2))),
    'ids': lambda s: s.ids(Untagged.query.order_by('number')),
    'delete_all': lambda s: s.delete_all(Untagged.query.filter(number=1)),
    'update_all': lambda s: s.update_all(Untagged.query.filter(number=1), number=2),
    'upsert': lambda s: s.upsert(Untagged, {'size': 2}, number=1),
    'commit': lambda s: _commit(s, Untagged(number=1)),
    'commit of several': lambda s: _commit(s, Untagged(number=1), Untagged(number=2)),
}


async def _commit(session: Any, *entities: rom.Model) -> None:
    for entity in entities:
        session.add(entity)
    await session.commit()


@pytest.mark.parametrize('entry', ENTRIES)
def test_a_model_without_a_tag_is_refused(
    world: ClusterWorld, cluster: Cluster, entry: str
) -> None:
    async def story() -> None:
        async with world.session() as s:
            # Not the replicas: they may still get what an earlier test wrote.
            masters = cluster.masters()
            before = [calls(node, 'command', 'cluster|slots') for node in masters]
            with pytest.raises(InvalidOperation, match=r"_namespace = '{nodesuntagged}'"):
                await ENTRIES[entry](s)
            assert before == [calls(node, 'command', 'cluster|slots') for node in masters]
            s.rollback()

    world.run(story())


@pytest.mark.parametrize('several', [1, 2], ids=['one each', 'two each'])
def test_a_commit_over_two_tags_is_refused(
    world: ClusterWorld, cluster: Cluster, several: int
) -> None:
    async def story() -> None:
        async with world.session() as s:
            guests = [Guest(name=f'n{number}') for number in range(several)]
            visits = [Visit(number=number) for number in range(several)]
            with pytest.raises(InvalidOperation, match=r'{elsewhere}visit and {nodes}guest have'):
                await s.commit()
            s.rollback()
            await _commit(s, *[guest.copy() for guest in guests])
            await _commit(s, *[visit.copy() for visit in visits])
            assert (await s.count(Guest.query), await s.count(Visit.query)) == (several, several)

    world.run(story())
    assert (
        sum(
            node.client.exists('{elsewhere}visit:id:')
            for node in cluster.masters()
            if node is cluster.owner('{elsewhere}')
        )
        == 1
    )


def test_a_plain_client_is_told_of_the_cluster(cluster: Cluster) -> None:
    other = next(node for node in cluster.masters() if node is not cluster.owner(TAG))
    with redis.Redis(port=other.port) as client, rom.Session(client) as session:
        session.add(Guest(name='x'))
        with pytest.raises(ServerError, match=r"rom.connect\('redis\+cluster://HOST:PORT'\)"):
            session.commit()
        with pytest.raises(ServerError, match='is a node of a cluster'):
            session.count(Guest.query)
        session.rollback()


def test_a_client_of_a_cluster_on_a_plain_server(world: ClusterWorld) -> None:
    from tests.support.fleet import ending

    with ending(Process()) as alone:
        lonely = ClusterWorld(world.kind, [('127.0.0.1', alone.port)])
        if world.kind == SYNC:
            with pytest.raises(redis.exceptions.RedisClusterException, match='not enabled'):
                lonely.connect()
            lazy = rom.util.CONNECTION = rom.connect(f'redis+cluster://127.0.0.1:{alone.port}')
            with pytest.raises(ServerError, match='cluster support disabled'):
                SyncDriver(lazy).perform(Command('GET', TAG))
        else:
            with pytest.raises(ServerError, match='cluster support disabled'):
                perform(lonely, Command('GET', TAG))


def test_a_user_that_may_not_ask_for_the_slots(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.client.acl_setuser(
            'slotless', enabled=True, nopass=True, commands=['+get'], keys=['*']
        )
    try:
        client = rom.connect(f'redis+cluster://slotless:x@127.0.0.1:{cluster.nodes[0].port}')
        with pytest.raises(ServerError, match=r'no permissions to run the .cluster\|slots'):
            SyncDriver(client).perform(Command('GET', TAG))
    finally:
        for node in cluster.nodes:
            node.client.acl_deluser('slotless')


# --- scans, and one destination ---------------------------------------------------------------


def test_a_scan_stays_with_one_node(world: ClusterWorld, cluster: Cluster) -> None:
    head = f'{TAG}scan:'
    owner = cluster.owner(TAG)
    for number in range(100):
        owner.client.set(f'{head}{number}', number)

    async def story() -> None:
        client = world.connect()
        driver: Any = SyncDriver(client) if world.kind == SYNC else AsyncDriver(client)

        async def scan(cursor: int) -> Any:
            request = Command('SCAN', cursor, 'MATCH', f'{head}*', 'COUNT', 10, key=head.encode())
            found = driver.perform(request)
            return found if world.kind == SYNC else await found

        try:
            cursor, keys = await scan(0)
            known = set(keys)
            while int(cursor):
                cursor, keys = await scan(int(cursor))
                known.update(keys)
            assert len(known) == 100
            cursor, _ = await scan(0)
            assert int(cursor)
            await asyncio.to_thread(move_by_hand, cluster, TAG)
            with pytest.raises(ServerUnavailable, match='moved to another node'):
                await scan(int(cursor))
            assert int((await scan(0))[0])
        finally:
            await world.close(client)

    world.run(story())


def _if_all_are_known(cluster: Cluster) -> Any:
    client = connect(cluster)
    return client if len(client.get_nodes()) == len(cluster.nodes) else None


def test_a_cluster_is_one_destination(cluster: Cluster) -> None:
    urls = [f'redis+cluster://127.0.0.1:{node.port}' for node in cluster.nodes]
    lazy = [rom._core.drivers.urls.open_url(url) for url in urls]
    # A new cluster tells of its replicas when they have connected.
    known = until(lambda: _if_all_are_known(cluster))
    assert {server_of(client) for client in (known, *lazy)} == {server_of(known)}
    assert server_of(rom._core.drivers.urls.open_url('redis+cluster://a.example')) != server_of(
        known
    )


# --- the default client -----------------------------------------------------------------------


def test_the_asyncio_client_is_made_of_the_blocking_one(cluster: Cluster) -> None:
    url = ','.join(f'127.0.0.1:{port}' for _, port in cluster.startup)
    lazy = rom.connect(f'redis+cluster://{url}?decode_responses=true&max_connections=7')
    for default in (lazy, connect(cluster, decode_responses=True, max_connections=7)):
        rom.util.CONNECTION = default

        async def story() -> tuple[Any, int]:
            async with rom.AsyncSession() as session:
                guests = await fill(session, 3)
                await session.delete(guests)
                client: Any = await async_connection(rom.util.get_connection())
                node = client.nodes_manager.default_node
                options = bool(node.connection_kwargs['decode_responses']), node.max_connections
                return options, await session.count(Guest.query)

        assert asyncio.run(story()) == ((True, 7), 0)


@pytest.mark.filterwarnings('error')
def test_loops_that_end_without_a_word_leave_no_socket(cluster: Cluster) -> None:
    rom.connect('redis+cluster://{}:{}'.format(*cluster.startup[0]))
    rom.util.CONNECTION = None

    async def story() -> Any:
        async with rom.AsyncSession() as session:
            await fill(session, 1)
            await session.delete(await session.get_by(Guest, name='n0'))
            return await async_connection(rom.util.get_connection())

    ended, shared = [], []
    for _ in range(2):
        loop = asyncio.new_event_loop()
        client = loop.run_until_complete(story())
        manager = client.nodes_manager
        nodes = (*manager.nodes_cache.values(), *manager.startup_nodes.values())
        ended += [connection for node in nodes for connection in node._connections]
        for pool in node_connections.of(client)._pools.values():
            shared += [one for own in pool._loops.values() for one in (own.short, own.long)]
        loop.close()
    assert sum(connection.is_connected for connection in ended) >= 2
    assert sum(not connection.is_closed for connection in shared) >= 2
    asyncio.run(story())
    assert not any(connection.is_connected for connection in ended)
    assert all(connection.is_closed for connection in shared)
    gc.collect()


def test_tasks_queue_for_connections(cluster: Cluster) -> None:
    """None asks again: each gets a connection when another one is done."""

    async def story() -> None:
        client = ClusterWorld('async', cluster.startup, max_connections=2).connect()
        before = calls(cluster.owner(TAG))
        driver = AsyncDriver(client)
        request, several = Command('INCR', TAG), Pipeline((Command('INCR', TAG),) * 2)
        tasks = [driver.perform(request) for _ in range(100)]
        tasks += [driver.perform(several) for _ in range(50)]
        left = asyncio.gather(*tasks)
        asyncio.get_running_loop().call_soon(left._children[7].cancel)
        with pytest.raises(asyncio.CancelledError):
            await left
        await asyncio.gather(*left._children, return_exceptions=True)
        assert int(await driver.perform(Command('GET', TAG))) >= 199
        node = client.nodes_manager.get_node_from_slot(key_slot(TAG.encode()))
        assert len(node._connections) == 2
        assert gained(before, calls(cluster.owner(TAG)))['incr'] <= 200
        await client.aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_outcome, 'PATIENCE', 0)
        patch.setattr(node_connections, 'collects_metrics', lambda: True)  # so it shares none
        asyncio.run(story())


def test_threads_may_open_a_client_at_once(cluster: Cluster) -> None:
    client = rom.connect('redis+cluster://{}:{}'.format(*cluster.startup[0]))
    start = threading.Barrier(8)

    def ask() -> Any:
        start.wait()
        return SyncDriver(client).perform(Command('INCR', TAG))

    with ThreadPoolExecutor(8) as pool:
        assert sorted(one.result() for one in [pool.submit(ask) for _ in range(8)]) == [
            *range(1, 9)
        ]


# --- interrupts -------------------------------------------------------------------------------


class Stopped(BaseException):
    """What a signal handler raises."""


def is_in_finalizer(frame: Any) -> bool:
    """Tell whether a function runs for a `__del__`, where Python only prints an error."""
    while frame is not None and frame.f_code.co_name != '__del__':
        frame = frame.f_back
    return frame is not None


def stopped_at(number: int, call: Callable[[], Any]) -> bool:
    """Raise at this call of a function of the client library; False: there are fewer."""
    left = number

    def trace(frame: Any, event: str, arg: object) -> None:
        nonlocal left
        if '/redis/' in frame.f_code.co_filename and not is_in_finalizer(frame):
            left -= 1
            if not left:
                raise Stopped

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Stopped:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize('what', ['one', 'several', 'the slots'])
def test_after_an_interrupt_each_call_gets_its_own_reply(cluster: Cluster, what: str) -> None:
    client = connect(cluster)
    driver = SyncDriver(client)
    keys = [f'{TAG}{number}'.encode() for number in range(3)]
    for key in keys:
        driver.perform(Command('SET', key, key))
    calls: dict[str, Callable[[], Any]] = {
        'one': lambda: driver.perform(Command('GET', keys[0])),
        'several': lambda: driver.perform(Pipeline(tuple(Command('GET', key) for key in keys))),
        'the slots': lambda: driver._nodes and driver._nodes._refresh(),
    }
    number = 1
    while stopped_at(number, calls[what]):
        for key in keys[1:]:
            assert driver.perform(Command('GET', key)) == key
        number += 1
    assert number > 20
    client.close()
