"""Embedded servers: real ones, used by real programs that end in every way."""

import asyncio
import contextlib
import doctest
import math
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

import rom
from rom._core.embedded import server as embedded
from rom._core.embedded import supervisor
from rom._core.embedded.server import EmbeddedServer, open_server
from rom.exceptions import ServerUnavailable
from tests.support import servers as support
from tests.support.patience import PATIENCE, eventually

IMPORTS = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
BINARIES = support.available()

pytestmark = pytest.mark.skipif(not BINARIES, reason='there is no server to embed')

every_server = pytest.mark.parametrize('binary', BINARIES, indirect=True)


# --- helpers -------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def binary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The server that find_binary finds, here and in the programs that a test starts."""
    found = BINARIES[getattr(request, 'param', next(iter(BINARIES)))]
    monkeypatch.setenv('ROM_REDIS_SERVER', str(found))
    return found


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short name, for the data, and for temporary folders: none of them stays."""
    short = None if len(tempfile.gettempdir()) < 40 else '/tmp'
    made = Path(tempfile.mkdtemp(prefix='rom-test-', dir=short)).resolve()
    (made / 'tmp').mkdir()
    monkeypatch.setenv('TMPDIR', str(made / 'tmp'))
    monkeypatch.setattr('tempfile.tempdir', None)
    yield made
    try:
        eventually(lambda: not list((made / 'tmp').iterdir()))
    finally:
        shutil.rmtree(made)


@pytest.fixture
def folder(base: Path) -> Path:
    """A place for data, not made yet; a socket's name fits into it."""
    return base / 'data'


def client(server: EmbeddedServer | str) -> redis.Redis:
    path = server if isinstance(server, str) else str(server.socket)
    return redis.Redis(unix_socket_path=path)


def server_pid(server: EmbeddedServer) -> int:
    with client(server) as connected:
        return int(connected.info('server')['process_id'])


def is_running(pid: int) -> bool:
    state = subprocess.run(
        ['ps', '-o', 'stat=', '-p', str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith('Z')


def nobody_left(folder: Path) -> bool:
    """Whether neither a server nor its shell is left on this folder."""
    lock = supervisor.take_lock(folder)
    if lock is not None:
        os.close(lock)
    return lock is not None


BEGIN = """
import atexit, os, signal, subprocess, sys, time
import redis
from rom._core.embedded.server import open_server
server = open_server(sys.argv[1])
connected = redis.Redis(unix_socket_path=str(server.socket))
pid = connected.info('server')['process_id']
print(server.owned, pid, server.folder, flush=True)
"""


class Program:
    """A Python program that opens a server, says so, and then does what the test says."""

    def __init__(self, location: object, then: str, **settings: Any) -> None:
        environment = {**os.environ, 'PYTHONPATH': IMPORTS, **settings.pop('env', {})}
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, '-X', 'dev', '-c', BEGIN + then, str(location)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            **settings,
        )

    def opened(self) -> 'Program':
        owned, pid, self.folder = self.line().split(' ', 2)
        self.owned = owned == 'True'
        self.server_pid = int(pid)
        return self

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip('\n')

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        self.go_on()
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.end()


WAIT = 'sys.stdin.read()\n'


# --- one program ---------------------------------------------------------------------------------


@every_server
def test_a_temporary_server(binary: Path) -> None:
    with open_server() as server:
        pid = server_pid(server)
        with client(server) as connected:
            connected.set('a', 1)
            assert connected.get('a') == b'1'
        assert server.owned
        assert server.socket.is_absolute()
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert repr(server).endswith('open>')
    assert not is_running(pid)
    assert not server.folder.exists()
    assert repr(server).endswith('closed>')


def test_each_temporary_server_is_its_own() -> None:
    with open_server() as first, open_server() as second:
        assert first.folder != second.folder
        assert second.owned
        with client(first) as one, client(second) as two:
            one.set('a', 1)
            assert two.get('a') is None


@every_server
def test_data_survives_a_restart(binary: Path, folder: Path) -> None:
    for count in range(1, 4):
        with open_server(folder) as server, client(server) as connected:
            assert server.owned
            assert connected.incr('count') == count
    assert folder.is_dir()
    assert not server.socket.exists()


def test_a_closed_server_is_gone_and_closing_twice_does_nothing(folder: Path) -> None:
    server = open_server(folder)
    pid = server_pid(server)
    server.close()
    assert not is_running(pid)
    eventually(lambda: nobody_left(folder))
    with open_server(folder) as other:
        server.close()
        with client(other) as connected:
            assert connected.ping()


def test_a_path_opened_twice_is_one_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_server(folder)
    monkeypatch.chdir(folder.parent)
    (folder.parent / 'link').symlink_to(folder)
    try:
        second = open_server('data')
        third = open_server('link')
    finally:
        (folder.parent / 'link').unlink()
    assert [first.owned, second.owned, third.owned] == [True, False, False]
    assert first.socket == second.socket == third.socket
    assert first.folder == second.folder == third.folder
    pid = server_pid(first)
    first.close()
    first.close()
    second.close()
    assert server_pid(third) == pid
    third.close()
    assert not is_running(pid)


def test_home(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv('HOME', str(folder.parent))
    with open_server('~/data') as server:
        assert server.folder == folder.resolve()


def test_started_from_a_thread_that_ended() -> None:
    opened: list[EmbeddedServer] = []
    thread = threading.Thread(target=lambda: opened.append(open_server()))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with opened[0] as server, client(server) as connected:
        assert connected.ping()


def test_started_from_a_thread_that_gets_no_signals(folder: Path) -> None:
    """Such a thread's children get none either, unless they are told to."""

    def start() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGTERM})
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        opened.append(open_server(folder))
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before

    opened: list[EmbeddedServer] = []
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    opened[0].close()
    assert 'requested shutdown' in (folder / supervisor.LOG).read_text(), 'it was not killed'
    eventually(lambda: nobody_left(folder))


def test_threads_that_open_one_path_at_once(folder: Path) -> None:
    opened: list[EmbeddedServer] = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_server(folder))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(server.owned for server in opened) == [False] * 7 + [True]
    assert len({server_pid(server) for server in opened}) == 1
    for server in opened:
        with client(server) as connected:
            assert connected.ping()
        server.close()
    eventually(lambda: nobody_left(folder))


def test_no_descriptor_is_left_open(folder: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir('/dev/fd'))

    open_server().close()
    before = descriptors()
    for _ in range(3):
        with open_server(folder), open_server(folder), open_server():
            pass
        with pytest.raises(ServerUnavailable):
            open_server(binary='/bin/false')
    assert descriptors() == before


def test_a_descriptor_above_1024(folder: Path) -> None:
    """What select() could not wait for."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    taken = [os.open('/dev/null', os.O_RDONLY) for _ in range(1100)]
    try:
        with open_server(folder) as first, open_server(folder):
            pid = server_pid(first)
        assert not is_running(pid)
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- how a program ends --------------------------------------------------------------------------

ENDINGS = {
    'returns': '',
    'raises': 'raise SystemError("this is a test")\n',
    'exits at once': 'os._exit(3)\n',
    'is killed': 'os.kill(os.getpid(), signal.SIGKILL)\n',
    'is terminated': 'os.kill(os.getpid(), signal.SIGTERM)\n',
    'becomes another program': 'os.execlp("true", "true")\n',
    'ignored its children': """
server.close()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = open_server(sys.argv[1])
""",
}


@pytest.mark.parametrize('ending', ENDINGS)
@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_nothing_is_left_running(ending: str, kept: bool, folder: Path) -> None:
    program = Program(folder if kept else '', WAIT + ENDINGS[ending], stderr=subprocess.DEVNULL)
    program.opened()
    assert is_running(program.server_pid)
    program.end()
    eventually(lambda: not is_running(program.server_pid))
    eventually(lambda: Path(program.folder).exists() == kept)
    if kept:
        eventually(lambda: nobody_left(folder))


def test_a_program_that_returns_says_nothing() -> None:
    program = Program('', WAIT, stderr=subprocess.PIPE).opened()
    program.go_on()
    assert program.process.stderr is not None
    assert program.process.stderr.read() == ''
    program.process.stderr.close()
    assert program.end() == 0
    assert not is_running(program.server_pid)  # at once: the program waited for it
    assert not Path(program.folder).exists()


def test_exit_handlers_still_have_the_server(folder: Path) -> None:
    then = 'atexit.register(lambda: connected.set("last", "word"))\n'
    assert Program(folder, then).opened().end() == 0
    with open_server(folder) as server, client(server) as connected:
        assert connected.get('last') == b'word'


def test_control_c_reaches_the_program_only(folder: Path) -> None:
    then = """
try:
    print('waiting', flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    time.sleep(0.3)
    connected.set('last', 'word')
"""
    program = Program(folder, then, start_new_session=True).opened()
    assert program.line() == 'waiting'
    time.sleep(0.1)
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.end() == 0
    with open_server(folder) as server, client(server) as connected:
        assert connected.get('last') == b'word'


def test_an_endless_script_is_ended_too(folder: Path) -> None:
    with open_server() as server:
        pid = server_pid(server)
        run_endless_script(server)
    assert not is_running(pid)


def test_an_endless_script_is_ended_after_ten_seconds_where_data_is_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its seconds are short here, because the script is busy on a core for all of them."""
    naps = tmp_path / 'naps'
    program = script(tmp_path, f'echo $1 >>"{naps}"\nexec {shutil.which("sleep")} 0.05\n')
    program.rename(tmp_path / 'sleep')
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    with open_server(folder) as server:
        pid = server_pid(server)
        with client(server) as connected:
            connected.set('a', 1)
        run_endless_script(server)
    assert not is_running(pid)
    assert naps.read_text().split().count('1') >= 10
    with open_server(folder) as server, client(server) as connected:
        assert connected.get('a') == b'1'


def run_endless_script(server: EmbeddedServer) -> None:
    """Send one, and wait until the server says that it is busy with it."""

    def is_busy() -> bool:
        try:
            connected.ping()
        except redis.ResponseError as error:
            return 'BUSY' in str(error)
        return False

    with client(server) as connected, socket.socket(socket.AF_UNIX) as connection:
        connected.config_set('lua-time-limit', 1)
        connection.connect(str(server.socket))
        connection.sendall(b'EVAL "while true do end" 0\r\n')
        eventually(is_busy)


# --- its other processes -------------------------------------------------------------------------


def test_an_executed_child_does_not_hold_the_server() -> None:
    then = """
child = subprocess.Popen(['sleep', '60'], close_fds=False, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""
    program = Program('', then).opened()
    child = int(program.line())
    try:
        program.kill()
        eventually(lambda: not is_running(program.server_pid))
        assert is_running(child)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_a_forked_child_that_ends_leaves_the_server_alone(kept: bool, folder: Path) -> None:
    then = """
for leave in (sys.exit, os._exit):
    child = os.fork()
    if not child:
        leave(0)
    assert os.waitpid(child, 0)[1] == 0
child = os.fork()
if not child:
    server.close()
    server.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
time.sleep(0.2)
connected.set('a', 1)
assert server.folder.exists()
"""
    assert Program(folder if kept else '', then).opened().end() == 0


def test_a_forked_child_that_outlives_its_parent_keeps_the_server(folder: Path) -> None:
    then = """
parent = os.getpid()
if os.fork():
    os._exit(0)
while os.getppid() == parent:
    time.sleep(0.01)
time.sleep(0.2)
mine = redis.Redis(unix_socket_path=str(server.socket))
print(mine.ping(), flush=True)
assert not open_server(sys.argv[1]).owned
"""
    program = Program(folder, then).opened()
    assert program.line() == 'True'
    program.end()
    eventually(lambda: not is_running(program.server_pid))


def test_children_of_multiprocessing() -> None:
    with open_server() as server:
        code = f"""
import multiprocessing, redis

def count():
    redis.Redis(unix_socket_path={str(server.socket)!r}).incr('count')

if __name__ == '__main__':
    from rom._core.embedded.server import open_server
    with open_server() as other:
        for kind in ('fork', 'spawn'):
            child = multiprocessing.get_context(kind).Process(target=count)
            child.start()
            child.join()
        assert redis.Redis(unix_socket_path=str(other.socket)).ping()
"""
        script = server.folder / 'program.py'
        script.write_text(code)
        subprocess.run(
            [sys.executable, script], check=True, env={**os.environ, 'PYTHONPATH': IMPORTS}
        )
        with client(server) as connected:
            assert connected.get('count') == b'2'


# --- several programs ----------------------------------------------------------------------------


@every_server
@pytest.mark.parametrize('first_ends', ['returns', 'is killed'])
def test_the_last_user_ends_the_server(binary: Path, first_ends: str, folder: Path) -> None:
    first = Program(folder, WAIT + ENDINGS[first_ends]).opened()
    second = Program(folder, WAIT + 'connected.set("a", 1)\n').opened()
    assert (first.owned, second.owned) == (True, False)
    assert first.server_pid == second.server_pid
    first.end()
    with open_server(folder) as third:
        assert not third.owned
        assert second.end() == 0
        with client(third) as connected:
            assert connected.get('a') == b'1'
    assert not is_running(first.server_pid)
    eventually(lambda: nobody_left(folder))


def test_a_program_that_joined_needs_no_binary(folder: Path) -> None:
    with open_server(folder):
        program = Program(folder, WAIT, env={'ROM_REDIS_SERVER': '/does/not/exist'}).opened()
        assert not program.owned
        assert program.end() == 0


NEVER_GIVES_UP = 'from rom._core.embedded import supervisor; supervisor.STOP_SECONDS = 10**6\n'


def test_the_starter_leaves_others_alone_and_says_nothing(folder: Path) -> None:
    first = Program(folder, NEVER_GIVES_UP + WAIT, stderr=subprocess.PIPE).opened()
    with open_server(folder) as server:
        first.go_on()
        assert first.process.stderr is not None
        assert first.process.stderr.read() == ''
        first.process.stderr.close()
        assert first.end() == 0
        assert is_running(server_pid(server))


def test_programs_that_start_at_once_share_one_server(folder: Path) -> None:
    programs = [Program(folder, WAIT) for _ in range(8)]
    try:
        for program in programs:
            program.opened()
        assert len({program.server_pid for program in programs}) == 1
        assert sorted(program.owned for program in programs) == [False] * 7 + [True]
    finally:
        for program in programs:
            program.end()
    eventually(lambda: nobody_left(folder))


AGAIN_AND_AGAIN = """
import random
for turn in range(25):
    server.close()
    time.sleep(random.random() * 0.03)
    server = open_server(sys.argv[1])
    connected = redis.Redis(unix_socket_path=str(server.socket), retry=None)
    connected.incr('count')
"""


def test_a_server_is_never_lost_between_last_and_first_users(folder: Path) -> None:
    """Joining meets ending again and again: no server that is ending, no second one."""
    programs = [Program(folder, AGAIN_AND_AGAIN) for _ in range(4)]
    codes = [program.end() for program in programs]
    assert codes == [0] * 4
    with open_server(folder) as server, client(server) as connected:
        assert server.owned
        assert connected.get('count') == b'100'


UNTIL_KILLED = """
connected = redis.Redis(unix_socket_path=str(server.socket), retry=None)
while True:
    print(connected.incr(str(os.getpid())), flush=True)
"""


@pytest.mark.slow
def test_programs_that_are_killed_lose_nothing(folder: Path) -> None:
    seen: dict[bytes, int] = {}
    for turn in range(10):
        programs = [Program(folder, UNTIL_KILLED) for _ in range(3)]
        for program in programs:
            program.opened()
            time.sleep(0.02 * (turn % 3))
            program.process.kill()
        for program in programs:
            assert program.process.stdout is not None
            printed = program.process.stdout.read().split('\n')[:-1]
            seen[b'%d' % program.process.pid] = int(printed[-1]) if printed else 0
            program.end()
    until_it_ended(folder)
    with open_server(folder) as server, client(server) as connected:
        assert server.owned
        for key, count in seen.items():
            assert int(connected.get(key) or 0) - count in (0, 1)  # at most the one under way


def until_it_ended(folder: Path) -> None:
    """The last program's server may take a moment to end, on a busy machine a long one."""

    def is_ours() -> bool:
        with open_server(folder) as server:
            return server.owned

    eventually(is_ours)


# --- what is killed ------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    shown = subprocess.run(
        ['ps', '-A', '-o', 'pid=,ppid='], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in shown.splitlines()]
    return [child for child, parent in pairs if parent == pid]


def helpers(shell: int) -> tuple[int, ...]:
    """The reader and the watcher beside a server's keeper."""
    shown = subprocess.run(
        ['ps', '-A', '-o', 'pid=,ppid=,args='], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 2) for line in shown.splitlines()]
    found = [int(pid) for pid, parent, *args in lines if int(parent) == shell and SH in args[0]]
    return tuple(sorted(found))


SH = '/bin/sh -c'


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_running(pid))


def keep_every_write(connected: redis.Redis) -> None:
    """From now on, what was answered outlives the server's process for certain."""
    connected.config_set('appendfsync', 'always')


def after(pid: int, server: EmbeddedServer) -> int:
    """The process of the next server, asked by a client that repeats commands as any does."""
    found = server_pid(server)
    assert found != pid
    return found


@every_server
def test_a_server_that_is_killed_comes_back_with_its_data(binary: Path, folder: Path) -> None:
    with open_server(folder) as server, client(server) as connected:
        for count in range(1, 4):
            keep_every_write(connected)
            connected.set('a', count)
            pid = server_pid(server)
            os.kill(pid, signal.SIGKILL)
            assert connected.get('a') == b'%d' % count, 'at the next call, on the same socket'
            after(pid, server)
        pid = server_pid(server)
    assert not is_running(pid)
    eventually(lambda: nobody_left(folder))


def test_a_temporary_server_comes_back_empty() -> None:
    with open_server() as server, client(server) as connected:
        connected.set('a', 1)
        pid = server_pid(server)
        os.kill(pid, signal.SIGKILL)
        assert connected.get('a') is None
        pid = after(pid, server)
    assert not is_running(pid)
    assert not server.folder.exists()


def test_a_model_and_asyncio_do_not_notice(folder: Path) -> None:
    class Counter(rom.Model):
        count = rom.Integer()

    async def count() -> int:
        async with rom.AsyncSession() as session:
            found = await session.get(Counter, 1)
            assert found is not None
            os.kill(int(connected.info('server')['process_id']), signal.SIGKILL)
            found.count += 1
            await session.commit()
            return int(found.count)

    connected = rom.connect(f'embedded:{folder}')
    keep_every_write(connected)
    Counter(count=1).save()
    rom.session.rollback()
    os.kill(int(connected.info('server')['process_id']), signal.SIGKILL)
    counter = Counter.get(1)
    assert counter.count == 1
    keep_every_write(connected)
    counter.count = 2
    os.kill(int(connected.info('server')['process_id']), signal.SIGKILL)
    counter.save()
    keep_every_write(connected)
    assert asyncio.run(count()) == 3
    assert connected.hget('Counter:1', 'count') == b'3'


def test_programs_that_share_a_path_get_one_new_server(folder: Path) -> None:
    then = """
print('waiting', flush=True)
sys.stdin.readline()
print(connected.info('server')['process_id'], connected.get('a'), flush=True)
sys.stdin.read()
"""
    programs = [Program(folder, then).opened() for _ in range(4)]
    for program in programs:
        assert program.line() == 'waiting'
    programs[0].kill()  # the one that started it
    with client(str(folder / supervisor.SOCKET)) as connected:
        keep_every_write(connected)
        connected.set('a', 1)
    os.kill(programs[0].server_pid, signal.SIGKILL)
    for program in programs[1:]:
        assert program.process.stdin is not None
        program.process.stdin.write('go on\n')
        program.process.stdin.flush()
    told = {program.line() for program in programs[1:]}
    [(pid, value)] = [line.split() for line in told]
    assert value == "b'1'"
    for program in programs[1:]:
        assert is_running(int(pid))
        program.end()
    assert not is_running(int(pid))
    eventually(lambda: nobody_left(folder))


ROLES = ['keeper', 'reader', 'watcher']


def pid_of(role: str, shell: int) -> int:
    eventually(lambda: len(helpers(shell)) == 2)
    return (shell, *helpers(shell))[ROLES.index(role)]


@pytest.mark.parametrize('role', ROLES)
@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_one_shell_that_is_killed_leaves_nothing_behind(
    role: str, kept: bool, folder: Path
) -> None:
    """Neither while the server is used nor after its last user."""
    with open_server(folder if kept else '') as server, client(server) as connected:
        assert server._shell is not None
        kill(pid_of(role, server._shell.pid))
        connected.set('a', 1)
        pid = server_pid(server)
        if kept:
            with open_server(folder) as other:
                assert not other.owned, 'it can be joined as before'
            assert connected.get('a') == b'1'
    eventually(lambda: not is_running(pid))
    eventually(lambda: not server.socket.exists())
    assert server.folder.exists() == kept
    eventually(lambda: nobody_left(folder) if kept else True)


@pytest.mark.parametrize('role', ROLES)
def test_one_shell_is_killed_and_then_the_program(role: str, folder: Path) -> None:
    with Stranded(folder) as program:
        kill(pid_of(role, program.shell))
        assert is_running(program.server_pid)
    eventually(lambda: not is_running(program.server_pid))
    eventually(lambda: nobody_left(folder))


class Stranded:
    """A program that has started a server, and is killed at the end."""

    def __init__(self, location: object) -> None:
        self.program = Program(location, 'print(server._shell.pid, flush=True)\n' + WAIT).opened()
        self.shell = int(self.program.line())
        self.server_pid = self.program.server_pid

    def __enter__(self) -> 'Stranded':
        return self

    def __exit__(self, *error: object) -> None:
        self.program.kill()


@pytest.mark.parametrize('role', ['reader', 'watcher'])
def test_a_server_comes_back_without_one_of_the_shells(role: str, folder: Path) -> None:
    with open_server(folder) as server, client(server) as connected:
        assert server._shell is not None
        kill(pid_of(role, server._shell.pid))
        keep_every_write(connected)
        connected.set('a', 1)
        pid = server_pid(server)
        os.kill(pid, signal.SIGKILL)
        assert connected.get('a') == b'1'
        pid = after(pid, server)
    eventually(lambda: not is_running(pid))


def kill_all_shells(shell: int) -> None:
    found = helpers(shell)
    for pid in (shell, *found):
        os.kill(pid, signal.SIGSTOP)  # so that none of them notices another's end
    for pid in (*found, shell):
        kill(pid)


@every_server
def test_who_opens_the_path_of_a_server_without_a_shell_takes_it_over(
    binary: Path, folder: Path
) -> None:
    with open_server(folder) as first, client(first) as connected:
        connected.set('a', 1)
        pid = server_pid(first)
        assert first._shell is not None
        kill_all_shells(first._shell.pid)
        with open_server(folder) as second:
            assert second.owned
            assert second.socket == first.socket
            assert connected.get('a') == b'1', 'the first goes on with the new server'
            assert not is_running(pid)
            pid = after(pid, second)
        assert is_running(pid), 'the first still holds it'
        assert connected.get('a') == b'1'
    assert not is_running(pid)
    eventually(lambda: nobody_left(folder))


def test_a_server_that_nothing_else_is_left_of_is_taken_over(folder: Path) -> None:
    with Stranded(folder) as program:
        with client(str(folder / supervisor.SOCKET)) as connected:
            connected.set('a', 1)
        kill_all_shells(program.shell)
    assert is_running(program.server_pid)
    opened: list[EmbeddedServer] = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_server(folder))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not is_running(program.server_pid)
    assert sorted(server.owned for server in opened) == [False] * 3 + [True]
    assert len({server_pid(server) for server in opened}) == 1, 'nobody ended the new one'
    with client(opened[0]) as connected:
        assert connected.get('a') == b'1'
    for server in opened:
        server.close()
    eventually(lambda: nobody_left(folder))


@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_the_last_user_ends_a_server_without_a_shell(kept: bool, folder: Path) -> None:
    server = open_server(folder if kept else '')
    pid = server_pid(server)
    assert server._shell is not None
    kill_all_shells(server._shell.pid)
    server.close()
    eventually(lambda: not is_running(pid))
    assert server.folder.exists() == kept
    if kept:
        eventually(lambda: nobody_left(folder))


def test_all_is_killed_at_once(folder: Path) -> None:
    with open_server(folder) as first, client(first) as connected:
        keep_every_write(connected)
        connected.set('a', 1)
        assert first._shell is not None
        os.killpg(first._shell.pid, signal.SIGKILL)
        eventually(lambda: nobody_left(folder))
        with open_server(folder) as second:
            assert second.owned
            assert connected.get('a') == b'1'
        assert connected.get('a') == b'1', 'the first holds what the second has started'
    eventually(lambda: nobody_left(folder))


def test_keeper_and_server_are_killed(folder: Path) -> None:
    """Two are too many for a new server by itself; who opens the folder starts one."""
    first = open_server(folder)
    assert first._shell is not None
    with client(first) as connected:
        keep_every_write(connected)
        connected.set('a', 1)
        pid = server_pid(first)
        kill(first._shell.pid)
        kill(pid)
        with open_server(folder) as second:
            assert second.owned
            assert connected.get('a') == b'1'
            left = {path.name for path in folder.iterdir()}
            first.close()
            time.sleep(3)  # the old shells have ended by now
            assert {path.name for path in folder.iterdir()} == left
            assert connected.get('a') == b'1'
            with open_server(folder) as third:
                assert not third.owned
            pid = server_pid(second)
    assert not is_running(pid)
    eventually(lambda: nobody_left(folder))


@every_server
def test_settings_of_the_users_own(binary: Path, folder: Path) -> None:
    """Also those of the next server, when the first one has died."""
    folder.mkdir()
    (folder / supervisor.CONFIG).write_text('appendfsync always\nport 7\nappendonly no\n')
    with open_server(folder) as server, client(server) as connected:
        for _ in range(2):
            assert connected.config_get('appendfsync') == {'appendfsync': 'always'}
            assert connected.config_get('port') == {'port': '0'}, 'what must be so is so'
            assert connected.config_get('appendonly') == {'appendonly': 'yes'}
            os.kill(server_pid(server), signal.SIGKILL)


def test_no_folder_is_removed_but_a_temporary_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the lock says: it is empty while a server starts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine').touch()
    with open_server(folder) as first:
        for text in (b'', b'server.sock', bytes(tmp_path / 'other.sock')):
            (folder / supervisor.LOCK).write_bytes(text)
            assert supervisor.recorded_socket(folder) is None
            open_server(folder).close()
        first.close()
    assert (tmp_path / 'mine').exists()
    assert folder.is_dir()


# --- whose it is ---------------------------------------------------------------------------------


def modes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.rglob('*'):
        with contextlib.suppress(FileNotFoundError):  # the shell removes its files as it ends
            found[str(path.relative_to(folder))] = stat.S_IMODE(path.lstat().st_mode)
    return found


@every_server
def test_nobody_else_may_read_what_is_in_an_existing_folder(binary: Path, folder: Path) -> None:
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with open_server(folder) as server, client(server) as connected:
            connected.set('a', 1)
            connected.bgrewriteaof()
            eventually(lambda: not connected.info('persistence')['aof_rewrite_in_progress'])
            while_open = modes(folder)
    finally:
        os.umask(before)
    assert {name: mode for name, mode in while_open.items() if mode & 0o077} == {}
    assert {name: mode for name, mode in modes(folder).items() if mode & 0o077} == {}


@every_server
def test_files_of_before_are_closed_to_others(binary: Path, folder: Path) -> None:
    with open_server(folder) as server, client(server) as connected:
        connected.set('a', 1)
    for path in folder.rglob('*'):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with open_server(folder) as server, client(server) as connected:
        assert connected.get('a') == b'1'
        assert {name: mode for name, mode in modes(folder).items() if mode & 0o077} == {}


@pytest.mark.parametrize('name', [supervisor.LOCK, supervisor.PIPE])
def test_a_link_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    folder.mkdir()
    victim = tmp_path / 'victim'
    victim.write_text('precious')
    (folder / name).symlink_to(victim)
    with pytest.raises(ServerUnavailable, match=rf'{re.escape(name)}.*a symbolic link'):
        open_server(folder)
    assert victim.read_text() == 'precious'


@pytest.mark.parametrize('link', [Path.symlink_to, Path.hardlink_to])
def test_the_log_is_a_new_file(
    folder: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    folder.mkdir()
    victim = tmp_path / 'victim'
    victim.write_text('precious')
    try:
        link(folder / supervisor.LOG, victim)
    except OSError:
        pytest.skip('there are two file systems')
    open_server(folder).close()
    assert victim.read_text() == 'precious'
    assert not (folder / supervisor.LOG).is_symlink()


def test_a_lock_with_another_name_is_refused(folder: Path, base: Path) -> None:
    folder.mkdir()
    victim = base / 'victim'
    victim.write_text('precious')
    (folder / supervisor.LOCK).hardlink_to(victim)
    with pytest.raises(ServerUnavailable, match='hard link'):
        open_server(folder)
    assert victim.read_text() == 'precious'


@pytest.fixture
def somebody_else(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file somebody else's. Without root's rights it is the program that is another."""

    def give_away(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 12345, -1, follow_symlinks=False)
        else:
            mine = os.geteuid()
            monkeypatch.setattr(os, 'geteuid', lambda: mine + 1)

    return give_away


def test_a_folder_of_somebody_else(folder: Path, somebody_else: Callable[[Path], None]) -> None:
    folder.mkdir()
    somebody_else(folder)
    with pytest.raises(ServerUnavailable) as caught:
        open_server(folder)
    said = str(caught.value)
    assert f'no server can be embedded in {str(folder)!r}' in said
    assert 'belongs to ' in said
    assert f'(uid {folder.stat().st_uid})' in said or f'uid {folder.stat().st_uid},' in said
    assert 'Name a folder of your own' in said
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize('name', [supervisor.LOCK, supervisor.PIPE, supervisor.SOCKET])
def test_a_file_of_somebody_else_in_a_folder_of_ours(folder: Path, name: str) -> None:
    """The server of somebody else is not joined, and its lock not waited for."""
    if os.geteuid() != 0:
        pytest.skip('only root can give a file away')
    with open_server(folder) as server:
        pid = server_pid(server)
        os.chown(folder / name, 12345, -1)
        with pytest.raises(ServerUnavailable, match=rf'{re.escape(name)}.*belongs to uid 12345'):
            open_server(folder)
        os.chown(folder / name, 0, -1)
        assert server_pid(server) == pid
    assert not is_running(pid)


# --- names ---------------------------------------------------------------------------------------

NAMES = [
    'two words',
    """it's a "quoted" name""",
    'back\\slash $HOME `id` ; & | * ? [x] %s #',
    'naïve-日本-🚂',
    '--port',
    'two\nlines',
    'x' * 90,
    'deep/' * 40 + 'data',
    os.fsdecode(b'not-utf8-\xff'),
]


@every_server
@pytest.mark.parametrize('name', NAMES, ids=range(len(NAMES)))
def test_names(binary: Path, folder: Path, name: str) -> None:
    place = folder / name
    with open_server(place) as server, client(server) as connected:
        assert connected.incr('count') == 1
        assert server.folder == place.resolve()
        with open_server(place) as other:
            assert other.socket == server.socket
    assert list(place.rglob('*.aof'))


def test_a_long_name_puts_the_socket_elsewhere(folder: Path) -> None:
    place = folder / ('x' * 100)
    with open_server(place) as server:
        assert len(os.fsencode(server.socket)) <= 103
        assert server.socket.parent != place
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        # Another program finds it, even one that has its temporary files elsewhere.
        program = Program(place, WAIT, env={'TMPDIR': str(folder)}).opened()
        assert not program.owned
        assert program.server_pid == server_pid(server)
        program.end()
    assert not server.socket.parent.exists()


def test_a_long_name_after_a_kill(folder: Path) -> None:
    program = Program(folder / ('x' * 100), 'print(server.socket, flush=True)\n' + WAIT).opened()
    made = Path(program.line())
    assert made.exists()
    program.kill()
    eventually(lambda: not made.parent.exists())


def test_a_long_temporary_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = folder / ('x' * 100)
    long.mkdir(parents=True)
    monkeypatch.setenv('TMPDIR', str(long))
    monkeypatch.setattr('tempfile.tempdir', None)
    with open_server() as server, client(server) as connected:
        assert connected.ping()
    assert not server.folder.exists()


# --- what goes wrong -----------------------------------------------------------------------------


def script(folder: Path, text: str) -> Path:
    path = folder / 'a-server'
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return path


def test_no_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('ROM_REDIS_SERVER', '/does/not/exist')
    for location in ('', folder):
        with pytest.raises(ServerUnavailable, match=r'does not exist.*ROM_REDIS_SERVER'):
            open_server(location)
    with pytest.raises(ServerUnavailable, match='does not exist'):
        open_server(binary=folder / 'nothing')


@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_a_program_that_fails_is_quoted(
    tmp_path: Path, folder: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, 'READY_SECONDS', math.inf)  # it does not wait for that
    wrong = script(tmp_path, 'for n in 1 2 3; do echo "trouble $n"; done\nexit 3\n')
    with pytest.raises(ServerUnavailable) as caught:
        open_server(folder if kept else '', binary=wrong)
    message = str(caught.value)
    assert 'trouble 3' in message
    assert str(wrong) in message
    assert 'ended instead of starting' in message
    assert 'ROM_REDIS_SERVER' in message
    if kept:
        eventually(lambda: nobody_left(folder))
        open_server(folder).close()


def test_a_program_that_says_nothing(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r'\(nothing\)'):
        open_server(binary='/bin/false')


@pytest.mark.parametrize('kept', [False, True], ids=['temporary', 'kept'])
def test_a_program_that_does_not_answer(
    tmp_path: Path, folder: Path, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, 'READY_SECONDS', 0.3)
    pid = tmp_path / 'pid'
    slow = script(tmp_path, f'echo $$ >"{pid}"\necho thinking\nexec sleep 60\n')
    with pytest.raises(ServerUnavailable, match=r'did not answer in time[^!]*thinking'):
        open_server(folder if kept else '', binary=slow)
    assert not is_running(int(pid.read_text()))


@every_server
def test_a_damaged_file(binary: Path, folder: Path) -> None:
    with open_server(folder) as server, client(server) as connected:
        connected.mset({f'key{n}': 'x' * 100 for n in range(100)})
    file = max(folder.rglob('*.aof'), key=lambda path: path.stat().st_size)
    data = file.read_bytes()
    file.write_bytes(data[:500] + b'#' * 500 + data[1000:])
    with pytest.raises(ServerUnavailable) as caught:
        open_server(folder)
    assert 'Bad file format' in str(caught.value)
    assert 'redis-check-aof --fix' in str(caught.value)
    file.write_bytes(data)
    open_server(folder).close()


def test_data_goes_on_to_newer_servers_only(folder: Path) -> None:
    if not {'redis6.2', 'valkey9'} <= BINARIES.keys():
        pytest.skip('it takes two servers')
    for count, name in enumerate(('redis6.2', 'valkey9', 'valkey9'), 1):
        with open_server(folder, binary=BINARIES[name]) as server, client(server) as connected:
            assert connected.incr('count') == count
    # This one would start, and find nothing.
    with pytest.raises(ServerUnavailable, match=r'is version 6.*ROM_REDIS_SERVER'):
        open_server(folder, binary=BINARIES['redis6.2'])
    with open_server(folder) as server, client(server) as connected:
        assert connected.get('count') == b'3'


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    for place in (tmp_path / 'file', tmp_path / 'file' / 'data'):
        with pytest.raises(ServerUnavailable, match='must be a folder'):
            open_server(place)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    place = tmp_path / 'locked'
    place.mkdir(mode=0o500)
    if os.access(place, os.W_OK):  # root may write everywhere but in the kernel's own folders
        place = Path('/proc/self')
        if not place.exists():
            pytest.skip('everything can be written here')
    for missing in ('', 'data'):
        with pytest.raises(ServerUnavailable, match='this user may write'):
            open_server(place / missing)


# --- loading -------------------------------------------------------------------------------------


@pytest.fixture
def slow_loader(tmp_path: Path, binary: Path, folder: Path) -> Path:
    """A server that needs a second to load its data, and says so meanwhile."""
    with open_server(folder) as server, client(server) as connected:
        for begin in range(0, 8000, 1000):
            connected.mset({f'key{n}': os.urandom(2000) for n in range(begin, begin + 1000)})
        connected.bgrewriteaof()
        eventually(lambda: not connected.info('persistence')['aof_rewrite_in_progress'])
    return script(tmp_path, f'exec "{binary}" "$@" --key-load-delay 150\n')


def loading_takes(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """So long it seems to take; before the server says that it loads, no time goes by."""
    answers = 0
    ask = supervisor.ask

    def noted(socket: Path) -> bytes:
        nonlocal answers
        answer = ask(socket)
        answers += answer.startswith(b'-LOADING')
        return answer

    clock = SimpleNamespace(monotonic=lambda: seconds if answers else 0.0, sleep=time.sleep)
    monkeypatch.setattr(supervisor, 'ask', noted)
    monkeypatch.setattr(supervisor, 'time', clock)


@every_server
def test_loading_takes_its_time(
    binary: Path, folder: Path, slow_loader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading_takes(monkeypatch, embedded.READY_SECONDS + 1)
    with open_server(folder, binary=slow_loader) as server, client(server) as connected:
        assert supervisor.time.monotonic() > embedded.READY_SECONDS
        assert connected.dbsize() == 8000


def test_loading_for_too_long(
    folder: Path, slow_loader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading_takes(monkeypatch, embedded.LOADING_SECONDS + 1)
    with pytest.raises(ServerUnavailable, match='did not answer in time'):
        open_server(folder, binary=slow_loader)
    eventually(lambda: nobody_left(folder))


def test_examples() -> None:
    assert doctest.testmod(embedded).failed == 0
