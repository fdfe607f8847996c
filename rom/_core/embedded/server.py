"""A Redis or Valkey server of the program's own: what stands behind ``embedded:`` URLs.

**Who ends the server?** Whoever uses a server holds the writing end of one named pipe in the data
folder; a small shell beside the server reads it (:mod:`rom._core.embedded.shell`), and ends the
server at the end of the pipe. The kernel counts the holders. It closes what a process held however
that process ends (return, exception, ``os._exit``, SIGKILL), so the server lives exactly as long as
its last user: nothing is left running, and a second program keeps its server when the first one
ends. There is no count or process id on disk that could be wrong after a crash. (The kernel's
parent-death signal is no help: it fires when the starting *thread* ends. Nor is a daemon: nothing
ends it.)

**Who starts it?** Whoever gets the ``flock`` on the lock file. The server inherits the lock, so it
is free exactly when no server runs there, and two servers never write one folder. Whoever does not
get it joins; a join that comes too late is noticed by the missing answer
(:mod:`rom._core.embedded.supervisor`).

**Who starts it again?** The shell, which is the parent of the server: when a server dies while it
is used, the next one follows on the same socket. What is kept is there again; what is temporary is
lost.

**Whose is it?** A folder, a lock or a socket that is not this user's is refused
(:mod:`rom._core.embedded.file_ownership`): whoever owns one of them can read and change all data.

A temporary folder works in the same way, and is removed by the shell, hence after SIGKILL too. Two
handles in one process are two holders of the pipe: no sharing needs to be noted down anywhere.

**Other processes.** The pipe is closed in programs that we execute. A *forked* child has a copy of
it: a child that ends, with or without exit handlers, gives back only its copy; and a child that
outlives us keeps the server until it ends, too. Shell and server are in a session of their own, so
Ctrl-C ends the program first, and the server is up for whatever the program does at its end.

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
LOADING_SECONDS = 60.0  # a server that reads a large file says so
JOIN_SECONDS = 20.0  # for the end of a server that is ending

LOG_BYTES = 4000
LOG_LINES = 10

KEPT = ('--appendonly', 'yes', '--save', '')
TEMPORARY = ('--appendonly', 'no', '--save', '')

_open: set[EmbeddedServer] = set()
_still_used: list[subprocess.Popen[bytes]] = []  # shells of ours whose server others go on using


class EmbeddedServer:
    """A running server that this program holds. Made by :func:`open_server`.

    Also a context manager that closes it. Handles that are still open are closed at exit.

    Attributes:
        folder: where its data is, an absolute :class:`pathlib.Path`.
        socket: the unix socket to connect to, an absolute :class:`pathlib.Path`.
        owned: whether this handle started it; False: it ran already, and was joined.

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
        self._scratch = scratch  # only of who has made it: no path out of a file is ever removed
        _open.add(self)

    def close(self) -> None:
        """Let go of the server. When nobody else holds it: stop it, and wait for that.

        What was written stays in the folder; a temporary folder is removed with the server. When
        another handle or program still holds the server, it runs on. To close twice does nothing.

        Waits up to 15 s: a server in the midst of an endless script is killed after 10 s.

        Example:
            >>> server = open_server()
            >>> server.close()
            >>> server.folder.exists()
            False
        """
        try:
            _open.remove(self)  # of two threads, one gets through
        except KeyError:
            return
        if self._shell is not None:
            self._shell.poll()  # one that was killed is cleared away, so that others see it gone
        ended = supervisor.let_go(self.folder, self._pipe)
        if ended and self._scratch is not None:
            rmtree(self._scratch, ignore_errors=True)  # where the shells were killed
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
        location: the folder for its data, made when missing, private to this user then; ``~`` is
            expanded. Every name of one folder means the same server, in this program and others. A
            file ``server.conf`` in it is read by the server first. Empty: a temporary folder and a
            server of its own, which keep nothing.
        binary: the server program to start, a path or a name on PATH; None asks
            :func:`rom.embedded.find_binary`. Not looked at when a server runs already.

    Returns:
        a handle on a server that answers.

    Raises:
        ServerUnavailable: there is no program to start; the folder cannot be made or written, or
            belongs to another user; or the server did not start: the message has what it printed
            last. It has 10 s to answer, and 60 s while it says that it is loading its data.

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
                    os.close(lock)  # the server has it now
            pipe = joining.step()
            if pipe is not None:
                server = _joined(folder, pipe)
                state = _await(server)
                if state == 'ready':
                    return server
                if state == 'silent':
                    break
                # It ended, or never came up: our turn.
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
    """The handle of who has joined: the shell has answered, so the socket's place is known."""
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
    """Refuse a server that would not see what is in the folder, and begin an empty one beside it.

    Redis 6.2 keeps one file; Redis 7 and Valkey read that, and keep a folder of files instead. All
    other mixtures work, or fail with a complaint of the server's own.
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
        assert lock is not None, 'nobody else knows this folder'
        try:
            return _start(folder, lock, program, folder)
        finally:
            os.close(lock)
    except BaseException:
        rmtree(folder, ignore_errors=True)
        raise


def _start(folder: Path, lock: int, program: Path, scratch: Path | None) -> EmbeddedServer:
    """Start a server. Scratch, a temporary folder for the socket, goes with it."""
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
    """Wait for a server's first answer; the handle is closed where that fails."""
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
    """A new file, so that nothing is written through a link to another one."""
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
            shell.returncode = 0  # left to the others on purpose: no ResourceWarning


publish('rom.embedded', EmbeddedServer, open_server)
