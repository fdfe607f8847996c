"""Embedded servers: a Redis or Valkey server of the program's own, for ``embedded:`` URLs.

**The end of the server.** Each user of a server holds the writing end of one named pipe in the data
folder. A small shell beside the server reads the pipe (:mod:`rom._core.embedded.shell`), and ends
the server at its end. The kernel counts the holders, and closes the pipe of a process however that
process ends (return, exception, ``os._exit``, SIGKILL). So the server lives exactly as long as its
last user. Nothing is left running, and a second program keeps its server when the first one ends.
There is no count or process id on disk that could be wrong after a crash. (The kernel's
parent-death signal does not help: it fires when the starting *thread* ends. Neither does a daemon,
because nothing ends it.)

**The start of the server.** The program that gets the ``flock`` on the lock file starts it. The
server inherits the lock, so the lock is free exactly when no server runs there, and two servers
never write one folder. Other programs join. A join that comes too late gets no answer
(:mod:`rom._core.embedded.supervisor`).

**Restarts.** The shell is the parent of the server. If a server dies while it is used, the shell
starts the next one on the same socket. Data in a folder is there again; temporary data is lost.

**Ownership.** A folder, a lock or a socket of another user is refused
(:mod:`rom._core.embedded.file_ownership`), because its owner can read and change all data.

A temporary folder works in the same way. The shell removes it, so it goes even after SIGKILL. Two
handles in one process are two holders of the pipe: they need no shared count.

**Child processes.** The pipe is closed in programs that this one executes. A *forked* child has a
copy of it. If the child ends, with or without exit handlers, only its copy is closed; if it
outlives the parent, it keeps the server until it ends. Shell and server have a session of their
own: Ctrl-C reaches only the program, which can use the server until its end.

POSIX only: named pipes, ``flock`` and unix sockets, on a local file system.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import BinaryIO, Literal

from rom._core.embedded import file_ownership, supervisor
from rom._core.embedded.binaries import ADVICE, VARIABLE, check_binary, find_binary, major_version
from rom._core.support.public_names import publish
from rom.exceptions import ServerUnavailable

READY_SECONDS = 10.0
LOADING_SECONDS = 60.0  # for a server that replies LOADING, as with a large file
JOIN_SECONDS = 20.0  # a server that is ending must have ended by then

LOG_BYTES = 4000
LOG_LINES = 10

KEPT = ('--appendonly', 'yes', '--save', '')
TEMPORARY = ('--appendonly', 'no', '--save', '')

_open: set[EmbeddedServer] = set()
_still_used: list[subprocess.Popen[bytes]] = []  # this process's shells that others still use


class EmbeddedServer:
    """A handle on a running server. Made by :func:`open_server`.

    It is also a context manager that closes it. Handles that are still open are closed at exit.

    Attributes:
        folder: the folder of its data, an absolute :class:`pathlib.Path`.
        socket: the unix socket to connect to, an absolute :class:`pathlib.Path`.
        owned: True if this handle started the server; False if it joined a running one.

    Example:
        >>> import redis
        >>> with open_server() as server:
        ...     redis.Redis(unix_socket_path=str(server.socket)).ping()
        True
    """

    def __init__(
        self,
        folder: Path,
        socket: Path,
        pipe: int,
        shell: subprocess.Popen[bytes] | None,
        scratch: Path | None,
    ) -> None:
        self.folder = folder
        self.socket = socket
        self.owned = shell is not None
        self._pipe = pipe
        self._shell = shell
        self._scratch = scratch  # only of its maker: a path that was read from a file is kept
        _open.add(self)

    def close(self) -> None:
        """Let go of the server. If no other handle or program holds it, stop it and wait.

        The data stays in the folder; a temporary folder is removed with the server. If another
        handle or program still holds the server, it runs on. A second call does nothing.

        It waits up to 15 s: a server that is busy with an endless script is killed after 10 s.

        Example:
            >>> server = open_server()
            >>> server.close()
            >>> server.folder.exists()
            False
        """
        try:
            _open.remove(self)  # if two threads close, only one of them continues
        except KeyError:
            return
        if self._shell is not None:
            self._shell.poll()  # reap a shell that was killed, so that it no longer counts as alive
        ended = supervisor.let_go(self.folder, self._pipe)
        if ended and self._scratch is not None:
            rmtree(self._scratch, ignore_errors=True)  # needed only if the shells were killed
        if self._shell is None:
            return
        if ended:
            with suppress(subprocess.TimeoutExpired):
                self._shell.wait(1)
        if self._shell.returncode is None:
            _still_used.append(self._shell)

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = 'open' if self in _open else 'closed'
        return f'<{type(self).__name__} {str(self.folder)!r} {state}>'


def open_server(
    location: str | os.PathLike[str] = '', *, binary: str | os.PathLike[str] | None = None
) -> EmbeddedServer:
    """Start a server, or join the one that already runs on this folder.

    Args:
        location: the folder for its data. A missing folder is made, private to this user; ``~`` is
            expanded. Every name of one folder means the same server, in this program and others.
            The server first reads the file ``server.conf`` in it, if there is one. Empty: a new
            server with temporary data.
        binary: the server program to start, a path or a name on PATH; None: the result of
            :func:`rom.embedded.find_binary`. It is ignored if a server runs already.

    Returns:
        a handle on a server that answers.

    Raises:
        ServerUnavailable: no program was found; the folder cannot be made or written, or belongs to
            another user; or the server did not start: the message has the last lines that it
            printed. It has 10 s to answer, and 60 s while it is loading its data.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open_server(folder) as first, open_server(folder) as second:
        ...         first.owned, second.owned, first.socket == second.socket
        (True, False, True)
    """
    if sys.platform == 'win32':
        raise ServerUnavailable('embedded servers need Linux or macOS: give the URL of a server')
    _still_used[:] = [shell for shell in _still_used if shell.poll() is None]
    name = os.fspath(location)
    try:
        if not name:
            return _start_temporary(binary)
        folder = Path(os.path.realpath(os.path.expanduser(name)))
        folder.mkdir(mode=file_ownership.PRIVATE_FOLDER, parents=True, exist_ok=True)
        file_ownership.check_folder(folder)
        return _join_or_start(folder, binary)
    except ServerUnavailable:
        raise
    except OSError as error:
        raise ServerUnavailable(
            f'no server can be embedded in {name or "a temporary folder"!r}: {error}. The place '
            'must be a folder on a local file system (or not exist yet) that this user may write'
        ) from None


def _join_or_start(folder: Path, binary: str | os.PathLike[str] | None) -> EmbeddedServer:
    deadline = time.monotonic() + JOIN_SECONDS
    joining = supervisor.Joining(folder)
    try:
        while time.monotonic() < deadline:
            lock = supervisor.take_lock(folder)
            if lock is not None:
                try:
                    return _start_kept(folder, lock, _program(binary))
                finally:
                    os.close(lock)  # the server has inherited it
            pipe = joining.step()
            if pipe is not None:
                server = _joined(folder, pipe)
                state = _await(server)
                if state == 'ready':
                    return server
                if state == 'silent':
                    break
                # It ended, or never came up, so the next round tries to start one.
            elif not joining.is_waiting:
                supervisor.end_orphan(folder)
            time.sleep(supervisor.POLL_SECONDS)
    finally:
        joining.give_up()
    raise ServerUnavailable(
        f'a server has {str(folder / supervisor.LOCK)!r} locked, but does not answer: find the '
        'process that has this file open (with lsof), and end it'
    )


def _joined(folder: Path, pipe: int) -> EmbeddedServer:
    """Return the handle after a join; the shell has answered, so the socket is recorded."""
    try:
        socket = supervisor.recorded_socket(folder)
    except BaseException:
        os.close(pipe)
        raise
    return EmbeddedServer(folder, socket or folder / supervisor.SOCKET, pipe, None, None)


def _start_kept(folder: Path, lock: int, program: Path) -> EmbeddedServer:
    _check_age(folder, program)
    if supervisor.has_room(folder):
        return _start(folder, lock, program, None)
    scratch = supervisor.short_folder()
    try:
        return _start(folder, lock, program, scratch)
    except BaseException:
        rmtree(scratch, ignore_errors=True)
        raise


def _check_age(folder: Path, program: Path) -> None:
    """Refuse a server that would ignore the data in the folder, and start with empty data.

    Redis 6.2 keeps one file. Redis 7 and Valkey read that, and keep a folder of files instead. All
    other combinations work, or fail with the server's own message.
    """
    if (folder / 'appendonlydir').is_dir() and not (folder / 'appendonly.aof').exists():
        version = major_version(program)
        if version is not None and version < 7:
            raise ServerUnavailable(
                f'the data in {str(folder)!r} was written by Redis 7, by Valkey or by something '
                f'newer, and {str(program)!r} is version {version}, which cannot read it: {ADVICE}'
            )


def _start_temporary(binary: str | os.PathLike[str] | None) -> EmbeddedServer:
    program = _program(binary)
    folder = supervisor.short_folder()
    try:
        lock = supervisor.take_lock(folder)
        assert lock is not None, 'the folder is new'
        try:
            return _start(folder, lock, program, folder)
        finally:
            os.close(lock)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise


def _start(folder: Path, lock: int, program: Path, scratch: Path | None) -> EmbeddedServer:
    """Start a server; `scratch`, a temporary folder for the socket, is removed with it."""
    socket = (scratch or folder) / supervisor.SOCKET
    temporary = scratch == folder
    flags = TEMPORARY if temporary else KEPT
    own_settings = [] if temporary else supervisor.settings(folder)
    command = [str(program), *own_settings, '--port', '0', '--unixsocket', str(socket)]
    command += ['--unixsocketperm', '700', '--dir', str(folder), *flags]
    with _new_log(folder) as log:
        pipe, shell = supervisor.launch(
            folder,
            command,
            lock=lock,
            log=log.fileno(),
            socket_path=socket,
            scratch=scratch,
            signal_name='KILL' if temporary else 'TERM',
        )
        server = EmbeddedServer(folder, socket, pipe, shell, scratch)
        state = _await(server)
        if state == 'ready':
            return server
        raise ServerUnavailable(_complaint(program, folder, state, log))


def _await(server: EmbeddedServer) -> Literal['ready', 'ended', 'silent']:
    """Wait for a server's first answer; close the handle if it does not come."""
    try:
        state = supervisor.wait_ready(
            server.folder, server.socket, server._pipe, READY_SECONDS, LOADING_SECONDS
        )
        if state == 'ready':
            supervisor.set_started(server.folder)
            return state
    except BaseException:
        server.close()
        raise
    server.close()
    return state


def _program(binary: str | os.PathLike[str] | None) -> Path:
    return find_binary() if binary is None else check_binary(binary)


def _new_log(folder: Path) -> BinaryIO:
    """Open a new file for the log, so that nothing is written through a link to another one."""
    path = folder / supervisor.LOG
    path.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
    return open(file_ownership.open_private(path, flags), 'rb+')


def _complaint(program: Path, folder: Path, state: str, log: BinaryIO) -> str:
    log.seek(0)
    printed = log.read()[-LOG_BYTES:].decode(errors='replace').splitlines()
    tail = '\n  '.join(line for line in printed[-LOG_LINES:] if line.strip())
    problem = {'ended': 'ended instead of starting', 'silent': 'did not answer in time'}[state]
    return (
        f'the server program {str(program)!r} {problem}, in {str(folder)!r}. It printed last:\n'
        f'  {tail or "(nothing)"}\n'
        'Put right what it complains about (a damaged file: copy the folder, then repair the file '
        f'with redis-check-aof --fix), or choose another server program with {VARIABLE}'
    )


@atexit.register
def _close_all() -> None:
    for server in list(_open):
        server.close()
    for shell in _still_used:
        if shell.poll() is None:
            shell.returncode = 0  # other programs use it: suppress the ResourceWarning


publish('rom.embedded', open_server)
