"""Troubles: what befalls all programs from outside, each after so many requests on average.

Requests are counted and not seconds, so that a slow machine sees as much trouble as a fast one.
"""

import contextlib
import random
import time
from collections import Counter

import redis

from tests.faults.oracle import Window
from tests.faults.servers import KillableServer
from tests.faults.stories import (
    CUT_FILE,
    FLUSH_SCRIPTS,
    KILL_CLIENTS,
    KILL_SERVER,
    KILL_WORKER,
    Story,
)
from tests.faults.worker_task import Task
from tests.faults.workers import Workers

#: Requests between the mark, behind which all may be lost, and the end of the server.
LOSABLE = 60


class Troubles:
    """Makes the troubles of a story.

    Attributes:
        faults: how many, by kind.
        windows: the times whose acknowledged writes may be lost.
        killed: the tasks of workers that were killed, for whoever replaces them.
    """

    def __init__(
        self, story: Story, server: KillableServer, workers: Workers, dice: random.Random
    ) -> None:
        self.faults: Counter[str] = Counter()
        self.windows: list[Window] = []
        self.killed: list[Task] = []
        self._server = server
        self._workers = workers
        self._dice = dice
        self._every = story.troubles
        self._due = {kind: self._later(kind, 0) for kind in story.troubles}
        self._mark: tuple[float, int] | None = None  # a time, and the place in the file

    def look(self, requests: int) -> None:
        """Make the troubles that are due.

        Args:
            requests: how many there have been.
        """
        for kind, due in self._due.items():
            if requests >= due:
                self._due[kind] = self._later(kind, requests)
                self._make(kind, requests)

    def _later(self, kind: str, requests: int) -> int:
        return requests + 1 + int(self._dice.uniform(0, 2 * self._every[kind]))

    def _make(self, kind: str, requests: int) -> None:
        if kind == CUT_FILE and self._mark is None:
            begun = time.monotonic()
            self._mark = begun, self._server.mark(f'mark-{len(self.windows)}-{requests}')
            self._due[kind] = requests + self._dice.randint(1, LOSABLE)
            return
        if kind == CUT_FILE:
            self._cut_file()
        elif kind == KILL_SERVER:
            self._server.kill()
            self._server.start()
        elif kind == FLUSH_SCRIPTS:
            self._server.client.script_flush()
            with contextlib.suppress(redis.exceptions.ResponseError):  # before 7.0
                self._server.client.execute_command('FUNCTION', 'FLUSH')
        elif kind == KILL_CLIENTS:
            self._server.client.client_kill_filter(_type='normal', skipme=True)
        elif kind == KILL_WORKER and not self._kill_worker():
            return
        self.faults[kind] += 1

    def _cut_file(self) -> None:
        assert self._mark is not None
        (begun, place), self._mark = self._mark, None
        self._server.kill()
        self._server.cut(place, self._dice)
        self._server.start()
        self._server.mend()
        self.windows.append(Window(begun, time.monotonic()))

    def _kill_worker(self) -> bool:
        if not self._workers.running:
            return False
        pid = self._dice.choice(sorted(self._workers.running))
        self.killed.append(self._workers.kill(pid))
        return True
