"""A session for each request of a Flask application.

::

    app = flask.Flask(__name__)
    rom.contrib.flask.Rom(app, url='redis://localhost')

In a view, `rom.session` is the request's own session. The extension commits it before it sends a
response with a successful status, else it rolls it back; see ``docs/howto/web-frameworks.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from rom.contrib import not_installed
from rom.contrib.conflict_responses import CONFLICTS, STATUS, conflict_body
from rom.contrib.request_scope import RequestScope, Stream
from rom.contrib.settings import Settings
from rom.exceptions import ORMError

try:
    import flask
except ModuleNotFoundError:
    raise not_installed(__name__, 'Flask', "'rom-redis[flask]'") from None

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_KEY = 'rom.request_scope'


class Rom:
    """Flask extension that gives each request its session.

    The keys ``ROM_URL``, ``ROM_CLIENT``, ``ROM_ASYNC_CLIENT``, ``ROM_COMMIT``, ``ROM_COMMIT_ON``,
    ``ROM_CONFLICTS`` of ``app.config`` override the arguments.

    Args:
        app: the application; None to name it later, with :meth:`init_app`.
        **settings: the arguments of :class:`rom.contrib.settings.Settings`.

    Raises:
        ORMError: a setting is unknown or invalid, or the application has the extension already.

    Example::

        Rom(app, url='redis://localhost', conflicts='raise')
    """

    def __init__(self, app: flask.Flask | None = None, **settings: Any) -> None:
        self._given = settings
        Settings.of(settings, 'Rom(...)')
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Give each request of an application its session.

        Raises:
            ORMError: a setting is unknown or invalid, or the application has the extension already.

        Example::

            database = Rom()
            database.init_app(app)
        """
        if 'rom' in app.extensions:
            raise ORMError(
                f'{app.import_name} has the extension rom already: call init_app only once'
            )
        configured = {
            field.name: app.config[key]
            for field in fields(Settings)
            if (key := f'ROM_{field.name.upper()}') in app.config
        }
        settings = Settings.of({**self._given, **configured}, 'app.config (ROM_...)')
        settings.connect()
        app.extensions['rom'] = settings
        # Flask calls the first function of the list last, after all others have made their changes.
        app.after_request_funcs.setdefault(None, []).insert(0, _respond)
        if settings.conflicts == STATUS:
            handled = app.error_handler_spec[None][None]
            for kind in CONFLICTS:
                handled.setdefault(kind, _answer)
        app.wsgi_app = _Requests(app.wsgi_app, settings)  # type: ignore[method-assign]


class _Requests:
    """WSGI application that wraps each request in a session."""

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_scope = environ[_KEY] = RequestScope(self._settings, blocks=True)
        try:
            with request_scope.active():
                body = self._app(environ, start_response)
        except BaseException:
            request_scope.end()
            raise
        if type(body) is environ.get('wsgi.file_wrapper'):
            # The server sends the file itself, but only if the body is not wrapped.
            request_scope.end()
            return body
        return Stream(request_scope, body)


def _respond(response: flask.Response) -> flask.Response:
    request_scope: RequestScope | None = flask.request.environ.get(_KEY)
    if request_scope is None:  # flask.Flask.test_request_context
        return response
    try:
        request_scope.commit_for(response.status_code)
    except ORMError as error:
        app = flask.current_app
        other = app.make_response(app.handle_user_exception(error))
        for function in _earlier_functions(app):
            other = app.ensure_sync(function)(other)
        return other
    return response


def _earlier_functions(app: flask.Flask) -> Iterable[Callable[[Any], Any]]:
    """Yield the other after_request functions, which a conflict's response has not passed yet."""
    for name in chain(flask.request.blueprints, (None,)):
        for function in reversed(app.after_request_funcs.get(name, [])):
            if function is not _respond:
                yield function


def _answer(error: ORMError) -> flask.Response:
    request_scope: RequestScope | None = flask.request.environ.get(_KEY)
    if request_scope is not None:
        request_scope.fail()
    return flask.Response(conflict_body(error), STATUS, mimetype='application/json')
