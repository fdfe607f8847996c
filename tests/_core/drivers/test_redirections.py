"""Errors that say that keys, or the master, are elsewhere: as each server words them."""

from __future__ import annotations

import pytest
import redis

from rom._core.drivers.redirections import hides_read_only, is_lost, is_move
from tests.support.servers import Server

WRITE = "return redis.call('SET', KEYS[1], ARGV[1])"
FAIL = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
def replica(server: Server, raw: redis.Redis) -> redis.Redis:
    """A server that follows a master, which does not answer."""
    raw.set('text', 'x')
    raw.execute_command('REPLICAOF', '127.0.0.1', '1')
    return raw


def test_a_master_that_became_a_replica(replica: redis.Redis) -> None:
    try:
        with pytest.raises(redis.exceptions.ResponseError) as direct:
            replica.set('text', 'y')
        with pytest.raises(redis.exceptions.ResponseError) as by_script:
            replica.eval(WRITE, 1, 'text', 'y')
    finally:
        replica.execute_command('REPLICAOF', 'NO', 'ONE')
    for error in (direct.value, by_script.value):
        assert is_move(error)
        assert not is_lost(error)
    is_class = isinstance(by_script.value, redis.exceptions.ReadOnlyError)
    assert hides_read_only(by_script.value) is not is_class
    with pytest.raises(redis.exceptions.ResponseError) as other:
        replica.eval(FAIL, 1, 'text')
    assert not is_move(other.value)
