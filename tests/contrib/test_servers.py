"""The fronts under real servers, on loopback: fifty requests at once, and clients that leave."""

import asyncio
import contextlib
import gc
import socket
import socketserver
import threading
import time
import wsgiref.simple_server
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import django.core.asgi
import django.core.wsgi
import httpx
import pytest
import redis
import uvicorn
from werkzeug import serving

import rom
from rom._core.drivers import kept_connections
from tests.contrib import fronts
from tests.contrib.views import ENDED, MET, thing
from tests.support.patience import PATIENCE

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.filterwarnings('ignore:StreamingHttpResponse must consume:Warning'),
]
Names = Callable[[], list[str]]

AT_ONCE = 50


# --- servers -------------------------------------------------------------------------------------


@contextlib.contextmanager
def threaded(server: Any) -> Iterator[int]:
    """A server of WSGI, with a thread for each request; its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


class ThreadingServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    request_queue_size = 128

    def handle_error(self, *args: Any) -> None:
        """Clients that leave are what is tested."""


@contextlib.contextmanager
def of_flask() -> Iterator[int]:
    class Silent(serving.WSGIRequestHandler):
        def log(self, *args: Any) -> None: ...

    app = fronts.flask_app({})
    server = serving.make_server('127.0.0.1', 0, app, threaded=True, request_handler=Silent)
    server.log = lambda *args: None  # tracebacks of what fails on purpose
    with threaded(server) as port:
        yield port


@contextlib.contextmanager
def of_django() -> Iterator[int]:
    with fronts.django_urls({}):
        app = django.core.wsgi.get_wsgi_application()
        server = wsgiref.simple_server.make_server('127.0.0.1', 0, app, ThreadingServer, Quiet)
        with threaded(server) as port:
            yield port


@contextlib.contextmanager
def asgi(app: Any, lifespan: str = 'auto') -> Iterator[int]:
    with contextlib.closing(socket.create_server(('127.0.0.1', 0), backlog=128)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level='critical', lifespan=lifespan))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def of_django_asgi() -> Iterator[int]:
    with fronts.django_urls({}):
        with asgi(django.core.asgi.get_asgi_application(), 'off') as port:
            yield port


#: By name: the server, and the beginning of each path.
SERVERS: dict[str, tuple[Callable[[], Any], str]] = {
    'flask': (of_flask, ''),
    'django-wsgi': (of_django, '/plain'),
    'django-asgi': (of_django_asgi, '/awaited'),
    'django-asgi-plain': (of_django_asgi, '/plain'),
    'fastapi': (lambda: asgi(fronts.fastapi_app({})), '/awaited'),
    'fastapi-plain': (lambda: asgi(fronts.fastapi_app({})), '/plain'),
}


# --- clients -------------------------------------------------------------------------------------


async def all_at_once(base: str, paths: list[str]) -> list[tuple[str, int]]:
    """Each path with its status. Who lost a race tries again, as a program would."""
    # uvicorn closes a connection after an error, and httpx may not have seen it yet.
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=PATIENCE) as client:

        async def ask(path: str) -> tuple[str, int]:
            while True:
                response = await client.post(path)
                if response.status_code != 409 or response.json()['what'] != 'race':
                    return path, response.status_code

        return list(await asyncio.gather(*(ask(path) for path in paths)))


@pytest.mark.parametrize('name', SERVERS)
def test_fifty_requests_at_once(name: str, things: Names) -> None:
    opened, head = SERVERS[name]
    with rom.Session() as s:
        s.add_all([thing()(name=f'counter {n}') for n in range(5)])
        s.commit()
    paths = [
        *(f'{head}/create/a{n}' for n in range(AT_ONCE)),
        *(f'{head}/hit/counter {n % 5}' for n in range(AT_ONCE)),
        *(f'{head}/{failing}/x{n}' for n in range(5) for failing in ('missing', 'boom', 'broken')),
        *(f'{head}/clash/counter {n}' for n in range(5)),
        *(f'{head}/stream/s{n}' for n in range(5)),
    ]
    with opened() as port:
        answers = asyncio.run(all_at_once(f'http://127.0.0.1:{port}', mixed(paths)))
    counted = Counter((path.removeprefix(head).split('/')[1], status) for path, status in answers)
    assert counted == {
        ('create', 201): AT_ONCE, ('hit', 200): AT_ONCE, ('stream', 200): 5, ('missing', 404): 5,
        ('boom', 500): 5, ('broken', 503): 5, ('clash', 409): 5,
    }  # fmt: skip
    assert things() == sorted(
        [f'a{n}' for n in range(AT_ONCE)]
        + [f'counter {n}' for n in range(5)]
        + [f's{n}{late}' for n in range(5) for late in ('', '-late')]
    )
    with rom.Session() as s:
        assert [s.get_by(thing(), name=f'counter {n}').hits for n in range(5)] == [10] * 5
    assert len({id(session) for session in MET}) == len(MET) >= 2 * AT_ONCE + 5
    assert connections_in_use() == 0


def mixed(paths: list[str]) -> list[str]:
    """Failures among successes."""
    return [path for start in range(7) for path in paths[start::7]]


def connections_in_use() -> int:
    gc.collect()
    client = rom.util.get_connection()
    idle = kept_connections.of(client)
    pool: Any = client.connection_pool
    return len(pool._in_use_connections) - (idle.idle if idle else 0)


@pytest.mark.parametrize('name', [name for name in SERVERS if name != 'django-asgi-plain'])
def test_a_client_that_leaves_in_the_middle(name: str, things: Names, raw: redis.Redis) -> None:
    """(Django reads a whole plain stream, before it sends anything of it under ASGI.)"""
    opened, head = SERVERS[name]
    with opened() as port:
        with socket.create_connection(('127.0.0.1', port)) as client:
            request = f'POST {head}/stream_long/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
            client.sendall(request.encode())
            assert client.recv(100).startswith(b'HTTP/1.')
        until(lambda: gc.collect() >= 0 and 'a' in ENDED)
        assert things() == ['a']
        response = httpx.post(f'http://127.0.0.1:{port}{head}/create/b', timeout=PATIENCE)
        assert response.status_code == 201
    assert things() == ['a', 'b']
    assert 'whole' not in ENDED
    assert connections_in_use() == 0


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, 'it did not happen'
        time.sleep(0.01)


def test_when_a_server_ends_its_connections_are_closed(things: Names, raw: redis.Redis) -> None:
    before = len(raw.client_list())
    with asgi(fronts.fastapi_app({})) as port:
        paths = [f'/awaited/create/a{n}' for n in range(AT_ONCE)]
        asyncio.run(all_at_once(f'http://127.0.0.1:{port}', paths))
        assert len(raw.client_list()) > before
    until(lambda: len(raw.client_list()) <= before + 1)  # this thread's, for the names
    assert len(things()) == AT_ONCE
