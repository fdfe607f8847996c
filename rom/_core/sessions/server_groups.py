"""Which of some models are on one server: what is written at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from rom._core.drivers.server_identity import server_of
from rom._core.model import Model


def servers_of(models: Iterable[type[Model]], own: Any) -> dict[type[Model], Hashable]:
    """Return what is equal for models on one server, asking for each model's client once.

    Args:
        models: one or more times each.
        own: the session's own client, which serves all models; None: each model has its own.
    """
    each = dict.fromkeys(models, own)
    if own is not None:
        return each
    clients = {model: model._connection for model in each}
    if len({id(client) for client in clients.values()}) < 2:
        return each  # one object: as most programs have it, and there is nothing to tell apart
    return {model: server_of(client) for model, client in clients.items()}
