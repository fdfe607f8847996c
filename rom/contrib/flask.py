"""A session for each request of a Flask application.

::

    app = flask.Flask(__name__)
    rom.contrib.flask.Rom(app, url='redis://localhost')

In a view, `rom.session` is the request's own session. It is committed before the response leaves,
if that is a success, and forgotten if it is none; see ``docs/howto/web-frameworks.rst``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

from rom.contrib.conflicts import CONFLICTS, STATUS, body_of
from rom.contrib.missing import not_installed
from rom.contrib.settings import Settings
from rom.contrib.unit import Stream, Unit
from rom.exceptions import ORMError

try:
    import flask
except ModuleNotFoundError:
    raise not_installed(__name__, 'Flask', "'rom-redis[flask]'") from None

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_KEY = 'rom.unit'


class Rom:
    """The extension.

    The keys ``ROM_URL``, ``ROM_CLIENT``, ``ROM_ASYNC_CLIENT``, ``ROM_COMMIT``, ``ROM_COMMIT_ON``,
    ``ROM_CONFLICTS`` of ``app.config`` come before what is given here.

    Args:
        app: the application; None to name it later, with :meth:`init_app`.
        **settings: as :class:`rom.contrib.settings.Settings` takes them.

    Raises:
        ORMError: a setting that makes no sense, or the application has the extension already.

    Example::

        Rom(app, url='redis://localhost', conflicts='raise')
    """

    def __init__(self, app: flask.Flask | None = None, **settings: Any) -> None:
        self._given = settings
        Settings.of(settings, 'Rom(...)')
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Give an application's requests their sessions.

        Raises:
            ORMError: a setting that makes no sense, or the application has the extension already.

        Example::

            database = Rom()
            database.init_app(app)
        """
        if 'rom' in app.extensions:
            raise ORMError(f'{app.import_name} has the extension rom already; once is enough')
        configured = {
            field.name: app.config[key]
            for field in fields(Settings)
            if (key := f'ROM_{field.name.upper()}') in app.config
        }
        settings = Settings.of({**self._given, **configured}, 'app.config (ROM_...)')
        settings.connect()
        app.extensions['rom'] = settings
        # The first in the list is called last, when nobody changes anything any more.
        app.after_request_funcs.setdefault(None, []).insert(0, _respond)
        if settings.conflicts == STATUS:
            handled = app.error_handler_spec[None][None]
            for kind in CONFLICTS:
                handled.setdefault(kind, _answer)
        app.wsgi_app = _Requests(app.wsgi_app, settings)  # type: ignore[method-assign]


class _Requests:
    """The application, with a session around each request."""

    def __init__(self, app: WSGIApplication, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        unit = environ[_KEY] = Unit(self._settings, blocks=True)
        try:
            with unit.active():
                body = self._app(environ, start_response)
        except BaseException:
            unit.end()
            raise
        if type(body) is environ.get('wsgi.file_wrapper'):
            unit.end()  # the server sends the file by itself, if nobody stands between
            return body
        return Stream(unit, body)


def _respond(response: flask.Response) -> flask.Response:
    unit: Unit | None = flask.request.environ.get(_KEY)
    if unit is None:  # flask.Flask.test_request_context
        return response
    try:
        unit.respond(response.status_code)
    except ORMError as error:
        app = flask.current_app
        other = app.make_response(app.handle_user_exception(error))
        for function in _functions_before_ours(app):
            other = app.ensure_sync(function)(other)
        return other
    return response


def _functions_before_ours(app: flask.Flask) -> Iterable[Callable[[Any], Any]]:
    """What else is called after a request: a response that we have made has yet to pass it."""
    for name in chain(flask.request.blueprints, (None,)):
        for function in reversed(app.after_request_funcs.get(name, [])):
            if function is not _respond:
                yield function


def _answer(error: ORMError) -> flask.Response:
    unit: Unit | None = flask.request.environ.get(_KEY)
    if unit is not None:
        unit.fail()
    return flask.Response(body_of(error), STATUS, mimetype='application/json')
