"""What only Django has: its settings, other middleware, exceptions on their way, files."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import django.conf
import django.core.wsgi
import django.test as django_test
import django.urls
import pytest
from django import http

import rom
from rom._core import session_context
from rom.contrib.django import RomMiddleware
from tests.contrib import fronts
from tests.contrib.views import thing

pytestmark = pytest.mark.one_server
Names = Callable[[], list[str]]

MET: list[Any] = []


def plain_middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Django runs it in a thread, where the others are coroutines."""

    def middleware(request: Any) -> Any:
        thing()(name='plain before')
        response = get_response(request)
        MET.append(session_context.home())
        return response

    return middleware


def refusing(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def middleware(request: Any) -> Any:
        thing()(name='refused')
        return http.HttpResponseForbidden()

    return middleware


class Politely(RomMiddleware):
    """With pages of its own."""

    def conflict(self, request: Any, error: rom.ORMError) -> Any:
        if isinstance(error, rom.DataRaceError):
            return None
        return http.HttpResponse(f'{request.path}: sorry', status=418)


def serve(monkeypatch: pytest.MonkeyPatch, plain: Any = None, awaited: Any = None) -> None:
    """Have views do this."""
    if plain is not None:
        monkeypatch.setitem(fronts.PLAIN, 'other', plain)
    if awaited is not None:
        monkeypatch.setitem(fronts.AWAITED, 'other', awaited)


def middlewares(*names: str) -> Any:
    ours = 'rom.contrib.django.RomMiddleware'
    theirs = [f'{__name__}.{name}' for name in names]
    return django_test.override_settings(MIDDLEWARE=[ours, *theirs])


def test_wrong_settings() -> None:
    with fronts.django_urls({'comit': True}):
        with pytest.raises(rom.ORMError, match=r"settings\.ROM: .* got 'COMIT'"):
            django_test.Client().get('/')


def test_without_settings(things: Names) -> None:
    with fronts.django_urls({}), django_test.override_settings():
        del django.conf.settings.ROM
        assert django_test.Client().post('/plain/create/a').status_code == 201
    assert things() == ['a']


def test_other_middleware_belongs_to_the_request(things: Names) -> None:
    with fronts.django_urls({}), middlewares('plain_middleware'):
        assert django_test.Client().post('/plain/create/a').status_code == 201
        assert things() == ['a', 'plain before']
        assert django_test.Client().post('/plain/create/b').status_code == 409
        with middlewares('refusing'):
            assert django_test.Client().post('/plain/create/c').status_code == 403
    assert things() == ['a', 'plain before']


def test_plain_middleware_before_an_awaited_view(things: Names) -> None:
    """Both work in the session of the request."""

    async def story() -> None:
        client = django_test.AsyncClient()
        assert (await client.post('/awaited/create/a')).status_code == 201
        assert things() == ['a', 'plain before']
        assert (await client.post('/awaited/create/b')).status_code == 409

    with fronts.django_urls({}), middlewares('plain_middleware'):
        asyncio.run(story())
    assert things() == ['a', 'plain before']


def test_errors_of_views_pass_other_middleware_first(things: Names) -> None:
    """As Django has it; and a conflict is a response by then."""
    with fronts.django_urls({}), middlewares('plain_middleware'):
        client = django_test.Client()
        client.post('/plain/create/a')
        MET.clear()
        response = client.post('/plain/clash_at_once/a')
        assert response.status_code == 409
        assert response.json()['columns'] == ['name']
        assert len(MET) == 1
    assert things() == ['a', 'plain before']


def test_a_page_for_conflicts(things: Names) -> None:
    polite = django_test.override_settings(MIDDLEWARE=[f'{__name__}.Politely'])
    with fronts.django_urls({'conflicts': 'raise'}), polite:
        client = django_test.Client()
        assert client.post('/plain/create/a').status_code == 201
        for path in ('/plain/clash/a', '/plain/clash_at_once/a', '/awaited/clash/a'):
            response = client.post(path)
            assert (response.status_code, response.text) == (418, f'{path}: sorry')
        with pytest.raises(rom.DataRaceError):
            client.post('/plain/race/a')

        async def awaited() -> int:
            return int((await django_test.AsyncClient().post('/awaited/clash/a')).status_code)

        assert asyncio.run(awaited()) == 418
    assert things() == ['a']


def test_not_found_pages(things: Names) -> None:
    with fronts.django_urls({}), middlewares('plain_middleware'):
        assert django_test.Client().post('/nowhere').status_code == 404
    assert things() == []


def test_files_are_left_to_the_server(things: Names, tmp_path: Path) -> None:
    """One that can send them by itself looks at what it is given."""
    (tmp_path / 'page').write_text('words')

    class Wrapper:
        def __init__(self, file: Any, size: int = 0) -> None:
            self.file = file

    def view(request: Any) -> Any:
        thing()(name='a')
        return http.FileResponse((tmp_path / 'page').open('rb'))

    with fronts.django_urls({}):
        urls: Any = fronts.sys.modules[fronts.URLS]
        urls.urlpatterns.append(django.urls.path('file', view))
        django.urls.clear_url_caches()
        environ = {**django_test.RequestFactory().get('/file').environ}
        environ['wsgi.file_wrapper'] = Wrapper
        body = django.core.wsgi.get_wsgi_application()(environ, lambda *said: None)
        assert isinstance(body, Wrapper)
        assert body.file.read() == b'words'
        body.file.close()
    assert things() == ['a']


def test_a_plain_stream_that_nobody_reads(things: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does when it is closed still belongs to the request, which writes nothing more."""

    def view(name: str) -> tuple[int, Any]:
        def chunks() -> Iterator[str]:
            try:
                MET.append(session_context.home())
                yield 'a'
                yield 'b'
            finally:
                MET.append(session_context.home())
                thing()(name='late')

        return 200, chunks()

    MET.clear()
    serve(monkeypatch, plain=view)
    with fronts.django_urls({}):
        environ = django_test.RequestFactory().post('/plain/other/a').environ
        body: Any = django.core.wsgi.get_wsgi_application()(environ, lambda *said: None)
        assert next(iter(body)) == b'a'
        body.close()
    assert len(MET) == 2
    assert MET[0] is MET[1]
    assert MET[0] is not session_context.home()
    assert things() == []


def test_a_stream_of_coroutines_that_nobody_reads(
    things: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def view(name: str, s: rom.AsyncSession) -> tuple[int, Any]:
        async def chunks() -> AsyncIterator[str]:
            thing()(name='late')
            yield 'a'
            yield 'b'

        return 200, chunks()

    async def story() -> None:
        response = await django_test.AsyncClient().post('/awaited/other/a')
        body = aiter(response)
        assert await anext(body) == b'a'
        await body.aclose()
        response.close()

    serve(monkeypatch, awaited=view)
    with fronts.django_urls({}):
        asyncio.run(story())
    assert things() == []
