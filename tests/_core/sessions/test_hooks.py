"""Hooks around writes, in both sessions (contract, section 3)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, rows_of
from tests.support.servers import Server
from tests.support.worlds import BOTH, SYNC, World

pytestmark = pytest.mark.one_server

CALLS: list[str] = []
# What a hook does beside being noted, by its name and the entity's.
ACTS: dict[str, Callable[[Any], None]] = {}


class Hooked:
    """Notes each hook, and does what the test says."""

    name: Any

    def _called(self, hook: str) -> None:
        call = f'{hook} {self.name}'
        CALLS.append(call)
        for key in (call, hook):
            if key in ACTS:
                ACTS[key](self)

    def _before_insert(self) -> None:
        self._called('before insert')

    def _after_insert(self) -> None:
        self._called('after insert')

    def _before_update(self) -> None:
        self._called('before update')

    def _after_update(self) -> None:
        self._called('after update')

    def _before_delete(self) -> None:
        self._called('before delete')

    def _after_delete(self) -> None:
        self._called('after delete')


class HookThing(Hooked, rom.Model):
    name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    number = rom.Integer(index=True)
    owner = rom.ManyToOne('HookThing', 'cascade')
    friend = rom.ManyToOne('HookThing', 'set null')


class HookQuiet(rom.Model):
    """Only an after hook."""

    thing = rom.ManyToOne('HookThing', 'cascade')

    def _after_delete(self) -> None:
        CALLS.append(f'quiet {self.id} {self._deleted}')


MODELS = (HookThing, HookQuiet)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    CALLS.clear()
    ACTS.clear()
    yield
    ACTS.clear()


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


def calls() -> list[str]:
    found = CALLS.copy()
    CALLS.clear()
    return found


def rows(raw: redis.Redis) -> dict[int, dict[bytes, bytes]]:
    keyspace = assert_consistent(raw, *MODELS)
    return {id: dict(row) for id, row in rows_of(HookThing, keyspace).items()}


def fail(entity: Any) -> None:
    raise RuntimeError('no')


def test_order(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = HookThing(name='a')
            assert calls() == []
            await s.save(thing)
            assert calls() == ['before insert a', 'after insert a']
            assert await s.save(thing) == 0
            assert calls() == []
            thing.number = 1
            await s.commit()
            assert calls() == ['before update a', 'after update a']
            await s.save(thing, full=True)
            await s.save(thing, force=True)
            assert calls() == ['before update a', 'after update a'] * 2
            await s.delete(thing, [thing])
            assert calls() == ['before delete a', 'after delete a']
            await s.delete(thing)
            assert calls() == []

    world.run(story())


def test_all_before_hooks_come_before_the_write(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            old = HookThing(name='old')
            await s.commit()
            calls()
            old.number = 1
            new = HookThing(name='new', owner=HookThing(name='owner'))
            ACTS['before insert'] = lambda e: CALLS.append(f'rows: {raw.exists("HookThing:2")}')
            ACTS['after update'] = lambda e: CALLS.append(f'saved: {not new._new}')
            await s.save(old, new)
            assert calls() == [
                'before update old',
                'before insert owner', 'rows: 0',
                'before insert new', 'rows: 0',
                'after update old', 'saved: True',
                'after insert owner',
                'after insert new',
            ]  # fmt: skip

    world.run(story())


def test_a_before_hook_may_change_the_entity(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            ACTS['before insert'] = lambda e: setattr(e, 'number', 5)
            ACTS['before update'] = lambda e: setattr(e, 'number', e.number + 1)
            thing = HookThing(name='a', number=1)
            await s.commit()
            assert rows(raw)[1][b'number'] == b'5'
            thing.name = 'b'
            assert await s.commit() == 2
            assert rows(raw) == {1: {b'id': b'1', b'name': b'b', b'number': b'6'}}
            assert not thing._modified
            # A hook may take the change back.
            ACTS['before update'] = lambda e: setattr(e, 'name', 'b')
            thing.name = 'c'
            calls()
            assert await s.commit() == 0
            assert calls() == ['before update c']

    world.run(story())


def test_a_before_hook_may_refer_to_something_new(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            ACTS['before insert a'] = lambda e: setattr(e, 'owner', HookThing(name='owner'))
            ACTS['before insert owner'] = lambda e: setattr(e, 'friend', e)
            thing = HookThing(name='a')
            await s.save(thing)
            assert calls() == [
                'before insert a', 'before insert owner', 'after insert owner', 'after insert a'
            ]  # fmt: skip
            found = rows(raw)
            owner = int(found[thing.id][b'owner'])
            assert found[owner][b'friend'] == b'%d' % owner

    world.run(story())


def test_a_hook_may_read_the_id(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            ACTS['before insert'] = lambda e: setattr(e, 'number', e.id)
            thing = HookThing(name='a')
            await s.save(thing)
            assert rows(raw)[thing.id][b'number'] == b'%d' % thing.id
            HookThing(name='b')
            HookThing(name='c')
            await s.commit()
            assert all(row[b'number'] == b'%d' % id for id, row in rows(raw).items())

    world.run(story())


@pytest.mark.parametrize('which', ['before insert new', 'before update b', 'before update a'])
def test_an_exception_stops_the_write(world: World, raw: redis.Redis, which: str) -> None:
    async def story() -> None:
        async with world.session() as s:
            a, b = HookThing(name='a'), HookThing(name='b')
            await s.commit()
            before = rows(raw)
            a.number, b.number = 1, 2
            new = HookThing(name='new')
            ACTS[which] = fail
            calls()
            with pytest.raises(RuntimeError):
                await s.commit()
            assert rows(raw) == before
            assert not [call for call in calls() if 'after' in call]
            assert (a._modified, b._modified, new._new) == (True, True, True)
            ACTS.clear()
            await s.commit()
            assert len(rows(raw)) == 3

    world.run(story())


def test_nothing_is_written_on_any_connection(server: Server) -> None:
    with server.connect(db=1) as far:

        class HookFar(rom.Model):
            _conn = far
            number = rom.Integer()

            def _before_insert(self) -> None:
                raise RuntimeError('no')

        with server.connect() as near:
            rom.util.CONNECTION = near
            thing, other = HookThing(name='a'), HookFar()
            with pytest.raises(RuntimeError):
                rom.session.save(thing, other)
            assert thing._new
            assert not near.exists('HookThing:1')
            rom.session.rollback()


def test_what_an_after_hook_changes_is_not_saved(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            for hook in ('after insert', 'after update'):
                ACTS[hook] = lambda e: setattr(e, 'number', (e.number or 0) + 1)
            thing = HookThing(name='a')
            await s.commit()
            assert (thing.number, thing._modified) == (1, True)
            assert b'number' not in rows(raw)[1]
            # It is held until it is saved, whatever becomes of the program's own variable.
            del thing
            ACTS.clear()
            assert await s.commit() == 1
            assert rows(raw)[1][b'number'] == b'1'
            assert await s.commit() == 0

    world.run(story())


def test_an_exception_after_the_write(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            ACTS['after insert'] = fail
            thing = HookThing(name='a')
            with pytest.raises(RuntimeError):
                await s.commit()
            assert len(rows(raw)) == 1
            assert not thing._modified
            assert await s.commit() == 0
            ACTS['after delete'] = fail
            with pytest.raises(RuntimeError):
                await s.delete(thing)
            assert thing._deleted
            assert rows(raw) == {}

    world.run(story())


def test_a_write_that_fails_has_no_after_hook(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            HookThing(name='a')
            await s.commit()
            calls()
            HookThing(name='a')
            with pytest.raises(rom.UniqueKeyViolation):
                await s.commit()
            assert calls() == ['before insert a']

    world.run(story())


# --- deletes -------------------------------------------------------------------------------------


async def family(s: Any) -> None:
    top = HookThing(name='top')
    HookThing(name='child', owner=HookThing(name='middle', owner=top))
    HookThing(name='friend', friend=top)
    HookQuiet(thing=top)
    await s.commit()
    s.rollback()
    calls()


def test_hooks_of_what_goes_too(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await family(s)
            ACTS['before delete'] = lambda e: CALLS.append(f'rows: {len(rows(raw))}')
            ACTS['after delete'] = lambda e: CALLS.append(f'rows: {len(rows(raw))} {e._deleted}')
            top = await s.get_by(HookThing, name='top')
            await s.delete(top)
            assert calls() == [
                'before delete top', 'rows: 4',
                'before delete middle', 'rows: 4',
                'before delete child', 'rows: 4',
                'after delete top', 'rows: 1 True',
                'after delete middle', 'rows: 1 True',
                'quiet 1 True',
                'after delete child', 'rows: 1 True',
            ]  # fmt: skip

    world.run(story())


@pytest.mark.parametrize('which', ['before delete top', 'before delete child'])
def test_an_exception_stops_the_delete(world: World, raw: redis.Redis, which: str) -> None:
    async def story() -> None:
        async with world.session() as s:
            await family(s)
            before = rows(raw)
            top = await s.get_by(HookThing, name='top')
            ACTS[which] = fail
            with pytest.raises(RuntimeError):
                await s.delete(top)
            assert rows(raw) == before
            assert not top._deleted
            assert not [call for call in calls() if 'after' in call]
            ACTS.clear()
            await s.delete(top)
            assert len(rows(raw)) == 1

    world.run(story())


def test_a_hook_may_clear_the_way(server: Server, raw: redis.Redis) -> None:
    """As with rom 1.x, the hook comes before what refers to the entity is looked at."""

    class HookBlocker(rom.Model):
        thing = rom.ManyToOne('HookThing', 'restrict')

    world = World(SYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            thing = HookThing(name='a', number=1)
            HookBlocker(thing=thing)
            child = HookThing(name='child', owner=thing)
            HookBlocker(thing=child)
            await s.commit()
            ACTS['before delete'] = lambda e: s.session.delete(*HookBlocker.get_by(thing=e))
            with pytest.raises(rom.RestrictError):
                clear_away = ACTS.pop('before delete')
                await s.delete(thing)
            ACTS['before delete a'] = lambda e: (clear_away(e), clear_away(child))  # type: ignore[func-returns-value]
            await s.delete(thing)
            assert (HookThing.query.count(), HookBlocker.query.count()) == (0, 0)

    world.run(story())


def test_each_hook_is_called_once_though_the_look_is_repeated(
    world: World, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await family(s)
            top = await s.get_by(HookThing, name='top')

            def add_another(entity: Any) -> None:
                with redis.Redis(**world._settings) as connection, rom.Session(connection) as other:
                    HookThing(name='late', owner=other.get(HookThing, top.id))
                    other.commit()

            ACTS['before delete child'] = add_another
            await s.delete(top)
            assert [call for call in calls() if 'delete' in call] == [
                'before delete top',
                'before delete middle',
                'before delete child',
                'before delete late',
                'after delete top',
                'after delete middle',
                'after delete late',
                'after delete child',
            ]
            assert len(rows(raw)) == 1

    world.run(story())


def test_a_cascade_shows_its_hook_the_row_as_it_is_now(world: World) -> None:
    """Not the one that the session read before another writer changed it."""

    async def story() -> list[tuple[bool, int]]:
        seen: list[tuple[bool, int]] = []
        async with world.session() as s:
            owner = HookThing(name='o')
            sub = HookThing(name='a', number=1, owner=owner)
            await s.commit()
            async with world.session() as other:
                (await other.get(HookThing, sub.id)).number = 2
                await other.commit()
            ACTS['before delete a'] = lambda entity: seen.append((entity is sub, entity.number))
            await s.delete(owner)
        return seen

    assert world.run(story()) == [(True, 2)]


def _count_and_save(entity: Any) -> None:
    entity.number = (entity.number or 0) + 1
    entity.save()


def _count_and_commit(entity: Any) -> None:
    entity.number = (entity.number or 0) + 1
    rom.session.commit()


WRITES_OF_HOOKS = {'save': _count_and_save, 'commit': _count_and_commit}


@pytest.mark.parametrize('is_null', [False, True], ids=['session', 'null session'])
@pytest.mark.parametrize('write', WRITES_OF_HOOKS)
@pytest.mark.parametrize('hook', ['before insert', 'after insert', 'before update', 'after update'])
def test_a_hook_writes_its_own_entity(
    server: Server, raw: redis.Redis, hook: str, write: str, is_null: bool
) -> None:
    with rom.Session(redis.Redis(unix_socket_path=server.socket)) as session:
        session.null_session = is_null
        thing = HookThing(name='a')
        ACTS[hook] = WRITES_OF_HOOKS[write]
        thing.save()
        thing.name = 'b'
        thing.save()
        assert [call for call in calls() if call.startswith(hook)] == [
            f'{hook} {"a" if "insert" in hook else "b"}'
        ]
        ACTS.clear()
        assert thing.number == 1
        thing.save()
        assert rows(raw)[1] == {b'id': b'1', b'name': b'b', b'number': b'1'}


def test_hooks_write_each_others_entities(server: Server, raw: redis.Redis) -> None:
    def write(entity: Any, number: int) -> None:
        entity.number = number
        entity.save()

    with rom.Session(redis.Redis(unix_socket_path=server.socket)) as session:
        one, two = HookThing(name='one'), HookThing(name='two')
        session.commit()
        calls()
        ACTS['before update one'] = lambda _: write(two, 2)
        ACTS['before update two'] = lambda _: write(one, 1)
        one.number = 5
        session.commit()
        assert calls()[:2] == ['before update one', 'before update two']
        assert [rows(raw)[id][b'number'] for id in (1, 2)] == [b'1', b'2']


def test_a_hook_deletes_its_own_entity(server: Server, raw: redis.Redis) -> None:
    with rom.Session(redis.Redis(unix_socket_path=server.socket)) as session:
        thing = HookThing(name='a')
        session.commit()
        calls()
        ACTS['before delete'] = lambda entity: entity.delete()
        thing.delete()
        assert calls() == ['before delete a', 'after delete a']
        assert rows(raw) == {}


def test_a_hook_that_raised_is_called_again(server: Server) -> None:
    with rom.Session(redis.Redis(unix_socket_path=server.socket)):
        thing = HookThing(name='a')
        ACTS['before insert'] = fail
        for _ in range(2):
            with pytest.raises(RuntimeError, match='no'):
                thing.save()
        assert calls() == ['before insert a'] * 2
