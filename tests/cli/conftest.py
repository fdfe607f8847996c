"""A folder with models, and the `rom` command as a program in it, on a server of the tests."""

import datetime
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import rom
from tests.support.patience import PATIENCE
from tests.support.servers import Server

ROOT = Path(__file__).parents[2]

MODELS = """
import datetime
import rom
from tests.support.patience import PATIENCE

class User(rom.Model):
    _namespace = 'users'
    email = rom.Text(required=True, unique=True, prefix=True, keygen=rom.IDENTITY_CI)
    age = rom.Integer(index=True)
    bio = rom.Text(index=True, keygen=rom.FULL_TEXT)
    team = rom.ManyToOne('Team', on_delete='set null')
    visits = rom.UnsafeColumn()

class Team(rom.Model):
    name = rom.Text()
    members = rom.OneToMany('User')
    unique_together = [('name', 'motto')]
    motto = rom.Text()

class Login(rom.Model):
    token = rom.Text(unique=True)
    expire_at = rom.ExpireAt()

helper = 5
"""

Ran = subprocess.CompletedProcess[str]


class Shop:
    """The folder, and what runs in it.

    Attributes:
        folder: has the package `shop` with the module `models`.
        url: of the server.
        raw: a client of bytes.
    """

    def __init__(self, folder: Path, server: Server, raw: redis.Redis) -> None:
        self.folder = folder
        self.url = f'unix://{server.socket}'
        self.raw = raw
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ('NO_COLOR', 'COLUMNS')},
            'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            'ROM_REDIS_URI': self.url,
            'TERM': 'xterm-256color',
            'PYTHONDONTWRITEBYTECODE': '1',
        }
        (folder / 'shop').mkdir()
        (folder / 'shop' / '__init__.py').write_text('')
        (folder / 'shop' / 'models.py').write_text(MODELS)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, '-m', 'rom.cli', *arguments]

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **{'stdin': subprocess.DEVNULL, **settings},
        )

    def run(self, *arguments: str, input: str = '', **environment: str) -> Ran:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            input=input,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def fine(self, *arguments: str, **settings: str) -> str:
        """Run it; what it prints, for it ends well."""
        ran = self.run(*arguments, **settings)
        assert ran.returncode == 0, ran.stderr
        assert '\x1b' not in ran.stdout + ran.stderr
        return ran.stdout

    def wrong(self, code: int, *arguments: str, **settings: str) -> str:
        """Run it; what it says on stderr, for it ends with this code, and no traceback."""
        ran = self.run(*arguments, **settings)
        assert (ran.returncode, ran.stdout) == (code, ''), ran.stderr
        assert 'Traceback' not in ran.stderr
        assert '\x1b' not in ran.stderr
        return ran.stderr

    def seen(
        self,
        *arguments: str,
        columns: int = 80,
        typed: str = '',
        prompt: str = '>>> ',
        codes: tuple[int, ...] = (0,),
    ) -> str:
        """Run it in a terminal; all that comes there. What is typed waits for the prompt."""
        own, its = pty.openpty()
        program = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, 'COLUMNS': str(columns), 'LINES': '50'},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)
        found, deadline = b'', time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([own], [], [], 0.1)[0]:
                try:
                    part = os.read(own, 65536)
                except OSError:  # Linux's way to say that the other side closed it
                    break
                found += part
                if typed and prompt.encode() in found:
                    os.write(own, typed.encode())
                    typed = ''
        os.close(own)
        assert program.wait(PATIENCE) in codes, found.decode()
        return found.decode().replace('\r\n', '\n')


@pytest.fixture
def shop(tmp_path: Path, server: Server, raw: redis.Redis) -> Iterator[Shop]:
    """For tests that are marked with one_server."""
    yield Shop(tmp_path, server, raw)


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """With 20 users, every second of team 1, and 5 log-ins, of which 3 have expired."""
    rom.util.CONNECTION = shop.raw
    names: dict[str, Any] = {'__name__': 'models'}
    exec(MODELS, names)
    team = names['Team'](name='one')
    for n in range(1, 21):
        names['User'](
            email=f'U{n}@example.org', age=n, bio=f'hello w{n % 3}', team=team if n % 2 else None
        )
    for n in range(5):
        day = datetime.datetime(2020 if n < 3 else 2200, 1, 1)
        names['Login'](token=f't{n}', expire_at=day)
    rom.session.commit()
    return shop
