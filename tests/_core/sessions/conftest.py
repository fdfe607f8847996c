"""Both worlds, and what goes to the server in either."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import redis

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from tests.support.servers import Server
from tests.support.stories import world_like
from tests.support.worlds import BOTH, World


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server, client: redis.Redis) -> World:
    """Either session, with a client of the kind that `client` is."""
    return world_like(request.param, server.socket, client)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What went to the server, a trip each."""
    seen: list[Any] = []

    def noted(perform: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(perform)
        def run(driver: Any, request: Any) -> Any:
            seen.append(request)
            return perform(driver, request)

        return run

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', noted(driver.perform))
    return seen
