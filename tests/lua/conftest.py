"""lua/commit.lua by itself: a request, the keyspace before and after."""

from typing import Any

import pytest
import redis

from tests.lua.commit_support import Commit, Reply, data, request_of, send
from tests.support.servers import ttls


@pytest.fixture
def commit(raw: redis.Redis) -> Commit:
    """Runs the script with these parts of a request."""
    return lambda **parts: send(raw, request_of(**parts))


@pytest.fixture
def refused(raw: redis.Redis, commit: Commit) -> Commit:
    """The same for a request that is refused: nothing but a note of that may have been written."""

    def run(**parts: Any) -> Reply:
        before, expiring = data(raw), ttls(raw).keys()
        reply = commit(**parts)
        assert reply[0] != b'ok'
        assert data(raw) == before
        assert data(raw).keys().isdisjoint(ttls(raw).keys() - expiring)
        return reply

    return run
