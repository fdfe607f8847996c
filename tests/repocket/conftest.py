"""Records on the test's own server, and a count of what is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Pipeline, Script
from rom.repocket import MODELS


@pytest.fixture
def store(client: redis.Redis) -> redis.Redis:
    """Records are on the server of this test, through its client."""
    rom.util.CONNECTION = client
    return client


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent, a trip an item; `clear` it before the part that counts."""
    sent: list[str] = []
    perform = SyncDriver.perform

    def noting(self: SyncDriver, request: Any) -> Any:
        requests = request.requests if isinstance(request, Pipeline) else (request,)
        names = (r.name if isinstance(r, Script) else str(r.args[0]) for r in requests)
        sent.append('+'.join(names))
        return perform(self, request)

    monkeypatch.setattr(SyncDriver, 'perform', noting)
    return sent


@pytest.fixture(autouse=True)
def fresh_models() -> Iterator[None]:
    """The models of a test are forgotten after it."""
    before = dict(MODELS)
    yield
    MODELS.clear()
    MODELS.update(before)
