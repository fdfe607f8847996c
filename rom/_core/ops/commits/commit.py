"""Commit: changes of any number of rows, in one call of `lua/commit.lua`.

The script decides. Where it objects because of something that the program neither wrote nor asked
about (a column that only a keygen looked at, a delete whose row changed), the change is worked out
again on the fresh row and tried again; everything else becomes an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_errors import error_of, same_row
from rom._core.ops.commits.commit_limits import check_entries, most_entries
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.load_rows import load_one
from rom._core.ops.requests import Operation, Script
from rom._core.writes.changes import Change, present
from rom._core.writes.planner import plan
from rom.exceptions import InvalidOperation, ORMError, ServerError

#: Each try that fails is one that another writer won; of many writers of one row, one may well lose
#: some hundred times. So often, something is wrong.
MOST_TRIES: Final = 2000
#: Bytes of the request of one commit. The server is busy with so much for some two seconds; the
#: client library waits for five.
MOST_BYTES = 256 * 1024 * 1024


class Guard(NamedTuple):
    """Nobody may refer to an id but those that are known to.

    Attributes:
        key: the numeric index of a relation.
        id: the id that is about to go.
        head: what the keys of the rows with that relation begin with.
        column: the relation.
        members: the ids of the entities that are known to refer to it.
    """

    key: bytes
    id: int
    head: bytes
    column: str
    members: tuple[int, ...]


class Referenced(ORMError):
    """Somebody else refers to an id by now. For the session's own ears."""


class Committed(NamedTuple):
    """What a commit came to.

    Attributes:
        id: of the one insert that had none; else None.
        rows: what is known to be stored now, for each change in turn.
        gone: the places of the deletes that found no row, if that was asked for.
    """

    id: int | None
    rows: list[dict[str, bytes]]
    gone: frozenset[int] = frozenset()


def attempt_of(changes: Sequence[Change], purpose: object = None) -> Attempt:
    """Return a new attempt to carry out changes."""
    attempt = Attempt(changes[0].schema.keys.attempts, purpose)
    attempt.changes = list(changes)
    return attempt


def commit(
    changes: Sequence[Change],
    attempt: Attempt | None = None,
    guards: Sequence[Guard] = (),
    tell_gone: bool = False,
    also: Mapping[str, Any] | None = None,
) -> Operation[Committed]:
    """Carry out changes, all or nothing.

    Args:
        changes: of different rows. An insert without an id must be the only change.
        attempt: of these changes, for those who settle it should its answer be lost.
        guards: who may refer to the ids that are deleted.
        tell_gone: tell of which deletes somebody else was first. Not with an insert without an id.
        also: steps to take with it, as `rom._core.ops.commits.raw_commands.as_map` has them.

    Raises:
        Referenced: somebody else does.
        Differs: what the steps rest on is not so.
        UniqueKeyViolation, DataRaceError, EntityDeletedError, CorruptRowError: nothing was written.
    """
    _check_size(len(changes), most_entries(), 'changes')  # each writes a row, at least
    attempt = attempt or attempt_of(changes)
    changes = attempt.changes
    request = _Request(changes, guards, tell_gone, also)
    for _ in range(MOST_TRIES):
        status, *details = yield from attempt.carry_out(request)
        if status == b'ok':
            if tell_gone:
                return Committed(None, request.outcomes, _gone(changes, details[0]))
            return Committed(int(details[0]) if details[0] else None, request.outcomes)
        if status == b'referenced':
            raise Referenced(f'{as_text(details[0])}: {as_text(details[1])} refers to it')
        if also and status == b'differs':
            from rom._core.ops.commits import raw_commands

            raise raw_commands.objection_of(status, details[0])
        # What all changes come to is needed only now: to keep it would double the time of a commit.
        writes = [plan(change) for change in changes]
        place = same_row(writes, status, details)
        retried = yield from _retried(changes[place], status, details)
        if retried is None:
            raise error_of(writes[place], status, details)
        changes[place] = retried
    raise ServerError(
        f'{MOST_TRIES} tries to write {as_text(details[0])} each met a new change of that row; '
        'find out which program writes it without pause'
    )


def _check_size(size: int, most: int, what: str) -> None:
    if size > most:
        raise InvalidOperation(
            f'a commit of {size:,} {what} is too large to be atomic: it would hold the server up '
            f'for seconds, and {most:,} are the most; nothing was written. In batches, each '
            'atomic: session.commit(batch=1000), query.delete(blocksize=1000), '
            'query.update(_blocksize=1000)'
        )


def _gone(changes: Sequence[Change], found: bytes) -> frozenset[int]:
    deletes = [place for place, change in enumerate(changes) if change.kind == 'delete']
    return frozenset(
        place for place, was in zip(deletes, found[: len(deletes)], strict=True) if was == ord('0')
    )


class _Request:
    """Makes the call of the script, of the changes as they are then.

    Attributes:
        outcomes: what the rows hold if the script says yes.
    """

    def __init__(
        self,
        changes: Sequence[Change],
        guards: Sequence[Guard],
        tell_gone: bool,
        also: Mapping[str, Any] | None,
    ) -> None:
        self.outcomes: list[dict[str, bytes]] = []
        self._changes = changes
        self._also = also
        self._more: dict[str, Any] = {}
        if guards or tell_gone:
            self._more = {'guards': [_as_list(guard) for guard in guards], 'tell': tell_gone}

    def __call__(self, attempt: Attempt) -> Script:
        batch, outcomes = Batch(attempt.tells_ages), []
        for change in self._changes:
            write = plan(change)
            batch.add(write)
            outcomes.append(write.outcome)
        if batch.take and len(outcomes) > 1:
            raise InvalidOperation('an insert without an id must be a commit of its own')
        script = batch.call(attempt, self._also, self._more)
        _check_size(len(script.request), MOST_BYTES, 'bytes')
        check_entries(batch, self._changes, script.request)
        self.outcomes = outcomes
        return script


def _as_list(guard: Guard) -> list[Any]:
    """A guard as the script has it."""
    known = {b'%d' % member: True for member in guard.members}
    return [guard.key, b'%d' % guard.id, guard.head, as_bytes(guard.column), known]


def _retried(change: Change, status: bytes, details: Sequence[bytes]) -> Operation[Change | None]:
    """The change to try instead, on the row as it is now; None where it is an error."""
    if status == b'deleted' and change.forced:
        return change._replace(kind='insert', stored={}, wanted=present(change.wanted))
    if status == b'exists' and change.forced:
        return (yield from _on_fresh_row(change._replace(kind='update')))
    if status != b'race':
        return None
    differing = {as_text(field) for field in details[1:]}
    is_ours = not differing.isdisjoint({*change.wanted, *change.rests_on})
    if is_ours and not change.forced:
        return None
    return (yield from _on_fresh_row(change))


def _on_fresh_row(change: Change) -> Operation[Change]:
    assert change.id is not None
    row = yield from load_one(change.schema, change.id, with_expired=True)
    # A row that is gone by now is the script's to find out; and so is what the change rests on,
    # should that have changed in the meantime.
    fresh = row.stored if row else {}
    if not change.forced:
        kept = (*change.wanted, *change.rests_on)
        fresh = present({**fresh, **{name: change.stored.get(name) for name in kept}})
    return change._replace(stored=fresh)
