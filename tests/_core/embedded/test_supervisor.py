"""The shell beside a server, under every shell there is here, and the lock on a folder."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from rom._core.embedded import shell as shells
from rom._core.embedded import supervisor
from tests.support.patience import PATIENCE, eventually

SHELLS = [name for name in ('sh', 'dash', 'bash', 'ksh', 'mksh', 'zsh') if shutil.which(name)]

# Stands in for a server where only its life matters: it says who it is, and waits to be ended.
SERVER = [
    'sh',
    '-c',
    'trap "echo told >said; exit" TERM; echo $$ >pid; while :; do sleep 0.01; done',
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(shells, 'PATH', shutil.which(request.param))
    return str(request.param)


def launch(
    folder: Path, command: list[str], **settings: Any
) -> tuple[int, 'subprocess.Popen[bytes]']:
    lock = eventually(lambda: supervisor.take_lock(folder))  # what was killed takes a moment to end
    assert lock is not None
    with open(folder / supervisor.LOG, 'wb') as log:
        try:
            return supervisor.launch(
                folder,
                command,
                lock=lock,
                log=log.fileno(),
                socket_path=folder / supervisor.SOCKET,
                **{'scratch': None, 'signal_name': 'TERM', **settings},
            )
        finally:
            os.close(lock)


def text_of(path: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text().strip()


def join(folder: Path) -> int:
    joining = supervisor.Joining(folder)
    deadline = time.monotonic() + PATIENCE
    while (pipe := joining.step()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return pipe


def test_the_last_user_ends_the_server(tmp_path: Path, shell: str) -> None:
    first, process = launch(tmp_path, SERVER)
    pid = int(text_of(tmp_path / 'pid'))
    second = join(tmp_path)
    assert supervisor.recorded_socket(tmp_path) == tmp_path / supervisor.SOCKET
    assert not supervisor.let_go(tmp_path, first)
    os.kill(pid, 0)
    assert supervisor.is_served(tmp_path, second)
    assert supervisor.let_go(tmp_path, second)
    process.wait(PATIENCE)
    assert (tmp_path / 'said').read_text() == 'told\n'
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {supervisor.LOCK, supervisor.LOG, 'pid', 'said'}


def test_a_server_that_ends_by_itself(tmp_path: Path, shell: str) -> None:
    scratch = tmp_path / 'two words'
    scratch.mkdir()
    (scratch / 'file').touch()
    pipe, process = launch(tmp_path, ['sh', '-c', 'echo a "b  c"'], scratch=scratch)
    process.wait(PATIENCE)
    assert not supervisor.is_served(tmp_path, pipe)
    assert supervisor.let_go(tmp_path, pipe)
    assert not scratch.exists()
    assert (tmp_path / supervisor.LOG).read_text().startswith('a b  c\n')


def test_the_lock_is_held_while_the_server_lives(tmp_path: Path, shell: str) -> None:
    pipe, process = launch(tmp_path, SERVER)
    text_of(tmp_path / 'pid')
    assert supervisor.take_lock(tmp_path) is None
    supervisor.let_go(tmp_path, pipe)
    process.wait(PATIENCE)
    lock = supervisor.take_lock(tmp_path)
    assert lock is not None
    os.close(lock)


# Ends as soon as it counts as started, and again and again.
ENDING = [
    'sh',
    '-c',
    f'while [ -e {supervisor.STARTING} ]; do sleep 0.01; done; echo $$ >>starts',
]


def starts(folder: Path) -> int:
    path = folder / 'starts'
    return len(path.read_text().splitlines()) if path.exists() else 0


def is_waited_for(pid: int) -> bool:
    """The shell knows that it has ended; before, it tells who the new server is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_server_that_ends_is_started_again_with_pauses(tmp_path: Path, shell: str) -> None:
    pipe, process = launch(tmp_path, ENDING)
    begun = time.monotonic()
    supervisor.set_started(tmp_path)
    while starts(tmp_path) < 3:
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.01)
    elapsed = time.monotonic() - begun
    found = starts(tmp_path)
    assert found <= sum(moment <= elapsed for moment in (0, 0, 1, 3, 7, 15, 31, 47))
    last = int((tmp_path / 'starts').read_text().split()[-1])
    eventually(lambda: is_waited_for(last))
    assert supervisor.let_go(tmp_path, pipe), 'also in a pause'
    process.wait(PATIENCE)
    assert 'started again' in (tmp_path / supervisor.LOG).read_text()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {supervisor.LOCK, supervisor.LOG, 'starts'}


def test_a_server_that_was_never_ready_is_not_started_again(tmp_path: Path, shell: str) -> None:
    pipe, process = launch(tmp_path, ['sh', '-c', 'echo x >>starts'])
    process.wait(PATIENCE)
    assert starts(tmp_path) == 1
    assert supervisor.let_go(tmp_path, pipe)


def test_the_next_server_is_ended_too(tmp_path: Path, shell: str) -> None:
    """Whoever ends the server knows which one it is by then."""
    pipe, process = launch(tmp_path, SERVER)
    for _ in range(2):
        pid = int(text_of(tmp_path / 'pid'))
        supervisor.set_started(tmp_path)
        (tmp_path / 'pid').unlink()
        os.kill(pid, signal.SIGKILL)
    pid = int(text_of(tmp_path / 'pid'))
    join_and_leave(tmp_path)
    os.kill(pid, 0)
    assert supervisor.let_go(tmp_path, pipe)
    process.wait(PATIENCE)
    assert (tmp_path / 'said').read_text() == 'told\n'
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def join_and_leave(folder: Path) -> None:
    assert not supervisor.let_go(folder, join(folder))


def test_a_pipe_that_nobody_reads_is_used_again(tmp_path: Path) -> None:
    """Programs may hold it whose server and shells were killed: they are users of the next one."""
    pipe, process = launch(tmp_path, SERVER)
    text_of(tmp_path / 'pid')
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    (tmp_path / 'pid').unlink()
    other, process = launch(tmp_path, SERVER)
    pid = int(text_of(tmp_path / 'pid'))
    assert supervisor.is_served(tmp_path, pipe)
    assert not supervisor.let_go(tmp_path, other)
    os.kill(pid, 0)
    assert supervisor.let_go(tmp_path, pipe)
    process.wait(PATIENCE)


def test_a_lock_that_says_nothing_yet(tmp_path: Path) -> None:
    lock = supervisor.take_lock(tmp_path)
    assert lock is not None
    assert supervisor.recorded_socket(tmp_path) is None
    supervisor.end_orphan(tmp_path)
    os.close(lock)


def test_nobody_joins_where_no_server_is(tmp_path: Path) -> None:
    joining = supervisor.Joining(tmp_path)
    assert joining.step() is None
    os.mkfifo(tmp_path / supervisor.PIPE)  # left by a machine that lost its power
    assert joining.step() is None
    joining.give_up()
    assert [path.name for path in tmp_path.iterdir()] == [supervisor.PIPE]


def test_what_a_crash_left_is_cleared_away(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / supervisor.PIPE)
    for name in (supervisor.SOCKET, supervisor.JOINING + 'abc'):
        (tmp_path / name).touch()
    (tmp_path / supervisor.LOCK).write_text('an old path that is longer than the new one' * 10)
    pipe, process = launch(tmp_path, SERVER)
    text_of(tmp_path / 'pid')
    assert supervisor.recorded_socket(tmp_path) == tmp_path / supervisor.SOCKET
    assert supervisor.let_go(tmp_path, pipe)
    process.wait(PATIENCE)
    assert not (tmp_path / (supervisor.JOINING + 'abc')).exists()


def test_room_is_counted_in_bytes() -> None:
    room = supervisor.SOCKET_BYTES - len('/x/' + supervisor.SOCKET)
    assert supervisor.has_room(Path('/x' + 'x' * room))
    assert not supervisor.has_room(Path('/x' + 'x' * (room + 1)))
    assert not supervisor.has_room(Path('/x' + 'é' * (room - 1)))
