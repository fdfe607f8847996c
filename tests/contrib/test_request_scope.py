"""The story of a request, without a framework."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import rom
from rom._core import session_context
from rom._core.drivers.async_driver import AsyncDriver
from rom.contrib.request_scope import RequestScope, Stream, stream
from rom.contrib.settings import Settings
from tests.contrib.views import Boom, thing

pytestmark = pytest.mark.one_server
Names = Callable[[], list[str]]


@pytest.fixture
def request_scope() -> RequestScope:
    return RequestScope(Settings())


# --- who sees which session ----------------------------------------------------------------------


def test_plain_code_has_one_form_and_tasks_the_other(request_scope: RequestScope) -> None:
    async def task() -> object:
        return session_context.home()

    before = session_context.home()
    with request_scope.active():
        assert session_context.home() is request_scope.blocking
        assert asyncio.run(task()) is request_scope.awaited
    assert session_context.home() is before


def test_threads_and_tasks_that_work_for_it_have_its_sessions(request_scope: RequestScope) -> None:
    async def story() -> None:
        with request_scope.active():
            children = await asyncio.gather(*(child() for _ in range(3)))
            assert children == [request_scope.awaited] * 3
            assert await asyncio.to_thread(session_context.home) is request_scope.blocking

    async def child() -> object:
        return session_context.home()

    asyncio.run(story())


def test_other_threads_have_their_own(request_scope: RequestScope) -> None:
    found = []
    with request_scope.active():
        thread = threading.Thread(
            target=contextvars.Context().run, args=(lambda: found.append(session_context.home()),)
        )
        thread.start()
        thread.join()
    assert found[0] not in (request_scope.blocking, request_scope.awaited)


def test_a_session_that_is_entered_inside_comes_first(request_scope: RequestScope) -> None:
    with request_scope.active():
        with rom.Session() as mine:
            assert session_context.home() is mine
        assert session_context.home() is request_scope.blocking


def test_one_that_was_entered_outside_waits(request_scope: RequestScope) -> None:
    with rom.Session() as outside:
        with request_scope.active():
            assert session_context.home() is request_scope.blocking
        assert session_context.home() is outside


def test_one_inside_another(request_scope: RequestScope) -> None:
    inner = RequestScope(Settings())
    with request_scope.active():
        with inner.active():
            assert session_context.home() is inner.blocking
        assert session_context.home() is request_scope.blocking


def test_whoever_outlives_it_gets_another_session(request_scope: RequestScope) -> None:
    with request_scope.active(), ThreadPoolExecutor(1) as pool:
        context = contextvars.copy_context()
        assert pool.submit(context.run, session_context.home).result() is request_scope.blocking
        request_scope.end()
        assert pool.submit(context.run, session_context.home).result() is not request_scope.blocking


# --- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize('is_awaited', [False, True])
def test_what_plain_code_and_coroutines_change_is_one_commit(
    request_scope: RequestScope, things: Names, is_awaited: bool
) -> None:
    """An entity that one of them has loaded, too."""
    thing()(name='a')
    rom.session.commit()

    async def task(first: Any) -> None:
        thing()(name='b')
        assert await request_scope.awaited.get(thing(), first.id) is first
        first.name = 'c'
        if is_awaited:
            await request_scope.acommit_for(200)

    with request_scope.active():
        first = thing().get_by(name='a')
        thing()(name='d')
        asyncio.run(task(first))
        request_scope.commit_for(200)
    assert things() == ['b', 'c', 'd']
    request_scope.end()


def test_plain_code_is_committed_by_a_client_that_blocks(
    request_scope: RequestScope, things: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application without coroutines may have a client that has no asyncio twin."""

    async def story() -> None:
        await asyncio.to_thread(thing(), name='a')
        await request_scope.acommit_for(200)

    monkeypatch.delattr(AsyncDriver, 'run')
    with request_scope.active():
        asyncio.run(story())
    assert things() == ['a']


def test_plain_code_commits_what_coroutines_changed(
    request_scope: RequestScope, things: Names
) -> None:
    async def task() -> None:
        thing()(name='a')

    with request_scope.active():
        asyncio.run(task())
        request_scope.commit_for(200)
    assert things() == ['a']


def test_what_is_committed_by_hand_stays_committed(
    request_scope: RequestScope, things: Names
) -> None:
    with request_scope.active():
        thing()(name='a')
        rom.session.commit()
        thing()(name='b')
        request_scope.commit_for(500)
    assert things() == ['a']


def test_after_a_failure_what_follows_is_not_written(
    request_scope: RequestScope, things: Names
) -> None:
    with request_scope.active():
        request_scope.commit_for(200)
        request_scope.fail()
        thing()(name='a')
        request_scope.commit()
    assert things() == []


def test_what_comes_after_the_response_is_judged_by_itself(
    request_scope: RequestScope, things: Names
) -> None:
    with request_scope.active():
        thing()(name='a')
        request_scope.commit_for(404)
        request_scope.note_response()
        thing()(name='b')
        request_scope.commit()
    assert things() == ['b']


# --- streams -------------------------------------------------------------------------------------


def test_a_stream_that_is_never_begun_is_closed_and_writes_nothing(
    request_scope: RequestScope, things: Names
) -> None:
    class Chunks:
        is_closed = False

        def __iter__(self) -> Iterator[str]:
            return iter('ab')

        def close(self) -> None:
            self.is_closed = True
            thing()(name='late')

    chunks = Chunks()
    request_scope.commit_for(200)
    Stream(request_scope, chunks).close()
    assert chunks.is_closed
    assert things() == []
    assert request_scope.session_of(False) is None


def test_a_stream_that_is_left_in_the_middle_writes_nothing_more(
    request_scope: RequestScope, things: Names
) -> None:
    def chunks() -> Iterator[str]:
        try:
            yield 'a'
            thing()(name='half')
            yield 'b'
        finally:
            thing()(name='late')

    request_scope.commit_for(200)
    body = Stream(request_scope, chunks())
    assert [next(body), next(body)] == ['a', 'b']
    body.close()
    body.close()
    assert things() == []


def test_what_a_stream_changes_when_it_is_closed_is_written(
    request_scope: RequestScope, things: Names
) -> None:
    class Chunks(list[str]):
        def close(self) -> None:
            thing()(name='late')

    request_scope.commit_for(200)
    body = Stream(request_scope, Chunks('ab'))
    assert list(body) == ['a', 'b']
    assert next(body, None) is None
    body.close()
    assert things() == ['late']


def test_a_stream_of_a_failure_writes_nothing(request_scope: RequestScope, things: Names) -> None:
    def chunks() -> Iterator[str]:
        thing()(name='late')
        yield 'a'

    request_scope.commit_for(404)
    body = Stream(request_scope, chunks())
    assert list(body) == ['a']
    body.close()
    assert things() == []


def test_outside_of_its_steps_a_stream_changes_nothing_for_others(
    request_scope: RequestScope,
) -> None:
    before = session_context.home()
    body = Stream(request_scope, iter('ab'))
    assert next(body) == 'a'
    assert session_context.home() is before
    body.close()
    assert session_context.home() is before


@pytest.mark.parametrize('how', ['closed', 'fails'])
def test_an_awaited_stream_that_is_not_whole_writes_nothing_more(
    request_scope: RequestScope, things: Names, how: str
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
        with request_scope.active():
            await request_scope.acommit_for(200)
        body = stream(request_scope, chunks())
        assert await anext(body) == 'a'
        if how == 'fails':
            with pytest.raises(Boom):
                await anext(body)
        await body.aclose()  # type: ignore[attr-defined]
        assert steps == [request_scope.awaited]

    asyncio.run(story())
    assert things() == []
    assert request_scope.session_of(True) is None


# --- what is left at the end ---------------------------------------------------------------------


def test_what_is_changed_after_the_last_commit_is_told(
    request_scope: RequestScope, things: Names
) -> None:
    with request_scope.active():
        request_scope.commit_for(200)
        request_scope.note_response()
        request_scope.commit()
        thing()(name='too late')
    with pytest.warns(rom.UnwrittenWarning, match='too late|name'):
        request_scope.end()


def test_what_a_failed_request_changed_is_given_up_in_silence(
    request_scope: RequestScope, things: Names, recwarn: pytest.WarningsRecorder
) -> None:
    with request_scope.active():
        thing()(name='given up')
        request_scope.fail()
        thing()(name='and this')
    request_scope.end()
    assert not recwarn.list
