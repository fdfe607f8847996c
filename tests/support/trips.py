"""Round trips of either driver, for tests that count them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.requests import NO_TRIP


def note_trips(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets each request as it is sent, without those that are no trip."""
    seen: list[Any] = []

    def noted(perform: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(perform)
        def run(driver: Any, request: Any) -> Any:
            if not isinstance(request, NO_TRIP):
                seen.append(request)
            return perform(driver, request)

        return run

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', noted(driver.perform))
    return seen
