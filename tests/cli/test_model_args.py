"""Models by their names, with every mistake; and their server: --url, their own, ROM_REDIS_URI."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rom.cli.errors import UsageError
from rom.cli.model_args import import_models
from tests.cli.conftest import Shop
from tests.support.servers import Server

FILES = {
    'pack/__init__.py': '',
    'pack/models.py': """
import rom
class NamedUser(rom.Model): pass
class NamedOrder(rom.Model): pass
limit = 5
""",
    'pack/both.py': 'from pack.models import *\nfrom rom import Model',
    'pack/empty.py': 'import rom',
    'pack/broken.py': 'import rom\n\nimport no_such_thing\n',
    'pack/strange.py': 'x = (\n',
    'pack/failing.py': 'def f():\n    raise RuntimeError("no settings")\n\nf()\n',
    'pack/leaving.py': 'import sys\nsys.exit(3)\n',
    'pack/twice.py': """
import rom
class NamedTwice(rom.Model): pass
class Other(rom.Model):
    _namespace = 'NamedTwice'
""",
    'pack/within.py': 'import pack.nothing\n',
    'single.py': 'import rom\nclass NamedSingle(rom.Model): pass\n',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', [entry for entry in sys.path if entry])
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition('.')[0] in ('pack', 'single')]:
        del sys.modules[name]


def names(*said: str) -> list[str]:
    return [model.__name__ for model in import_models(said)]


def test_all_models_of_a_module_or_one() -> None:
    assert names('pack.models') == ['NamedUser', 'NamedOrder']
    assert names('pack.models:NamedOrder') == ['NamedOrder']
    assert names('pack.both') == ['NamedUser', 'NamedOrder']
    assert names('single', 'pack.models:NamedOrder', 'pack.models', 'single:NamedSingle') == [
        'NamedSingle', 'NamedOrder', 'NamedUser',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'what'),
    [
        (
            '',
            "'': expected the name of a module or a model; write package.module, or package.mod",
        ),
        ('pack models', "'pack models': expected the name of"),
        ('./pack/models.py', 'did you mean pack.models?'),
        ('pack/models', 'did you mean pack.models?'),
        ('pack.models.py', "'pack.models.py' is the name of a file; name the module: pack.models"),
        ('singel', "no module 'singel' in {folder}, nor is it installed; did you mean single?"),
        ('pack.modles', "no module 'pack.modles' in the package pack; did you mean pack.models?"),
        ('pack.qqq', "no module 'pack.qqq' in the package pack; there are pack.both, pack.broken"),
        ('single.models', "no module 'single.models': single is a module, and no package"),
        ('pack.models:nameduser', "has no model 'nameduser'; did you mean pack.models:NamedUser "),
        ('pack.models:Qqq', "no model 'Qqq'; there are pack.models:NamedUser, pack.models:NamedO"),
        ('pack.models:limit', 'pack.models:limit is not a rom.Model; there are'),
        ('pack.models:', "pack.models has no model ''"),
        ('pack.empty', 'pack.empty has no models: name a module that defines or imports some'),
        ('pack', 'it is a package, with pack.both, pack.broken'),
        ('pack.broken', "importing pack.broken failed: ModuleNotFoundError: No module named 'no_s"),
        ('pack.broken', '(\x00pack/broken.py, line 3)'),
        (
            'pack.within',
            "importing pack.within failed: ModuleNotFoundError: No module named 'pa",
        ),
        ('pack.strange', "SyntaxError: '(' was never closed (\x00pack/strange.py, line 1)"),
        ('pack.failing', 'RuntimeError: no settings (\x00pack/failing.py, line 2)'),
        ('pack.leaving', 'importing pack.leaving failed: SystemExit: 3'),
        ('pack.twice', "ORMError: two models have the namespace 'NamedTwice'"),
        ('pack.twice', '(\x00pack/twice.py, line 4)'),
    ],
)
def test_mistakes(folder: Path, name: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_models([name])
    said = str(caught.value)
    assert what.replace('{folder}', str(folder)).replace('\x00', f'{folder}/') in said
    assert '\n' not in said


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
        (' ', 2, 'Error: --url: expected the URL of a server'),
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
    assert 'expected at least one model, got none' in filled.wrong(2, 'models')
    assert 'ROM_MODELS' in filled.wrong(2, 'check', '--quiet')


def test_debug_shows_where(shop: Shop) -> None:
    ran = shop.run('models', 'nope', '--debug')
    assert ran.returncode == 1
    assert 'Traceback' in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("rom.cli.errors.UsageError: no module 'nope'")
