"""Commits in doubt: asking the server for the outcome of a write before the next one.

An entity keeps the attempt to write it until the outcome is noted in it. Until then a reply may be
lost, the program interrupted, or its task cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from rom._core.model import Model
from rom._core.ops.commits.attempts import Attempt
from rom._core.sessions import recently_deleted
from rom._core.sessions.steps import RunOn, Work
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change
from rom._core.writes.planner import plan
from rom.exceptions import InDoubtError, InvalidOperation


def settle_all(group: Iterable[Model], forced: bool = False) -> Work[int]:
    """Ask for the outcome of attempts to write these entities, and note it in them.

    The server is asked once for each commit in doubt. The hooks after a write are called.

    Args:
        group: the entities; most have no attempt.
        forced: treat an attempt whose outcome can no longer be known as not carried out.

    Returns:
        The number of columns written by the attempts that were carried out.

    Raises:
        InvalidOperation: another thread or task waits for the reply now.
        InDoubtError: the outcome can no longer be known.
        ServerUnavailable, ServerError: no reply; the entities keep their attempts.
    """
    written = 0
    for entity in group:
        attempt = entity._attempt
        if attempt is None:
            continue
        if attempt.is_under_way:
            refuse_to_wait(entity)
        if attempt.is_over:
            entity._attempt = None
            continue
        change: Change = attempt.changes[entity._place]
        try:
            is_done = yield RunOn(type(entity), attempt.settle())
        except InDoubtError as error:
            if not forced and change.kind != 'delete':  # a delete is safe to repeat
                raise InDoubtError(
                    f'{entity._key}: {error}. refresh(force=True) takes it, and save(force=True) '
                    'writes the entity, or writes it again'
                ) from None
            is_done = False
        if entity._attempt is not attempt:
            continue  # the writer of the attempt has noted the outcome meanwhile
        if is_done:
            written += _note_done(entity, attempt, change)
        entity._attempt = None
        # A delete or a transfer calls no hooks of the other entities that it changes.
        if is_done and attempt.purpose in (None, change.kind):
            call_hook_after(entity, change)
    return written


def let_go_of(attempt: Attempt, entities: Iterable[Model]) -> bool:
    """Remove an attempt that wrote nothing from its entities; return whether that is known.

    If it was carried out, or is in doubt, they keep it until its outcome is noted.
    """
    if attempt.is_over:
        for entity in entities:
            entity._attempt = None
    return attempt.is_over


def refuse_to_wait(entity: Model) -> NoReturn:
    """Raise the error for an entity that another thread, or session, is saving."""
    raise InvalidOperation(
        f'{entity._key}: another thread or session is saving it at this moment, and nothing '
        'was written here. Save once more, or let one of them do it'
    )


def _note_done(entity: Model, attempt: Attempt, change: Change) -> int:
    if change.kind == 'delete':
        note_deleted(entity)
        return 0
    assert attempt.told is not None
    entity._saved(change, change.id or int(attempt.told), plan(change).outcome, elapsed())
    if attempt.purpose is not None:
        # The program did not set these values: drop them, so that they are read again.
        for name in change.wanted.keys() - entity._changed:
            entity._values.pop(name, None)
    entity._session.add(entity)
    return columns_written(change)


def note_deleted(entity: Model) -> None:
    """Note in an entity, and in its session, that its row was deleted."""
    entity._deleted = True
    recently_deleted.note(f'{entity._namespace}:{entity._id}')
    if entity._session is not None:
        entity._session.forget(entity)


def call_hook_after(entity: Model, change: Change) -> None:
    """Call the hook that runs after this kind of change."""
    if change.kind == 'insert':
        entity._after_insert()
    elif change.kind == 'update':
        entity._after_update()
    else:
        entity._after_delete()


def columns_written(change: Change) -> int:
    """Return the number of columns that a change counts as written."""
    if change.kind == 'insert' or change.full or change.forced:
        return len(change.schema.columns)
    return len(change.wanted)
