"""What only ASGI has: background tasks, dependencies, tasks within tasks, websockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import fastapi
import pytest
from fastapi import BackgroundTasks, Request, responses
from fastapi.testclient import TestClient as Client
from starlette.background import BackgroundTask

import rom
from rom._core import session_context
from rom.contrib.asgi import RomMiddleware, RomSession, session_of
from tests.contrib.views import Boom, thing

pytestmark = pytest.mark.one_server
Names = Callable[[], list[str]]


@pytest.fixture
def app() -> Any:
    return fastapi.FastAPI()


def client_of(app: Any, **settings: Any) -> Any:
    app.add_middleware(RomMiddleware, **settings)
    return Client(app)


# --- background tasks ----------------------------------------------------------------------------


def test_background_tasks_begin_when_all_is_written(app: Any, things: Names) -> None:
    met = []

    def later() -> None:
        met.append(things())
        met.append(session_context.home())
        thing()(name='later')

    async def much_later(session: rom.AsyncSession, entity: Any) -> None:
        met.append(things())
        met.append(session_context.home())
        assert session is session_context.home()
        entity.hits += 1
        await session.commit()

    @app.get('/{kind}')
    async def view(kind: str, tasks: BackgroundTasks, session: RomSession) -> str:
        entity = thing()(name=kind)
        if kind == 'plain':
            tasks.add_task(later)
        else:
            tasks.add_task(much_later, session, entity)
        return kind

    with client_of(app) as client:
        assert client.get('/plain').json() == 'plain'
        assert things() == ['later', 'plain']
        assert client.get('/awaited').json() == 'awaited'
    assert met[0] == ['plain']
    assert not met[1].is_async
    assert met[2] == ['awaited', 'later', 'plain']
    with rom.Session() as s:
        assert s.get_by(thing(), name='awaited').hits == 1


def test_what_they_change_is_written_in_one_step_when_they_have_ended(
    app: Any, things: Names
) -> None:
    async def work(name: str) -> None:
        thing()(name=name)
        if name == 'bad':
            raise Boom

    @app.get('/{names}')
    async def view(names: str, tasks: BackgroundTasks) -> str:
        for name in names.split(','):
            tasks.add_task(work, name)
        return names

    with client_of(app) as client:
        assert client.get('/a,b').status_code == 200
        assert things() == ['a', 'b']
        with pytest.raises(Boom):
            client.get('/c,bad,d')
        assert things() == ['a', 'b']
        with pytest.raises(rom.UniqueKeyViolation):
            client.get('/e,a')
        assert things() == ['a', 'b']


def test_they_are_judged_by_themselves(app: Any, things: Names) -> None:
    async def note() -> None:
        thing()(name='a miss')

    @app.get('/')
    async def view() -> Any:
        thing()(name='never')
        tasks = BackgroundTask(note)
        return responses.PlainTextResponse('missing', 404, background=tasks)

    with client_of(app) as client:
        assert client.get('/').status_code == 404
        assert things() == ['a miss']


def test_they_do_not_begin_after_a_conflict(app: Any, things: Names) -> None:
    begun = []

    @app.get('/')
    async def view(tasks: BackgroundTasks) -> str:
        thing()(name='a')
        tasks.add_task(begun.append, 1)
        return 'fine'

    with client_of(app) as client:
        assert client.get('/').status_code == 200
        assert client.get('/').status_code == 409
    assert begun == [1]


def test_after_a_stream(app: Any, things: Names) -> None:
    async def work() -> None:
        thing()(name='later')

    async def chunks() -> AsyncIterator[str]:
        thing()(name='streamed')
        yield 'a'

    @app.get('/')
    async def view() -> Any:
        tasks = BackgroundTask(work)
        return responses.StreamingResponse(chunks(), background=tasks)

    with client_of(app) as client:
        assert client.get('/').text == 'a'
        assert things() == ['later', 'streamed']


@pytest.mark.parametrize('is_first', [True, False], ids=['plain first', 'awaited first'])
def test_tasks_in_threads_and_awaited_ones_are_one_commit(
    app: Any, things: Names, is_first: bool
) -> None:
    def plain(found: Any) -> None:
        found.name = 'plain'
        thing()(name='made')

    async def awaited(found: Any) -> None:
        found.hits += 1
        assert found.name == ('plain' if is_first else 'a')
        assert things() == ['a']  # nothing of the other one is written yet

    @app.get('/')
    async def view(tasks: BackgroundTasks) -> None:
        found = thing()(name='a')
        for task in (plain, awaited) if is_first else (awaited, plain):
            tasks.add_task(task, found)

    with client_of(app) as client:
        assert client.get('/').status_code == 200
    assert things() == ['made', 'plain']
    with rom.Session() as session:
        assert session.get_by(thing(), name='plain').hits == 1


# --- dependencies, and functions in threads ------------------------------------------------------


def test_all_plain_functions_of_a_request_have_one_session(app: Any, things: Names) -> None:
    def who() -> Any:
        thing()(name='dependency')
        return session_context.home()

    @app.get('/{name}')
    def view(name: str, session: Any = fastapi.Depends(who)) -> str:  # noqa: B008
        assert session_context.home() is session
        thing()(name=name)
        assert session.get_by(thing(), name=name) is None
        return name

    with client_of(app) as client:
        assert client.get('/a').status_code == 200
        assert things() == ['a', 'dependency']
        assert client.get('/b').status_code == 409
        assert things() == ['a', 'dependency']


def plain_dependency() -> Any:
    thing()(name='made')
    return thing().get_by(name='loaded')


def plain_generator() -> Iterator[Any]:
    yield plain_dependency()
    thing()(name='after')


async def awaited_dependency(session: RomSession) -> Any:
    thing()(name='made')
    return await session.get_by(thing(), name='loaded')


async def awaited_generator(session: RomSession) -> AsyncIterator[Any]:
    yield await awaited_dependency(session)
    thing()(name='after')


@pytest.mark.parametrize(
    'dependency',
    [plain_dependency, plain_generator, awaited_dependency, awaited_generator],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize('kind', ['plain', 'awaited'])
def test_what_a_dependency_loads_and_changes_is_the_requests(
    app: Any, things: Names, kind: str, dependency: Any
) -> None:
    """Whether it and the endpoint run in threads or as coroutines."""

    def change(found: Any) -> None:
        found.name = 'changed'
        thing()(name='endpoint')

    def plain(found: Any = fastapi.Depends(dependency)) -> None:  # noqa: B008
        change(found)
        assert thing().get_by(name='loaded') is found

    async def awaited(session: RomSession, found: Any = fastapi.Depends(dependency)) -> None:  # noqa: B008
        change(found)
        assert await session.get(thing(), found.id) is found

    app.get('/')(plain if kind == 'plain' else awaited)
    thing()(name='loaded')
    rom.session.commit()
    with client_of(app) as client:
        assert client.get('/').status_code == 200
    after = ['after'] if 'generator' in dependency.__name__ else []
    assert things() == [*after, 'changed', 'endpoint', 'made']


def test_what_a_dependency_does_after_its_yield(app: Any, things: Names) -> None:
    async def dependency() -> AsyncIterator[None]:
        yield
        thing()(name='after')

    @app.get('/', dependencies=[fastapi.Depends(dependency)])
    async def view() -> None:
        thing()(name='view')

    with client_of(app) as client:
        assert client.get('/').status_code == 200
    assert things() == ['after', 'view']


def test_tasks_of_the_request_belong_to_it(app: Any, things: Names) -> None:
    outliving: list[asyncio.Task[Any]] = []

    async def child(name: str) -> None:
        thing()(name=name)

    async def slow(forever: asyncio.Event) -> Any:
        await forever.wait()
        return session_context.home()

    @app.get('/')
    async def view(session: RomSession) -> None:
        await asyncio.gather(child('a'), child('b'))
        outliving.append(asyncio.create_task(slow(app.state.event)))

    @app.get('/release')
    async def release() -> str:
        app.state.event.set()
        return type(await outliving[0]).__name__

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.state.event = asyncio.Event()
        yield

    app.router.lifespan_context = lifespan
    with client_of(app) as client:
        assert client.get('/').status_code == 200
        assert things() == ['a', 'b']
        assert client.get('/release').json() == 'Session'  # not the request's, which is over


def test_middleware_that_runs_the_endpoint_in_a_task_of_its_own(app: Any, things: Names) -> None:
    @app.middleware('http')
    async def timing(request: Request, call_next: Any) -> Any:
        thing()(name=f'middleware{request.url.path}')
        return await call_next(request)

    @app.get('/{status}')
    async def view(status: int, session: RomSession) -> Any:
        assert session_context.home() is session
        thing()(name=f'view {status}')
        return responses.PlainTextResponse('x', status)

    with client_of(app) as client:
        assert client.get('/200').status_code == 200
        assert client.get('/500').status_code == 500
        assert client.get('/200').status_code == 409
    assert things() == ['middleware/200', 'view 200']


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize('conflicts', [409, 'raise'])
@pytest.mark.parametrize('is_plain', [True, False])
def test_a_conflict_goes_to_the_programs_own_handler(
    app: Any, things: Names, conflicts: Any, is_plain: bool
) -> None:
    def plain(request: Request, error: rom.UniqueKeyViolation) -> Any:
        thing()(name='of a handler')
        return responses.PlainTextResponse(f'{error.value} is taken', 418)

    async def awaited(request: Request, error: rom.UniqueKeyViolation) -> Any:
        return plain(request, error)

    app.add_exception_handler(rom.UniqueKeyViolation, plain if is_plain else awaited)

    @app.get('/late')
    async def late() -> None:
        thing()(name='a')

    @app.get('/early')
    async def early(session: RomSession) -> None:
        await session.save(thing()(name='a'))

    with client_of(app, conflicts=conflicts) as client:
        assert client.get('/late').status_code == 200
        for path in ('/late', '/early'):
            response = client.get(path)
            assert (response.status_code, response.text) == (418, 'a is taken')
    assert things() == ['a']


def test_a_refused_value_goes_to_the_programs_own_handler(app: Any, things: Names) -> None:
    """Here it is found out by the commit, when the endpoint has ended."""

    @app.exception_handler(rom.InvalidColumnValue)
    async def refuse(request: Request, error: rom.InvalidColumnValue) -> Any:
        return responses.PlainTextResponse(str(error), 422)

    @app.get('/')
    async def view() -> None:
        thing()(name='\ud800')

    with client_of(app) as client:
        response = client.get('/')
    assert response.status_code == 422
    assert 'lone surrogate' in response.text
    assert things() == []


def test_http_errors_are_failures(app: Any, things: Names) -> None:
    @app.get('/')
    async def view() -> None:
        thing()(name='a')
        raise fastapi.HTTPException(402)

    with client_of(app) as client:
        assert client.get('/').status_code == 402
        assert client.get('/?').status_code == 402
    assert things() == []


def test_an_unhandled_error_is_a_500(app: Any, things: Names) -> None:
    @app.get('/')
    async def view() -> None:
        thing()(name='a')
        raise Boom

    app.add_middleware(RomMiddleware)
    with Client(app, raise_server_exceptions=False) as client:
        assert client.get('/').status_code == 500
    assert things() == []


# --- what passes through -------------------------------------------------------------------------


def test_websockets_and_the_lifespan_have_no_session(app: Any, things: Names) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        events.append('begin')
        yield
        events.append('end')

    app.router.lifespan_context = lifespan

    @app.websocket('/')
    async def talk(websocket: fastapi.WebSocket) -> None:
        await websocket.accept()
        async with rom.AsyncSession() as session:
            thing()(name=await websocket.receive_text())
            await session.commit()
        with pytest.raises(rom.InvalidOperation, match='in a websocket, use'):
            session_of(websocket.scope)
        await websocket.close()

    with client_of(app) as client:
        with client.websocket_connect('/') as websocket:
            websocket.send_text('a')
            assert websocket.receive()['type'] == 'websocket.close'
    assert events == ['begin', 'end']
    assert things() == ['a']


def test_without_the_middleware(app: Any) -> None:
    @app.get('/')
    async def view(session: RomSession) -> None: ...

    with Client(app) as client:
        with pytest.raises(rom.InvalidOperation, match='add the middleware'):
            client.get('/')


def test_wrong_settings(app: Any) -> None:
    app.add_middleware(RomMiddleware, comit=True)
    with pytest.raises(rom.ORMError, match=r"RomMiddleware\(...\): .* got 'COMIT'"):
        Client(app).get('/')


# --- any ASGI application, message by message ----------------------------------------------------


async def exchanged(app: Any, *received: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """What an application sends to a request."""
    sent: list[dict[str, Any]] = []
    waiting = iter([*received, {'type': 'http.disconnect'}])

    async def receive() -> Any:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    await RomMiddleware(app, **settings)({'type': 'http'}, receive, send)
    return sent


START = {'type': 'http.response.start', 'status': 200, 'headers': []}


def test_a_client_that_leaves_in_the_middle_of_a_stream(things: Names) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        thing()(name='begun')
        await send(START)
        thing()(name='half')
        await send({'type': 'http.response.body', 'body': b'a', 'more_body': True})
        assert (await receive())['type'] == 'http.disconnect'
        thing()(name='rest')
        await send({'type': 'http.response.body', 'body': b'b'})

    asyncio.run(exchanged(app))
    assert things() == ['begun']


def test_one_that_leaves_before_the_response_changes_nothing(things: Names) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        thing()(name='a')
        await receive()
        await send(START)
        await send({'type': 'http.response.body', 'body': b'b'})

    asyncio.run(exchanged(app))
    assert things() == ['a']


def test_an_application_that_ends_too_early(things: Names) -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        thing()(name='a')

    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        thing()(name='b')
        await send({'type': 'http.response.body', 'body': b'a', 'more_body': True})

    asyncio.run(exchanged(never))
    asyncio.run(exchanged(half))
    assert things() == []


def test_an_application_that_goes_on_after_a_refusal(things: Names) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        thing()(name='a')
        for message in (START, {'type': 'http.response.body', 'body': b'never'}):
            try:
                await send(message)
            except rom.UniqueKeyViolation:
                continue

    async def story() -> list[dict[str, Any]]:
        await exchanged(app)
        return await exchanged(app)

    sent = asyncio.run(story())
    assert sent[0]['status'] == 409
    assert len(sent) == 2
    assert things() == ['a']


def test_a_file_that_the_server_sends_is_an_end(things: Names) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        thing()(name='a')
        await send({'type': 'http.response.pathsend', 'path': '/x'})
        thing()(name='b')

    sent = asyncio.run(exchanged(app))
    assert [message['type'] for message in sent] == [
        'http.response.start', 'http.response.pathsend'
    ]  # fmt: skip
    assert things() == ['a', 'b']


def test_a_request_that_is_cancelled_writes_nothing(things: Names) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        thing()(name='a')
        await asyncio.sleep(60)

    async def story() -> None:
        task = asyncio.create_task(exchanged(app))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert things() == []
