"""The shell that keeps an embedded server, and the pipe that its users hold.

See :mod:`rom.drivers.embedded` for why. This file knows the names in the data folder, and how a
server is started, joined and let go; it does not know what a handle is.

The shell inherits two things from whoever starts it: the reading end of the pipe (its stdin) and
the lock (its stderr). It hands the lock on to the server, so that the lock is held while the server
or its shell lives, whatever happens to either. A subshell reads the pipe. A program that joins
writes a name into it and waits until the subshell has removed the file of that name: only then is
it sure that the subshell has not met the end of the pipe before. At the end of the pipe, no user is
left: the server is told to end, and is killed if that takes more than ten seconds (an endless
script). The shell itself waits for the server's end, also for one that crashed, and clears up; the
pipe goes last, which tells those who wait that all is done. It ends its subshell by SIGPIPE, which
Python never lets a child ignore; and each process has its parent wait for it, because where a
program is process 1 of a container, nobody else clears away what has ended.
"""

from __future__ import annotations

import errno
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

if sys.platform != 'win32':
    import fcntl

LOCK = 'server.lock'  # held by the server; its text is where the socket is
PIPE = 'server.users'  # every user holds a writing end
LOG = 'server.log'  # what the server printed since its last start
SOCKET = 'server.sock'
JOINING = 'server.joining-'  # and a name: removed once the shell knows this user

# A unix socket's name has room for 107 bytes on Linux and 103 on macOS.
SOCKET_BYTES = 100

SHELL = '/bin/sh'
POLL_SECONDS = 0.002
STOP_SECONDS = 15  # more than the ten that the shell gives the server

SCRIPT = f"""
exec 8<&0 9>&2 2>&1 </dev/null
scratch=$1 socket=$2 signal=$3
shift 3
"$@" 8<&- 9>&9 & server=$!
{{
    while read -r name; do rm -f "{JOINING}$name"; done
    sleep 10 & timer=$!
    trap 'kill -s KILL $timer; wait $timer; exit' PIPE
    kill -s $signal $server
    wait $timer
    kill -s KILL $server
}} <&8 8<&- 9>&- & users=$!
exec 8<&-
wait $server
kill -s PIPE $users
wait $users
rm -f "$socket"
rm -rf "$scratch"
rm -f {PIPE}
"""


def take_lock(folder: Path) -> int | None:
    """Take the folder's lock; None while a server (or one who starts it) holds it."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        raise
    return lock


def short_folder() -> Path:
    """A new temporary folder, of mode 700, in which a socket's name is short enough."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > SOCKET_BYTES - 30:
        base = '/tmp'
    return Path(tempfile.mkdtemp(prefix='rom-', dir=base))


def has_room(folder: Path) -> bool:
    """Whether a socket in this folder has a name that is short enough."""
    return len(os.fsencode(folder / SOCKET)) <= SOCKET_BYTES


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
        lock: what :func:`take_lock` gave; the caller closes its own descriptor afterwards.
        log: the descriptor that the server prints to.
        socket_path: where the server will listen.
        scratch: a folder to remove with everything in it when the server has ended.
        signal_name: what ends the server first; KILL is for one that has nothing to keep.

    Returns:
        our writing end of the pipe, and the shell.
    """
    for left in (folder / SOCKET, folder / PIPE, *folder.glob(JOINING + '*')):
        left.unlink(missing_ok=True)
    os.ftruncate(lock, 0)
    os.pwrite(lock, os.fsencode(socket_path), 0)
    os.mkfifo(folder / PIPE, 0o600)
    # In this order, and without blocking, neither end waits for the other.
    reading = os.open(folder / PIPE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        writing = os.open(folder / PIPE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.set_blocking(reading, True)
            arguments = [str(scratch or ''), str(socket_path), signal_name, *command]
            shell = _spawn(arguments, folder, reading, log, lock)
        except BaseException:
            os.close(writing)
            raise
    finally:
        os.close(reading)
    return writing, shell


def _spawn(
    arguments: list[str], folder: Path, stdin: int, stdout: int, stderr: int
) -> subprocess.Popen[bytes]:
    # A child inherits the calling thread's blocked signals, and the shell needs these two to see an
    # end. (With SIGTERM blocked the server ends by SIGKILL, ten seconds late.)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD, signal.SIGPIPE})
    try:
        # A session of its own: Ctrl-C and a closed terminal reach neither shell nor server.
        return subprocess.Popen(
            [SHELL, '-c', SCRIPT, 'sh', *arguments],
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class Joining:
    """One program's way into a running server: open the pipe, say a name, wait for the answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pipe: int | None = None
        self._sign = folder / (JOINING + secrets.token_hex(8))

    def step(self) -> int | None:
        """Go on as far as possible without waiting.

        Returns:
            our end of the pipe once the server is held; whoever gets it closes it.
        """
        if self._pipe is None:
            self._knock()
        elif not self._sign.exists():
            pipe, self._pipe = self._pipe, None
            return pipe
        return None

    def _knock(self) -> None:
        try:
            self._pipe = os.open(self.folder / PIPE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENXIO):  # no pipe, or nobody reads it
                return
            raise
        self._sign.touch(0o600)
        try:
            os.write(self._pipe, os.fsencode(self._sign.name.removeprefix(JOINING)) + b'\n')
        except (BrokenPipeError, BlockingIOError):  # the reader ended just now
            self.give_up()

    def give_up(self) -> None:
        """Close what was opened, remove what was made."""
        self._sign.unlink(missing_ok=True)
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def recorded_socket(folder: Path) -> Path:
    """Where the running server's socket is, as its starter wrote it down."""
    return Path(os.fsdecode((folder / LOCK).read_bytes()))


def is_served(folder: Path, pipe: int) -> bool:
    """Whether the shell behind our end of the pipe has not finished yet."""
    try:
        return os.path.samestat(os.stat(folder / PIPE), os.fstat(pipe))
    except FileNotFoundError:
        return False


def let_go(folder: Path, pipe: int) -> bool:
    """Close our end of the pipe. When it was the last one, wait until the server has ended.

    Returns:
        False when others still use the server.
    """
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
                # Readable: at its end (we were the last), or someone is joining at this moment.
                if not selector.select(0):
                    return False
                time.sleep(POLL_SECONDS)
    finally:
        os.close(reading)
    return True


def ask(socket_path: Path) -> bytes:
    """What the server answers to PING, cut after 100 bytes; nothing when it does not."""
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
    """Wait until the server answers, or ends, or the time is over."""
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
