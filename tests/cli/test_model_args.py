"""Which server models work on: --url, what their module set up, ROM_REDIS_URI."""

import pytest

from tests.cli.conftest import Shop
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

OWN = """
import redis, rom
class Own(rom.Model):
    _conn = redis.Redis(unix_socket_path={socket!r}, db=3)
class Free(rom.Model):
    pass
"""
WHERE = 'print(Free._connection.connection_pool.connection_kwargs.get("db", 0))'


@pytest.mark.parametrize(
    'settings',
    [
        'rom.connect({url!r} + "?db=2")',
        'rom.util.set_connection_settings(unix_socket_path={url!r}[7:], db=2)',
        'rom.util.CONNECTION = redis.Redis(unix_socket_path={url!r}[7:], db=2)',
        'rom.util.get_connection = lambda: redis.Redis(unix_socket_path={url!r}[7:], db=2)',
    ],
)
def test_a_url_goes_before_what_the_module_set_up(shop: Shop, settings: str) -> None:
    text = 'import redis, rom\nclass Free(rom.Model): pass\n' + settings.format(url=shop.url)
    shop.write('free.py', text)
    assert shop.fine('shell', 'free', '--url', f'{shop.url}?db=1', '-c', WHERE) == '1\n'


def test_without_a_url_the_module_decides(shop: Shop) -> None:
    text = f'import rom\nclass Free(rom.Model): pass\nrom.connect({shop.url!r} + "?db=2")'
    shop.write('free.py', text)
    assert shop.fine('shell', 'free', '-c', WHERE) == '2\n'


def test_a_model_with_a_connection_of_its_own(shop: Shop, server: Server) -> None:
    shop.write('own.py', OWN.format(socket=server.socket))
    said = shop.wrong(2, 'models', 'own', '--url', shop.url)
    assert said == (
        'Error: own:Own has a connection of its own (_conn), which --url does not change: leave '
        'out --url, or name models without one\n'
    )
    assert shop.fine('models', 'own:Own', '--quick').startswith('model\tOwn\tOwn\town\t0')


@pytest.mark.parametrize(
    ('url', 'code', 'what'),
    [
        ('redis://me:secret@localhost:1/0', 3, 'Error: no answer from Redis at localhost:1/0'),
        ('nope://me:secret@x', 2, 'Error: the URL of the server cannot be used: it does not '),
        ('redis://:se/cret@x', 2, 'Error: the URL of the server cannot be used: '),
        (' ', 2, 'Error: --url needs the URL of a server'),
        ('embedded:/dev/null', 3, 'Error: no server can be embedded in'),
    ],
)
def test_urls_that_do_not_work(shop: Shop, url: str, code: int, what: str) -> None:
    said = shop.wrong(code, 'models', 'shop.models', '--quick', '--url', url)
    assert said.startswith(what)
    assert 'secret' not in said and 'cret@' not in said
    assert 'set_connection_settings' not in said
    assert len(said.splitlines()) == 1


def test_an_embedded_server(shop: Shop) -> None:
    url = 'embedded:kept'
    shop.fine('shell', 'shop.models', '--url', url, '-c', "Team(name='x').save()")
    assert shop.fine('explain', 'Team.query', 'shop.models', '--url', url).startswith('Team.all()')
    assert (shop.folder / 'kept').is_dir()
    assert shop.raw.dbsize() == 0


def test_models_from_the_environment(filled: Shop) -> None:
    names = {'ROM_MODELS': 'shop.models:Team shop.models:Login'}
    lines = filled.fine('models', '--quick', **names).splitlines()
    assert [line.split('\t')[1] for line in lines if line.startswith('model')] == ['Team', 'Login']
    assert 'no models: name them' in filled.wrong(2, 'models')
    assert 'ROM_MODELS' in filled.wrong(2, 'check', '--quiet')


def test_debug_shows_where(shop: Shop) -> None:
    ran = shop.run('models', 'nope', '--debug')
    assert ran.returncode == 1
    assert 'Traceback' in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith(
        "rom.cli.exit_codes.MisuseError: no module 'nope'"
    )
