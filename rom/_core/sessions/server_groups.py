"""Grouping models by server, because one commit writes all entities on a server."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from rom._core.drivers.server_identity import server_of
from rom._core.model import Model


def servers_of(models: Iterable[type[Model]], own: Any) -> dict[type[Model], Hashable]:
    """Return a key for each model that is equal for models on one server.

    Args:
        models: models, with or without repeats.
        own: the session's own client, which serves all models; None: each model has its own.
    """
    each = dict.fromkeys(models, own)
    if own is not None:
        return each
    clients = {model: model._connection for model in each}
    if len({id(client) for client in clients.values()}) < 2:
        return each  # one client for all, as in most programs
    return {model: server_of(client) for model, client in clients.items()}
