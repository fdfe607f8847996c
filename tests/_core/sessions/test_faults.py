"""Connections that break and programs that are killed: nothing lost, nothing doubled.

A connection breaks in one of two ways that look the same from here: before the server got the
command, or after it carried it out. A client then repeats the command by itself; or it does not,
and the program has a `ServerUnavailable` in its hands, and calls `save` or `commit` again.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server, dump
from tests.support.worlds import ASYNC, BOTH, World

WRITES = Proxy.named('EVALSHA', 'EVAL')
EVERYTHING = Proxy.named('EVALSHA', 'EVAL', 'FCALL_RO', 'GET', 'HMGET')
RETRIES = 200  # a pipeline of several scripts breaks four times in five


class FaultyPart(rom.Model):
    _namespace = '{faulty}part'
    name = rom.Text(unique=True, index=True, prefix=True, keygen=rom.IDENTITY_CI)
    size = rom.Integer(index=True)
    kind = rom.Text(index=True, keygen2=lambda name, values: [f'{values["size"]}-{values[name]}'])
    data = rom.Json()


class FaultyBox(rom.Model):
    _namespace = '{faulty}box'
    label = rom.Text(index=True, suffix=True, keygen=rom.FULL_TEXT)
    width = rom.Integer()
    height = rom.Integer(index=True)
    unique_together = [('width', 'height')]


class FaultyNote(rom.Model):
    """Nothing here needs an id first: a single insert takes it in the script."""

    _namespace = '{faulty}note'
    title = rom.Text(unique=True, index=True, keygen=rom.FULL_TEXT)
    page = rom.Integer(index=True)
    data = rom.Json()


MODELS = (FaultyPart, FaultyBox, FaultyNote)
Try = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.socket) as running:
        yield running


@pytest.fixture
def seed() -> Iterator[int]:
    """Printed with a failure; put it here to see the same again (cuts, that is: not time)."""
    chosen = int(os.environ.get('ROM_TEST_SEED') or random.randrange(2**32))
    print(f'ROM_TEST_SEED={chosen}')
    return chosen


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, proxy: Proxy) -> World:
    """Either session, through the proxy, with a client that does not repeat anything."""
    return World(request.param, proxy.socket)


def contents(raw: redis.Redis) -> dict[type[rom.Model], dict[int, dict[str, Any]]]:
    """The rows of every model, after a look at everything else in the database."""
    keyspace = assert_consistent(raw, *MODELS)
    return {
        model: {id: decode_row(model, row) for id, row in rows_of(model, keyspace).items()}
        for model in MODELS
    }


# --- a program's doings, at random ---------------------------------------------------------------


class Program:
    """Does things at random, and knows what must have come of them.

    Args:
        s: a session to be awaited.
        again: `await again(call)` awaits `call()`, and whatever must follow when that breaks.
    """

    def __init__(self, s: Any, dice: random.Random, again: Try) -> None:
        self.s = s
        self.dice = dice
        self.again = again
        self.alive: list[Any] = []
        self.names = 0

    def new_name(self) -> str:
        self.names += 1
        return f'Name {self.names}\0é'

    def new(self) -> Any:
        model = self.dice.choice(MODELS)
        if model is FaultyPart:
            return FaultyPart(name=self.new_name(), size=self.dice.randrange(9), kind='k', data={})
        if model is FaultyNote:
            return FaultyNote(title=self.new_name(), page=self.dice.randrange(9), data={'a': [1]})
        self.names += 1
        label = self.dice.choice(['', 'big box', 'Old BIG box', None])
        return FaultyBox(label=label, width=self.dice.randrange(9), height=self.names)

    def change(self, entity: Any) -> None:
        if isinstance(entity, FaultyPart):
            entity.name = self.dice.choice([entity.name, self.new_name(), None])
            entity.size = self.dice.choice([None, 1, 2**64])
        elif isinstance(entity, FaultyNote):
            entity.title = self.new_name()
            entity.data = {'a': [self.dice.random()]}
        else:
            self.names += 1
            entity.height = self.names
            entity.label = self.dice.choice(['', 'box', 'new box'])

    async def insert(self) -> None:
        entity = self.new()
        await self.again(lambda: self.s.save(entity))
        self.alive.append(entity)

    async def insert_many(self) -> None:
        entities = [self.new() for _ in range(self.dice.randrange(2, 6))]
        await self.again(self.s.flush)
        self.alive += entities

    async def update(self) -> None:
        if self.alive:
            entity = self.dice.choice(self.alive)
            self.change(entity)
            await self.again(lambda: self.s.save(entity))

    async def update_many(self) -> None:
        for entity in self.dice.sample(self.alive, min(4, len(self.alive))):
            self.change(entity)
        self.alive.append(self.new())
        await self.again(self.s.commit)

    async def swap(self) -> None:
        parts = [entity for entity in self.alive if isinstance(entity, FaultyPart)]
        if len(parts) > 1:
            one, other = self.dice.sample(parts, 2)
            one.name, other.name = other.name, one.name
            await self.again(lambda: self.s.save(one, other))

    async def delete(self) -> None:
        if self.alive:
            entity = self.alive.pop(self.dice.randrange(len(self.alive)))
            await self.again(lambda: self.s.delete(entity))

    async def clash(self) -> None:
        notes = [entity for entity in self.alive if isinstance(entity, FaultyNote)]
        if notes:
            await self.again(self.s.flush)
            entity = FaultyNote(title=self.dice.choice(notes).title)
            with pytest.raises(rom.UniqueKeyViolation):
                await self.again(lambda: self.s.save(entity))
            self.s.forget(entity)

    async def step(self) -> None:
        doings = [
            self.insert, self.insert_many, self.update, self.update_many, self.swap, self.delete,
            self.clash,
        ]  # fmt: skip
        await self.dice.choice(doings)()

    def expected(self) -> dict[type[rom.Model], dict[int, dict[str, Any]]]:
        return {
            model: {
                entity._id: {name: getattr(entity, name) for name in model._columns}
                for entity in self.alive
                if type(entity) is model
            }
            for model in MODELS
        }


@pytest.mark.parametrize('kind', BOTH)
def test_a_client_that_repeats_commands(
    kind: str, proxy: Proxy, raw: redis.Redis, seed: int
) -> None:
    world = World(kind, proxy.socket, retries=RETRIES)

    async def at_once(call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async def story() -> None:
        async with world.session() as s:
            program = Program(s, random.Random(seed), at_once)
            for _ in range(5):
                for _ in range(20):
                    await program.step()
                assert contents(raw) == program.expected()

    proxy.random(seed, before=0.1, after=0.35, only=EVERYTHING)
    world.run(story())
    assert sum(proxy.cuts.values()) > 30


def test_a_program_that_calls_again(
    world: World, proxy: Proxy, raw: redis.Redis, seed: int
) -> None:
    dice = random.Random(seed + 1)
    lost = 0

    async def story() -> None:
        async with world.session() as s:

            async def until_it_works(call: Callable[[], Awaitable[Any]]) -> Any:
                nonlocal lost
                while True:
                    try:
                        return await call()
                    except rom.ServerUnavailable:
                        lost += 1
                        # What happened since is no reason to lose either change.
                        known = [e for e in s.known.values() if e in program.alive]
                        if known and dice.random() < 0.3:
                            program.change(dice.choice(known))

            program = Program(s, random.Random(seed), until_it_works)
            for _ in range(5):
                for _ in range(20):
                    await program.step()
                await until_it_works(s.commit)
                assert contents(raw) == program.expected()

    proxy.random(seed, before=0.1, after=0.3, only=EVERYTHING)
    world.run(story())
    assert lost > 30
    assert lost == sum(proxy.cuts.values())


# --- one break at a time -------------------------------------------------------------------------

BREAKS = ['cut_before_request', 'cut_after_request']
Break = Callable[..., Awaitable[None]]


@pytest.fixture(params=BREAKS)
def broken(request: pytest.FixtureRequest, proxy: Proxy) -> Break:
    """`await broken(call)`: the connection breaks when the commit is sent, before or after."""

    async def run(call: Callable[[], Awaitable[Any]]) -> None:
        getattr(proxy, request.param)(WRITES)
        with pytest.raises(rom.ServerUnavailable):
            await call()
        proxy.heal()

    return run


async def warm(s: Any) -> None:
    """Have the server know the scripts, so that a break meets the real call."""
    entities = [FaultyNote(), FaultyNote()]
    await s.save(entities)
    await s.delete(entities)


@pytest.mark.parametrize('with_id', [False, True], ids=['id in the script', 'id before'])
@pytest.mark.parametrize('change', [False, True], ids=['', 'changed meanwhile'])
@pytest.mark.parametrize('again', ['save', 'flush', 'commit'])
def test_insert(
    world: World, broken: Break, raw: redis.Redis, with_id: bool, change: bool, again: str
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a', page=1)
            if with_id:
                await s.take_ids(note)
            await broken(lambda: s.save(note))
            if change:
                note.title = 'b'
            await (s.save(note) if again == 'save' else getattr(s, again)())
            assert not note._modified
            assert not note._new
            assert await s.flush() == 0
            assert contents(raw)[FaultyNote] == {
                note.id: {'title': 'b' if change else 'a', 'page': 1, 'data': None, 'id': note.id}
            }
            assert await s.get(FaultyNote, note.id) is note

    world.run(story())


@pytest.mark.parametrize('change', [False, True], ids=['', 'changed meanwhile'])
def test_insert_of_several_models(
    world: World, broken: Break, raw: redis.Redis, change: bool
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            box = FaultyBox(width=1, height=1)
            part = FaultyPart(name='a', size=2)
            note = FaultyNote(title='a')
            for entity in (box, part, note):
                await s.take_ids(entity)
            await broken(s.commit)
            if change:
                box.height, part.size, note.title = 5, 6, 'b'
            await s.commit()
            found = contents(raw)
            assert [list(found[model]) for model in MODELS] == [[part.id], [box.id], [note.id]]
            assert found[FaultyBox][box.id]['height'] == (5 if change else 1)
            assert found[FaultyPart][part.id]['size'] == (6 if change else 2)
            assert found[FaultyNote][note.id]['title'] == ('b' if change else 'a')

    world.run(story())


def test_insert_and_update_and_more_inserts(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            old = FaultyNote(title='old')
            await s.save(old)
            new, part = FaultyNote(title='new'), FaultyPart(name='p')
            old.title = 'newer'
            for entity in (new, part):
                await s.take_ids(entity)
            await broken(s.flush)
            more = FaultyNote(title='old')  # given up by the commit that was lost
            await s.commit()
            found = contents(raw)
            assert {row['title'] for row in found[FaultyNote].values()} == {'new', 'newer', 'old'}
            assert list(found[FaultyPart]) == [part.id]
            assert new.id < more.id

    world.run(story())


@pytest.mark.parametrize('again', ['save', 'commit'])
@pytest.mark.parametrize('to', ['a', 'b', 'c', None])
def test_update(world: World, broken: Break, raw: redis.Redis, again: str, to: str | None) -> None:
    """From a to b, lost; meanwhile the program sets it to another value, or back to a."""

    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a', page=1)
            await s.commit()
            note.title = 'b'
            note.page = 2
            await broken(lambda: s.save(note))
            note.title = to
            await (s.save(note) if again == 'save' else s.commit())
            assert contents(raw)[FaultyNote] == {
                note.id: {'title': to, 'page': 2, 'data': None, 'id': note.id}
            }

    world.run(story())


@pytest.mark.parametrize('again', ['save', 'commit'])
@pytest.mark.parametrize('to', [1, 2, 3])
def test_a_change_in_place(
    world: World, broken: Break, raw: redis.Redis, again: str, to: int
) -> None:
    """What a mutable value was before, or was made since, is found by comparing."""

    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(data={'n': 1})
            await s.commit()
            note.data['n'] = 2
            await broken(s.flush)
            note.data['n'] = to
            await (s.save(note) if again == 'save' else s.commit())
            assert contents(raw)[FaultyNote][note.id]['data'] == {'n': to}
            assert not note._modified

    world.run(story())


def test_a_column_that_only_another_one_depends_on(
    world: World, broken: Break, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            part = FaultyPart(name='a', size=1, kind='k')
            await s.commit()
            part.size = 2
            await broken(s.flush)
            part.kind = 'l'
            await s.commit()
            contents(raw)
            assert raw.smembers('{faulty}part:kind:2-l:idx') == {b'%d' % part.id}

    world.run(story())


def test_swap(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            one, other = FaultyNote(title='a'), FaultyNote(title='b')
            await s.commit()
            one.title, other.title = 'b', 'a'
            await broken(s.commit)
            await s.commit()
            found = contents(raw)[FaultyNote]
            assert (found[one.id]['title'], found[other.id]['title']) == ('b', 'a')

    world.run(story())


def test_delete(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a')
            await s.commit()
            await broken(lambda: s.delete(note))
            await s.delete(note)
            assert await s.commit() == 0
            assert contents(raw)[FaultyNote] == {}

    world.run(story())


def test_delete_after_a_lost_insert(world: World, broken: Break, raw: redis.Redis) -> None:
    """What never came about is as good as deleted; what did, is."""

    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a')
            await broken(lambda: s.save(note))
            try:
                await s.delete(note)
            except rom.InvalidOperation:
                s.forget(note)
            assert contents(raw)[FaultyNote] == {}

    world.run(story())


def test_delete_after_a_lost_update(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a', page=1)
            await s.commit()
            note.title, note.page = 'b', 2
            await broken(lambda: s.save(note))
            await s.delete(note)
            assert contents(raw)[FaultyNote] == {}

    world.run(story())


def test_refresh_after_a_lost_update(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a')
            await s.commit()
            note.title = 'b'
            await broken(lambda: s.save(note))
            await s.refresh(note, force=True)
            assert note.title == contents(raw)[FaultyNote][note.id]['title']
            note.title = 'c'
            await s.commit()
            assert contents(raw)[FaultyNote][note.id]['title'] == 'c'

    world.run(story())


def test_forced(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a', page=1)
            await s.commit()
            raw.hset(f'{{faulty}}note:{note.id}', 'page', '7')
            raw.zadd('{faulty}note:page:idx', {str(note.id): 7})
            note.title = 'b'
            await broken(lambda: s.save(note, force=True))
            await s.save(note, force=True)
            found = contents(raw)[FaultyNote][note.id]
            assert (found['title'], found['page']) == ('b', 1)

    world.run(story())


def test_another_writer_in_another_column(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a', page=1)
            await s.commit()
            note.title = 'b'
            await broken(s.flush)
            async with world.session() as theirs:
                other = await theirs.get(FaultyNote, note.id)
                other.page = 2
                await theirs.commit()
            await s.commit()
            found = contents(raw)[FaultyNote][note.id]
            assert (found['title'], found['page']) == ('b', 2)

    world.run(story())


def test_what_another_writer_deleted_stays_deleted(
    world: World, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note = FaultyNote(title='a')
            proxy.cut_after_request(WRITES)
            with pytest.raises(rom.ServerUnavailable):
                await s.commit()
            async with world.session() as theirs:
                [other] = [e for e in [await theirs.get(FaultyNote, i) for i in range(1, 9)] if e]
                await theirs.delete(other)
            await s.commit()
            assert contents(raw)[FaultyNote] == {}
            note.title = 'b'
            with pytest.raises(rom.EntityDeletedError):
                await s.commit()
            assert contents(raw)[FaultyNote] == {}

    world.run(story())


def test_ids_that_were_lost_are_skipped(world: World, broken: Break, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            notes = [FaultyNote(title=str(number)) for number in range(5)]
            await broken(s.commit)  # ids are taken first
            await s.commit()
            ids = [note.id for note in notes]
            assert ids == sorted(set(ids))
            assert sorted(contents(raw)[FaultyNote]) == ids

    world.run(story())


def test_the_search_for_the_outcome_breaks_too(
    world: World, broken: Break, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            note, old = FaultyNote(title='a'), FaultyNote(title='old')
            await s.save(old)
            old.title = 'older'
            await broken(s.commit)
            proxy.cut_after_request(WRITES, times=3)
            for _ in range(3):
                with pytest.raises(rom.ServerUnavailable):
                    await s.commit()
            await s.commit()
            found = contents(raw)[FaultyNote]
            assert {id: row['title'] for id, row in found.items()} == {
                note.id: 'a',
                old.id: 'older',
            }

    world.run(story())


def test_an_error_that_is_no_break_leaves_nothing_to_find_out(
    world: World, broken: Break, proxy: Proxy, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            holder, note = FaultyNote(title='a'), FaultyNote(title='b')
            await s.commit()
            note.title = 'a'
            with pytest.raises(rom.UniqueKeyViolation):
                await s.commit()
            note.title = 'c'
            await broken(s.commit)
            holder.title = 'b'
            await s.commit()
            found = contents(raw)[FaultyNote]
            assert (found[holder.id]['title'], found[note.id]['title']) == ('b', 'c')

    world.run(story())


# --- cancelled tasks -----------------------------------------------------------------------------


def test_a_cancelled_commit(server: Server, raw: redis.Redis, seed: int) -> None:
    """Cancelled at any moment; the next commit brings the rest about, once."""
    world = World(ASYNC, server.socket)
    dice = random.Random(seed)

    async def story() -> None:
        async with world.session() as s:
            await warm(s)
            notes = []
            cancelled = 0
            for number in range(150):
                note = FaultyNote(title=f'{number}', page=number)
                notes.append(note)
                changed = dice.choice(notes)
                changed.page = number + 1000
                task = asyncio.create_task(s.flush())
                for _ in range(dice.randrange(12)):
                    await asyncio.sleep(0)
                await asyncio.sleep(dice.choice([0, 0, 0.0001, 0.0005]))
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    cancelled += 1
                    if dice.random() < 0.3:
                        note.title = f'{number} again'
                await s.flush()
            assert cancelled > 20
            found = contents(raw)[FaultyNote]
            assert {id: row['title'] for id, row in found.items()} == {n.id: n.title for n in notes}
            assert {id: row['page'] for id, row in found.items()} == {n.id: n.page for n in notes}

    world.run(story())


# --- killed programs -----------------------------------------------------------------------------

# Forks a child for each line it reads, tells its number, and waits for its end.
KILLED = """
import os, random, sys
import redis, rom

class KilledAccount(rom.Model):
    _namespace = 'killed'
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    money = rom.Integer(index=True)
    pair = rom.Integer(index=True)

def work(seed):
    dice = random.Random(seed)
    with rom.Session(redis.Redis(unix_socket_path=sys.argv[1])) as s:
        bank = s.get(KilledAccount, 1)
        while True:
            bank = s.get(KilledAccount, 1)
            s.refresh(bank, force=True)
            money = dice.randrange(100)
            bank.money -= money
            number = dice.randrange(2**40)
            for half in 'ab':
                KilledAccount(name=f'No {number} {half}', money=money if half == 'a' else 0,
                              pair=number)
            s.commit()
            if dice.random() < 0.3:
                one = KilledAccount(name=f'Single {number}', money=0)
                s.save(one)
                one.name = None
                s.save(one)
                s.delete(one)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work(int(line))
    print(child, flush=True)
    os.waitpid(child, 0)
    print('gone', flush=True)
"""


class KilledAccount(rom.Model):
    _namespace = 'killed'
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    money = rom.Integer(index=True)
    pair = rom.Integer(index=True)


def test_a_killed_program(server: Server, raw: redis.Redis, seed: int) -> None:
    dice = random.Random(seed)
    with rom.Session(server.connect()) as s:
        s.save(KilledAccount(name='The bank', money=0))
    quiet = len(raw.client_list())
    with subprocess.Popen(
        [sys.executable, '-c', KILLED, server.socket],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for _ in range(12):
            print(dice.randrange(2**32), file=program.stdin, flush=True)
            child = int(program.stdout.readline())
            time.sleep(dice.uniform(0.005, 0.06))
            os.kill(child, signal.SIGKILL)
            assert program.stdout.readline() == 'gone\n'
            while len(raw.client_list()) > quiet:  # what it had sent may still be carried out
                time.sleep(0.001)
            keyspace = assert_consistent(raw, KilledAccount)
            rows = [
                decode_row(KilledAccount, row) for row in rows_of(KilledAccount, keyspace).values()
            ]
            assert sum(row['money'] for row in rows) == 0
            pairs = [row['pair'] for row in rows if row['pair'] is not None]
            assert all(pairs.count(pair) == 2 for pair in set(pairs))
        program.stdin.close()
    assert rows  # it got somewhere; how far depends on the machine


def test_the_dumps_see_what_is_wrong(server: Server, raw: redis.Redis) -> None:
    """The tests above are worth as much as their look at the keyspace."""
    with rom.Session(server.connect()) as s:
        note = FaultyNote(title='a b', page=1, data={'x': 1})
        s.commit()
    assert contents(raw)[FaultyNote] == {
        1: {'title': 'a b', 'page': 1, 'data': {'x': 1}, 'id': note._id}
    }
    assert json.loads(dump(raw)[b'{faulty}note:1'][b'data']) == {'x': 1}
    for command in [
        ('SADD', '{faulty}note:title:c:idx', '1'),
        ('SREM', '{faulty}note:title:a:idx', '1'),
        ('ZADD', '{faulty}note:page:idx', '2', '1'),
        ('HSET', '{faulty}note:title:uidx', 'a', '1'),
        ('HDEL', '{faulty}note:title:uidx', 'a b'),
        ('SETBIT', '{faulty}note:id:live', '9', '1'),
        ('SET', '{faulty}note:other', '1'),
        ('DEL', '{faulty}note:1'),
    ]:
        server.flush()
        with rom.Session(server.connect()) as s:
            s.save(FaultyNote(title='a b', page=1, data={'x': 1}))
        raw.execute_command(*command)
        with pytest.raises(AssertionError):
            contents(raw)
