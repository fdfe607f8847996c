"""The current session: one for each thread and each task, and no hidden I/O under asyncio."""

import asyncio
import contextvars
import gc
import rlcompleter
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import rom
from rom._core import session_context
from tests.support.servers import Server

pytestmark = pytest.mark.one_server


class CurrentUser(rom.Model):
    name = rom.Text(unique=True)
    age = rom.Integer(index=True)


@pytest.fixture(autouse=True)
def connection(server: Server) -> Iterator[None]:
    """The test's server is the default one; conftest takes it back."""
    with server.connect() as client:
        rom.util.CONNECTION = client
        yield


def in_thread(call: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


async def in_task(call: Callable[[], Any]) -> Any:
    async def body() -> Any:
        return call()

    return await asyncio.create_task(body())


# --- threads -------------------------------------------------------------------------------------


def test_a_thread_has_one_session() -> None:
    assert session_context.session() is session_context.session()
    assert session_context.session() is session_context.home()
    assert isinstance(session_context.session(), rom.Session)


def test_each_thread_has_its_own() -> None:
    def twice() -> tuple[object, object]:
        return session_context.session(), session_context.session()

    mine = session_context.session()
    one, other = in_thread(twice), in_thread(twice)
    assert one[0] is one[1]
    assert other[0] is other[1]
    assert len({id(session) for session in (mine, one[0], other[0])}) == 3
    assert session_context.session() is mine


def test_threads_do_not_commit_what_others_made() -> None:
    user = CurrentUser(name='Ann')
    assert in_thread(lambda: rom.session.commit()) == 0
    assert user._new
    assert rom.session.commit() == 3
    assert in_thread(lambda: CurrentUser.get(user.id)) is not user
    assert CurrentUser.get(user.id) is user


def test_an_entity_may_be_saved_in_another_thread() -> None:
    user = CurrentUser(name='Ann')
    assert in_thread(user.save) == 3
    assert rom.session.commit() == 0


def test_a_threads_session_ends_with_it() -> None:
    seen = in_thread(lambda: weakref.ref(session_context.session()))
    gc.collect()
    assert seen() is None


def test_many_threads_at_once() -> None:
    start = threading.Barrier(8)

    def work(number: int) -> int:
        start.wait()
        for turn in range(10):
            CurrentUser(name=f'{number} {turn}', age=number)
        written: int = rom.session.commit()
        return written

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [30] * 8
    assert len(CurrentUser.get(range(1, 200))) == 80


def test_the_context_of_a_thread_carried_into_another() -> None:
    mine = session_context.session()
    context = contextvars.copy_context()
    assert in_thread(lambda: context.run(session_context.session)) is not mine
    # In the same thread it is still this thread's.
    assert contextvars.copy_context().run(session_context.session) is mine


def test_a_thread_of_asyncio() -> None:
    async def story() -> None:
        mine = session_context.session()
        theirs = await asyncio.to_thread(session_context.session)
        assert theirs is not mine
        async with rom.AsyncSession() as s:
            assert session_context.home() is s
            # There the blocking sugar is what is wanted.
            user = await asyncio.to_thread(lambda: CurrentUser(name='Ann'))
            assert await asyncio.to_thread(user.save) == 3
            assert await s.commit() == 0

    asyncio.run(story())


# --- tasks ---------------------------------------------------------------------------------------


def test_each_task_has_its_own() -> None:
    async def story() -> None:
        parent = session_context.session()
        found = await asyncio.gather(*(in_task(session_context.session) for _ in range(3)))
        assert len({id(session) for session in (parent, *found)}) == 4
        assert session_context.session() is parent

    mine = session_context.session()
    asyncio.run(story())
    assert session_context.session() is mine


def test_a_task_keeps_its_session_over_an_await() -> None:
    async def body() -> None:
        mine = session_context.session()
        for _ in range(3):
            await asyncio.sleep(0)
            assert session_context.session() is mine

    async def story() -> None:
        await asyncio.gather(*(body() for _ in range(5)))

    asyncio.run(story())


def test_tasks_that_begin_in_a_session_work_in_it() -> None:
    async def story() -> None:
        async with rom.AsyncSession() as s:
            mine = CurrentUser(name='mine')
            gathered, *_ = await asyncio.gather(in_task(lambda: CurrentUser(name='gathered')))
            async with asyncio.TaskGroup() as group:
                grouped = group.create_task(in_task(lambda: CurrentUser(name='grouped')))
            assert {e._session for e in (mine, gathered, grouped.result())} == {s}
            assert await s.commit() == 9

            async def child() -> None:
                async with rom.AsyncSession() as own:
                    assert session_context.home() is own
                    CurrentUser(name='child')
                    await asyncio.sleep(0)
                    assert await own.commit() == 3
                assert session_context.home() is s

            await asyncio.gather(child())
            assert session_context.home() is s

    asyncio.run(story())


def test_a_task_that_outlives_the_session_has_its_own() -> None:
    async def story() -> None:
        is_over = asyncio.Event()

        async def child() -> object:
            await is_over.wait()
            return session_context.home()

        async with rom.AsyncSession() as s:
            task = asyncio.create_task(child())
        is_over.set()
        assert await task is not s

    asyncio.run(story())


def test_a_session_that_blocks_is_that_of_the_tasks_inside() -> None:
    async def story() -> object:
        CurrentUser(name='inside')
        return await in_task(session_context.home)

    with rom.Session() as s:
        assert asyncio.run(story()) is s
        assert s.commit() == 3


def test_a_fixture_enters_and_a_test_works() -> None:
    """As pytest-asyncio does it: two tasks, of which the second has the context of the first."""

    async def story() -> None:
        context = contextvars.copy_context()
        s = rom.AsyncSession()
        await asyncio.create_task(s.__aenter__(), context=context)

        async def test() -> None:
            CurrentUser(name='in the test')
            assert await s.commit() == 3
            with pytest.raises(rom.InvalidOperation, match='await'):
                CurrentUser.query.all()

        await asyncio.create_task(test(), context=context)
        await asyncio.create_task(s.__aexit__(None, None, None), context=context)

    asyncio.run(story())


def test_callbacks_of_a_loop_share_the_session_of_its_thread() -> None:
    async def story() -> list[int]:
        loop, written = asyncio.get_running_loop(), []
        loop.call_soon(lambda: CurrentUser(name='x') and None)
        loop.call_soon(lambda: written.append(rom.session.commit()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return written

    assert asyncio.run(story()) == [3]


def test_the_tasks_of_an_interactive_program_share_one_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each cell of a notebook is a task with a context of its own."""
    monkeypatch.setattr('sys.ps1', '>>> ', raising=False)

    async def story() -> list[int]:
        cells = [lambda: CurrentUser(name='Ann') and 0, lambda: rom.session.commit()]
        return [await in_task(cell) for cell in cells]

    assert asyncio.run(story()) == [0, 3]


def test_what_a_thread_knows_of_its_session_is_for_no_one_else() -> None:
    """It is looked at first; tasks, other threads and whatever was entered are told apart."""

    def in_a_thread() -> None:
        own = session_context.home()
        assert session_context.home() is own

        async def in_a_task() -> None:
            assert session_context.home() is not own
            with rom.Session() as inner:
                assert session_context.home() is inner
            assert session_context.home() is not own

        asyncio.run(in_a_task())
        here = contextvars.copy_context()
        assert here.run(session_context.home) is own
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(here.run, session_context.home).result() is not own
        assert here.run(session_context.home) is own
        with rom.Session() as inner:
            assert session_context.home() is inner
            assert contextvars.copy_context().run(session_context.home) is inner
        assert session_context.home() is own

    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.Context().run, in_a_thread).result()


def test_a_library_that_carries_contexts_from_thread_to_thread_and_back() -> None:
    """As asgiref's sync_to_async does: what was set in the thread is set in the task afterwards."""
    pool = ThreadPoolExecutor(1)

    async def in_pool(call: Callable[[], Any]) -> Any:
        context = contextvars.copy_context()
        result = await asyncio.get_running_loop().run_in_executor(pool, context.run, call)
        for variable in context:
            variable.set(context[variable])
        return result

    async def story() -> None:
        async with rom.AsyncSession() as s:
            assert await in_pool(CurrentUser.query.count) == 0
            CurrentUser(name='mine')
            assert await s.commit() == 3
            with pytest.raises(rom.InvalidOperation, match='await'):
                CurrentUser.query.all()
        await in_pool(lambda: CurrentUser(name='theirs'))
        assert await in_pool(rom.session.commit) == 3

    mine = CurrentUser(name='outside')
    with pool:
        asyncio.run(story())
    assert rom.session.commit() == 3
    assert CurrentUser.get(mine.id) is mine


def test_a_thread_does_not_inherit_from_one_that_had_its_number() -> None:
    """A context may remember a thread that has ended, and the system gives its number away."""
    seen: dict[int, set[int]] = {}
    kept = []

    def job() -> contextvars.Context:
        session = session_context.session()
        kept.append(session)  # or the next one might be in its place
        seen.setdefault(threading.get_ident(), set()).add(id(session))
        return contextvars.copy_context()

    context = contextvars.copy_context()
    for _ in range(20):
        context = in_thread(lambda: context.copy().run(job))  # noqa: B023
    assert len(seen) < 20
    assert sum(map(len, seen.values())) == 20


def test_a_callback_of_the_loop_is_no_task() -> None:
    async def story() -> None:
        found: list[object] = []
        mine = session_context.session()
        asyncio.get_running_loop().call_soon(lambda: found.append(session_context.session()))
        await asyncio.sleep(0)
        assert found
        assert found[0] is not mine

    asyncio.run(story())


# --- entered sessions ----------------------------------------------------------------------------


def test_nested() -> None:
    outermost = session_context.session()
    with rom.Session() as outer:
        assert session_context.session() is outer
        with rom.Session() as inner:
            user = CurrentUser(name='Ann')
            assert user._session is inner
            assert rom.session.known is inner.known
        assert session_context.session() is outer
        with outer:
            assert session_context.session() is outer
        assert session_context.session() is outer
    assert session_context.session() is outermost


def test_left_by_an_error() -> None:
    mine = session_context.session()
    with pytest.raises(ZeroDivisionError), rom.Session() as inner:
        CurrentUser(name='Ann')
        1 / 0
    assert session_context.session() is mine
    assert inner.commit() == 0


def test_nested_of_both_kinds() -> None:
    async def story() -> None:
        mine = session_context.session()
        async with rom.AsyncSession() as outer:
            with rom.Session() as blocking:
                assert session_context.session() is blocking
                assert CurrentUser(name='Ann').save() == 3
            async with rom.AsyncSession() as inner:
                assert session_context.home() is inner
            assert session_context.home() is outer
        assert session_context.session() is mine

    asyncio.run(story())


def test_left_in_another_context() -> None:
    """As a framework does that ends a generator elsewhere."""
    mine = session_context.session()
    session = rom.Session()
    contextvars.copy_context().run(session.__enter__)
    assert session_context.session() is mine
    with session:
        session.__exit__(None, None, None)
    assert session_context.session() is not session

    async def story() -> None:
        s = rom.AsyncSession()
        await asyncio.create_task(s.__aenter__())
        await asyncio.create_task(s.__aexit__(None, None, None))
        assert session_context.home() is not s

    asyncio.run(story())


def test_rom_session_is_completed_as_it_is_typed() -> None:
    """In any shell, that of asyncio too, where most of it would be an error to call."""
    complete = rlcompleter.Completer({'rom': rom}).complete
    assert complete('rom.session.comm', 0) == 'rom.session.commit('

    async def story() -> None:
        async with rom.AsyncSession() as session:
            assert complete('rom.session.comm', 0) == 'rom.session.commit('
            assert complete('rom.session.kno', 0) == 'rom.session.known'
            assert rom.session.known is session.known

    asyncio.run(story())


def test_rom_session_stands_for_the_current_one() -> None:
    with rom.Session() as mine:
        rom.session.extra = 1  # type: ignore[attr-defined]
        assert mine.extra == 1  # type: ignore[attr-defined]
        del rom.session.extra  # type: ignore[attr-defined]
        assert not hasattr(mine, 'extra')
        assert repr(mine) in repr(rom.session)
        assert rom.util.session is rom.session


def test_a_method_is_of_the_session_that_is_current_where_it_is_called() -> None:
    commit = rom.session.commit
    CurrentUser(name='outside')
    with rom.Session():
        CurrentUser(name='inside')
        assert commit() == 3
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: CurrentUser(name='thread') and None).result()
        assert pool.submit(commit).result() == 3
    assert commit() == 3


# --- no hidden I/O -------------------------------------------------------------------------------

HIDDEN: dict[str, Callable[[CurrentUser], object]] = {
    'Model.get': lambda user: CurrentUser.get(1),
    'Model.get of several': lambda user: CurrentUser.get([1, 2]),
    'Model.get_by': lambda user: CurrentUser.get_by(name='Ann'),
    'save': lambda user: user.save(),
    'delete': lambda user: user.delete(),
    'refresh': lambda user: user.refresh(),
    'query.all': lambda user: CurrentUser.query.all(),
    'query.first': lambda user: CurrentUser.query.filter(age=1).first(),
    'query.count': lambda user: CurrentUser.query.count(),
    'query.execute': lambda user: CurrentUser.query.execute(),
    'iteration': lambda user: list(CurrentUser.query),
    'session.commit': lambda user: rom.session.commit(),
    'session.get': lambda user: rom.session.get(CurrentUser, 1),
}


@pytest.mark.parametrize('what', HIDDEN)
def test_hidden_io_is_an_error(what: str) -> None:
    async def story() -> None:
        async with rom.AsyncSession() as s:
            user = CurrentUser(name='Ann', age=1)
            await s.commit()
            user.age = 2
            with pytest.raises(rom.InvalidOperation, match='await'):
                HIDDEN[what](user)
            assert await s.commit() == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    'read',
    [lambda user: user.id, lambda user: user._pk, lambda user: user.to_dict()],
    ids=['id', '_pk', 'to_dict'],
)
def test_a_new_entity_has_no_id_before_it_is_saved(read: Callable[[CurrentUser], object]) -> None:
    async def story() -> None:
        async with rom.AsyncSession() as s:
            user = CurrentUser(name='Ann')
            with pytest.raises(rom.InvalidOperation, match='await'):
                read(user)
            assert '(new)' in repr(user)
            await s.take_ids(user)
            assert user.id == 1
            read(user)
            assert user._new
            await s.commit()
            assert (user.id, user.name) == (1, 'Ann')

    asyncio.run(story())


def test_the_sugar_works_again_afterwards() -> None:
    async def story() -> int:
        async with rom.AsyncSession() as s:
            user = CurrentUser(name='Ann')
            await s.commit()
        user.age = 3
        return user.save()

    assert asyncio.run(story()) == 1
    found = CurrentUser.get_by(name='Ann')
    assert found.age == 3


def test_a_session_that_is_only_awaited() -> None:
    """Not entered: what is made belongs to the current session, until this one saves it."""

    async def story() -> None:
        s = rom.AsyncSession()
        user = CurrentUser(name='Ann')
        assert await s.save(user) == 3
        assert await s.get(CurrentUser, user.id) is user
        user.age = 1
        assert await s.commit() == 1
        assert rom.session.commit() == 0

    asyncio.run(story())


def test_one_program_and_several_loops() -> None:
    async def story() -> int:
        async with rom.AsyncSession() as s:
            CurrentUser(name='x').name = None
            return await s.commit()

    assert [asyncio.run(story()) for _ in range(3)] == [3, 3, 3]
    assert len(CurrentUser.get([1, 2, 3])) == 3


# --- what several threads and tasks share --------------------------------------------------------


class Common:
    def __init__(self) -> None:
        self.sessions: tuple[Any, Any] | None = (rom.Session(), rom.AsyncSession())

    def session_of(self, is_task: bool) -> Any:
        return None if self.sessions is None else self.sessions[is_task]


def test_threads_and_tasks_may_share_sessions_until_they_are_over() -> None:
    async def story() -> list[object]:
        return [await in_task(session_context.home), await asyncio.to_thread(session_context.home)]

    mine, common = session_context.home(), Common()
    assert common.sessions is not None
    blocking, awaited = common.sessions
    with session_context.shared(common):
        assert session_context.session() is blocking
        assert asyncio.run(story()) == [awaited, blocking]
        assert in_thread(session_context.home) not in (
            blocking,
            awaited,
        )  # it has no part of the context
        with rom.Session() as entered:
            assert session_context.home() is entered
        common.sessions = None
        assert session_context.home() not in (mine, blocking, awaited)
    assert session_context.home() is mine
