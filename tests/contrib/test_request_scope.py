"""The story of a request, without a framework."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import rom
from rom._core import session_context
from rom.contrib.request_scope import Stream, Unit, stream
from rom.contrib.settings import Settings
from tests.contrib.views import Boom, thing

pytestmark = pytest.mark.one_server
Names = Callable[[], list[str]]


@pytest.fixture
def unit() -> Unit:
    return Unit(Settings())


# --- who sees which session ----------------------------------------------------------------------


def test_plain_code_has_one_session_and_tasks_the_other(unit: Unit) -> None:
    async def task() -> object:
        return session_context.home()

    before = session_context.home()
    with unit.active():
        assert session_context.home() is unit.blocking
        assert asyncio.run(task()) is unit.awaited
    assert session_context.home() is before


def test_threads_and_tasks_that_work_for_it_have_its_sessions(unit: Unit) -> None:
    async def story() -> None:
        with unit.active():
            children = await asyncio.gather(*(child() for _ in range(3)))
            assert children == [unit.awaited] * 3
            assert await asyncio.to_thread(session_context.home) is unit.blocking

    async def child() -> object:
        return session_context.home()

    asyncio.run(story())


def test_other_threads_have_their_own(unit: Unit) -> None:
    found = []
    with unit.active():
        thread = threading.Thread(
            target=contextvars.Context().run, args=(lambda: found.append(session_context.home()),)
        )
        thread.start()
        thread.join()
    assert found[0] not in (unit.blocking, unit.awaited)


def test_a_session_that_is_entered_inside_comes_first(unit: Unit) -> None:
    with unit.active():
        with rom.Session() as mine:
            assert session_context.home() is mine
        assert session_context.home() is unit.blocking


def test_one_that_was_entered_outside_waits(unit: Unit) -> None:
    with rom.Session() as outside:
        with unit.active():
            assert session_context.home() is unit.blocking
        assert session_context.home() is outside


def test_one_inside_another(unit: Unit) -> None:
    inner = Unit(Settings())
    with unit.active():
        with inner.active():
            assert session_context.home() is inner.blocking
        assert session_context.home() is unit.blocking


def test_whoever_outlives_it_gets_another_session(unit: Unit) -> None:
    with unit.active(), ThreadPoolExecutor(1) as pool:
        context = contextvars.copy_context()
        assert pool.submit(context.run, session_context.home).result() is unit.blocking
        unit.end()
        assert pool.submit(context.run, session_context.home).result() is not unit.blocking


# --- what is written -----------------------------------------------------------------------------


def test_a_request_that_changed_both_sessions_writes_neither(unit: Unit, things: Names) -> None:
    async def task() -> None:
        thing()(name='b')

    with unit.active():
        thing()(name='a')
        asyncio.run(task())
        with pytest.raises(rom.InvalidOperation, match=r'both .* nothing was written'):
            unit.respond(200)
        unit.proceed()
    assert things() == []


def test_plain_code_commits_what_coroutines_changed(unit: Unit, things: Names) -> None:
    async def task() -> None:
        thing()(name='a')

    with unit.active():
        asyncio.run(task())
        unit.respond(200)
    assert things() == ['a']


def test_what_is_committed_by_hand_stays_committed(unit: Unit, things: Names) -> None:
    with unit.active():
        thing()(name='a')
        rom.session.commit()
        thing()(name='b')
        unit.respond(500)
    assert things() == ['a']


def test_after_a_failure_what_follows_is_not_written(unit: Unit, things: Names) -> None:
    with unit.active():
        unit.respond(200)
        unit.fail()
        thing()(name='a')
        unit.proceed()
    assert things() == []


def test_what_comes_after_the_response_is_judged_by_itself(unit: Unit, things: Names) -> None:
    with unit.active():
        thing()(name='a')
        unit.respond(404)
        unit.answered()
        thing()(name='b')
        unit.proceed()
    assert things() == ['b']


# --- streams -------------------------------------------------------------------------------------


def test_a_stream_that_is_never_begun_is_closed_and_writes_nothing(
    unit: Unit, things: Names
) -> None:
    class Chunks:
        is_closed = False

        def __iter__(self) -> Iterator[str]:
            return iter('ab')

        def close(self) -> None:
            self.is_closed = True
            thing()(name='late')

    chunks = Chunks()
    unit.respond(200)
    Stream(unit, chunks).close()
    assert chunks.is_closed
    assert things() == []
    assert unit.session_of(False) is None


def test_a_stream_that_is_left_in_the_middle_writes_nothing_more(unit: Unit, things: Names) -> None:
    def chunks() -> Iterator[str]:
        try:
            yield 'a'
            thing()(name='half')
            yield 'b'
        finally:
            thing()(name='late')

    unit.respond(200)
    body = Stream(unit, chunks())
    assert [next(body), next(body)] == ['a', 'b']
    body.close()
    body.close()
    assert things() == []


def test_what_a_stream_changes_when_it_is_closed_is_written(unit: Unit, things: Names) -> None:
    class Chunks(list[str]):
        def close(self) -> None:
            thing()(name='late')

    unit.respond(200)
    body = Stream(unit, Chunks('ab'))
    assert list(body) == ['a', 'b']
    assert next(body, None) is None
    body.close()
    assert things() == ['late']


def test_a_stream_of_a_failure_writes_nothing(unit: Unit, things: Names) -> None:
    def chunks() -> Iterator[str]:
        thing()(name='late')
        yield 'a'

    unit.respond(404)
    body = Stream(unit, chunks())
    assert list(body) == ['a']
    body.close()
    assert things() == []


def test_outside_of_its_steps_a_stream_changes_nothing_for_others(unit: Unit) -> None:
    before = session_context.home()
    body = Stream(unit, iter('ab'))
    assert next(body) == 'a'
    assert session_context.home() is before
    body.close()
    assert session_context.home() is before


@pytest.mark.parametrize('how', ['closed', 'fails'])
def test_an_awaited_stream_that_is_not_whole_writes_nothing_more(
    unit: Unit, things: Names, how: str
) -> None:
    steps = []

    async def chunks():  # type: ignore[no-untyped-def]
        try:
            thing()(name='half')
            yield 'a'
            raise Boom
        finally:
            steps.append(session_context.home())

    async def story() -> None:
        with unit.active():
            await unit.arespond(200)
        body = stream(unit, chunks())
        assert await anext(body) == 'a'
        if how == 'fails':
            with pytest.raises(Boom):
                await anext(body)
        await body.aclose()  # type: ignore[attr-defined]
        assert steps == [unit.awaited]

    asyncio.run(story())
    assert things() == []
    assert unit.session_of(True) is None


# --- what is left at the end ---------------------------------------------------------------------


def test_what_is_changed_after_the_last_commit_is_told(unit: Unit, things: Names) -> None:
    with unit.active():
        unit.respond(200)
        unit.answered()
        unit.proceed()
        thing()(name='too late')
    with pytest.warns(rom.UnwrittenWarning, match='too late|name'):
        unit.end()


def test_what_a_failed_request_changed_is_given_up_in_silence(
    unit: Unit, things: Names, recwarn: pytest.WarningsRecorder
) -> None:
    with unit.active():
        thing()(name='given up')
        unit.fail()
        thing()(name='and this')
    unit.end()
    assert not recwarn.list
