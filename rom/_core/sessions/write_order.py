"""The order of writes: which entities are written together, and which writes at a time.

One commit writes all entities on a server, each after the new ones that it refers to.

Threads and tasks that share a session write one after the other. Without that, two that write the
same entities at once would each see the other's row as a conflict. Each write takes a number, and
waits for those before it. A number is a weak reference to the generator that writes. A generator
that has ended has no frame, even after an interrupt, so that a number which was not returned blocks
no other write; a lock would. A wait ends after `PATIENCE` seconds, because a hook may wait for a
thread that would write in the same session. A write that goes ahead then gets an error for each
entity that another write is saving.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Hashable, Iterable, Iterator
from threading import get_ident
from typing import Any, Final, TypeAlias

from rom._core.drivers.server_identity import server_of
from rom._core.model import Model
from rom._core.sessions.parts import Work
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change
from rom.exceptions import InvalidOperation

#: The longest time that a write waits for those before it, and the time between two looks, in
#: seconds.
PATIENCE: Final = 10.0
PAUSE: Final = 0.0005


# A write, and the id of its thread.
Number: TypeAlias = 'tuple[weakref.ref[Work[Any]], int]'


class WriteQueue:
    """The queue of the writes of one session."""

    __slots__ = ('_queue',)

    def __init__(self) -> None:
        self._queue: list[Number] = []

    def take(self, work: Work[Any]) -> Number:
        """Wait until no other thread writes, and return the number of this write."""
        number = self._enter(work)
        if self._queue[0] is not number:
            for _ in self._waits(number):
                time.sleep(PAUSE)
        return number

    async def take_awaited(self, work: Work[Any]) -> Number:
        """Wait as `take` does, in a task; other tasks of the same loop do not count."""
        number = self._enter(work)
        if self._queue[0] is not number:
            for _ in self._waits(number):
                await asyncio.sleep(PAUSE)
        return number

    def give_back(self, number: Number) -> None:
        """Remove a number from the queue."""
        try:  # noqa: SIM105 - a context manager would take as long as all of a turn
            self._queue.remove(number)
        except ValueError:  # another thread has found it ended and removed it
            pass

    def _enter(self, work: Work[Any]) -> Number:
        number = weakref.ref(work), get_ident()
        self._queue.append(number)
        return number

    def _waits(self, number: Number) -> Iterator[None]:
        end = elapsed() + PATIENCE
        while not self._is_next(number) and elapsed() < end:
            yield

    def _is_next(self, number: Number) -> bool:
        # Other threads remove items too: hence a copy of the list, and no deletion of a range.
        for other in self._queue[:]:
            if other is number:
                return True
            if not _is_over(other):
                return other[1] == number[1]  # a hook that saves something
            self.give_back(other)
        return True


def _is_over(number: Number) -> bool:
    """Return whether a write has ended, or will never begin."""
    work: Any = number[0]()
    return work is None or work.gi_frame is None


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


def by_connection(chosen: Iterable[Model]) -> Iterator[tuple[type[Model], list[Model]]]:
    """Group entities by server, each once, in their order; yield a model with each group."""
    chosen = list(chosen)
    if len(chosen) == 1:  # the usual case of a web request
        yield type(chosen[0]), chosen
        return
    if not chosen:
        return
    once = {id(entity): entity for entity in chosen}.values()
    servers = servers_of(map(type, once), chosen[0]._session._connection)
    groups: dict[Hashable, list[Model]] = {server: [] for server in servers.values()}
    of_model = {model: groups[server] for model, server in servers.items()}
    for entity in once:
        of_model[type(entity)].append(entity)
    for group in groups.values():
        yield type(group[0]), group


def with_referred(chosen: Iterable[Model]) -> list[Model]:
    """Return entities, each after the unsaved ones that it refers to."""
    ordered: dict[int, Model] = {}
    met: set[int] = set()
    for first in chosen:
        if not first._schema.refers:
            ordered[id(first)] = first
            continue
        waiting = [first] if id(first) not in met else []
        while waiting:  # not recursive: a chain of references may exceed Python's stack
            entity = waiting[-1]
            met.add(id(entity))
            further = next((t for t in _unsaved_targets(entity) if id(t) not in met), None)
            if further is not None:
                waiting.append(further)
            else:
                ordered[id(entity)] = waiting.pop()
    return list(ordered.values())


def _unsaved_targets(entity: Model) -> Iterator[Model]:
    for name in entity._schema.relations:
        target = entity._values.get(name)
        if target is not None and target._new and name in entity._changed:
            yield target
    for name in entity._schema.links:
        for target in entity._values.get(name) or ():
            if type(target) is not int and target._new:
                yield target


def check_links(chosen: Iterable[Model], own: Any) -> None:
    """Refuse new links to another server, where the script cannot check that the rows exist.

    Args:
        chosen: the entities to write.
        own: the session's own client, which serves all models; None: each model has its own.

    Raises:
        InvalidOperation: a model and that of its links are on different servers.
    """
    for entity in chosen:
        for name in entity._schema.links:
            if own is None and name in entity._changed and entity._values.get(name):
                column: Any = entity._columns[name]
                check_links_of(type(entity), column)


def references_of(model: type[Model], change: Change, own: Any) -> tuple[str, ...]:
    """Return the relations of a change whose new entities the commit itself can check.

    A relation may lead to another server, where rows change before and after the commit.

    Args:
        model: the model of the entity.
        change: the change.
        own: the session's own client, which serves all models; None: each model has its own.
    """
    found = []
    for name in change.schema.relations:
        raw = change.wanted.get(name)
        is_new = raw is not None and raw != change.stored.get(name)
        if is_new and can_check(model, name, own):
            found.append(name)
    return tuple(found)


def can_check(model: type[Model], relation: str, own: Any) -> bool:
    """Return whether a commit of a model can look at the rows that a relation leads to.

    They are on the same server, and neither model is divided into partitions.
    """
    column: Any = model._columns[relation]
    target = column.get_related_model()
    if model._schema.placement is not None or target._schema.placement is not None:
        return False
    servers = servers_of((model, target), own)
    return servers[model] == servers[target]


def check_links_of(model: type[Model], column: Any) -> None:
    """Refuse links between models on different servers: see `check_links`."""
    target = column.get_related_model()
    servers = servers_of((model, target), None)
    if servers[model] != servers[target]:
        raise InvalidOperation(
            f'{model.__name__}.{column.name}: {target.__name__} is on another server, so a commit '
            'could not check that the linked entities exist; connect both models to one server'
        )
