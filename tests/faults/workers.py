"""The campaign's end of the nursery: starts workers, kills them, and hears of their ends."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.worker_task import Task
from tests.support.patience import PATIENCE


class Workers:
    """A nursery and its workers; a context manager that ends them all.

    Args:
        errors: the file for what they write to their standard error.
        head: what the namespaces of their models begin with.

    Attributes:
        running: the tasks under way, by process.
        crashed: what workers that ended by themselves, and badly, came to.
    """

    def __init__(self, errors: Path, head: str = 'faults') -> None:
        self.running: dict[int, Task] = {}
        self.crashed: list[str] = []
        self._killed: set[int] = set()
        self._errors = errors
        with errors.open('wb') as file:
            self._nursery = subprocess.Popen(
                [sys.executable, '-X', 'faulthandler', '-m', 'tests.faults.nursery'],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env={**os.environ, 'ROM_FAULTS_HEAD': head},
                cwd=Path(__file__).parents[2],
                start_new_session=True,  # Ctrl-C is the campaign's business
            )
        self._told: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, task: Task) -> int:
        """Start a worker; return its process."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(asdict(task)).encode() + b'\n')
        self._nursery.stdin.flush()
        while (pid := self._hear(PATIENCE)) is None:
            pass
        self.running[pid] = task
        return pid

    def kill(self, pid: int) -> Task:
        """Kill a worker by SIGKILL, with all that it forked, and wait for its end."""
        self._killed.add(pid)
        task = self.running[pid]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        while pid in self.running:
            self._hear(PATIENCE)
        return task

    def abort(self, pid: int) -> None:
        """End a worker that hangs; where it does is told with its crash."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGABRT)
        while pid in self.running:
            self._hear(PATIENCE)

    def wait(self, seconds: float) -> None:
        """Wait for news of workers, but not for longer than that."""
        with contextlib.suppress(queue.Empty):
            self._hear(seconds)

    def close(self) -> None:
        """Kill all workers, and end the nursery."""
        assert self._nursery.stdin is not None
        with contextlib.suppress(OSError):
            self._nursery.stdin.close()
        self._nursery.wait(PATIENCE)
        self._listener.join()
        if self._nursery.stdout is not None:
            self._nursery.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _listen(self) -> None:
        assert self._nursery.stdout is not None
        for line in self._nursery.stdout:
            self._told.put(json.loads(line))
        self._told.put(None)

    def _hear(self, seconds: float) -> int | None:
        """Take in one line of the nursery; return the process that it started."""
        told = self._told.get(timeout=seconds)
        if told is None:
            raise RuntimeError(f'the nursery ended: {self._last_errors()}')
        if 'started' in told:
            started: int = told['started']
            return started
        task = self.running.pop(told['ended'])
        if told['status'] and told['ended'] not in self._killed:
            self.crashed.append(
                f'worker {task.name} ({task.kind}) ended with {told["status"]}: '
                f'{self._last_errors()}'
            )
        return None

    def _last_errors(self) -> str:
        return self._errors.read_text(errors='replace')[-4000:]
