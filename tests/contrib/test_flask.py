"""What only Flask has: configuration, hooks, its own error handlers, files."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

import rom
from rom._core import session_context
from rom.contrib.flask import Rom
from tests.contrib.views import thing

pytestmark = pytest.mark.one_server
Names = Callable[[], list[str]]


@pytest.fixture
def app() -> Any:
    return flask.Flask('things')


def test_configuration_comes_before_arguments(app: Any, things: Names) -> None:
    app.config.update(ROM_COMMIT=False, ROM_CONFLICTS='raise', ROM_OTHER='not ours')
    Rom(app, commit=True, commit_on=[200])
    settings = app.extensions['rom']
    assert (settings.commit, settings.conflicts) == (False, 'raise')
    assert settings.commit_on == [200]


def test_the_application_may_be_named_later(things: Names) -> None:
    extension = Rom(conflicts='raise')
    for name in 'ab':
        app = flask.Flask(name)
        extension.init_app(app)
        app.add_url_rule('/', view_func=lambda name=name: thing()(name=name).name)
        assert app.test_client().get('/').text == name
    assert things() == ['a', 'b']


def test_once_is_enough(app: Any) -> None:
    Rom(app)
    with pytest.raises(rom.ORMError, match='things has the extension rom already'):
        Rom(app)


def test_wrong_settings(app: Any) -> None:
    with pytest.raises(rom.ORMError, match="got 'COMIT'"):
        Rom(comit=True)
    app.config['ROM_COMMIT'] = 'yes'
    with pytest.raises(rom.ORMError, match=r"the rom setting commit: .* got 'yes'"):
        Rom(app)


def test_hooks_belong_to_the_request(app: Any, things: Names) -> None:
    """Whether they are declared before the extension or after it."""
    met = []

    def note(name: str) -> Callable[..., Any]:
        def hook(response: Any = None) -> Any:
            met.append(session_context.home())
            thing()(name=name)
            return response

        return hook

    app.before_request(note('before 1'))
    app.after_request(note('after 1'))
    app.teardown_request(lambda error: note('teardown')() and None)
    Rom(app)
    app.before_request(note('before 2'))
    app.after_request(note('after 2'))
    app.add_url_rule('/', view_func=lambda: 'fine')
    with app.test_client().get('/') as response:
        assert response.text == 'fine'
    assert things() == ['after 1', 'after 2', 'before 1', 'before 2', 'teardown']
    assert len({id(session) for session in met}) == 1


def test_a_conflict_goes_to_the_programs_own_handler(app: Any, things: Names) -> None:
    @app.errorhandler(rom.UniqueKeyViolation)
    def taken(error: rom.UniqueKeyViolation) -> tuple[str, int]:
        return f'{error.value} is taken', 418

    Rom(app)
    app.add_url_rule('/late', 'late', lambda: thing()(name='a').name)
    app.add_url_rule('/early', 'early', lambda: str(thing()(name='a').save()))
    client = app.test_client()
    assert client.get('/late').text == 'a'
    for path in ('/late', '/early'):
        response = client.get(path)
        assert (response.status_code, response.text) == (418, 'a is taken')
    assert things() == ['a']


def test_a_refused_value_goes_to_the_programs_own_handler(app: Any, things: Names) -> None:
    """Here it is found out by the commit, when the view has ended."""
    Rom(app)

    @app.errorhandler(rom.InvalidColumnValue)
    def refuse(error: rom.InvalidColumnValue) -> tuple[str, int]:
        return str(error), 422

    app.add_url_rule('/', view_func=lambda: repr(thing()(name='\ud800')))
    response = app.test_client().get('/')
    assert response.status_code == 422
    assert 'lone surrogate' in response.text
    assert things() == []


def test_so_it_does_when_it_is_raised(app: Any, things: Names) -> None:
    Rom(app, conflicts='raise')

    @app.errorhandler(rom.ORMError)
    def any_error(error: rom.ORMError) -> tuple[str, int]:
        return type(error).__name__, 418

    app.add_url_rule('/', view_func=lambda: thing()(name='a').name)
    client = app.test_client()
    assert client.get('/').status_code == 200
    response = client.get('/')
    assert (response.status_code, response.text) == (418, 'UniqueKeyViolation')


def test_without_a_handler_it_is_a_500(app: Any, things: Names) -> None:
    Rom(app, conflicts='raise')
    app.add_url_rule('/', view_func=lambda: thing()(name='a').name)
    client = app.test_client()
    assert client.get('/').status_code == 200
    assert client.get('/').status_code == 500


def test_a_409_passes_what_follows_every_request(app: Any, things: Names) -> None:
    blueprint = flask.Blueprint('parts', 'parts')

    @blueprint.after_request
    def of_blueprint(response: Any) -> Any:
        response.headers['X-Order'] = 'blueprint'
        return response

    @app.after_request
    async def of_app(response: Any) -> Any:
        response.headers['X-Order'] += ' app'
        return response

    Rom(app)
    blueprint.add_url_rule('/', view_func=lambda: thing()(name='a').name)
    app.register_blueprint(blueprint)
    client = app.test_client()
    for status in (200, 409):
        response = client.get('/')
        assert response.status_code == status
        assert response.headers['X-Order'] == 'blueprint app'


def test_an_error_that_is_handled_is_a_success_if_its_response_is(app: Any, things: Names) -> None:
    Rom(app)

    @app.errorhandler(LookupError)
    def handled(error: LookupError) -> str:
        return 'all is well'

    @app.route('/')
    def view() -> str:
        thing()(name='a')
        raise LookupError

    assert app.test_client().get('/').text == 'all is well'
    assert things() == ['a']


def test_a_stream_with_the_context_of_its_request(app: Any, things: Names) -> None:
    Rom(app)

    @app.route('/<name>')
    def view(name: str) -> Any:
        @flask.stream_with_context
        def chunks() -> Iterator[str]:
            yield flask.request.path
            thing()(name=name)
            yield 'end'

        return flask.Response(chunks())

    client = app.test_client()
    with client.get('/a') as response:
        assert response.text == '/aend'
    assert things() == ['a']
    with client.get('/b') as response:  # a client that does not wait for the end
        assert next(response.response) == b'/b'
        assert next(response.response) == b'end'
    assert things() == ['a']


def test_what_is_called_on_close_belongs_to_the_request(app: Any, things: Names) -> None:
    Rom(app)

    @app.route('/')
    def view() -> Any:
        response = flask.Response('fine')
        response.call_on_close(lambda: thing()(name='closed'))
        return response

    with app.test_client().get('/') as response:
        assert response.text == 'fine'
        assert things() == []
    assert things() == ['closed']


def test_a_head_request(app: Any, things: Names) -> None:
    Rom(app)
    app.add_url_rule('/', view_func=lambda: thing()(name='a').name)
    assert app.test_client().head('/').status_code == 200
    assert things() == ['a']


def test_a_server_may_send_files_by_itself(app: Any, things: Names, tmp_path: Path) -> None:
    """It looks at what it is given: nobody must stand between."""

    class Wrapper:
        def __init__(self, file: Any, size: int = 0) -> None:
            self.file = file

    (tmp_path / 'page').write_text('words')
    Rom(app)

    @app.route('/')
    def view() -> Any:
        thing()(name='a')
        return flask.send_file(tmp_path / 'page')

    environ = {**app.test_request_context('/').request.environ, 'wsgi.file_wrapper': Wrapper}
    body = app(environ, lambda *said: None)
    assert isinstance(body, Wrapper)
    body.file.close()
    assert environ['rom.request_scope'].session_of(False) is None
    assert things() == ['a']
    with app.test_client().get('/', buffered=False) as response:
        assert response.status_code == 409


def test_a_context_without_a_request(app: Any) -> None:
    Rom(app)
    mine = session_context.home()
    with app.test_request_context('/'):
        assert session_context.home() is mine
        assert app.process_response(flask.Response('x')).status_code == 200
