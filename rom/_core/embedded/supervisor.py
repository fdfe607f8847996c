"""The files in an embedded server's folder: how a server is started, joined, and let go.

See :mod:`rom._core.embedded.server` for why, and :mod:`rom._core.embedded.shell` for the shell that
is started with the server. This file does not know of handles.

The shell inherits two things from the program that starts it: the reading end of the users' pipe
and the lock. It hands the lock on to the server, so the lock is held while either of them lives. A
program that joins writes a name into the pipe, and waits until the shell has removed the file of
that name. Only then is it sure that the shell has not read the end of the pipe before. At the end
of the server, the pipe is removed last, which tells waiting programs that all is done.

A pipe without a reader remains if the shells were killed. It is used again, because programs that
still use the server may hold it.
"""

from __future__ import annotations

import errno
import os
import secrets
import select
import selectors
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rom._core.embedded import file_ownership, shell

if sys.platform != 'win32':
    import fcntl

LOCK = 'server.lock'  # held by the server; its text is the path of the socket
PIPE = 'server.users'  # every user holds a writing end
CONFIG = 'server.conf'  # settings for the server, if the user has made this file
LOG = 'server.log'  # the output of the server since its last start
SOCKET = 'server.sock'
JOINING = 'server.joining-'  # followed by a name; removed once the shell knows this user

STARTING = 'server.starting'  # exists until the server has answered for the first time
MARK = 'server.shell-'  # followed by a name of this launch; exists until its shell has cleared up

# A unix socket's name has room for 107 bytes on Linux and 103 on macOS.
SOCKET_BYTES = 100

POLL_SECONDS = 0.002
STOP_SECONDS = 15  # more than the ten that the shell gives the server, plus two to clear up
KNOCK_SECONDS = 0.5  # the name is written again, because a killed reader may have read the first


def take_lock(folder: Path) -> int | None:
    """Take the folder's lock; None while a server, or a program that starts it, holds it."""
    lock = file_ownership.open_private(folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        raise
    return lock


def short_folder() -> Path:
    """Make a temporary folder, of mode 700, whose path is short enough for a socket."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > SOCKET_BYTES - 30:
        base = '/tmp'
    return Path(tempfile.mkdtemp(prefix='rom-', dir=base))


def has_room(folder: Path) -> bool:
    """Tell whether the path of a socket in this folder is short enough."""
    return len(os.fsencode(folder / SOCKET)) <= SOCKET_BYTES


def settings(folder: Path) -> list[str]:
    """Return the server's first argument, if there is a file of settings; else an empty list.

    Raises:
        ServerUnavailable: the file belongs to another user.
    """
    path = folder / CONFIG
    if not path.exists():
        return []
    file_ownership.check_path(path.resolve(), stat.S_IFREG)
    return [str(path)]


def launch(
    folder: Path,
    command: list[str],
    *,
    lock: int,
    log: int,
    socket_path: Path,
    scratch: Path | None,
    signal_name: Literal['TERM', 'KILL'],
) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a server under its shell.

    Args:
        folder: the server's data.
        command: the server program with its flags.
        lock: the result of :func:`take_lock`; the caller closes its own descriptor afterwards.
        log: the descriptor that the server prints to.
        socket_path: the socket that the server will listen on.
        scratch: a folder to remove with everything in it when the server has ended.
        signal_name: the first signal to end the server with; KILL if its data is temporary.

    Returns:
        the caller's writing end of the pipe, and the shell.
    """
    _clear_away(folder)
    os.ftruncate(lock, 0)
    os.pwrite(lock, os.fsencode(socket_path), 0)
    mark = MARK + secrets.token_hex(8)
    for name in (mark, STARTING):
        (folder / name).touch(file_ownership.PRIVATE_FILE, exist_ok=False)
    # In this order, and without blocking, neither end waits for the other.
    reading = _reading_end(folder)
    try:
        writing = file_ownership.open_private(
            folder / PIPE, os.O_WRONLY | os.O_NONBLOCK, stat.S_IFIFO
        )
        try:
            os.set_blocking(reading, True)
            names = [PIPE, JOINING, STARTING, mark]
            arguments = [str(scratch or ''), str(socket_path), signal_name, *names, *command]
            started = _spawn(arguments, folder, reading, log, lock)
        except BaseException:
            os.close(writing)
            raise
    finally:
        os.close(reading)
    return writing, started


def _clear_away(folder: Path) -> None:
    """Remove the files of earlier servers, and other users' permissions on the data."""
    left = (*folder.glob(JOINING + '*'), *folder.glob(MARK + '*'))
    for path in (folder / SOCKET, folder / STARTING, *left):
        path.unlink(missing_ok=True)
    for path in (*folder.glob('appendonly*'), *folder.glob('appendonlydir/*')):
        file_ownership.make_private(path)


def _reading_end(folder: Path) -> int:
    """Open the reading end of the users' pipe; make a new pipe unless one has no reader."""
    path = folder / PIPE
    if has_reader(folder) or not os.path.lexists(path):
        path.unlink(missing_ok=True)
        os.mkfifo(path, file_ownership.PRIVATE_FILE)
    reading = file_ownership.open_private(path, os.O_RDONLY | os.O_NONBLOCK, stat.S_IFIFO)
    _is_at_its_end(reading)  # discard what was written for earlier shells
    return reading


def set_started(folder: Path) -> None:
    """Record that the server has answered: from now on, the shell restarts it."""
    (folder / STARTING).unlink(missing_ok=True)


def has_reader(folder: Path) -> bool:
    """Tell whether a shell reads the users' pipe."""
    pipe = _writing_end(folder)
    if pipe is None:
        return False
    os.close(pipe)
    return True


def _writing_end(folder: Path) -> int | None:
    """Open the writing end of the users' pipe; None: there is no pipe, or it has no reader."""
    try:
        return file_ownership.open_private(folder / PIPE, os.O_WRONLY | os.O_NONBLOCK, stat.S_IFIFO)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            return None
        raise


def end_orphan(folder: Path) -> None:
    """End a server whose shells were all killed, because no other process would end it.

    The order of steps makes this safe beside other programs that do the same. A program that starts
    a server first opens the pipe for reading. So if the pipe has no reader after the connection was
    made, the connection does not lead to a newer server.
    """
    path = recorded_socket(folder)
    if path is None or not _exists(path):
        return
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        if not has_reader(folder):
            connection.sendall(b'SHUTDOWN NOSAVE\r\n')  # kept data is in the append-only file
            connection.recv(100)


def _exists(path: Path) -> bool:
    """Tell whether the socket exists.

    Raises:
        ServerUnavailable: the path is not a socket, or belongs to another user.
    """
    try:
        file_ownership.check_path(path.parent, stat.S_IFDIR)
        file_ownership.check_path(path, stat.S_IFSOCK)
    except FileNotFoundError:
        return False
    return True


def _spawn(
    arguments: list[str], folder: Path, stdin: int, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    # A child inherits the calling thread's blocked signals, and the shell needs these to notice
    # the end of another process. (With SIGTERM blocked, the server ends by SIGKILL after 10 s.)
    needed = {signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ}
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, needed)
    try:
        # A session of its own: Ctrl-C and a closed terminal reach neither shell nor server.
        return subprocess.Popen(
            [shell.PATH, '-c', shell.SCRIPT, 'sh', *arguments],
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class Joining:
    """Joins a running server: opens the pipe, writes a name, and waits for the answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pipe: int | None = None
        self._sign = folder / (JOINING + secrets.token_hex(8))
        self._label_of = 0.0

    def step(self) -> int | None:
        """Take the next step, without waiting.

        Returns:
            the writing end of the pipe once the server is held, for the caller to close; or None.
        """
        if self._pipe is None:
            self._pipe = _writing_end(self.folder)
            if self._pipe is None:
                return None
            self._sign.touch(file_ownership.PRIVATE_FILE, exist_ok=False)
        elif not self._sign.exists():
            pipe, self._pipe = self._pipe, None
            return pipe
        if time.monotonic() - self._label_of > KNOCK_SECONDS:
            self._knock(self._pipe)
        return None

    @property
    def is_waiting(self) -> bool:
        """True while the name is written and not answered."""
        return self._pipe is not None

    def _knock(self, pipe: int) -> None:
        self._label_of = time.monotonic()
        try:
            os.write(pipe, os.fsencode(self._sign.name.removeprefix(JOINING)) + b'\n')
        except (BrokenPipeError, BlockingIOError):  # the reader has just ended
            self.give_up()

    def give_up(self) -> None:
        """Close the pipe, and remove the file of the name."""
        self._label_of = 0.0
        self._sign.unlink(missing_ok=True)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def recorded_socket(folder: Path) -> Path | None:
    """Return the socket of the running server; None: it is not recorded yet."""
    lock = file_ownership.open_private(folder / LOCK, os.O_RDONLY)
    with open(lock, 'rb') as file:
        path = Path(os.fsdecode(file.read()))
    return path if path.name == SOCKET and path.is_absolute() else None


def is_served(folder: Path, pipe: int) -> bool:
    """Tell whether the shell at the other end of the pipe has not finished."""
    try:
        return os.path.samestat(os.stat(folder / PIPE), os.fstat(pipe))
    except FileNotFoundError:
        return False


def let_go(folder: Path, pipe: int) -> bool:
    """Close a writing end of the pipe. If it was the last one, wait for the server's end.

    Returns:
        False if other handles or programs still use the server.
    """
    if is_served(folder, pipe) and _has_no_reader(pipe):
        return _let_go_of_orphan(folder, pipe)
    try:
        reading = os.open(folder / PIPE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # the server has ended, or its folder was removed
        os.close(pipe)
        return True
    try:
        same = is_served(folder, pipe)
        os.close(pipe)
        deadline = time.monotonic() + STOP_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(reading, selectors.EVENT_READ)
            while same and is_served(folder, reading) and time.monotonic() < deadline:
                # Readable: this was the last writing end, or a program is joining just now.
                if not selector.select(0):
                    return False
                time.sleep(POLL_SECONDS)
    finally:
        os.close(reading)
    return True


def _has_no_reader(pipe: int) -> bool:
    """Tell whether a pipe has no reading end."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


def _let_go_of_orphan(folder: Path, pipe: int) -> bool:
    """Let go of a server whose shells were killed; the last user has to end the server."""
    reading = os.open(folder / PIPE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.close(pipe)
        is_last = _is_at_its_end(reading)
    finally:
        os.close(reading)
    if is_last:
        end_orphan(folder)
        (folder / PIPE).unlink(missing_ok=True)
    return is_last


def _is_at_its_end(reading: int) -> bool:
    """Empty the users' pipe; tell whether it has no writing end."""
    while True:
        try:
            if not os.read(reading, 4096):
                return True
        except BlockingIOError:
            return False


def ask(socket_path: Path) -> bytes:
    """Return up to 100 bytes of the server's answer to PING; empty if there is no answer.

    Raises:
        ServerUnavailable: the socket belongs to another user.
    """
    if not _exists(socket_path):
        return b''
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b'PING\r\n')
            return connection.recv(100)
        except OSError:
            return b''


def wait_ready(
    folder: Path, socket_path: Path, pipe: int, ready_seconds: float, loading_seconds: float
) -> Literal['ready', 'ended', 'silent']:
    """Wait until the server answers, or ends, or the time is up."""
    begin = time.monotonic()
    limit = ready_seconds
    while is_served(folder, pipe):
        answer = ask(socket_path)
        if answer.startswith(b'-LOADING'):
            limit = loading_seconds
        elif answer:
            return 'ready'
        if time.monotonic() - begin > limit:
            return 'silent'
        time.sleep(POLL_SECONDS)
    return 'ended'
