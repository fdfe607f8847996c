"""Each framework with the application of views.py, and its real test client.

    with Front('flask', {'conflicts': 'raise'}) as front:
        front.call('create', 'a')        # (201, 'a')

An error that nobody handled comes out of `call`, as test clients have it, or is a 500.
"""

import asyncio
import contextlib
import json
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import django
import django.conf
import django.core.asgi
import django.core.wsgi
import django.http
import django.test
import django.urls
import fastapi
import flask
import starlette.applications
import starlette.background
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.testclient

import rom
import rom.contrib.asgi
import rom.contrib.flask
from tests.contrib.views import AWAITED, PLAIN

Settings = dict[str, Any]
Call = Callable[[str, str], tuple[int, Any]]

URLS = 'tests_contrib_urls'


@contextlib.contextmanager
def set_up_django() -> Iterator[None]:
    """Django's settings are those of the whole program, and may be made once."""
    settings: Any = django.conf.settings
    before, settings._wrapped = settings._wrapped, django.conf.empty
    settings.configure(
        ALLOWED_HOSTS=['*'],
        ROOT_URLCONF=URLS,
        MIDDLEWARE=['rom.contrib.django.RomMiddleware'],
        SECRET_KEY='of no use',
        LOGGING_CONFIG=None,
    )
    django.setup()
    try:
        yield
    finally:
        settings._wrapped = before


# --- applications --------------------------------------------------------------------------------


def flask_app(settings: Settings, is_async: bool = False) -> Any:
    app = flask.Flask('things')

    def plain(view: str, name: str) -> Any:
        status, body = PLAIN[view](name)
        return flask.Response(body, status)

    async def awaited(view: str, name: str) -> Any:
        return plain(view, name)

    app.add_url_rule('/<view>/<name>', 'view', awaited if is_async else plain, methods=['POST'])
    rom.contrib.flask.Rom(app, **settings)
    return app


@contextlib.contextmanager
def django_urls(settings: Settings) -> Iterator[None]:
    """`/plain/...` and `/awaited/...`, and these settings."""
    http = django.http

    def answer(status: int, body: Any) -> Any:
        kind = http.HttpResponse if isinstance(body, str) else http.StreamingHttpResponse
        return kind(body, status=status)

    def plain(request: Any, view: str, name: str) -> Any:
        return answer(*PLAIN[view](name))

    async def awaited(request: Any, view: str, name: str) -> Any:
        return answer(*await AWAITED[view](name, request.rom_session))

    module: Any = types.ModuleType(URLS)
    module.urlpatterns = [
        django.urls.path('plain/<view>/<name>', plain),
        django.urls.path('awaited/<view>/<name>', awaited),
    ]
    sys.modules[URLS] = module
    django.urls.clear_url_caches()
    upper = {name.upper(): value for name, value in settings.items()}
    with set_up_django(), django.test.override_settings(ROM=upper):
        yield


def starlette_app(settings: Settings) -> Any:
    async def awaited(request: Any) -> Any:
        view, name = request.path_params['view'], request.path_params['name']
        return answer(*await AWAITED[view](name, request.state.rom_session))

    def plain(request: Any) -> Any:
        return answer(*PLAIN[request.path_params['view']](request.path_params['name']))

    app = starlette.applications.Starlette(
        routes=[
            starlette.routing.Route('/awaited/{view}/{name}', awaited, methods=['POST']),
            starlette.routing.Route('/plain/{view}/{name}', plain, methods=['POST']),
        ]
    )
    app.add_middleware(rom.contrib.asgi.RomMiddleware, **settings)
    return app


def fastapi_app(settings: Settings) -> Any:
    app = fastapi.FastAPI()

    @app.post('/awaited/{view}/{name}')
    async def awaited(view: str, name: str, session: rom.contrib.asgi.RomSession) -> Any:
        return answer(*await AWAITED[view](name, session))

    @app.post('/plain/{view}/{name}')
    def plain(view: str, name: str) -> Any:
        return answer(*PLAIN[view](name))

    app.add_middleware(rom.contrib.asgi.RomMiddleware, **settings)
    return app


def answer(status: int, body: Any) -> Any:
    """A response of Starlette's."""
    if isinstance(body, str):
        return starlette.responses.PlainTextResponse(body, status)
    return starlette.responses.StreamingResponse(body, status)


# --- clients -------------------------------------------------------------------------------------


def _read(status: int, kind: str, body: bytes) -> tuple[int, Any]:
    return status, json.loads(body) if kind.startswith('application/json') else body.decode()


@contextlib.contextmanager
def _flask(settings: Settings, is_async: bool = False) -> Iterator[Call]:
    app = flask_app(settings, is_async)
    app.testing = True

    def call(view: str, name: str) -> tuple[int, Any]:
        with app.test_client().post(f'/{view}/{name}') as response:
            return _read(response.status_code, response.content_type, response.get_data())

    yield call


@contextlib.contextmanager
def _django(settings: Settings, path: str) -> Iterator[Call]:
    with django_urls(settings):
        client = django.test.Client()

        def call(view: str, name: str) -> tuple[int, Any]:
            response = client.post(f'/{path}/{view}/{name}')
            body = b''.join(response) if response.streaming else response.content
            response.close()
            return _read(response.status_code, response['Content-Type'], body)

        yield call


@contextlib.contextmanager
def _django_async(settings: Settings, path: str) -> Iterator[Call]:
    with django_urls(settings):
        client = django.test.AsyncClient()

        async def called(view: str, name: str) -> tuple[int, Any]:
            response = await client.post(f'/{path}/{view}/{name}')
            if response.streaming:
                body = b''.join([chunk async for chunk in response])
            else:
                body = response.content
            return _read(response.status_code, response['Content-Type'], body)

        yield lambda view, name: asyncio.run(called(view, name))


@contextlib.contextmanager
def _starlette(settings: Settings, app: Callable[[Settings], Any], path: str) -> Iterator[Call]:
    with starlette.testclient.TestClient(app(settings), follow_redirects=False) as client:

        def call(view: str, name: str) -> tuple[int, Any]:
            response = client.post(f'/{path}/{view}/{name}')
            kind = response.headers.get('content-type', '')
            return _read(response.status_code, kind, response.content)

        yield call


#: By name: whether its views are coroutines, and how it is called.
FRONTS: dict[str, tuple[bool, Callable[[Settings], Any]]] = {
    'flask': (False, _flask),
    'flask-async': (False, lambda settings: _flask(settings, is_async=True)),
    'django': (False, lambda settings: _django(settings, 'plain')),
    'django-async-view': (True, lambda settings: _django(settings, 'awaited')),
    'django-asgi': (True, lambda settings: _django_async(settings, 'awaited')),
    'django-asgi-plain-view': (False, lambda settings: _django_async(settings, 'plain')),
    'starlette': (True, lambda settings: _starlette(settings, starlette_app, 'awaited')),
    'starlette-plain': (False, lambda settings: _starlette(settings, starlette_app, 'plain')),
    'fastapi': (True, lambda settings: _starlette(settings, fastapi_app, 'awaited')),
    'fastapi-plain': (False, lambda settings: _starlette(settings, fastapi_app, 'plain')),
}


class Front:
    """One way of calling the application."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.is_async, made = FRONTS[name]
        self._made = made(settings)
        self.call: Call

    def __enter__(self) -> 'Front':
        self.call = self._made.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._made.__exit__(*error)
