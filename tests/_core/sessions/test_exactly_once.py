"""Each write is carried out once or not at all, whatever becomes of its request and of its answer.

A request may be lost, may arrive long after somebody asked about it, or may be answered by an error
of the server although it was carried out. The proxy does all of that on purpose.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.ops.commits import attempts
from rom._core.sessions import write_outcomes
from rom._core.support import clock
from tests.support.implied import assert_consistent
from tests.support.proxy import ERRORS, Proxy
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, World

WRITES = Proxy.named('EVALSHA', 'EVAL', 'FCALL_RO')
COMMITS = Proxy.named('EVALSHA', 'EVAL')
EVERYTHING = Proxy.named('EVALSHA', 'EVAL', 'FCALL_RO', 'GET', 'HMGET')
HOOKS: list[str] = []


class OnceTeam(rom.Model):
    _namespace = '{once}team'
    name = rom.Text()


class OnceUser(rom.Model):
    _namespace = '{once}user'
    name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    n = rom.Integer(index=True)
    team = rom.ManyToOne('OnceTeam', on_delete='set null')
    data = rom.Json()

    def _after_insert(self) -> None:
        HOOKS.append('insert')

    def _after_update(self) -> None:
        HOOKS.append('update')

    def _after_delete(self) -> None:
        HOOKS.append('delete')


class OnceTrade(rom.Model):
    _namespace = '{once}trade'
    done = rom.Boolean()


MODELS = (OnceTeam, OnceUser, OnceTrade)


@pytest.fixture(autouse=True)
def no_hooks() -> None:
    HOOKS.clear()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as running:
        yield running


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, proxy: Proxy) -> World:
    """Either session, through the proxy, with a client that repeats nothing by itself."""
    return World(request.param, proxy.socket)


def run(world: World, story: Callable[[Any], Awaitable[None]]) -> None:
    """Tell a story with a session, after the server has got to know the scripts."""

    async def whole() -> None:
        async with world.session() as s:
            users = [OnceUser(n=0), OnceUser(n=0)]
            await s.commit()
            await s.save(*[user.update(n=1) for user in users])
            await s.delete(users)
            s.rollback()
            HOOKS.clear()
            await story(s)

    world.run(whole())


async def lost(
    proxy: Proxy, how: str, call: Callable[[], Awaitable[Any]], requests: Any = COMMITS
) -> None:
    """Have a call lose the answer of a request: `how` is a method of the proxy."""
    getattr(proxy, how)(requests)
    with pytest.raises(rom.ServerUnavailable):
        await call()
    proxy.heal()


def rows(raw: redis.Redis, model: type[rom.Model] = OnceUser) -> dict[int, dict[bytes, bytes]]:
    """The rows of a model by id, after a look at all indexes."""
    assert_consistent(raw, *MODELS)
    head = model._namespace.encode() + b':'
    found = {key: raw.hgetall(key) for key in raw.scan_iter(head + b'[0-9]*')}
    return {int(key.removeprefix(head)): row for key, row in found.items()}


# --- the answer is lost --------------------------------------------------------------------------


def test_the_outcome_of_another_writer_is_not_ones_own(
    world: World, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(n=5)
        await s.commit()
        user.n += 1
        await lost(proxy, 'cut_before_request', lambda: s.save(user))
        other = redis.Redis(unix_socket_path=raw.connection_pool.connection_kwargs['path'])
        with rom.Session(other) as elsewhere:
            same = elsewhere.get(OnceUser, user.id)
            same.n += 1
            elsewhere.commit()
        other.close()
        with pytest.raises(rom.DataRaceError):
            await s.save(user)
        await s.refresh(user, force=True)
        user.n += 1
        await s.save(user)
        assert rows(raw)[user.id][b'n'] == b'7'

    run(world, story)


HELD = ['cut_before_request', 'cut_after_request', 'hold_request']


@pytest.mark.parametrize('how', HELD)
def test_a_new_entity(world: World, proxy: Proxy, raw: redis.Redis, how: str) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(name='a')
        await lost(proxy, how, lambda: s.save(user))
        assert await s.save(user) == 5, 'the columns count as they would have before'
        proxy.deliver()
        assert list(rows(raw)) == [user.id]
        assert HOOKS == ['insert']
        user.name = 'b'
        assert await s.save(user) == 1

    run(world, story)


@pytest.mark.parametrize('how', HELD)
def test_a_change(world: World, proxy: Proxy, raw: redis.Redis, how: str) -> None:
    async def story(s: Any) -> None:
        user, team = OnceUser(n=1), OnceTeam(name='x')
        await s.commit()
        user.n, team.name = 2, 'y'
        await lost(proxy, how, s.commit)
        assert await s.commit() == 2
        user.n = 1
        await s.commit()
        proxy.deliver()
        assert rows(raw)[user.id][b'n'] == b'1'
        assert rows(raw, OnceTeam)[team.id][b'name'] == b'y'
        assert HOOKS == ['insert', 'update', 'update']

    run(world, story)


@pytest.mark.parametrize('how', HELD)
def test_a_delete(world: World, proxy: Proxy, raw: redis.Redis, how: str) -> None:
    async def story(s: Any) -> None:
        team = OnceTeam(name='x')
        user = OnceUser(team=team, n=1)
        await s.commit()
        await lost(proxy, how, lambda: s.delete(team))
        await s.delete(team)
        proxy.deliver()
        assert team._deleted
        assert rows(raw, OnceTeam) == {}
        assert b'team' not in rows(raw)[user.id]
        user.n = 2
        assert await s.commit() == 1
        assert user.team is None

    run(world, story)


def test_a_delete_that_was_given_up_comes_late(
    world: World, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        await s.commit()
        await lost(proxy, 'hold_request', lambda: s.delete(user))
        user.n = 2
        assert await s.commit() == 1
        proxy.deliver()
        assert rows(raw)[user.id][b'n'] == b'2'
        assert HOOKS == ['insert', 'update']

    run(world, story)


def test_a_commit_finds_that_a_delete_was_carried_out(
    world: World, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story(s: Any) -> None:
        user, other = OnceUser(n=1), OnceUser(n=1)
        await s.commit()
        await lost(proxy, 'cut_after_request', lambda: s.delete(user))
        other.n = 2
        assert await s.commit() == 1
        assert user._deleted
        assert list(rows(raw)) == [other.id]
        assert HOOKS.count('delete') == 1
        assert write_outcomes.was_deleted(f'{user._namespace}:{user.id}'), (
            'for other objects of the row'
        )

    run(world, story)


@pytest.mark.parametrize('how', HELD)
def test_a_transfer(world: World, proxy: Proxy, raw: redis.Redis, how: str) -> None:
    async def story(s: Any) -> None:
        ann, bob, trade = OnceUser(n=10), OnceUser(n=0), OnceTrade()
        await s.commit()
        await lost(proxy, how, lambda: s.transfer(ann, bob, 'n', 3, trade, 'done'))
        await s.transfer(ann, bob, 'n', 3, trade, 'done')
        proxy.deliver()
        assert [ann.n, bob.n, trade.done] == [7, 3, True]
        assert [row[b'n'] for row in rows(raw).values()] in ([b'7', b'3'], [b'3', b'7'])
        with pytest.raises(ValueError, match='already sent'):
            await s.transfer(ann, bob, 'n', 3, trade, 'done')
        assert HOOKS == ['insert', 'insert']

    run(world, story)


@pytest.mark.parametrize('forget', ['rollback', 'update'])
def test_what_nobody_asks_about_comes_late(
    world: World, proxy: Proxy, raw: redis.Redis, forget: str
) -> None:
    """From the next write of the model on, it is refused."""

    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        await s.commit()
        if forget == 'rollback':
            user.n = 7
            await lost(proxy, 'hold_request', s.commit)
            s.rollback()
        else:
            query = OnceUser.query.filter(n=1)
            await lost(proxy, 'hold_request', lambda: s.update_all(query, n=7))
        OnceUser(n=9)
        await s.commit()
        proxy.deliver()
        assert rows(raw)[user.id][b'n'] == b'1'

    run(world, story)


# --- the answer is an error ----------------------------------------------------------------------


@pytest.mark.one_server
@pytest.mark.parametrize('times', [1, 2])
@pytest.mark.parametrize('error', ERRORS)
def test_an_error_although_it_was_carried_out(
    world: World, proxy: Proxy, raw: redis.Redis, error: str, times: int
) -> None:
    async def until_it_works(call: Callable[[], Awaitable[int]]) -> int:
        for _ in range(5):
            try:
                return await call()
            except (rom.ServerUnavailable, rom.ServerError):
                pass
        raise AssertionError('five tries failed')

    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        proxy.answer_error(WRITES, error, times=times)
        assert await until_it_works(lambda: s.save(user)) == 5
        proxy.heal()
        user.n += 1
        proxy.answer_error(WRITES, error, times=times)
        assert await until_it_works(lambda: s.save(user)) == 1
        proxy.heal()
        assert {id: row[b'n'] for id, row in rows(raw).items()} == {user.id: b'2'}
        assert HOOKS == ['insert', 'update']

    run(world, story)


@pytest.mark.one_server
def test_a_copy_of_what_was_refused(world: World, proxy: Proxy, raw: redis.Redis) -> None:
    """The client got no answer, and the obstacle is gone when the request arrives once more."""

    async def story(s: Any) -> None:
        holder, user = OnceUser(name='a'), OnceUser(name='b')
        await s.commit()
        user.name = 'a'
        with pytest.raises(rom.UniqueKeyViolation):
            await s.commit()
        [note] = [key for key in raw.scan_iter(b'*:done:*') if raw.get(key) == b'refused']
        assert 170 < raw.ttl(note) <= 180
        user.name = 'b'
        await s.delete(holder)
        assert await s.commit() == 0

    run(world, story)


# --- a program that is stopped -------------------------------------------------------------------


@pytest.mark.one_server
def test_a_task_that_is_cancelled(proxy: Proxy, raw: redis.Redis) -> None:
    """The request is on its way when the task is cancelled; the next save overtakes it."""

    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        for number in range(2, 6):
            proxy.delay_request(WRITES, 0.05)
            saving = asyncio.ensure_future(s.save(user))
            await asyncio.sleep(0.01)
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            await s.save(user)
            user.n = number
        await s.save(user)
        await asyncio.sleep(0.1)
        assert [row[b'n'] for row in rows(raw).values()] == [b'5']

    run(World(ASYNC, proxy.socket), story)


@pytest.mark.parametrize('how', HELD)
def test_a_reference_to_a_new_entity_while_in_doubt(
    world: World, proxy: Proxy, raw: redis.Redis, how: str
) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        await s.commit()
        user.n = 2
        await lost(proxy, how, s.commit)
        user.team = OnceTeam(name='new')
        await s.commit()
        proxy.deliver()
        row = rows(raw)[user.id]
        assert (row[b'n'], row[b'team']) == (b'2', b'%d' % user.team.id)
        assert await s.commit() == 0

    run(world, story)


@pytest.mark.one_server
def test_a_reference_that_is_set_while_the_server_writes(proxy: Proxy, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        proxy.delay_request(WRITES, 0.05)
        saving = asyncio.ensure_future(s.save(user))
        await asyncio.sleep(0.01)
        user.team = OnceTeam(name='new')
        await saving
        await s.commit()
        assert rows(raw)[user.id][b'team'] == b'%d' % user.team.id
        assert await s.commit() == 0

    run(World(ASYNC, proxy.socket), story)


# --- clocks, and what is too old -----------------------------------------------------------------


@pytest.mark.one_server
@pytest.mark.parametrize('seconds', [-86_400, -100, 60, 86_400])
def test_a_clock_that_is_wrong(
    world: World, proxy: Proxy, raw: redis.Redis, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says what time it is, and from then on that is known."""

    async def story(s: Any) -> None:
        head = OnceUser._schema.keys.attempts
        monkeypatch.setitem(clock._ahead, head, seconds)
        trips = []
        for name in 'ab':
            before = proxy.requests.total()
            await s.save(OnceUser(name=name))
            trips.append(proxy.requests.total() - before)
        assert trips == [2, 1]
        assert abs(clock._ahead[head]) < 5
        assert len(rows(raw)) == 2

    run(world, story)


@pytest.mark.one_server
@pytest.mark.parametrize('how', ['cut_before_request', 'cut_after_request'])
def test_what_is_too_old_to_find_out(
    world: World, proxy: Proxy, raw: redis.Redis, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(s: Any) -> None:
        old, new = OnceUser(n=1), OnceUser(n=1)
        await s.save(old)
        await s.take_ids(new)
        old.n = 2
        await lost(proxy, how, s.commit)
        raw.delete(*raw.scan_iter(b'*:done:*'))
        monkeypatch.setattr(attempts, '_CERTAIN', -1)
        for user in (old, new):
            for _ in range(2):
                with pytest.raises(rom.InDoubtError, match=r'once}user:\d: .*force=True'):
                    await s.save(user)
        monkeypatch.undo()
        attempts.forget_doubts()
        await s.refresh(old, force=True)
        assert old.n == (2 if how == 'cut_after_request' else 1)
        if how == 'cut_before_request':
            assert await s.save(new, force=True) == 5
        else:
            with pytest.raises(rom.DataRaceError, match='is there already'):
                await s.save(new, force=True)
        assert sorted(rows(raw)) == [old.id, new.id]

    run(world, story)


@pytest.mark.one_server
def test_a_delete_may_be_done_twice(
    world: World, proxy: Proxy, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(s: Any) -> None:
        user = OnceUser(n=1)
        await s.save(user)
        await lost(proxy, 'cut_after_request', lambda: s.delete(user))
        raw.delete(*raw.scan_iter(b'*:done:*'))
        monkeypatch.setattr(attempts, '_CERTAIN', -1)
        await s.delete(user)
        assert rows(raw) == {}

    run(world, story)


# --- ids that are given again --------------------------------------------------------------------


def test_the_row_of_another_life(world: World, proxy: Proxy, raw: redis.Redis) -> None:
    """The database was emptied, and others have the ids now."""

    async def story(s: Any) -> None:
        raw.flushdb()
        ann, _, other = OnceUser(name='ann', n=1), OnceUser(), OnceUser(name='other')
        await s.commit()
        assert (ann.id, other.id) == (1, 3)
        ann._seen_at -= 10  # seconds: how long its next request takes makes no difference then
        raw.flushdb()
        async with world.session() as elsewhere:
            bob, cat, receipt = OnceUser(name='bob', n=1), OnceUser(n=1), OnceTrade()
            await elsewhere.commit()
            assert bob.id == ann.id
            with pytest.raises(rom.StaleEntityError):
                await s.transfer(ann, cat, 'n', 1, receipt, 'done')
            ann.n = 2
            for write in (
                lambda: s.save(ann),
                lambda: s.save(ann, full=True),
                lambda: s.save(ann, force=True),
                lambda: s.delete(ann),
                s.commit,
            ):
                with pytest.raises(rom.StaleEntityError) as raised:
                    await write()
                assert (raised.value.namespace, raised.value.id) == ('{once}user', 1)
            other.n = 2
            with pytest.raises(rom.EntityDeletedError):
                await s.save(other)
            for stale in (ann, other):
                elsewhere.forget(stale)  # which it was to write, for they were changed in it
            bob.n = 5
            await elsewhere.commit()
        twin = ann.copy()
        await s.save(twin)
        assert {row.get(b'name') for row in rows(raw).values()} == {b'bob', None, b'ann'}
        assert rows(raw)[1][b'n'] == b'5'

    run(world, story)


def test_ids_from_before_are_no_others(world: World, raw: redis.Redis) -> None:
    """A server that starts again, or forgets its scripts, is no reason to refuse anything."""

    async def story(s: Any) -> None:
        old = OnceUser(n=1)
        await s.commit()
        raw.script_flush()
        new = OnceUser(n=1)
        await s.commit()
        epochs = raw.get(OnceUser._schema.keys.epochs)
        assert epochs is not None
        assert epochs.count(b':') == 3, 'a table, and two epochs'
        old.n = new.n = 2
        assert await s.commit() == 2
        await s.delete(old, new)
        assert rows(raw) == {}

    run(world, story)


def test_ids_that_were_taken_and_lost(world: World, raw: redis.Redis) -> None:
    """The rows bring them along all the same; the counter does not give them again."""

    async def story(s: Any) -> None:
        first, second = OnceUser(n=1), OnceUser(n=1)
        await s.take_ids(first)
        await s.take_ids(second)
        raw.set(OnceUser._schema.keys.counter, 0)
        await s.commit()
        third = OnceUser(n=1)
        await s.save(third)
        assert third.id == second.id + 1
        assert len(rows(raw)) == 3

    run(world, story)


def test_an_entity_that_was_read_since(world: World, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        raw.flushdb()
        OnceUser(n=1), OnceUser(n=1)
        await s.commit()
        s.rollback()
        raw.flushdb()
        OnceUser(n=1)
        await s.commit()
        s.rollback()
        for read in (
            lambda: s.get(OnceUser, 1),
            lambda: s.first(OnceUser.query.filter(n=1)),
            lambda: s.first(OnceUser.query),
        ):
            user = await read()
            user.data = {'read': str(read)}
            assert await s.commit() == 1
            s.rollback()

    run(world, story)
