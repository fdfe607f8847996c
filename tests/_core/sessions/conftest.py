"""What happens before the commits of either session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import Script


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What is put in here happens before the next commits are sent, one before each."""
    waiting: list[Callable[[], None]] = []

    def injecting(perform: Any) -> Any:
        def injected(self: Any, request: Any) -> Any:
            if waiting and isinstance(request, Script) and request.name == 'commit':
                happen, rest = waiting[0], waiting[1:]
                waiting.clear()  # what happens commits too
                happen()
                waiting.extend(rest)
            return perform(self, request)

        return injected

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', injecting(driver.perform))
    return waiting
