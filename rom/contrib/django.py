"""A session for each request of a Django project.

In the settings::

    MIDDLEWARE = ['rom.contrib.django.RomMiddleware', ...]
    ROM = {'URL': 'redis://localhost'}

In a view, `rom.session` is the request's own session. In an ``async def`` view it is
``request.rom_session``, an :class:`rom.AsyncSession`. The middleware commits it before it sends a
response with a successful status, else it rolls it back; see ``docs/howto/web-frameworks.rst``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from rom.contrib import not_installed
from rom.contrib.conflict_responses import CONFLICTS, STATUS, conflict_body
from rom.contrib.request_scope import RequestScope, Stream, stream
from rom.contrib.settings import Settings
from rom.exceptions import ORMError

try:
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction
    from django import conf
    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from django.utils.module_loading import import_string
except ModuleNotFoundError:
    raise not_installed(__name__, 'Django', "'rom-redis[django]'") from None


class RomMiddleware:
    """Django middleware for plain and ``async def`` views, under WSGI and ASGI.

    ``settings.ROM`` is a dict of the arguments of :class:`rom.contrib.settings.Settings`, in
    capitals: ``URL``, ``CLIENT``, ``ASYNC_CLIENT``, ``COMMIT``, ``COMMIT_ON``, ``CONFLICTS``. The
    two clients may be dotted names, like ``'shop.redis.connect'``. Put it first in ``MIDDLEWARE``,
    so that the other middleware runs within the request's session.

    Raises:
        ORMError: a setting is unknown or invalid.

    Example::

        MIDDLEWARE = ['rom.contrib.django.RomMiddleware', ...]
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._settings = Settings.of(_imported(getattr(conf.settings, 'ROM', {})), 'settings.ROM')
        self._settings.connect()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request_scope = RequestScope(self._settings)
        request.rom_session, request._rom_scope = request_scope.awaited, request_scope
        return (
            self._awaited(request_scope, request)
            if self._is_async
            else self._blocking(request_scope, request)
        )

    def conflict(self, request: HttpRequest, error: ORMError) -> HttpResponse | None:
        """Return the response to a conflict, or None to raise it. Subclasses may override this.

        Args:
            request: the current request.
            error: one of :data:`rom.contrib.conflict_responses.CONFLICTS`. Nothing was written.

        Example::

            class Conflicts(RomMiddleware):
                def conflict(self, request, error):
                    return render(request, 'taken.html', {'error': error}, status=409)
        """
        if self._settings.conflicts != STATUS:
            return None
        return HttpResponse(conflict_body(error), status=STATUS, content_type='application/json')

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer a conflict that a view raised; Django calls this for every exception."""
        if not isinstance(error, CONFLICTS):
            return None
        request_scope: RequestScope = request._rom_scope
        request_scope.fail()
        return self.conflict(request, error)

    def _blocking(self, request_scope: RequestScope, request: HttpRequest) -> HttpResponseBase:
        try:
            with request_scope.active():
                response = cast(HttpResponseBase, self._get_response(request))
                request_scope.commit_for(response.status_code)
        except BaseException as error:
            return self._failed(request_scope, request, error)
        return _end_with(request_scope, response)

    async def _awaited(self, request_scope: RequestScope, request: HttpRequest) -> HttpResponseBase:
        try:
            with request_scope.active():
                response = cast(HttpResponseBase, await self._get_response(request))
                await request_scope.acommit_for(response.status_code)
        except BaseException as error:
            return self._failed(request_scope, request, error)
        return _end_with(request_scope, response)

    def _failed(
        self, request_scope: RequestScope, request: HttpRequest, error: BaseException
    ) -> HttpResponse:
        request_scope.end()
        response = self.conflict(request, error) if isinstance(error, CONFLICTS) else None
        if response is None:
            raise error
        return response


def _imported(given: Any) -> Any:
    """Return the settings with dotted names of clients replaced by what they name."""
    if not isinstance(given, Mapping):
        return given
    return {
        name: _by_name(name, value)
        if isinstance(value, str) and str(name).lower() in ('client', 'async_client')
        else value
        for name, value in given.items()
    }


def _by_name(setting: str, name: str) -> Any:
    if '.' in name and all(part.isidentifier() for part in name.split('.')):
        return import_string(name)
    # Do not quote the value, as Django's own error would: it may be a URL with a password.
    raise ORMError(
        f'settings.ROM[{setting!r}]: expected the dotted name of a client or a function, like '
        "'shop.redis.connect'. A URL goes into 'URL'"
    )


def _end_with(request_scope: RequestScope, response: Any) -> HttpResponseBase:
    """Return the response, and end the request, or have a streamed body end it."""
    if not response.streaming or getattr(response, 'file_to_stream', None) is not None:
        request_scope.end()
    elif response.is_async:
        response.streaming_content = stream(request_scope, response.streaming_content)
    else:
        # Django would close the view's generators after the stream, when the request is over and
        # its session is gone. So the stream closes them itself.
        closers, response._resource_closers = response._resource_closers, []
        response.streaming_content = Stream(request_scope, response.streaming_content, closers)
    return cast(HttpResponseBase, response)
