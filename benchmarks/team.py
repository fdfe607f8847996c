"""The workers, as the runner sees them: one process for each peer."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name('worker.py')


class PeerFailed(Exception):
    """A peer could not do what it said it could, or gave a wrong answer."""


class Worker:
    """A peer in a process of its own.

    Args:
        name: of the peer's module.
        python: of the environment that it runs in.
        path: folders with packages that the environment lacks.

    Raises:
        PeerFailed: the peer cannot be imported there.

    Attributes:
        cannot: operations that it lacks, and why.
    """

    def __init__(self, name: str, python: Path, path: str = '') -> None:
        self.name = name
        environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
        if path:
            environment['PYTHONPATH'] = path
        self._process = subprocess.Popen(
            [str(python), '-P', '-W', 'ignore', str(WORKER), name],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.cannot: dict[str, str] = self._answer()['cannot']
        except PeerFailed:
            self.close()
            raise

    def order(self, do: str, **arguments: Any) -> Any:
        """Have it do something.

        Raises:
            PeerFailed: it could not.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({'do': do, **arguments}) + '\n')
        self._process.stdin.flush()
        reply = self._answer()
        if 'failed' in reply:
            raise PeerFailed(f'{self.name} failed at {do}: {reply["failed"]}\n{reply["trace"]}')
        return reply['done']

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed(f'the process of {self.name} ended with {self._process.wait()}')
        return dict(json.loads(line))

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
