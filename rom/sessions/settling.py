"""Settling: what became of commits whose answer was lost, before anything else is done."""

from __future__ import annotations

from collections.abc import Iterable

from rom.model import Model
from rom.ops.settle import settle
from rom.sessions.work import On, Work


def settle_all(model: type[Model], group: Iterable[Model]) -> Work[None]:
    """Bring the entities' past up to date; asks the server only about those with a lost answer."""
    for entity in group:
        if entity._attempt is None:
            continue
        change = entity._attempt
        settled = yield On(model, settle(change, entity._done_key))
        entity._attempt = None
        if settled is not None:
            entity._saved(change, settled.id, settled.stored)
            entity._session.add(entity)
