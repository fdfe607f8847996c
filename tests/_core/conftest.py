"""Either session, and what it sends."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from tests.support.servers import Server
from tests.support.stories import world_like
from tests.support.trips import note_trips
from tests.support.worlds import BOTH, World


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server, client: redis.Redis) -> World:
    """Either session, with a client of the kind that `client` is."""
    return world_like(request.param, server.socket, client)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What went to the server, a trip each."""
    return note_trips(monkeypatch)
