"""Soft deletes in a session: entities whose row has the time of a delete, and stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rom._core.model import Model
from rom._core.sessions.parts import Work
from rom._core.sessions.write_outcomes import settle_all
from rom._core.writes.changes import Instant
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from rom._core.session_protocols import SessionLike
    from rom._core.sessions.flush import Flusher


def is_left(entity: Model, hard: bool) -> bool:
    """Return whether a delete of an entity changes anything.

    Args:
        entity: the entity.
        hard: the delete removes rows of models with ``_soft_delete``, too.
    """
    if entity._is_soft_deleted:
        return hard  # the row is there, even if this process has deleted the entity
    return not entity._deleted


def note_marker(entity: Model, name: str | None, now: Instant) -> None:
    """Note in a deleted entity what its row has now.

    Args:
        entity: the entity.
        name: the column that has the time of the delete; None: the row is removed.
        now: that time.
    """
    if name is not None:
        moment = entity._columns[name].at(now.utc)
        entity._stored = {**entity._stored, name: entity._columns[name].encode(moment)}
        entity._values[name] = moment
    elif entity._is_soft_deleted:
        marker = entity._schema.soft_delete
        entity._stored = {key: raw for key, raw in entity._stored.items() if key != marker}


def restore(flusher: Flusher, session: SessionLike, objects: Sequence[Model]) -> Work[None]:
    """Remove the time of a soft delete from the rows of entities, in one commit for each server.

    Raises:
        InvalidOperation: an entity was not soft-deleted.
        UniqueKeyViolation: another entity has one of their unique values; nothing was written.
    """
    chosen = list({id(entity): entity for entity in objects}.values())
    yield from settle_all(chosen)
    for entity in chosen:
        if not entity._is_soft_deleted:
            raise InvalidOperation(
                f'{entity._key} was not soft-deleted, so there is nothing to restore'
            )
    before = [(entity, entity._deleted, entity._changed) for entity in chosen]
    for entity in chosen:
        entity._deleted = False
        setattr(entity, str(entity._schema.soft_delete), None)
    try:
        yield from flusher.write(chosen, False, False)
    except BaseException:
        for entity, was_deleted, changed in before:
            if entity._is_soft_deleted and entity._attempt is None:
                _take_back(entity, session, was_deleted, changed)
        raise


def _take_back(
    entity: Model, session: SessionLike, was_deleted: bool, changed: frozenset[str]
) -> None:
    """Undo the change of an entity that could not be restored."""
    entity._deleted, entity._changed = was_deleted, changed
    entity._values.pop(str(entity._schema.soft_delete), None)  # it is read from the row again
    if was_deleted:
        session.forget(entity)
