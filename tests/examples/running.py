"""The examples as real processes, each started with its one command."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent
#: By the name of their folder: what they call themselves.
FRAMEWORKS = {'flask': 'Flask', 'django': 'Django', 'fastapi': 'FastAPI'}


class Running:
    """An example that runs, on a free port.

    Attributes:
        folder: which one.
        url: where it is, with a slash at the end.
    """

    def __init__(self, folder: str, *options: str) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, '-m', f'examples.{folder}', '--port', '0', *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, 'PYTHONWARNINGS': 'default'},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self._lines.get(timeout=PATIENCE)
        said = f'The URL shortener ({FRAMEWORKS[folder]}) is at '
        assert line.startswith(said), line + self._rest()
        self.url = line.removeprefix(said).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; its exit code, and what it has printed since the address."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(PATIENCE)
        return code, self._rest()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put('')

    def _rest(self) -> str:
        self._reader.join(PATIENCE)
        rest = []
        while not self._lines.empty():
            rest.append(self._lines.get())
        return ''.join(rest)


def refused(folder: str, *options: str) -> tuple[int, str]:
    """What an example says that does not start."""
    done = subprocess.run(
        [sys.executable, '-m', f'examples.{folder}', *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stderr
