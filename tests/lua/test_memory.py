"""lua/memory.lua: what a server says of its memory, also to a user who may not ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from rom._core.drivers.scripts import source
from tests.support.servers import Server


@pytest.fixture
def settings(raw: redis.Redis) -> Iterator[redis.Redis]:
    """A client whose server gets its settings back."""
    before = raw.config_get('maxmemory*')
    yield raw
    for name in ('maxmemory', 'maxmemory-policy'):
        raw.config_set(name, before[name])


def ask(raw: redis.Redis) -> list[bytes]:
    reply: list[bytes] = raw.eval(source('memory'), 0)
    return reply


def test_what_it_says(settings: redis.Redis) -> None:
    settings.config_set('maxmemory', 0)
    settings.config_set('maxmemory-policy', 'noeviction')
    assert ask(settings) == [b'0', b'noeviction']
    settings.config_set('maxmemory-policy', 'volatile-lru')
    settings.config_set('maxmemory', '1gb')
    assert ask(settings) == [b'1073741824', b'volatile-lru']


def test_a_user_who_may_not_ask(raw: redis.Redis, server: Server) -> None:
    rules = ('on', '>secret', 'resetkeys', '-@all', '+eval')
    raw.execute_command('ACL', 'SETUSER', 'quiet', *rules)
    try:
        with server.connect(username='quiet', password='secret') as quiet:
            with pytest.raises(redis.ResponseError, match=r'NOPERM|permission'):
                quiet.execute_command('INFO', 'memory')
            assert ask(quiet) == []
    finally:
        raw.execute_command('ACL', 'DELUSER', 'quiet')
