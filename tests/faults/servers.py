"""A server that can be killed and started again on what it has left, or on less than that.

Its folder is in memory where the system has such a place, so that `appendfsync always` is quick: a
SIGKILL takes nothing away that was written to a file, on a disk or not. TMPDIR names another place.
"""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from tests.support.patience import PATIENCE

ALWAYS, EVERYSEC = 'always', 'everysec'
MEMORY = Path('/dev/shm')
#: Ends the server when the pipe to it ends, which it does when the campaign is killed, too.
_SHELL = '"$@" </dev/null & p=$!; trap "" INT; cat >/dev/null; kill -KILL $p; wait $p'


class KillableServer:
    """A running server; a context manager that ends it and removes all it wrote.

    Args:
        binary: its program.
        fsync: `ALWAYS` or `EVERYSEC`: when it makes sure that its file is on the disk.
    """

    def __init__(self, binary: Path, fsync: str = ALWAYS) -> None:
        self._binary = binary
        self._fsync = fsync
        in_memory = 'TMPDIR' not in os.environ and os.access(MEMORY, os.W_OK)
        place = MEMORY if in_memory else None
        self._folder = Path(tempfile.mkdtemp(prefix='rom-faults-', dir=place))
        self.socket = str(self._folder / 'socket')
        self.client = redis.Redis(unix_socket_path=self.socket)
        self._shell: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it on what is in its folder, and wait until it answers."""
        options = ['--port', '0', '--unixsocket', self.socket, '--dir', str(self._folder)]
        options += ['--appendonly', 'yes', '--appendfsync', self._fsync, '--save', '']
        options += ['--auto-aof-rewrite-percentage', '0', '--logfile', 'log']
        self._shell = subprocess.Popen(
            ['sh', '-c', _SHELL, 'sh', str(self._binary), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(redis.RedisError):  # not there yet, or loading
                self.client.ping()
                return
            time.sleep(0.002)
        raise RuntimeError(f'{self._binary} does not start: {self._log()}')

    def kill(self) -> None:
        """End it by SIGKILL."""
        shell, self._shell = self._shell, None
        if shell is not None:
            assert shell.stdin is not None
            shell.stdin.close()
            shell.wait(PATIENCE)

    def mark(self, name: str) -> int:
        """Write a mark; return where it ends in the file. What was answered before is in front."""
        self.client.set('faults:mark', name)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            path = self.file()
            place = path.read_bytes().rfind(name.encode())
            if place >= 0:
                return place + len(name)
            time.sleep(0.002)
        raise RuntimeError(f'{self.file()} never got the mark {name}')

    def cut(self, start: int, dice: random.Random) -> int:
        """Cut the file of a server that was killed behind `start`; return the bytes cut away."""
        path = self.file()
        size = path.stat().st_size
        left = dice.randint(min(start, size), size)
        os.truncate(path, left)
        return size - left

    def mend(self) -> None:
        """Have the server write its file anew, as must be done by hand behind such a cut.

        Where the cut is inside a command of a transaction, Redis leaves the commands in front of it
        in the file, and appends to them: its next start would carry them out.
        """
        self.client.bgrewriteaof()
        end = time.monotonic() + PATIENCE
        while self.client.info('persistence')['aof_rewrite_in_progress']:
            if time.monotonic() > end:
                raise RuntimeError(f'{self._binary} does not rewrite its file: {self._log()}')
            time.sleep(0.002)

    def file(self) -> Path:
        """Return the file that commands are appended to."""
        files = [*self._folder.glob('appendonlydir/*.incr.aof')] or [
            self._folder / 'appendonly.aof'
        ]
        return max(files, key=lambda path: path.stat().st_mtime_ns)

    def wait_until_quiet(self) -> None:
        """Wait until no other client is connected, whose requests may still be carried out."""
        end = time.monotonic() + PATIENCE
        while len(self.client.client_list()) > 1:
            if time.monotonic() > end:
                raise RuntimeError(f'clients stay: {self.client.client_list()}')
            time.sleep(0.002)

    def close(self) -> None:
        """End it, and remove its folder; a second time does nothing."""
        self.kill()
        self.client.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _log(self) -> str:
        log = self._folder / 'log'
        return log.read_text(errors='replace')[-1000:] if log.exists() else 'it wrote no log'

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
