"""`rom status`, `rom check` and `rom reindex`, on models in a folder of their own."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

import rom
from rom._core.drivers import connections
from rom.cli.app import app
from tests.support.servers import Server

ROOT = Path(__file__).parents[2]

MODELS = """
import rom

class User(rom.Model):
    _namespace = 'cli'
    name = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    email = rom.Text(unique=True)
    age = rom.Integer(AGE)

class Team(rom.Model):
    _namespace = 'cliteam'
    label = rom.Text(unique=True)
"""


@dataclass
class Place:
    """A folder with models, which is the current one, and a server with their data."""

    folder: Path
    server: Server
    raw: redis.Redis

    def declare(self, age: str = 'index=True') -> None:
        """Write the models down, and say how the age is indexed."""
        (self.folder / 'shop.py').write_text(MODELS.replace('AGE', age))
        self.forget()

    def forget(self) -> None:
        """The models, as a new program does not know them."""
        sys.modules.pop('shop', None)
        rom.MODELS.clear()
        importlib.invalidate_caches()

    def fill(self) -> None:
        """Make 60 users and a team."""
        shop: Any = importlib.import_module('shop')
        for n in range(1, 61):
            shop.User(name=f'n{n} all', email=f'e{n}', age=n)
        shop.Team(label='x')
        rom.session.commit()
        rom.session.rollback()

    def run(self, *arguments: str) -> tuple[int, list[str], str]:
        """Run the command: its exit code, the lines of its output, and what it says besides."""
        self.forget()
        ran = CliRunner().invoke(app, arguments)
        return ran.exit_code, ran.stdout.splitlines(), ran.stderr

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command as a program."""
        own = {'PYTHONPATH': str(ROOT), 'ROM_REDIS_URI': f'unix://{self.server.socket}'}
        return subprocess.Popen(
            [sys.executable, '-m', 'rom.cli', *arguments],
            cwd=self.folder, env={**os.environ, **own}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


def placed(
    folder: Path, server: Server, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Models in a folder, and their data. The command runs within this program, which is faster."""
    rom.util.CONNECTION = raw
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    # Models change within the second that bytecode is known by.
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    # A program that has run is gone; this one goes on.
    monkeypatch.setattr(warnings, 'showwarning', warnings.showwarning)
    for name in ('_provider', '_default', '_settings'):
        monkeypatch.setattr(connections, name, getattr(connections, name))
    terminates = signal.getsignal(signal.SIGTERM)
    found = Place(folder, server, raw)
    found.declare()
    found.fill()
    yield found
    found.forget()
    signal.signal(signal.SIGTERM, terminates)
