"""Which of some models are on one server: what is written at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from rom.drivers.destination import server_of
from rom.model import Model


def servers_of(models: Iterable[type[Model]], own: Any) -> dict[type[Model], Hashable]:
    """Return the server of each model, asking for each model's client once.

    Args:
        models: one or more times each.
        own: the session's own client, which serves all models; None: each model has its own.
    """
    found: dict[type[Model], Hashable] = {}
    for model in models:
        if model not in found:
            found[model] = server_of(own if own is not None else model._connection)
    return found
