"""Several applications in one program: each has its own server, whatever serves the request."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import fastapi
import flask
import pytest
import redis
import redis.asyncio
import redis.asyncio.sentinel
from fastapi import BackgroundTasks
from fastapi.testclient import TestClient as Client
from redis.sentinel import Sentinel

import rom
from rom._core.drivers import connections
from rom.contrib.asgi import RomMiddleware
from rom.contrib.flask import Rom
from rom.contrib.request_scope import RequestScope, Stream
from rom.contrib.settings import Settings
from tests.contrib import views
from tests.contrib.fronts import FRONTS, Front
from tests.contrib.views import thing
from tests.support.fleet import NAME, Fleet
from tests.support.servers import Server

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.filterwarnings('ignore:StreamingHttpResponse must consume:Warning'),
]
FIRST, SECOND, OTHER = 1, 2, 3


@pytest.fixture(autouse=True)
def program(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models without a client, in a program whose default is a database of its own."""
    monkeypatch.setattr(connections, '_settings', None)
    with server.connect(db=OTHER) as client:
        monkeypatch.setattr(connections, '_default', client)
        views.declare()
        yield
    views.MET.clear()


@pytest.fixture
def url(server: Server) -> Callable[[int], str]:
    return lambda number: f'unix://{server.socket}?db={number}'


@pytest.fixture
def names(server: Server) -> Callable[[int], list[str]]:
    """The things in a database."""

    def found(number: int) -> list[str]:
        with server.connect(db=number) as client, rom.Session(client) as s:
            return sorted(found.name for found in s.all(thing().query))

    return found


Url = Callable[[int], str]
Names = Callable[[int], list[str]]


@pytest.mark.parametrize('name', FRONTS)
def test_each_keeps_to_its_own(name: str, url: Url, names: Names) -> None:
    other = 'fastapi' if name.startswith('flask') else 'flask'
    with Front(name, {'url': url(FIRST)}) as first, Front(other, {'url': url(SECOND)}) as second:
        for front, letter in ((first, 'a'), (second, 'b'), (first, 'c'), (second, 'c')):
            assert front.call('create', letter) == (201, letter)
        assert first.call('hit', 'a') == (200, '1')
        assert second.call('count', 'x') == (200, '2')
        assert second.call('clash', 'b')[0] == 409
        assert first.call('stream', 's')[0] == 200
        assert second.call('count', 'x') == (200, '2')
    assert names(FIRST) == ['a', 'c', 's', 's-late']
    assert names(SECOND) == ['b', 'c']
    assert names(OTHER) == []


def test_outside_of_requests_the_last_one_is_the_default(url: Url, names: Names) -> None:
    for number in (FIRST, SECOND):
        Rom(flask.Flask('things'), url=url(number))
    thing()(name='a').save()
    assert (names(FIRST), names(SECOND)) == ([], ['a'])


def test_what_a_program_says_in_util_comes_first(server: Server, url: Url, names: Names) -> None:
    """As the fixtures of rom.testing do."""
    with server.connect(db=OTHER) as client, Front('flask', {'url': url(FIRST)}) as front:
        rom.util.CONNECTION = client
        front.call('create', 'a')
    assert (names(FIRST), names(OTHER)) == ([], ['a'])


def test_models_with_a_client_keep_theirs(server: Server, url: Url, names: Names) -> None:
    with server.connect(db=OTHER) as client, Front('fastapi', {'url': url(FIRST)}) as front:
        thing()._conn = client
        front.call('create', 'a')
    assert (names(FIRST), names(OTHER)) == ([], ['a'])


# --- at the same time, and afterwards ------------------------------------------------------------


def unit_on(url: str) -> RequestScope:
    return RequestScope(Settings(url=url))


def test_requests_at_the_same_time(url: Url, names: Names) -> None:
    async def serve(number: int, turn: asyncio.Barrier) -> None:
        request_scope = unit_on(url(number))
        with request_scope.active():
            await turn.wait()
            thing()(name=f'task-{number}')
            await turn.wait()
            await request_scope.acommit_for(200)
            await turn.wait()
            async with rom.AsyncSession() as s:  # of its own, in a request
                thing()(name=f'entered-{number}')
                await s.commit()
            await asyncio.to_thread(lambda: thing()(name=f'thread-{number}'))
            await request_scope.acommit()
            await asyncio.gather(child(number))
        request_scope.end()

    async def child(number: int) -> None:
        async with rom.AsyncSession() as s:
            thing()(name=f'child-{number}')
            await s.commit()

    async def story() -> None:
        turn = asyncio.Barrier(2)
        await asyncio.gather(serve(FIRST, turn), serve(SECOND, turn))

    asyncio.run(story())
    for number in (FIRST, SECOND):
        made = [f'{what}-{number}' for what in ('child', 'entered', 'task', 'thread')]
        assert names(number) == made


def test_threads_of_a_copied_context(url: Url, names: Names) -> None:
    def save(name: str) -> None:
        with rom.Session() as s:
            thing()(name=name)
            s.commit()

    for number in (FIRST, SECOND):
        with unit_on(url(number)).active():
            contexts = [contextvars.copy_context(), contextvars.Context()]
        for name, context in zip(('copied', f'other-{number}'), contexts, strict=True):
            thread = threading.Thread(target=context.run, args=(save, name))
            thread.start()
            thread.join()
    assert names(FIRST) == names(SECOND) == ['copied']
    assert names(OTHER) == [f'other-{FIRST}', f'other-{SECOND}']


def test_streams_side_by_side(url: Url, names: Names) -> None:
    def chunks(number: int) -> Iterator[str]:
        for letter in 'ab':
            thing()(name=f'{letter}-{number}')
            yield letter

    streams = []
    for number in (FIRST, SECOND):
        request_scope = unit_on(url(number))
        request_scope.commit_for(200)
        streams.append(Stream(request_scope, chunks(number)))
    for pair in zip(*streams, strict=True):
        assert len(set(pair)) == 1
    for stream in streams:
        stream.close()
    for number in (FIRST, SECOND):
        assert names(number) == [f'a-{number}', f'b-{number}']


def test_what_outlives_a_request_stays_on_its_server(url: Url, names: Names) -> None:
    async def later(end: asyncio.Event) -> None:
        await end.wait()
        async with rom.AsyncSession() as s:
            thing()(name='later')
            await s.commit()

    async def story() -> None:
        end = asyncio.Event()
        request_scope = unit_on(url(FIRST))
        with request_scope.active():
            task = asyncio.create_task(later(end))
        request_scope.end()
        end.set()
        await task

    asyncio.run(story())
    assert (names(FIRST), names(OTHER)) == (['later'], [])


def test_background_tasks_websockets_and_the_lifespan(url: Url, names: Names) -> None:
    async def save(name: str) -> None:
        async with rom.AsyncSession() as s:
            thing()(name=name)
            await s.commit()

    def app_on(number: int) -> Any:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[None]:
            await save('lifespan')
            yield

        app = fastapi.FastAPI(lifespan=lifespan)

        @app.get('/')
        async def view(tasks: BackgroundTasks) -> None:
            tasks.add_task(lambda: thing()(name='plain'))
            tasks.add_task(save, 'awaited')

        @app.websocket('/')
        async def talk(websocket: fastapi.WebSocket) -> None:
            await websocket.accept()
            await save(await websocket.receive_text())
            await websocket.close()

        app.add_middleware(RomMiddleware, url=url(number))
        return app

    with ExitStack() as stack:
        clients = [stack.enter_context(Client(app_on(number))) for number in (FIRST, SECOND)]
        for client in clients:
            assert client.get('/').status_code == 200
            with client.websocket_connect('/') as websocket:
                websocket.send_text('socket')
                assert websocket.receive()['type'] == 'websocket.close'
    for number in (FIRST, SECOND):
        assert names(number) == ['awaited', 'lifespan', 'plain', 'socket']
    assert names(OTHER) == []


def test_a_part_without_a_server_has_that_of_the_whole(url: Url, names: Names) -> None:
    part, whole, other = fastapi.FastAPI(), fastapi.FastAPI(), fastapi.FastAPI()

    @part.get('/')
    async def view() -> None:
        thing()(name='a')

    part.add_middleware(RomMiddleware, commit_on=[200])
    whole.mount('/part', part)
    whole.add_middleware(RomMiddleware, url=url(FIRST))
    other.add_middleware(RomMiddleware, url=url(SECOND))
    with Client(whole) as client, Client(other):
        assert client.get('/part/').status_code == 200
    assert (names(FIRST), names(SECOND)) == (['a'], [])


# --- clients instead of URLs ---------------------------------------------------------------------


@pytest.mark.parametrize('name', FRONTS)
@pytest.mark.parametrize('is_made', [False, True], ids=['a-client', 'a-function'])
def test_a_client(name: str, is_made: bool, server: Server, names: Names) -> None:
    made = []

    def make() -> redis.Redis:
        made.append(server.connect(db=FIRST, max_connections=9))
        return made[-1]

    given = make if is_made else make()
    with Front(name, {'client': given}) as front:
        assert front.call('create', 'a') == (201, 'a')
        assert front.call('stream', 'b')[0] == 200
    thing()(name='outside').save()
    assert names(FIRST) == ['a', 'b', 'b-late', 'outside']
    assert len(made) == 1


@pytest.mark.parametrize('name', FRONTS)
def test_a_function_for_asyncio(name: str, server: Server, names: Names) -> None:
    """Once for each loop, and for coroutines only; each is closed."""
    made: list[tuple[Any, Any]] = []

    def make() -> redis.asyncio.Redis:
        client = server.connect_async(db=FIRST)
        made.append((asyncio.get_running_loop(), client))
        return client

    settings = {'client': lambda: server.connect(db=FIRST), 'async_client': make}
    with Front(name, settings) as front:
        for letter in 'ab':
            assert front.call('create', letter) == (201, letter)
        assert front.call('hit', 'a') == (200, '1')
    assert names(FIRST) == ['a', 'b']
    assert bool(made) == front.is_async
    assert len({id(loop) for loop, _ in made}) == len(made)
    for _, client in made:
        assert not any(c.is_connected for c in client.connection_pool._available_connections)


def test_an_asyncio_client_stays_the_programs(url: Url, server: Server, names: Names) -> None:
    async def story() -> None:
        async with server.connect_async(db=FIRST, client_name='mine') as mine:
            settings = Settings(url=url(FIRST), async_client=mine)
            request_scope = RequestScope(settings)
            with request_scope.active():
                thing()(name='a')
                await request_scope.acommit_for(200)
            assert await mine.ping()
            [used] = mine.connection_pool._available_connections
            loop = asyncio.get_running_loop()
            await loop.shutdown_asyncgens()
            assert used.is_connected
            with request_scope.active():
                assert await rom.AsyncSession(mine).count(thing().query) == 1

    asyncio.run(story())
    assert names(FIRST) == ['a']


def test_dotted_names_in_django(server: Server, names: Names, monkeypatch: Any) -> None:
    import tests.contrib.fronts as module

    monkeypatch.setattr(module, 'ours', lambda: server.connect(db=FIRST), raising=False)
    with Front('django', {'client': 'tests.contrib.fronts.ours'}) as front:
        front.call('create', 'a')
    assert names(FIRST) == ['a']
    for wrong in ('redis://:zq9vjx7kwy@host', 'zq9vjx7kwy'):
        with pytest.raises(rom.ORMError, match=r"ROM\['CLIENT'\]: expected the dotted") as caught:
            with Front('django', {'client': wrong}) as front:
                front.call('create', 'a')
        assert 'zq9vjx7kwy' not in str(caught.value)


def test_flask_takes_clients_in_its_configuration(server: Server, names: Names) -> None:
    app = flask.Flask('things')
    app.config['ROM_CLIENT'] = server.connect(db=FIRST)
    app.add_url_rule('/', 'view', lambda: thing()(name='a').name)
    Rom(app)
    assert app.test_client().get('/').text == 'a'
    assert names(FIRST) == ['a']


@pytest.mark.parametrize('name', ['flask', 'fastapi', 'fastapi-plain', 'django-async-view'])
def test_sentinels(name: str) -> None:
    fleet = Fleet(replicas=0)
    try:
        watch = Sentinel(fleet.sentinels)
        settings = {
            'client': lambda: watch.master_for(NAME),
            'async_client': lambda: redis.asyncio.sentinel.Sentinel(fleet.sentinels).master_for(
                NAME
            ),
        }
        with Front(name, settings) as front:
            assert front.call('create', 'a') == (201, 'a')
            assert front.call('hit', 'a') == (200, '1')
        assert fleet.main.client.hget('Thing:1', 'name') == b'a'
    finally:
        fleet.end()
