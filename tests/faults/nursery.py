"""The nursery: a process without threads that has imported all, and forks a worker for each task.

    python -m tests.faults.nursery

It reads tasks from its standard input, a line of JSON each, and writes lines of JSON: the number of
the process that got a task, and how a process ended. Workers are groups of processes of their own,
so that one is killed with all that it forked. When the input ends, because whoever started the
nursery closed it or is gone, the nursery kills all workers and ends.
"""

import contextlib
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from tests.faults.worker import run
from tests.faults.worker_task import Task


def main() -> None:
    """Serve until the input ends."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    workers: set[int] = set()
    lines = b''
    try:
        while True:
            for key, _ in waiting.select():
                data = os.read(key.fd, 65536)
                if key.fd == 0 and not data:
                    return
                lines += data if key.fd == 0 else b''
            *whole, lines = lines.split(b'\n')
            for line in whole:
                workers.add(_start(line))
            for pid, status in _ended():
                workers.discard(pid)
                _tell({'ended': pid, 'status': status})
    finally:
        for pid in workers:
            _kill(pid)


def _start(line: bytes) -> int:
    task = Task(**json.loads(line))
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does the same: whoever is first
        _tell({'started': pid, 'name': task.name})
        return pid
    status = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(0)
        run(task)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _ended() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _tell(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b'\n')


if __name__ == '__main__':
    main()
