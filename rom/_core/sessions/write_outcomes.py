"""Outcomes of writes that a session did not see: commits in doubt, and rows deleted elsewhere.

An entity keeps the attempt to write it until the outcome is noted in it. Until then a reply may be
lost, the program interrupted, or its task cancelled. The next write asks the server for the outcome
first.

Saving an entity without changes costs no round trip. But if its row was deleted by way of another
object, for example in a second session, the save must raise an error, as in rom 1.x. So the save
reads the row of an entity whose key is noted here. A wrong note, such as one of another database,
costs only that read. A deletion that is no longer noted is found by the next write, as one by
another program is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NoReturn

from rom._core.model import Model
from rom._core.ops import load_rows
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.shards.placing import seen_after
from rom._core.sessions.hooks import call_hook_after
from rom._core.sessions.parts import RunOn, Work
from rom._core.support.clock import elapsed
from rom._core.writes.changes import Change
from rom._core.writes.planner import plan
from rom.exceptions import EntityDeletedError, InDoubtError, InvalidOperation

#: The maximum number of keys that are remembered. Each takes some hundred bytes.
MAX_DELETED_KEYS: Final = 10_000

# Removing the oldest entry of this dict is one step, and so safe among threads.
_deleted_keys: Final[OrderedDict[str, None]] = OrderedDict()


def note_deleted_key(key: str) -> None:
    """Remember that a row was deleted."""
    _deleted_keys[key] = None
    if len(_deleted_keys) > MAX_DELETED_KEYS:
        _deleted_keys.popitem(last=False)


def forget_deleted_keys(keys: Iterable[str]) -> None:
    """Remove the keys of rows that were written again."""
    for key in keys:
        _deleted_keys.pop(key, None)


def is_any_deleted() -> bool:
    """Return whether this process has deleted any row lately."""
    return bool(_deleted_keys)


def was_deleted(key: str) -> bool:
    """Return whether this process has deleted the row of this key lately."""
    return key in _deleted_keys


def check_rows_are_there(chosen: Iterable[Model]) -> Work[None]:
    """Raise for an unchanged entity whose row was deleted by way of another object."""
    for entity in chosen:
        if not was_deleted(f'{entity._namespace}:{entity._id}') or entity._modified:
            continue
        assert entity._id is not None
        row = yield RunOn(type(entity), load_rows.load_one(entity._schema, entity._id))
        if row is None:
            raise EntityDeletedError(
                f'{entity._key} was deleted since it was loaded, and nothing was written; '
                'save(force=True) writes it again',
                entity._namespace,
                entity._id,
            )


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


def release_attempt(attempt: Attempt, entities: Iterable[Model]) -> bool:
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
    known_id = change.id or int(attempt.told)
    entity._saved(change, *seen_after(change, known_id, plan(change).outcome), elapsed())
    if attempt.purpose is not None:
        # The program did not set these values: drop them, so that they are read again.
        for name in change.wanted.keys() - entity._changed:
            entity._values.pop(name, None)
    entity._session.add(entity)
    if attempt.purpose == 'delete' and entity._is_soft_deleted:
        note_deleted(entity)
    # A delete or a transfer counts no columns, so neither does the commit that finds it done.
    return columns_written(change) if attempt.purpose is None else 0


def note_deleted(entity: Model) -> None:
    """Note in an entity, and in its session, that its row was deleted."""
    entity._deleted = True
    note_deleted_key(f'{entity._namespace}:{entity._id}')
    if entity._session is not None:
        entity._session.forget(entity)


def columns_written(change: Change) -> int:
    """Return the number of columns that a change counts as written."""
    if change.kind == 'insert' or change.full or change.forced:
        return len(change.schema.columns)
    return len(change.wanted)
