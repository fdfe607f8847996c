"""`rom demo` as a program: in a pipe, in a terminal, kept, stopped, and where it cannot work."""

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from rom._core.embedded.server import open_server
from rom.cli.demo.questions import QUESTIONS
from rom.cli.demo.tour import REMOVAL, TO_TRY, python_command, rom_command
from tests.support import servers as support
from tests.support.patience import PATIENCE, eventually

BINARIES = support.available()
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not BINARIES, reason='there is no server to embed')

Ran = subprocess.CompletedProcess[str]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROM_REDIS_SERVER', str(next(iter(BINARIES.values()))))
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(ROOT), *sys.path]))
    monkeypatch.setenv('TERM', 'xterm-256color')
    monkeypatch.delenv('NO_COLOR', raising=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place with a space in it."""
    with tempfile.TemporaryDirectory(prefix='rom demo ', dir='/tmp') as made:
        yield Path(made) / 'the data'


def command(*arguments: str) -> list[str]:
    return [sys.executable, '-m', 'rom.cli', 'demo', *arguments]


def run(*arguments: str, input: str | None = None, **settings: Any) -> Ran:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        input=input,
        timeout=PATIENCE,
        **settings,
    )


def succeeded(ran: Ran) -> list[str]:
    assert (ran.returncode, ran.stderr) == (0, '')
    return ran.stdout.splitlines()


def stored(folder: Path) -> tuple[int, int, int]:
    """How many rows there are in a folder, how many code points are taken, how many names."""
    with open_server(folder) as server, redis.Redis(unix_socket_path=str(server.socket)) as client:
        rows = {key for key in client.scan_iter('{rom-demo}:*', 1000) if key[11:].isdigit()}
        return len(rows), client.hlen('{rom-demo}:point:uidx'), client.hlen('{rom-demo}:name:uidx')


# --- what it prints ------------------------------------------------------------------------------


def test_in_a_pipe() -> None:
    lines = succeeded(run('--limit', '3000'))
    assert '\x1b' not in ''.join(lines)
    assert not [line for line in lines if line != line.rstrip()]
    for question in QUESTIONS:
        assert any(line.endswith(f'. {question.title}') for line in lines)
        for line in question.lines:
            assert f'    >>> {line}' in lines
    assert len([line for line in lines if re.search(r'[\d.]+ ms\)$', line)]) >= len(QUESTIONS)
    assert any(
        re.fullmatch(r'Loaded 3,000 characters in [\d.]+ s: [\d,]+ a second\.', x) for x in lines
    )
    assert '    3,000' in '\n'.join(lines)
    assert any(line.split() == ['🐱', 'U+1F431', 'CAT', 'FACE'] for line in lines)


def test_into_a_pipe_that_closes() -> None:
    demo = subprocess.Popen(
        command('--limit', '3000'), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None and demo.stderr is not None
    demo.stdout.readline()
    demo.stdout.close()
    assert demo.wait(PATIENCE) == 1
    with demo.stderr:
        assert demo.stderr.read() == ''


def test_where_the_encoding_lacks_most_characters() -> None:
    lines = succeeded(run('--limit', '3000', env={**os.environ, 'PYTHONIOENCODING': 'ascii'}))
    assert any('\\U0001f431' in line for line in lines)


@pytest.mark.parametrize('no_color', [False, True])
def test_in_a_terminal(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    monkeypatch.setenv('COLUMNS', '80')
    if no_color:
        monkeypatch.setenv('NO_COLOR', '1')
    output = in_terminal(command('--limit', '3000'))
    assert 'CAT FACE' in output
    assert ' a second' in output
    assert ('\x1b[36m' in output) is not no_color
    assert bool(re.search(r'\x1b\[[\d;]*3\d', output)) is not no_color


def in_terminal(arguments: list[str]) -> str:
    own, its = pty.openpty()
    demo = subprocess.Popen(arguments, stdin=its, stdout=its, stderr=its)
    os.close(its)
    found = b''
    while True:
        try:
            part = os.read(own, 65536)
        except OSError:  # Linux's way to say that the other side closed it
            break
        if not part:
            break
        found += part
    os.close(own)
    assert demo.wait(PATIENCE) == 0
    return found.decode()


# --- kept data -----------------------------------------------------------------------------------


def test_kept_data_is_not_loaded_again(folder: Path) -> None:
    succeeded(run('--limit', '3000', '--keep', str(folder)))
    assert stored(folder) == (3000, 3000, 3000)
    again = succeeded(run('--limit', '3000', '--keep', str(folder)))
    assert 'All 3,000 characters are there already: nothing to load.' in again
    more = succeeded(run('--limit', '3500', '--keep', str(folder)))
    assert '3,000 characters are there already: looking for what is missing.' in more
    assert any(line.startswith('Loaded the 500 characters that were missing, in') for line in more)
    assert 'Nothing is missing.' in succeeded(run('--limit', '3000', '--keep', str(folder)))
    assert stored(folder) == (3500, 3500, 3500)


def test_what_it_says_to_type_works(folder: Path) -> None:
    folder.mkdir()
    lines = succeeded(run('--limit', '3000', cwd=folder))
    start = next(n for n, line in enumerate(lines) if line.startswith('Your turn'))
    typed = [line.removeprefix('    >>> ') for line in lines[start:] if '>>> ' in line]
    assert typed[-len(TO_TRY) :] == list(TO_TRY)
    keep, python = [line.removeprefix('    $ ') for line in lines[start:] if '$ ' in line]
    subprocess.run(f'{keep} --limit 3000', shell=True, check=True, capture_output=True, cwd=folder)
    shell = subprocess.run(
        f'{python} -i -q',
        shell=True,
        input='\n'.join([*typed, 'chars.count()']) + '\n',
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=folder,
    )
    assert 'Error' not in shell.stderr
    assert 'BLACK HEART SUIT' in shell.stdout
    assert "'💩'" in shell.stdout
    assert shell.stdout.rstrip().endswith('3000')


def test_another_server_by_its_url() -> None:
    with open_server() as server, redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.set('mine', 'kept')
        lines = succeeded(run('--limit', '3000', '--url', f'unix://{server.socket}'))
        assert f'    >>> {REMOVAL}' in lines
        assert client.hlen('{rom-demo}:point:uidx') == 3000
        assert all(key == b'mine' or key[:11] == b'{rom-demo}:' for key in client.scan_iter())
        eval(REMOVAL, {'db': client})
        assert list(client.scan_iter()) == [b'mine']


def test_the_place_of_other_data_is_left_alone() -> None:
    with open_server() as server, redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.hset('{rom-demo}:1', mapping={'id': 1, 'title': 'mine'})
        client.set('{rom-demo}:id:', 1)
        ran = run('--limit', '3000', '--url', f'unix://{server.socket}')
        assert ran.returncode == 1
        assert "has other data in keys that begin with '{rom-demo}'" in ran.stderr
        assert sorted(client.scan_iter()) == [b'{rom-demo}:1', b'{rom-demo}:id:']


# --- stopped -------------------------------------------------------------------------------------


def test_ctrl_c_then_go_on(folder: Path) -> None:
    demo = subprocess.Popen(
        command('--limit', '10000', '--keep', str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with held_up(folder):
        demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130
    assert re.fullmatch(
        r'Stopped after [\d,]+ of 10,000 characters\. A batch is written whole or not at all: '
        r'nothing is half done; the same command goes on from there\.\n',
        errors,
    )
    rows, points, names = stored(folder)
    assert rows == points == names
    assert 0 < rows < 10000

    lines = succeeded(run('--limit', '10000', '--keep', str(folder)))
    assert f'{rows:,} characters are there already: looking for what is missing.' in lines
    assert any(line.startswith(f'Loaded the {10000 - rows:,} characters that') for line in lines)
    assert stored(folder) == (10000, 10000, 10000)


@contextmanager
def held_up(folder: Path) -> Iterator[None]:
    """Hold the demo up while it loads: its server takes no writes meanwhile."""
    socket = eventually(lambda: next(folder.glob('*.sock'), None))
    with redis.Redis(unix_socket_path=str(socket)) as client:
        eventually(lambda: has_begun(client), pause=0.001)
        yield
        client.client_unpause()


def has_begun(client: redis.Redis) -> bool:
    """Pause writes; take that back unless some characters are in."""
    client.client_pause(int(PATIENCE * 1000), all=False)
    if client.hlen('{rom-demo}:point:uidx') > 1000:
        return True
    client.client_unpause()
    return False


def test_two_at_the_same_time(folder: Path) -> None:
    demos = [
        subprocess.Popen(
            command('--limit', '5000', '--keep', str(folder)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [(demo.communicate(timeout=PATIENCE)[1], demo.returncode) for demo in demos]
    assert ends == [('', 0), ('', 0)]
    assert stored(folder) == (5000, 5000, 5000)


# --- where it cannot work ------------------------------------------------------------------------


@pytest.mark.parametrize('debug', [False, True])
def test_no_server_to_start(monkeypatch: pytest.MonkeyPatch, debug: bool) -> None:
    monkeypatch.setenv('ROM_REDIS_SERVER', '/no/such/program')
    ran = run(*['--debug'] * debug)
    assert ran.returncode == (1 if debug else 3)
    assert ran.stdout == ''
    assert "the server program '/no/such/program' does not exist" in ran.stderr
    assert 'pip install "rom-redis[embedded]"' in ran.stderr
    assert ('Traceback' in ran.stderr) is debug
    assert len(ran.stderr.splitlines()) == 1 or debug


def test_nobody_answers() -> None:
    ran = run('--url', 'redis://:secret@localhost:1/0')
    assert ran.returncode == 3
    assert ran.stderr.startswith('Error: no answer from Redis at localhost:1/0')
    assert 'secret' not in ran.stdout + ran.stderr


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('mine')
    ran = run('--keep', str(tmp_path / 'file'))
    assert ran.returncode == 3
    assert ran.stderr.startswith('Error: no server can be embedded in')
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize(
    'arguments',
    [['--keep', 'a', '--url', 'b'], ['--keep', ' '], ['--limit', '10'], ['--what'], ['more']],
    ids=' '.join,
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    ran = run(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert 'Usage: rom demo' in ran.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('url', 'shown'),
    [
        ('embedded:/a b', 'embedded:/a b'),
        ('redis://host:1/0', 'redis://host:1/0'),
        ('redis://:se@cret@host:1/0', 'redis://:PASSWORD@host:1/0'),
        ('redis://me:secret@host:1/0', 'redis://me:PASSWORD@host:1/0'),
        ('redis://token@host:1', 'redis://PASSWORD@host:1'),
        ('unix:///s?db=1&password=secret', 'unix:///s?db=1&password=PASSWORD'),
        ('rediss://host?ssl_password=secret&db=1', 'rediss://host?ssl_password=PASSWORD&db=1'),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    from rom.cli.demo.tour import DemoServer

    assert DemoServer(url, kept=True).shown == shown


def test_how_programs_are_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    for name in ('rom', 'python'):
        (tmp_path / name).write_text('')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr('sys.executable', str(tmp_path / 'python'))
    monkeypatch.setattr('sys.argv', [str(tmp_path / 'rom')])
    started = rom_command, python_command
    assert [how() for how in started] == [str(tmp_path / 'rom'), str(tmp_path / 'python')]
    monkeypatch.chdir(tmp_path)
    assert [how() for how in started] == ['./rom', './python']
    monkeypatch.setenv('PATH', str(tmp_path))
    assert [how() for how in started] == ['rom', 'python']
    monkeypatch.setattr('sys.argv', [str(tmp_path / '__main__.py')])
    assert rom_command() == 'python -m rom.cli'


@pytest.mark.parametrize('missing', ['typer', 'rich'])
def test_an_extra_that_is_not_installed(missing: str) -> None:
    program = f'import sys; sys.modules[{missing!r}] = None; from rom.cli import main; main()'
    ran = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr == (
        f"The rom command needs {missing}, which is not installed: pip install 'rom-redis[cli]'\n"
    )


def test_the_model_is_not_in_the_way_of_other_commands() -> None:
    program = "import rom.cli.app, rom; assert 'Character' not in rom.MODELS"
    subprocess.run([sys.executable, '-c', program], check=True)
