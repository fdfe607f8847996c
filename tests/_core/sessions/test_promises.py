"""The law of the session: what a program changed is written by the next commit, or it is told.

docs/howto/sessions.rst says so to programs. tests/docs/test_sessions.py lists its sentences, each
with the tests that hold it: here, and in the files beside this one.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

import rom
from rom._core.entities.entity import Entity
from tests.support.servers import Server
from tests.support.worlds import World

pytestmark = [pytest.mark.one_server, pytest.mark.usefixtures('on_client')]


class LawThing(rom.Model):
    _namespace = 'law'
    n = rom.Integer(default=0, index=True)
    m = rom.Integer()
    name = rom.Text(unique=True)
    data = rom.Json(default=dict)


def in_thread(call: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def made(**values: Any) -> LawThing:
    thing = LawThing(**values)
    rom.session.commit()
    return thing


def assign(thing: LawThing) -> None:
    thing.n = 5


def update(thing: LawThing) -> None:
    thing.update(n=5)


def remove(thing: LawThing) -> None:
    del thing.n


def change_in_place(thing: LawThing) -> None:
    thing.data['a'] = 5


WRITTEN: dict[Callable[[LawThing], None], tuple[bytes, bytes | None]] = {
    assign: (b'n', b'5'),
    update: (b'n', b'5'),
    remove: (b'n', None),
    change_in_place: (b'data', b'{"a": 5}'),
}
change_ways = pytest.mark.parametrize('change', WRITTEN, ids=lambda way: way.__name__)


def is_written(raw: redis.Redis, change: Callable[[LawThing], None]) -> bool:
    column, value = WRITTEN[change]
    return bool(raw.hget('law:1', column) == value)


# --- a change brings the entity to the current session -------------------------------------------


@change_ways
def test_after_a_rollback(raw: redis.Redis, change: Callable[[LawThing], None]) -> None:
    thing = made(n=1)
    rom.session.rollback()
    change(thing)
    assert rom.session.commit() == 1
    assert is_written(raw, change)
    assert rom.session.get(LawThing, 1) is thing


@change_ways
def test_of_a_session_that_ended(raw: redis.Redis, change: Callable[[LawThing], None]) -> None:
    made(n=1)
    with rom.Session():
        thing = LawThing.get(1)
    change(thing)
    assert rom.session.commit() == 1
    assert is_written(raw, change)


@change_ways
def test_in_a_later_session(raw: redis.Redis, change: Callable[[LawThing], None]) -> None:
    thing = made(n=1)
    with rom.Session() as later:
        change(thing)
        assert later.commit() == 1
    assert is_written(raw, change)
    assert rom.session.commit() == 0


@change_ways
def test_in_a_thread_that_commits(raw: redis.Redis, change: Callable[[LawThing], None]) -> None:
    thing = made(n=1)

    def work() -> int:
        change(thing)
        written: int = rom.session.commit()
        return written

    assert in_thread(work) == 1
    assert is_written(raw, change)
    assert rom.session.commit() == 0


@change_ways
def test_in_a_thread_for_one_who_commits(
    raw: redis.Redis, change: Callable[[LawThing], None]
) -> None:
    thing = made(n=1)
    in_thread(lambda: change(thing))
    assert rom.session.commit() == 1
    assert is_written(raw, change)


@change_ways
def test_loaded_in_a_thread_that_ended(
    raw: redis.Redis, change: Callable[[LawThing], None]
) -> None:
    made(n=1)
    thing = in_thread(lambda: LawThing.get(1))
    gc.collect()
    change(thing)
    assert rom.session.commit() == 1
    assert is_written(raw, change)


@change_ways
def test_of_a_session_that_was_not_entered(
    raw: redis.Redis, change: Callable[[LawThing], None]
) -> None:
    made(n=1)
    own = rom.Session()
    change(own.get(LawThing, 1))  # type: ignore[arg-type]
    gc.collect()
    assert own.commit() == 1
    assert is_written(raw, change)
    assert rom.session.commit() == 0


@change_ways
def test_the_session_that_knows_an_entity_keeps_it(change: Callable[[LawThing], None]) -> None:
    thing = made(n=1)
    in_thread(lambda: change(thing))
    assert thing._session._identity is rom.session._identity
    assert rom.session.get(LawThing, 1) is thing


def test_an_object_that_was_rolled_back_keeps_its_values(raw: redis.Redis) -> None:
    """What is set later joins the session with all that is not written of it."""
    thing = made(n=1)
    thing.n = 5
    rom.session.rollback()
    assert thing.n == 5
    assert rom.session.commit() == 0
    thing.m = 6
    assert rom.session.commit() == 2
    assert raw.hmget('law:1', 'n', 'm') == [b'5', b'6']


@change_ways
def test_a_forced_refresh_discards_changes(change: Callable[[LawThing], None]) -> None:
    thing = made(n=1)
    change(thing)
    thing.refresh(force=True)
    assert (thing.n, thing.data) == (1, {})
    assert rom.session.commit() == 0


def test_what_such_a_session_gives_up_nobody_writes(raw: redis.Redis) -> None:
    made(n=1)
    own = rom.Session()
    thing = own.get(LawThing, 1)
    assert thing is not None
    thing.n = 5
    own.rollback()
    assert rom.session.commit() == 0
    assert raw.hget('law:1', 'n') == b'1'


def test_what_is_written_elsewhere_is_held_nowhere() -> None:
    """A thread of a pool may change what others commit, for ever, and never commit itself."""
    thing = made(n=1)

    def work() -> None:
        thing.n += 1
        thing.data['n'] = thing.n

    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            pool.submit(work).result()
            assert rom.session.commit() == 2
        assert pool.submit(lambda: len(rom.session._identity.pending)).result() == 0
    gc.collect()
    assert dict(rom.session.known) == {}


def test_the_loop_that_tries_again(raw: redis.Redis) -> None:
    """Each try is told; none is taken for done while the row has what another writer put there."""
    thing = made(n=1)
    in_thread(lambda: LawThing.query.update(n=50))
    for _ in range(3):
        with pytest.raises(rom.DataRaceError):
            thing.n += 1
            rom.session.commit()
        rom.session.rollback()
    thing.refresh(force=True)
    thing.n += 1
    assert rom.session.commit() == 1
    assert raw.hget('law:1', 'n') == b'51'


def test_mended_after_a_violation(raw: redis.Redis) -> None:
    made(name='taken')
    new = LawThing(name='taken')
    with pytest.raises(rom.UniqueKeyViolation):
        rom.session.commit()
    rom.session.rollback()
    new.name = 'free'
    assert rom.session.commit() == 5
    assert raw.hget(f'law:{new.id}', 'name') == b'free'


async def _changed_in_an_async_session(world: World) -> int:
    async with world.session() as s:
        LawThing(n=1)
        await s.commit()
        first = await s.get(LawThing, 1)
        s.rollback()
        first.data['a'] = 5
        return int(await s.commit())


def test_in_both_sessions(world: World, raw: redis.Redis) -> None:
    assert world.run(_changed_in_an_async_session(world)) == 1
    assert raw.hget('law:1', 'data') == b'{"a": 5}'


def test_a_null_session_writes_what_is_saved_and_nothing_else(raw: redis.Redis) -> None:
    made(n=1)
    with rom.Session() as s:
        s.null_session = True
        thing = s.get(LawThing, 1)
        assert thing is not None
        thing.n = 5
        thing.data['a'] = 5
        assert s.commit() == 0
        assert s.save(thing) == 2
    assert raw.hget('law:1', 'n') == b'5'


# --- a change does not die with the last reference -----------------------------------------------


def test_a_change_in_place_after_a_commit_outlives_its_entity(raw: redis.Redis) -> None:
    thing = made(n=1)
    change_in_place(thing)
    assert rom.session.commit() == 1
    thing.data['b'] = 6
    del thing
    gc.collect()
    assert rom.session.commit() == 1
    assert raw.hget('law:1', 'data') == b'{"a": 5, "b": 6}'


@pytest.mark.parametrize('is_inner', [False, True], ids=['value', 'part'])
@pytest.mark.parametrize('commits', [0, 1, 2])
def test_a_value_that_is_kept_outlives_its_entity(
    raw: redis.Redis, is_inner: bool, commits: int
) -> None:
    made(data={'list': [], 'tuple': [[1], 2]})
    rom.session.rollback()
    thing = LawThing.get(1)
    part = thing.data['list'] if is_inner else thing.data
    del thing
    for _ in range(commits):
        assert rom.session.commit() == 0
    gc.collect()
    if is_inner:
        part.append(7)
    else:
        part['list'].append(7)
    assert rom.session.commit() == 1
    assert raw.hget('law:1', 'data') == b'{"list": [7], "tuple": [[1], 2]}'


@pytest.mark.parametrize('how', ['changed', 'read'])
def test_what_may_have_changed_is_held_until_a_commit_has_looked_at_it(how: str) -> None:
    made(n=1)
    rom.session.rollback()
    with rom.Session() as session:
        things = session.stream(LawThing.query)  # which holds none by itself
        thing = next(things)
        things.close()  # type: ignore[attr-defined]
        if how == 'changed':
            thing.n = 5
        else:
            assert thing.data == {}
        seen = weakref.ref(thing)
        del thing, things
        gc.collect()
        assert seen() is not None
        session.commit()
        gc.collect()
        assert seen() is None


def test_a_value_that_was_given_is_the_programs_too(raw: redis.Redis) -> None:
    given: dict[str, int] = {}
    made(data=given)
    gc.collect()
    given['a'] = 5
    assert rom.session.commit() == 1
    assert raw.hget('law:1', 'data') == b'{"a": 5}'


@pytest.mark.parametrize('every', [7, 25, 30, 60])
@pytest.mark.parametrize('pagesize', [10, 500])
def test_a_job_that_walks_a_query_and_commits_now_and_then(every: int, pagesize: int) -> None:
    for _ in range(61):
        LawThing()
    rom.session.commit()
    rom.session.rollback()
    for number, thing in enumerate(LawThing.query.iter_result(pagesize=pagesize), 1):
        thing.data['seen'] = True
        if number % every == 0:
            rom.session.commit()
    rom.session.commit()
    del thing
    rom.session.rollback()
    assert [t.id for t in LawThing.query.all() if t.data != {'seen': True}] == []


def test_the_same_awaited(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            for _ in range(61):
                LawThing()
            await s.commit()
            s.rollback()
            number = 0
            async for thing in s.stream(LawThing.query, 10):
                number += 1
                thing.data['seen'] = True
                if number % 7 == 0:
                    await s.commit()
            await s.commit()
            s.rollback()
            assert [t.data for t in await s.all(LawThing.query)] == [{'seen': True}] * 61

    world.run(story())


# --- two objects of one row ----------------------------------------------------------------------


def test_the_second_object_of_a_row_with_changes_is_an_error(raw: redis.Redis) -> None:
    old = made(n=1)
    rom.session.rollback()
    new = LawThing.get(1)
    assert new is not old
    new.m = 1
    with pytest.raises(rom.InvalidOperation, match='law:1'):
        old.n = 2
    assert old.n == 1
    with pytest.raises(rom.InvalidOperation, match='law:1'):
        old.update(n=2, m=3)
    assert (old.n, old.m) == (1, None)
    assert rom.session.commit() == 1
    old.n = 2  # the first one has no changes any more
    assert rom.session.commit() == 1
    assert raw.hmget('law:1', 'n', 'm') == [b'2', b'1']


def test_the_second_object_changed_in_place_is_told_at_the_commit(raw: redis.Redis) -> None:
    old = made(n=1)
    rom.session.rollback()
    new = LawThing.get(1)
    change_in_place(old)
    new.data['b'] = 6
    with pytest.raises(rom.InvalidOperation, match='law:1'):
        rom.session.commit()
    assert raw.hget('law:1', 'data') == b'{}'
    rom.session.rollback()


def test_reading_a_second_object_is_no_change() -> None:
    old = made(n=1)
    rom.session.rollback()
    new = LawThing.get(1)
    new.n = 2
    assert old.data == {}
    assert LawThing.get(1) is new
    assert rom.session.commit() == 1


def test_the_second_object_that_is_added_with_changes() -> None:
    made(n=1)
    one, other = rom.Session(), rom.Session()
    first, second = one.get(LawThing, 1), other.get(LawThing, 1)
    assert first is not None
    assert second is not None
    first.n, second.n = 2, 3
    with pytest.raises(rom.InvalidOperation, match='law:1'):
        one.add(second)
    rom.session.rollback()


# --- a commit costs what changed -----------------------------------------------------------------


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The entities that were asked whether they have changes."""
    seen: list[object] = []
    ask = Entity._modified.fget  # type: ignore[attr-defined]

    def noting(entity: Entity) -> bool:
        seen.append(entity)
        return bool(ask(entity))

    monkeypatch.setattr(Entity, '_modified', property(noting))
    return seen


@pytest.mark.parametrize('is_read', [False, True], ids=['', 'Json read'])
def test_a_commit_looks_at_what_may_have_changed(is_read: bool, looks: list[object]) -> None:
    for _ in range(300):
        LawThing()
    rom.session.commit()
    rom.session.rollback()

    def looks_of_a_commit(held: int) -> int:
        things = LawThing.get(list(range(1, held + 1)))
        if is_read:
            for thing in things:
                assert thing.data == {}
        rom.session.commit()
        looks.clear()
        things[0].n += 1
        assert rom.session.commit() == 1
        return len(looks)

    assert looks_of_a_commit(300) == looks_of_a_commit(10) <= 10


def test_what_may_change_is_looked_at_as_long_as_it_may(looks: list[object]) -> None:
    thing = made()
    kept = thing.data
    for _ in range(3):
        looks.clear()
        assert rom.session.commit() == 0
        assert looks
    del kept
    rom.session.commit()
    looks.clear()
    assert rom.session.commit() == 0
    assert not looks


# --- streams hold a page -------------------------------------------------------------------------

WALKS: dict[str, Callable[[], Iterator[Any]]] = {
    'stream': lambda: rom.session.stream(LawThing.query, 10),
    'iter_result': lambda: LawThing.query.iter_result(pagesize=10),
    'in order': lambda: LawThing.query.order_by('n').iter_result(pagesize=10),
}


@pytest.mark.parametrize('is_read', [False, True], ids=['', 'Json read'])
@pytest.mark.parametrize('walk', WALKS)
def test_a_walk_holds_one_page(walk: str, is_read: bool) -> None:
    for _ in range(100):
        LawThing()
    rom.session.commit()
    rom.session.rollback()
    seen: list[weakref.ref[LawThing]] = []
    for thing in WALKS[walk]():
        if is_read:
            assert thing.data == {}
        seen.append(weakref.ref(thing))
        assert sum(ref() is not None for ref in seen) <= 20
    assert len(seen) == 100


def test_a_walk_that_is_awaited_holds_one_page(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            for _ in range(50):
                LawThing()
            await s.commit()
            s.rollback()
            seen: list[weakref.ref[LawThing]] = []
            async for thing in s.stream(LawThing.query, 10):
                assert thing.data == {}
                seen.append(weakref.ref(thing))
                assert sum(ref() is not None for ref in seen) <= 20

    world.run(story())


def test_what_a_walk_gives_is_known_while_the_program_has_it() -> None:
    for _ in range(30):
        LawThing()
    rom.session.commit()
    rom.session.rollback()
    things = list(rom.session.stream(LawThing.query, 10))
    assert LawThing.get(5) is things[4]
    things[4].n = 9
    assert list(rom.session.stream(LawThing.query, 10))[4] is things[4]
    assert rom.session.commit() == 1


# --- threads -------------------------------------------------------------------------------------


def test_a_change_while_another_thread_commits_is_not_lost(raw: redis.Redis) -> None:
    """Whichever commit comes after a change writes it, however the two threads meet."""
    thing = made(n=0)
    is_over = threading.Event()

    def change() -> None:
        for number in range(1, 2000):
            thing.n = number
        is_over.set()

    worker = threading.Thread(target=change)
    worker.start()
    while not is_over.is_set():
        rom.session.commit()
    worker.join()
    rom.session.commit()
    assert raw.hget('law:1', 'n') == b'1999'


def test_saves_that_are_gathered_have_the_ids_of_their_rows(server: Server) -> None:
    """Each save is a task of its own, and all are under way at once."""

    async def story() -> list[LawThing]:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                things = [LawThing(name=f'thing {number}') for number in range(20)]
                await asyncio.gather(*(s.save(thing) for thing in things))
                assert await s.commit() == 0
                return things

    things = asyncio.run(story())
    rows = {row.id: row.name for row in LawThing.query.all()}
    assert {thing.id: thing.name for thing in things} == rows
    assert len(rows) == 20


@pytest.mark.parametrize('count', [1, 3])
def test_tasks_of_one_session_write_one_after_the_other(server: Server, count: int) -> None:
    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                things = [LawThing(n=number) for number in range(count)]
                written = await asyncio.gather(s.commit(), s.flush(), s.save(things), s.commit())
                assert sum(written) == 5 * count
                for thing in things:
                    thing.n += 1
                written = await asyncio.gather(*(s.save(thing) for thing in things), s.commit())
                assert sum(written) == count
                things[0].n = 7
                await asyncio.gather(s.commit(), s.refresh(things[1:]), s.delete(things[0]))
                assert await s.commit() == 0

    asyncio.run(story())
    asyncio.run(story())  # on another loop
    assert LawThing.query.count() == 2 * (count - 1)


def test_a_session_writes_on_one_loop_after_the_other(server: Server) -> None:
    s = rom.AsyncSession()

    async def story() -> int:
        things = [LawThing(n=number) for number in range(3)]
        return sum(await asyncio.gather(*(s.save(thing) for thing in things)))

    assert [asyncio.run(story()) for _ in range(2)] == [15, 15]


@pytest.mark.parametrize('is_new', [False, True], ids=['changed', 'new'])
def test_what_another_thread_is_saving_is_told(raw: redis.Redis, is_new: bool) -> None:
    """The other one has sent its request, and waits for the answer."""
    thing = LawThing(n=1) if is_new else made(n=1)
    thing.n = 2
    one, other = rom.Session(), rom.Session()
    work = one._flusher.save(thing)
    with ThreadPoolExecutor(1) as thread:
        step = thread.submit(next, work).result()
    with pytest.raises(rom.InvalidOperation, match='is saving it at this moment'):
        other.save(thing)
    with pytest.raises(rom.InvalidOperation, match='is saving it at this moment'):
        other.commit()
    reply = one._driver(step.model).run(step.operation)
    with pytest.raises(StopIteration):
        work.send(reply)
    assert rom.session.commit() == one.commit() == other.save(thing) == 0
    assert raw.keys('law:[0-9]*') == [b'law:1']
    assert raw.hget('law:1', 'n') == b'2'


def test_what_was_given_up_is_settled_as_ever(raw: redis.Redis) -> None:
    thing = LawThing(n=1)
    work = rom.session._flusher.save(thing)
    next(work)
    work.close()  # an interrupt, or a task that was cancelled
    assert rom.session.commit() == 5
    assert raw.keys('law:[0-9]*') == [b'law:1']


@pytest.mark.parametrize('full', [False, True])
def test_the_stored_value_set_anew_is_no_change(full: bool) -> None:
    LawThing(data={'a': 1})
    rom.session.commit()
    rom.session.rollback()
    thing = LawThing.get(1)
    thing.data = {'a': 1}  # set before it was ever read
    rom.session.save(thing, full=full)
    assert not thing._modified
    assert rom.session.commit() == 0
    thing.data['a'] = 2
    assert thing._modified
    assert rom.session.commit() == 1
    assert not thing._modified


# --- values that no column can hold --------------------------------------------------------------


def spoiled() -> LawThing:
    """An entity whose Json was changed in place to what JSON cannot say."""
    for number in range(3):
        LawThing(name=str(number))
    rom.session.commit()
    thing = LawThing.get(2)
    thing.data['when'] = {1, 2}
    return thing


def test_a_spoiled_value_stops_no_update_and_stays() -> None:
    thing = spoiled()
    assert LawThing.query.update(n=5) == 3
    assert LawThing.upsert({'n': 9}, name='1') == (thing, False)
    assert (thing.n, thing.data) == (9, {'when': {1, 2}})


@pytest.mark.parametrize('way', ['commit', 'full', 'save', 'new'])
def test_a_spoiled_value_is_told_with_its_entity(raw: redis.Redis, way: str) -> None:
    thing = spoiled()
    thing.n = 5
    other = LawThing(name='other')
    if way == 'new':
        thing.refresh(force=True)
        other.data['when'] = {1, 2}
    with pytest.raises(rom.InvalidColumnValue, match=r'LawThing law:(2|\(new\)|4): data') as raised:
        if way == 'save':
            rom.session.save(other, thing)
        else:
            rom.session.commit(full=way == 'full')
    assert 'Nothing was written' in str(raised.value)
    assert raw.hget('law:2', 'n') == b'0'
    assert not raw.exists('law:4')


def test_a_refresh_gives_a_spoiled_value_up() -> None:
    thing = spoiled()
    with pytest.raises(rom.InvalidOperation, match='changes'):
        thing.refresh()
    thing.refresh(force=True)
    assert thing.data == {}
    assert rom.session.commit() == 0


class LawElsewhere(rom.Model):
    data = rom.Json(default=dict)


def test_it_is_told_before_another_server_writes(server: Server, raw: redis.Redis) -> None:
    with redis.Redis(unix_socket_path=server.socket, db=1) as second:
        LawElsewhere._conn = second  # type: ignore[attr-defined]
        try:
            thing, other = LawThing(), LawElsewhere()
            other.data['when'] = {1, 2}
            with pytest.raises(rom.InvalidColumnValue, match='LawElsewhere'):
                rom.session.commit()
            assert raw.keys('law:[0-9]*') == []
            other.data = {}
            assert rom.session.commit() == 5 + 2
            assert raw.exists(f'law:{thing.id}')
        finally:
            second.flushdb()
            del LawElsewhere._conn  # type: ignore[attr-defined]


# --- copies --------------------------------------------------------------------------------------


def test_a_dict_of_an_entity_shares_nothing(raw: redis.Redis) -> None:
    thing = made(data={'a': {'b': 1}})
    plain = thing.to_dict()
    plain['data']['a'].pop('b')
    plain['data']['c'] = 1
    assert rom.session.commit() == 0
    assert thing.data == {'a': {'b': 1}}


def test_a_copy_shares_nothing(raw: redis.Redis) -> None:
    thing = made(data={'a': {'b': 1}})
    twin = thing.copy()
    twin.data['a'].pop('b')
    assert rom.session.commit() == 5  # the new one
    assert thing.data == {'a': {'b': 1}}
    assert twin.id != thing.id


def test_a_copy_has_what_was_removed_no_more_than_the_first(raw: redis.Redis) -> None:
    thing = made(n=1, name='Ann', data={'a': 1})
    del thing.n
    del thing.data
    del thing.name
    twin = thing.copy()
    assert (twin.n, twin.data) == (None, None)
    rom.session.commit()
    assert raw.hgetall(f'law:{twin.id}') == {b'id': b'2'}


# --- refresh -------------------------------------------------------------------------------------


def test_all_are_refreshed_in_one_trip_a_model(
    client: redis.Redis, raw: redis.Redis, trips: list[Any]
) -> None:
    things = [LawThing(n=number) for number in range(20)]
    others = [LawElsewhere() for _ in range(20)]
    rom.session.commit()
    for thing in things:
        raw.hset(f'law:{thing.id}', 'm', '7')
    trips.clear()
    rom.session.refresh_all()
    assert len(trips) == 2
    assert [thing.m for thing in things] == [7] * 20
    assert [other.data for other in others] == [{}] * 20


def test_a_refresh_goes_on_after_what_is_gone(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            things = [LawThing(n=number) for number in range(4)]
            await s.commit()
            raw.delete('law:1', 'law:3')
            raw.hset('law:2', 'm', '7')
            raw.hset('law:4', 'm', '8')
            with pytest.raises(rom.EntityDeletedError, match='law:1, law:3: gone') as raised:
                await s.refresh(things)
            assert raised.value.args[1:] == ('law', 1)
            assert [things[1].m, things[3].m] == [7, 8]
            raw.delete('law:2')
            raw.set('law:2', 'no row')
            raw.hset('law:4', 'm', '9')
            with pytest.raises(rom.CorruptRowError):
                await s.refresh(things[1], things[3])
            assert things[3].m == 9
            raw.flushdb()

    world.run(story())


def test_nothing_is_refreshed_where_one_has_changes(raw: redis.Redis) -> None:
    one, two = LawThing(n=1), LawThing(n=2)
    rom.session.commit()
    raw.hset('law:1', 'm', '7')
    two.n = 5
    with pytest.raises(rom.InvalidOperation, match='law:2'):
        rom.session.refresh_all()
    assert one.m is None
    rom.session.refresh_all(force=True)
    assert (one.m, two.n) == (7, 2)


# --- hooks ---------------------------------------------------------------------------------------


class LawLog(rom.Model):
    text = rom.Text()


class LawLogged(rom.Model):
    name = rom.Text()
    count = rom.Integer(default=0)
    data = rom.Json(default=dict)

    def _before_insert(self) -> None:
        LawLog(text=f'insert {self.name}')

    def _before_update(self) -> None:
        LawLog(text=f'update {self.name}')
        for other in LAW_FRIENDS:
            other.count += 1
            other.data['seen'] = True


LAW_FRIENDS: list[LawLogged] = []


@pytest.mark.parametrize('batch', [None, 1, 2])
def test_what_hooks_make_and_change_is_part_of_the_commit(
    world: World, batch: int | None, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            one, _, three = (LawLogged(name=str(number)) for number in range(3))
            assert await s.commit(batch=batch) == 3 * 4 + 3 * 2
            LAW_FRIENDS.append(three)
            one.name = 'one'
            try:
                assert await s.commit(batch=batch) == 1 + 2 + 2 + 2
            finally:
                LAW_FRIENDS.clear()
            assert await s.commit() == 0
            texts = [log.text for log in await s.all(LawLog.query)]
            inserts = ['insert 0', 'insert 1', 'insert 2']
            assert sorted(texts) == [*inserts, 'update 2', 'update one']
            assert raw.hget(f'LawLogged:{three.id}', 'data') == b'{"seen": true}'

    world.run(story())


def test_a_save_writes_only_what_it_is_given() -> None:
    thing = LawLogged(name='x')
    assert thing.save() == 4
    assert LawLog.query.count() == 0
    assert rom.session.commit() == 2


# --- lists of who refers to an entity ------------------------------------------------------------


class LawShelf(rom.Model):
    items = rom.OneToMany('LawItem')


class LawItem(rom.Model):
    shelf = rom.ManyToOne('LawShelf', 'no action')


def test_a_list_of_referrers_is_a_copy_without_what_was_deleted(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            shelf = LawShelf()
            one, two = LawItem(shelf=shelf), LawItem(shelf=shelf)
            await s.commit()
            await s.load(shelf, 'items')
            shelf.items.append(LawItem())
            assert shelf.items == [one, two]
            await s.delete(one)
            assert shelf.items == [two]
            s.rollback()

    world.run(story())


# --- what comes from the server ------------------------------------------------------------------

READS: dict[str, Callable[[Any], Any]] = {
    'query': lambda s: s.all(LawThing.query.filter(n=500)),
    'first': lambda s: s.first(LawThing.query.filter(n=500)),
    'page': lambda s: s.page(LawThing.query.filter(n=500), 10),
    'unique': lambda s: s.get_by(LawThing, name='Ann'),
    'get_or_create': lambda s: s.get_or_create(LawThing, name='Ann'),
    'several': lambda s: s.get(LawThing, [1, 2]),
}


async def known_and_written_elsewhere(s: Any, raw: redis.Redis) -> LawThing:
    thing = LawThing(name='Ann', n=0, m=1)
    await s.commit()
    with rom.Session() as other:
        twin = other.get(LawThing, 1)
        assert twin is not None
        twin.n = 500
        assert other.commit() == 1
    return thing


@pytest.mark.parametrize('read', READS)
def test_a_clean_entity_takes_the_row_that_comes(world: World, raw: redis.Redis, read: str) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = await known_and_written_elsewhere(s, raw)
            await READS[read](s)
            if read == 'several':  # known: nobody is asked
                assert thing.n == 0
                return
            assert thing.n == 500
            thing.n += 1
            assert await s.commit() == 1
            assert raw.hget('law:1', 'n') == b'501'

    world.run(story())


def test_a_changed_entity_keeps_its_changes_and_meets_the_lock(
    world: World, raw: redis.Redis
) -> None:
    async def story() -> None:
        async with world.session() as s:
            thing = await known_and_written_elsewhere(s, raw)
            thing.n = 7
            assert await s.all(LawThing.query) == [thing]
            assert thing.n == 7
            with pytest.raises(rom.DataRaceError):
                await s.commit()
            s.rollback()

    world.run(story())


def test_a_value_that_the_program_has_a_part_of_meets_the_lock_as_well(raw: redis.Redis) -> None:
    thing = made(data={'a': []})
    rom.session.rollback()
    thing = LawThing.get(1)
    part = thing.data['a']
    raw.hset('law:1', mapping={'data': '{"a": [1]}', 'm': '7'})
    assert LawThing.query.all() == [thing]
    assert (thing.data, thing.m) == ({'a': []}, 7)
    part.append(2)
    with pytest.raises(rom.DataRaceError):
        rom.session.commit()
    del part
    thing.refresh(force=True)
    assert thing.data == {'a': [1]}
    raw.hset('law:1', 'data', '{"a": [3]}')
    assert LawThing.query.all() == [thing]
    assert thing.data == {'a': [3]}
    assert rom.session.commit() == 0


def test_what_did_not_change_stays_the_same_object() -> None:
    thing = made(data={'a': 1}, name='Ann', m=None)
    value = thing.data
    assert LawThing.query.all() == [thing]
    assert thing.data is value


def test_a_row_that_was_read_before_a_save_is_out_of_date(server: Server) -> None:
    """The answer to a query comes when another task has saved."""

    async def story() -> None:
        async with redis.asyncio.Redis(unix_socket_path=server.socket) as client:
            async with rom.AsyncSession(client) as s:
                thing = LawThing(n=1)
                await s.commit()
                work = s._queries.all(LawThing.query)
                step = next(work)
                driver = s._driver(step.model)
                reply = await driver.run(step.operation)
                thing.n = 2
                assert await s.commit() == 1
                with pytest.raises(StopIteration) as end:
                    work.send(reply)
                assert end.value.value == [thing]
                assert thing.n == 2
                thing.n = 3
                assert await s.commit() == 1

    asyncio.run(story())


def test_a_known_id_sends_no_request_and_a_refresh_does(raw: redis.Redis, trips: list[Any]) -> None:
    thing = made(n=1)
    raw.hset('law:1', 'n', '7')
    trips.clear()
    assert rom.session.get(LawThing, 1) is thing
    assert (thing.n, len(trips)) == (1, 0)
    thing.refresh()
    assert (thing.n, len(trips)) == (7, 1)
    with rom.Session() as new:
        assert dict(new.wknown) == {}
        found = new.get(LawThing, 1)
    assert found is not thing
    assert len(trips) == 2


def test_a_worker_that_only_reads_sees_what_is_there(raw: redis.Redis) -> None:
    kept = LawThing.query.filter(n=(None, None))
    made(n=0)
    for number in range(1, 4):
        raw.hset('law:1', 'n', str(number))
        raw.zadd('law:n:idx', {'1': number})
        assert [thing.n for thing in LawThing.query.filter(n=number).all()] == [number]
        assert [thing.n for thing in kept] == [number]
