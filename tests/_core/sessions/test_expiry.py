"""What has expired: not found, not written, its unique values free; and swept. In both sessions."""

import datetime as dt
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline, Script
from tests.support.implied import assert_consistent, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server, data, dump
from tests.support.worlds import BOTH, SYNC, World

PAST = dt.datetime(2001, 2, 3, 4, 5, 6, 789)
HOUR = dt.timedelta(hours=1)
CALLS: list[str] = []
FORBIDDEN: set[str] = set()


class ExpUser(rom.Model):
    _namespace = '{exp}user'
    name = rom.Text(unique=True)
    logins = rom.OneToMany('ExpLogin', column='user')


class ExpLogin(rom.Model):
    _namespace = '{exp}login'
    token = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.IDENTITY)
    user = rom.ManyToOne('ExpUser', 'restrict')
    friend = rom.ManyToOne('ExpUser', 'set null')
    size = rom.Integer(index=True)
    place = rom.Text(index=True, keygen=rom.FULL_TEXT)
    code = rom.IndexOnly('place', keygen=lambda place: [place] if place else [], unique=True)
    log = rom.UnsafeColumn()
    until = rom.ExpireAt()
    unique_together = [('size', 'place')]
    geo_index = [rom.GeoIndex('at', lambda e: {'lon': e.size % 90, 'lat': 10})]

    def _before_delete(self) -> None:
        CALLS.append(f'before {self.id}')
        if self.token in FORBIDDEN:
            raise RuntimeError(self.token)

    def _after_delete(self) -> None:
        CALLS.append(f'after {self.id}')


class ExpPart(rom.Model):
    """Refers to what expires, and to another of its kind."""

    _namespace = '{exp}part'
    login = rom.ManyToOne('ExpLogin', 'cascade')
    owner = rom.ManyToOne('ExpLogin', 'restrict')


class ExpPlain(rom.Model):
    _namespace = '{exp}plain'
    name = rom.Text(unique=True)


MODELS = (ExpUser, ExpLogin, ExpPart, ExpPlain)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()
    FORBIDDEN.clear()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What went to the server, a trip each; without asking which indexes there are, once."""
    seen: list[str] = []

    def name(request: Any) -> str:
        return request.name if isinstance(request, Script) else str(request.args[0])

    def noted(perform: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(perform)
        def run(driver: Any, request: Any) -> Any:
            several = isinstance(request, Pipeline)
            whole = '+'.join(map(name, request.requests)) if several else name(request)
            seen.append(whole.removeprefix('GET+'))
            return perform(driver, request)

        return run

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', noted(driver.perform))
    return seen


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Any]]:
    """What is put in here, by the name of a script, happens once, before that script is sent."""
    waiting: dict[str, Callable[[], Any]] = {}

    def injecting(perform: Any) -> Any:
        def injected(self: Any, request: Any) -> Any:
            if isinstance(request, Script) and request.name in waiting:
                waiting.pop(request.name)()
            return perform(self, request)

        return injected

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', injecting(driver.perform))
    return waiting


def since(sent: list[str]) -> list[str]:
    found, sent[:] = list(sent), []
    return found


def login(number: int, until: Any = PAST, **more: Any) -> ExpLogin:
    values = {'token': f't{number}', 'size': number, 'place': f'P{number} all', **more}
    return ExpLogin(until=until, **values)


def put(raw: redis.Redis, id: int, until: float) -> None:
    """Another writer, who moves the time of an entity."""
    until = float(round(until))
    raw.hset(f'{{exp}}login:{id}', 'until', repr(until))
    raw.zadd('{exp}login:until:idx', {str(id): until})


def ids(raw: redis.Redis, model: type[rom.Model] = ExpLogin) -> set[int]:
    """The rows that there are, after a look at everything in the database."""
    return set(rows_of(model, assert_consistent(raw, *MODELS)))


def reader(raw: redis.Redis) -> rom.Session:
    return rom.Session(redis.Redis(connection_pool=raw.connection_pool))


# --- reads ---------------------------------------------------------------------------------------


def test_reads(world: World, sent: list[str]) -> None:
    async def story() -> None:
        async with world.session() as s:
            user = ExpUser(name='a')
            login(1, user=user)
            login(2, HOUR, user=user)
            login(3, None, user=user)
            part = ExpPart(login=None)
            await s.commit()
            s.rollback()
            since(sent)
            assert await s.get(ExpLogin, 1) is None
            assert (await s.get(ExpLogin, 2)).token == 't2'
            assert [one.id for one in await s.get(ExpLogin, [3, 1, 2])] == [3, 2]
            assert since(sent) == ['load', 'load', 'load']
            s.rollback()
            assert await s.get_by(ExpLogin, token='t1') is None
            assert [one.id for one in await s.get_by(ExpLogin, token=['t1', 't2'])] == [2]
            assert since(sent) == ['load', 'load']
            assert [one.id for one in await s.get_by(ExpLogin, place='all')] == [2, 3]
            assert [one.id for one in await s.get_by(ExpLogin, until=(None, None))] == [2]
            assert since(sent) == ['search', 'search']
            user = await s.get(ExpUser, 1)
            assert since(sent) == ['HMGET']  # a model that never expires pays nothing
            await s.load(user, 'logins')
            assert [one.id for one in user.logins] == [2, 3]
            part = await s.get(ExpPart, 1)
            assert part.login is None

    world.run(story())


def test_relations(world: World, sent: list[str], raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            parts = [ExpPart(login=login(number)) for number in (1, 2)]
            parts.append(ExpPart(login=login(3, HOUR)))
            await s.commit()
            s.rollback()
            parts = await s.all(ExpPart.query.load('login'))
            found = [part.login and part.login.id for part in parts]
            assert found == [None, None, 3]
            s.rollback()
            first, *_ = await s.all(ExpPart.query)
            gone = await s.all(ExpLogin.query.with_expired().filter(size=1))
            since(sent)
            if world.kind == SYNC:
                assert first.login is None
            else:
                # Known, but only the server knows whether it has expired.
                with pytest.raises(rom.InvalidOperation, match='not loaded'):
                    _ = first.login
                await s.load(first, 'login')
                assert first.login is None
            assert len(gone) == 1
            assert since(sent) == ['load']

    world.run(story())


def test_entities_that_are_known(world: World, sent: list[str], raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            old, new = login(1), login(2, HOUR)
            await s.commit()
            since(sent)
            assert await s.get(ExpLogin, 2) is new
            assert since(sent) == []
            assert await s.get(ExpLogin, 1) is None
            assert [one.id for one in await s.get(ExpLogin, [1, 2])] == [2]
            assert since(sent) == ['load', 'load']
            put(raw, 1, time.time() + 60)
            assert await s.get(ExpLogin, 1) is old
            assert await s.get(ExpLogin, [1, 2]) == [old, new]
            new.until = PAST  # not saved
            assert await s.get(ExpLogin, 2) is new
            unsaved = login(3)
            await s.take_ids(unsaved)
            assert await s.get(ExpLogin, unsaved.id) is unsaved

    world.run(story())


def test_refresh(world: World, sent: list[str], raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one = login(1, HOUR)
            await s.commit()
            since(sent)
            await s.refresh(one)
            assert since(sent) == ['load']
            put(raw, 1, 5)
            with pytest.raises(rom.EntityDeletedError, match='expired') as raised:
                await s.refresh(one)
            assert raised.value.args[1:] == ('{exp}login', 1)

    world.run(story())


def test_it_goes_at_once(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            one = login(1, dt.timedelta(milliseconds=20))
            two = login(2, HOUR)
            await s.commit()
            time.sleep(0.03)
            assert await s.get(ExpLogin, [1, 2]) == [two]
            assert await s.get(ExpLogin, one.id) is None
            assert await s.get_by(ExpLogin, token='t1') is None
            assert await s.count(ExpLogin.query) == 1
            assert await s.all(ExpLogin.query) == [two]

    world.run(story())


# --- writes --------------------------------------------------------------------------------------


def test_a_unique_value_can_be_taken_again(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            login(1)
            await s.commit()
            taken = login(1, HOUR)
            await s.commit()
            assert taken.id == 2
            assert (await s.get_by(ExpLogin, token='t1')) is taken
            login(1, HOUR)
            with pytest.raises(rom.UniqueKeyViolation) as raised:
                await s.commit()
            assert raised.value.holder == 2
            s.rollback()
            # The sweep leaves the values to their new owner.
            assert await s.expire(ExpLogin) == 1
            assert ids(raw) == {2}
            assert (await s.get_by(ExpLogin, token='t1')).id == 2

    world.run(story())


def test_it_is_written_no_more(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one = login(1)
            await s.commit()
            before = data(raw)
            for change in ({'size': 5}, {'until': HOUR}, {'until': None}):
                one.update(**change)
                for full in (False, True):
                    with pytest.raises(rom.EntityDeletedError, match='it has expired') as raised:
                        await s.save(one, full=full)
                    assert raised.value.args[1:] == ('{exp}login', 1)
                    assert raised.value.columns == ('until',)
                    assert data(raw) == before
                s.rollback()
                [one] = await s.all(ExpLogin.query.with_expired())
            one.until, one.size = HOUR, 7
            assert await s.save(one, force=True)
            assert ids(raw) == {1}
            s.rollback()
            assert (await s.get(ExpLogin, 1)).size == 7
            assert (await s.get_by(ExpLogin, token='t1')).id == 1

    world.run(story())


def test_an_update_may_let_it_expire(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one = login(1, HOUR)
            await s.commit()
            one.until = dt.timedelta(0)
            assert await s.commit() == 1
            s.rollback()
            assert await s.get(ExpLogin, 1) is None
            assert ids(raw) == {1}

    world.run(story())


def test_nobody_comes_back_whose_value_was_taken(world: World, raw: redis.Redis) -> None:
    """One loads, it expires, another takes the value, the first saves."""

    async def story() -> None:
        async with world.session() as s:
            one = login(1, dt.timedelta(milliseconds=20))
            await s.commit()
            one.until = HOUR
            time.sleep(0.03)
            async with world.session() as theirs:
                login(9, HOUR, token='t1')
                await theirs.commit()
            with pytest.raises(rom.EntityDeletedError):
                await s.commit()
            with pytest.raises(rom.UniqueKeyViolation) as raised:
                await s.save(one, force=True)
            assert raised.value.holder == 2
            one.token = 'free'
            assert await s.save(one, force=True)
            s.rollback()
            assert ids(raw) == {1, 2}
            assert (await s.get_by(ExpLogin, token='t1')).id == 2
            assert (await s.get_by(ExpLogin, token='free')).id == 1

    world.run(story())


def test_it_comes_back_after_the_sweep_by_force_only(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one = login(1)
            await s.commit()
            async with world.session() as theirs:
                assert await theirs.expire(ExpLogin) == 1
            one.until = HOUR
            with pytest.raises(rom.EntityDeletedError):
                await s.commit()
            assert await s.save(one, force=True)
            assert ids(raw) == {1}

    world.run(story())


def test_deletes(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one, other = login(1), login(2)
            await s.commit()
            login(1, HOUR)
            await s.commit()
            await s.delete(one)
            assert one._deleted
            assert await s.delete_all(ExpLogin.query.with_expired().filter(size=2)) == 1
            assert other._deleted
            assert ids(raw) == {3}

    world.run(story())


def test_transfer(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            one, other, note = login(1, HOUR), login(2), login(3, HOUR)
            await s.commit()
            before = dump(raw)
            with pytest.raises(rom.EntityDeletedError, match='expired'):
                await s.transfer(one, other, 'size', 1, note, 'token')
            assert dump(raw) == before

    world.run(story())


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
def test_a_lost_answer_to_what_expires(kind: str, server: Server, raw: redis.Redis) -> None:
    """What became of it is found out all the same."""
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket)

        async def story() -> None:
            async with world.session() as s:
                one = login(1, HOUR)
                await s.commit()
                one.until = PAST
                proxy.cut_after_request(Proxy.named('EVALSHA', 'EVAL'))
                with pytest.raises(rom.ServerUnavailable):
                    await s.commit()
                assert await s.commit() == 1
                assert not one._modified
                assert ids(raw) == {1}

        world.run(story())


# --- on_delete -----------------------------------------------------------------------------------


def test_expired_referrers_are_no_obstacle(world: World, raw: redis.Redis, sent: list[str]) -> None:
    async def story() -> None:
        async with world.session() as s:
            user, friend = ExpUser(name='a'), ExpUser(name='b')
            for number in range(3):
                ExpPart(login=login(number, user=user))
            login(9, friend=friend)
            login(10, HOUR, friend=friend)
            await s.commit()
            since(sent)
            await s.delete(user)
            assert 'commit' in since(sent)
            assert ids(raw) == {4, 5}
            assert ids(raw, ExpPart) == set()
            await s.delete(friend)
            rows = rows_of(ExpLogin, assert_consistent(raw, *MODELS))
            assert [b'friend' in row for row in rows.values()] == [False, False]
            assert await s.expire(ExpLogin) == 1
            assert ids(raw) == {5}

    world.run(story())


def test_living_ones_are(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            user = ExpUser(name='a')
            login(1, user=user)
            login(2, HOUR, user=user)
            await s.commit()
            before = dump(raw)
            with pytest.raises(rom.RestrictError, match=r'\{exp\}login:2'):
                await s.delete(user)
            assert dump(raw) == before

    world.run(story())


def test_one_that_comes_back_between_look_and_commit(
    world: World, raw: redis.Redis, before: dict[str, Callable[[], Any]]
) -> None:
    async def story() -> None:
        async with world.session() as s:
            user = ExpUser(name='a')
            login(1, user=user)
            await s.commit()
            before['commit'] = lambda: put(raw, 1, time.time() + 60)
            with pytest.raises(rom.RestrictError):
                await s.delete(user)
            assert ids(raw, ExpUser) == {1}
            put(raw, 1, 5)
            await s.delete(user)
            assert ids(raw) == set()

    world.run(story())


def test_one_that_expires_between_look_and_commit(
    world: World, raw: redis.Redis, before: dict[str, Callable[[], Any]]
) -> None:
    async def story() -> None:
        async with world.session() as s:
            friend = ExpUser(name='a')
            login(1, HOUR, friend=friend)
            await s.commit()
            before['commit'] = lambda: put(raw, 1, 5)
            await s.delete(friend)
            [row] = rows_of(ExpLogin, assert_consistent(raw, *MODELS)).values()
            assert b'friend' not in row

    world.run(story())


# --- the sweep -----------------------------------------------------------------------------------


def test_expire(world: World, raw: redis.Redis, sent: list[str]) -> None:
    async def story() -> None:
        async with world.session() as s:
            assert await s.expire(ExpLogin) == 0
            made = [login(number) for number in range(2500)]
            kept = [login(5000, HOUR), login(5001, None)]
            await s.commit()
            raw.rpush('{exp}login:1:log', 'x')
            raw.rpush('{exp}login:2501:log', 'x')
            since(sent)
            assert await s.expire(ExpLogin) == 2500
            assert since(sent) == ['expired_ids', 'commit'] * 3
            assert ids(raw) == {2501, 2502}
            assert not raw.exists('{exp}login:1:log')
            assert raw.exists('{exp}login:2501:log')
            assert all(one._deleted for one in made)
            assert not any(one._deleted for one in kept)
            assert set(s.known.values()) <= set(kept)
            assert CALLS == []
            assert await s.expire(ExpLogin) == 0
            assert since(sent) == ['expired_ids']

    world.run(story())


def test_limit_and_blocksize(world: World, raw: redis.Redis, sent: list[str]) -> None:
    async def story() -> None:
        async with world.session() as s:
            for number in range(20):
                login(number, PAST - number * HOUR)
            await s.commit()
            assert await s.expire(ExpLogin, limit=3) == 3
            assert ids(raw) == set(range(1, 18))  # those that expired first
            since(sent)
            assert await s.expire(ExpLogin, 7, 3) == 7
            assert since(sent) == ['expired_ids', 'commit'] * 3
            assert await s.expire(ExpLogin, limit=numpy.int64(10), blocksize=numpy.int8(10)) == 10
            assert await s.expire(ExpLogin, limit=10) == 0
            assert ids(raw) == set()

    world.run(story())


@pytest.mark.one_server
@pytest.mark.parametrize('size', [2**53, 10**30, 10**5000], ids=['53 bits', '31 digits', '5,001'])
def test_sizes_of_any_size_mean_all(world: World, raw: redis.Redis, size: int) -> None:
    async def story() -> None:
        async with world.session() as s:
            for number in range(3):
                login(number, PAST)
            await s.commit()
            assert await s.expire(ExpLogin, size, size) == 3
            assert await s.expire(ExpLogin, blocksize=size) == 0

    world.run(story())


@pytest.mark.one_server
@pytest.mark.parametrize(
    ('more', 'said'),
    [
        ({'limit': 0}, r'limit: .*of at least 1, or None for all, got 0'),
        ({'limit': -1}, 'limit: .*, got -1'),
        ({'limit': '5'}, "limit: .*, got '5'"),
        ({'limit': True}, 'limit: .*, got True'),
        ({'blocksize': 0}, 'blocksize: expected an int of at least 1, got 0'),
        ({'blocksize': None}, 'blocksize: .*, got None'),
        ({'model': ExpPlain}, 'rom.ExpireAt'),
        ({'model': rom.Model}, 'takes a model'),
        ({'model': 'ExpLogin'}, 'takes a model'),
    ],
)
def test_what_makes_no_sense(world: World, more: dict[str, Any], said: str) -> None:
    async def story() -> None:
        async with world.session() as s:
            with pytest.raises(rom.InvalidOperation, match=said):
                await s.expire(
                    more.get('model', ExpLogin),
                    **{name: value for name, value in more.items() if name != 'model'},
                )

    world.run(story())


def test_one_that_is_moved_meanwhile_stays(
    world: World, raw: redis.Redis, before: dict[str, Callable[[], Any]], sent: list[str]
) -> None:
    async def story() -> None:
        for more in ({}, {'on_delete': True, 'hooks': True}):
            async with world.session() as s:
                for number in range(5):
                    login(number)
                await s.commit()
                highest = int(raw.get('{exp}login:id:') or 0)
                before['commit'] = functools.partial(put, raw, highest, time.time() + 60)
                assert await s.expire(ExpLogin, **more) == 4
                assert ids(raw) == {highest}
                put(raw, highest, 5)
                assert await s.expire(ExpLogin) == 1

    world.run(story())


def test_one_that_is_changed_otherwise_goes(
    world: World, raw: redis.Redis, before: dict[str, Callable[[], Any]]
) -> None:
    async def story() -> None:
        async with world.session() as s:
            login(1), login(2)
            await s.commit()

            def change() -> None:  # as rom 1.x would, to which it is alive
                raw.hset('{exp}login:1', 'friend', 7)
                raw.zadd('{exp}login:friend:idx', {'1': 7})

            before['commit'] = change
            assert await s.expire(ExpLogin) == 2
            assert ids(raw) == set()

    world.run(story())


@pytest.mark.parametrize('more', [{}, {'on_delete': True}, {'hooks': True}])
def test_two_sweepers(
    world: World, raw: redis.Redis, before: dict[str, Callable[[], Any]], more: dict[str, Any]
) -> None:
    """Each entity is counted once, and told once that it is gone."""

    async def story() -> None:
        async with world.session() as s:
            for number in range(10):
                login(number)
            await s.commit()
            s.rollback()
            theirs: list[int] = []
            other = reader(raw)
            before['commit'] = lambda: theirs.append(
                other._run(other._expirer.expire(ExpLogin, 4, 1000, *manner))
            )
            manner = more.get('on_delete', False), more.get('hooks', False)
            ours = await s.expire(ExpLogin, **more)
            assert (theirs, ours) == ([4], 6)
            assert ids(raw) == set()
            if more.get('hooks'):
                assert sorted(call for call in CALLS if 'after' in call) == sorted(
                    f'after {id}' for id in range(1, 11)
                )

    world.run(story())


@pytest.mark.one_server
@pytest.mark.parametrize('kind', BOTH)
def test_commands_that_are_repeated(kind: str, server: Server, raw: redis.Redis) -> None:
    with Proxy(server.socket) as proxy:
        world = World(kind, proxy.socket, retries=200)

        async def story() -> None:
            async with world.session() as s:
                for number in range(40):
                    login(number)
                await s.commit()
                proxy.random(5, before=0.1, after=0.35, only=Proxy.named('EVALSHA', 'EVAL'))
                assert await s.expire(ExpLogin, blocksize=3) == 40
                assert ids(raw) == set()

        world.run(story())


def test_hooks(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            for number in range(4):
                login(number)
            await s.commit()
            FORBIDDEN.add('t2')
            with pytest.raises(
                rom.BulkError, match=r'1 entities of ExpLogin .* 3 others'
            ) as raised:
                await s.expire(ExpLogin, hooks=True)
            assert [str(error) for error in raised.value.errors] == ['t2']
            assert raised.value.done == 3
            assert ids(raw) == {3}
            expected = [
                *(f'before {id}' for id in range(1, 5)),
                *(f'after {id}' for id in (1, 2, 4)),
            ]
            assert expected == CALLS
            assert await s.expire(ExpLogin) == 1

    world.run(story())


def test_on_delete(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            logins = [login(number) for number in range(8)]
            for one in logins:
                ExpPart(login=one)
            held = ExpPart(owner=logins[3])
            login(20, HOUR)
            await s.commit()
            with pytest.raises(rom.BulkError) as raised:
                await s.expire(ExpLogin, on_delete=True, blocksize=5)
            [error] = raised.value.errors
            assert isinstance(error, rom.RestrictError)
            assert f'{{exp}}part:{held.id}' in str(error)
            assert ids(raw) == {4, 9}
            assert ids(raw, ExpPart) == {4, held.id}
            assert CALLS == []
            await s.delete(held)
            assert await s.expire(ExpLogin, on_delete=True, hooks=True) == 1
            assert CALLS == ['before 4', 'after 4']
            assert ids(raw, ExpPart) == set()

    world.run(story())


def test_without_on_delete(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            part = ExpPart(login=login(1), owner=login(2))
            await s.commit()
            s.rollback()
            assert await s.expire(ExpLogin) == 2
            part = await s.get(ExpPart, part.id)
            await s.load(part, 'login', 'owner')
            assert (part.login, part.owner) == (None, None)

    world.run(story())


def test_what_cannot_be_removed_does_not_keep_the_others(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            for number in range(9):
                login(number)
            await s.commit()
            raw.hset('{exp}login:2', 'until', 'soon')  # says nothing
            raw.delete('{exp}login:4')
            raw.set('{exp}login:4', 'no row')
            raw.hset('{exp}login:6', 'size', 'many')  # its other values are of no account
            raw.delete('{exp}login:place:p7:idx')
            raw.set('{exp}login:place:p7:idx', 'no index')
            with pytest.raises(rom.BulkError) as raised:
                await s.expire(ExpLogin)
            errors: list[Any] = raised.value.errors
            assert all(isinstance(error, rom.CorruptRowError) for error in errors)
            assert [(error.key, error.column) for error in errors] == [
                ('{exp}login:4', None),
                ('{exp}login:2', 'until'),
                ('{exp}login:place:p7:idx', None),
            ]
            left = set(raw.keys('{exp}login:[0-9]*'))
            assert left == {b'{exp}login:2', b'{exp}login:4', b'{exp}login:8'}

    world.run(story())


def test_what_is_left_of_rows_that_are_gone(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            login(1)
            await s.commit()
            raw.zadd('{exp}login:until:idx', {'77': 5, '78': 6, '79': time.time() + 60})
            assert await s.expire(ExpLogin, blocksize=2) == 1
            assert raw.zrange('{exp}login:until:idx', 0, -1) == [b'79']

    world.run(story())


def test_the_short_form(raw: redis.Redis) -> None:
    with reader(raw):
        login(1)
        rom.session.commit()
        assert rom.util.expire(ExpLogin, limit=5) == 1
    assert ids(raw) == set()


def test_sweepers_and_a_writer_at_once(server: Server, raw: redis.Redis) -> None:
    """Nothing is counted twice, and what the writer brought back by force stays."""
    with reader(raw) as s:
        for number in range(1500):
            login(number)
        s.commit()
    removed: list[int] = []
    revived: list[int] = []

    def sweep() -> None:
        with server.connect() as client, rom.Session(client) as s:
            removed.append(s.expire(ExpLogin, blocksize=40))

    def revive() -> None:
        with server.connect() as client, rom.Session(client) as s:
            for id in range(1500, 0, -11):
                found = ExpLogin.query.with_expired().filter(size=id - 1).first()
                if found is not None:
                    found.until = HOUR
                    s.save(found, force=True)
                    revived.append(id)

    threads = [threading.Thread(target=run) for run in (revive, sweep, sweep)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reader(raw) as s:
        removed.append(s.expire(ExpLogin))
    left = ids(raw)
    # One that was written anew just after it was swept was removed, and came back.
    assert left == set(revived)
    assert 1500 - len(left) <= sum(removed) <= 1500
    assert revived
