"""The fixtures that users get, as a user has them: in a folder and a pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import rom
from tests.support.patience import PATIENCE

CONFTEST = "pytest_plugins = ['rom.testing']\n"

TESTS = """
import asyncio
import rom


class User(rom.Model):
    name = rom.Text(unique=True)


def test_writes(rom_session, rom_connection):
    User(name='Ann').save()
    assert User.get_by(name='Ann').id == 1
    assert rom_connection.exists('User:1')
    User(name='left unsaved')


def test_finds_an_empty_database_and_session(rom_session, rom_connection):
    assert rom_connection.dbsize() == 0
    assert rom_session.commit() == 0
    assert rom_connection.dbsize() == 0


def test_asyncio(rom_connection):
    async def save():
        async with rom.AsyncSession() as s:
            User(name='Bob')
            await s.commit()
    asyncio.run(save())
    assert rom_connection.exists('User:1')


def test_server(rom_server):
    assert rom_server.socket.exists()
"""


def test_fixtures(tmp_path: Path) -> None:
    (tmp_path / 'conftest.py').write_text(CONFTEST)
    (tmp_path / 'test_app.py').write_text(TESTS)
    others = {name: value for name, value in os.environ.items() if name != 'PYTEST_ADDOPTS'}
    ended = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-p', 'no:valkey'],
        cwd=tmp_path,
        env={**others, 'PYTHONPATH': str(Path(rom.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert '4 passed' in ended.stdout, ended.stdout + ended.stderr
