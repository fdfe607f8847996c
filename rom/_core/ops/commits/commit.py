"""Commit: changes of any number of rows, in one call of `lua/commit.lua`.

The script decides. It may object because of a value that the program neither wrote nor read: a
column that only a keygen read, or any column of a row to delete. Then the change is computed again
from the fresh row and tried again. Every other objection becomes an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from rom._core.columns.links import rebased
from rom._core.encoding.text import as_bytes, as_text
from rom._core.ops.commits import lone_row
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_errors import error_of, same_row
from rom._core.ops.commits.commit_limits import (
    check_entries,
    is_surely_allowed,
    most_entries,
)
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.load_rows import load_one
from rom._core.ops.one_slot import check_one_slot
from rom._core.ops.requests import Operation, Script
from rom._core.schema import Schema
from rom._core.writes.changes import Change, present
from rom._core.writes.planner import plan
from rom.exceptions import InvalidOperation, ORMError, ServerError

#: Each try that fails is one that another writer won. One of many writers of a row may well lose
#: some hundred times; to lose this often means that something is wrong.
MOST_TRIES: Final = 2000
#: Bytes of the request of one commit, at most. They keep the server busy for about two seconds;
#: the client library waits for five.
MOST_BYTES = 256 * 1024 * 1024
_NO_ROWS: Final[Mapping[Schema, Iterable[bytes]]] = MappingProxyType({})


class Guard(NamedTuple):
    """Condition of a delete: only the given entities refer to the id.

    Attributes:
        key: the key of the relation's numeric index, or of the links' set for this id.
        id: the id that is about to be deleted.
        head: the prefix of the keys of the rows with that relation.
        column: the name of the relation.
        members: the ids of the entities that are known to refer to `id`.
        is_links: the column holds links.
    """

    key: bytes
    id: int
    head: bytes
    column: str
    members: tuple[int, ...]
    is_links: bool = False


class Referenced(ORMError):
    """An entity that is not among a guard's `members` refers to the id; the session catches it."""


class Committed(NamedTuple):
    """Result of a commit.

    Attributes:
        id: the id of the one insert that had none; else None.
        rows: the values that are known to be stored now, for each change in turn.
        gone: the positions of the deletes that found no row, if the caller asked for them.
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
        changes: changes of different rows. An insert without an id must be the only change.
        attempt: the attempt of these changes, for callers that settle it if the answer is lost.
        guards: conditions on the entities that refer to the ids that are deleted.
        tell_gone: also return the deletes that another writer was faster with. Not allowed with an
            insert without an id.
        also: steps to take with it, as `rom._core.ops.commits.raw_commands.as_map` returns them.

    Raises:
        Referenced: a guard does not hold.
        Differs: a check of the steps does not hold.
        InvalidOperation: the commit is too large, or needs several slots of a cluster.
        UniqueKeyViolation, DataRaceError, EntityDeletedError, CorruptRowError: nothing was written.
    """
    _check_size(len(changes), most_entries(), 'changes')  # each writes a row, at least
    if len(changes) > 1 or guards or changes[0].schema.links:
        heads = {change.schema.keys.head for change in changes}
        heads.update(chain.from_iterable(map(_linked_heads, changes)))
        yield from check_one_slot((*heads, *(guard.head for guard in guards)))
    attempt = attempt or attempt_of(changes)
    changes = attempt.changes
    yield from _without_far_references(changes)
    request = CommitRequest(changes, guards, tell_gone, also)
    for _ in range(MOST_TRIES):
        status, *details = yield from attempt.carry_out(request)
        if status == b'ok':
            if tell_gone:
                return Committed(None, request.outcomes, deletes_without_rows(changes, details[0]))
            return Committed(int(details[0]) if details[0] else None, request.outcomes)
        if status == b'referenced':
            raise Referenced(f'{as_text(details[0])}: {as_text(details[1])} refers to it')
        if also and status == b'differs':
            from rom._core.ops.commits import raw_commands

            raise raw_commands.objection_of(status, details[0])
        # The plans are needed only for errors: to keep those of `request` would double the time of
        # a commit.
        writes = [plan(change) for change in changes]
        place = same_row(writes, status, details)
        retried = yield from retried_change(changes[place], status, details)
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


def deletes_without_rows(changes: Sequence[Change], found: bytes) -> frozenset[int]:
    """Return the positions of the deletes that found no row, from the script's answer."""
    deletes = [place for place, change in enumerate(changes) if change.kind == 'delete']
    return frozenset(
        place for place, was in zip(deletes, found[: len(deletes)], strict=True) if was == ord('0')
    )


class CommitRequest:
    """Makes the call of the script from the changes as they are when it is called.

    Args:
        changes: the changes.
        guards, tell_gone, also: as for `commit`.
        linked: the ids of rows that must exist, because links of other partitions lead to them.

    Attributes:
        outcomes: the values that the rows hold if the script answers 'ok'.
        batch: the unique values of the last call, if it was one for a partition.
    """

    batch: Batch

    def __init__(
        self,
        changes: Sequence[Change],
        guards: Sequence[Guard] = (),
        tell_gone: bool = False,
        also: Mapping[str, Any] | None = None,
        linked: Mapping[Schema, Iterable[bytes]] = _NO_ROWS,
    ) -> None:
        self.outcomes: list[dict[str, bytes]] = []
        self._changes = changes
        self._linked = linked
        self._also = also
        self._more: dict[str, Any] = {}
        if guards or tell_gone:
            self._more = {'guards': [_as_list(guard) for guard in guards], 'tell': tell_gone}

    def __call__(self, attempt: Attempt, shard: Mapping[str, Any] | None = None) -> Script:
        """Return the call of the script.

        Args:
            attempt: the attempt to commit.
            shard: the partition, as `lua/shard_commit.lua` or `lua/shard_prepare.lua` reads it;
                None for models without partitions.
        """
        is_alone = shard is None or 'token' not in shard
        intents = shard.get('intents') if shard else None
        is_lone = len(self._changes) == 1 and not (self._more or self._linked)
        if is_alone and is_lone and self._also is None:
            write = plan(self._changes[0])
            script = lone_row.request_of(write, attempt, intents)
            # A longer one is made anew below, and counted.
            if script is not None and is_surely_allowed(script.request):
                self.outcomes = [write.outcome]
                if shard is not None:
                    self.batch = Batch()
                    self.batch.claim(write)
                return script
        batch, outcomes = Batch(attempt.tells_ages), []
        for change in self._changes:
            write = plan(change)
            batch.add(write)
            outcomes.append(write.outcome)
        batch.look_at(self._linked)
        if batch.take and len(outcomes) > 1:
            raise InvalidOperation('an insert without an id must be a commit of its own')
        script = batch.call(attempt, self._also, self._more, shard)
        if shard is not None:
            self.batch = batch
        _check_size(len(script.request), MOST_BYTES, 'bytes')
        check_entries(batch, self._changes, script.request)
        self.outcomes = outcomes
        return script


def _as_list(guard: Guard) -> list[Any]:
    """Return a guard as the script reads it."""
    known = {b'%d' % member: True for member in guard.members}
    listed = [guard.key, b'%d' % guard.id, guard.head, as_bytes(guard.column), known]
    return [*listed, True] if guard.is_links else listed


def retried_change(
    change: Change, status: bytes, details: Sequence[bytes]
) -> Operation[Change | None]:
    """Return the change to try instead, based on the row as it is now; None for an error."""
    if status == b'deleted' and change.forced:
        return change._replace(kind='insert', stored={}, wanted=present(change.wanted))
    if status == b'exists' and change.forced:
        return (yield from _on_fresh_row(change._replace(kind='update')))
    if status != b'race':
        return None
    differing = {change.schema.keys.attribute(as_text(field)) for field in details[1:]}
    if not differing.isdisjoint(_own_columns(change)) and not change.forced:
        return None
    return (yield from _on_fresh_row(change))


def _own_columns(change: Change) -> set[str]:
    """Return the columns in which another writer conflicts with the program.

    Those with auto_now are not among them: else all writers of one row would conflict. Nor are
    links, because those of two writers merge.
    """
    shared = (*change.stamps, *change.schema.links)
    return {*change.wanted}.difference(shared).union(change.depends_on)


def _linked_heads(change: Change) -> Iterator[bytes]:
    """Yield the prefix of the keys of each model that new links lead to."""
    for name, _ in change.new_links() if change.schema.links else ():
        if name in change.references:
            continue
        column: Any = change.schema.columns[name]
        related = column.get_related_model()
        if related._schema.placement is not None:
            raise InvalidOperation(
                f'{change.schema.name}.{name}: the linked {related.__name__} has _shards, so a '
                'commit could not check that the linked entities exist; nothing was written. Give '
                f'{change.schema.name} the same _shards, or use a model with two relations'
            )
        yield related._schema.keys.head


def _head_of(schema: Schema, relation: str) -> bytes:
    column: Any = schema.columns[relation]
    head: bytes = column.get_related_model()._schema.keys.head
    return head


def _without_far_references(changes: list[Change]) -> Operation[None]:
    """Drop the checks of references to rows in another slot of a cluster than the change."""
    kept: dict[tuple[Schema, tuple[str, ...]], tuple[str, ...]] = {}
    for place, change in enumerate(changes):
        names = change.references
        if not names:
            continue
        if (change.schema, names) not in kept:
            kept[change.schema, names] = yield from _near(change.schema, names)
        if kept[change.schema, names] != names:
            changes[place] = change._replace(references=kept[change.schema, names])


def _near(schema: Schema, names: tuple[str, ...]) -> Operation[tuple[str, ...]]:
    """Return the relations whose rows a script can look at together with those of the model."""
    found = []
    for name in names:
        try:
            yield from check_one_slot((schema.keys.head, _head_of(schema, name)))
        except InvalidOperation:
            continue
        found.append(name)
    return tuple(found)


def _on_fresh_row(change: Change) -> Operation[Change]:
    assert change.id is not None
    row = yield from load_one(change.schema, change.id, with_expired=True)
    # The program's own columns keep the values that it read: if they have changed since, the script
    # must object once more. A row that is gone by now is left to the script as well.
    fresh = row.stored if row else {}
    if not change.forced:
        kept = {name: change.stored.get(name) for name in _own_columns(change)}
        change = _with_links(change, fresh)
        fresh = present({**fresh, **kept})
    return change._replace(stored=fresh)


def _with_links(change: Change, fresh: Mapping[str, bytes]) -> Change:
    """Return the change with the links that it adds and removes, based on the row as it is now.

    What it adds and removes is what was asked at first, not what an earlier try had left to do: a
    link that was gone by then may have come back.
    """
    names = [name for name in change.schema.links if name in change.wanted]
    if not names:
        return change
    wanted, values, asked = dict(change.wanted), dict(change.values), dict(change.links_asked)
    for name in names:
        column = change.schema.columns[name]
        raws = asked.setdefault(name, (change.stored.get(name), change.wanted[name]))
        key = f'{change.schema.keys.namespace}:{change.id}'
        base, own, current = (
            column.read_stored(raw or b'', key) for raw in (*raws, fresh.get(name))
        )
        values[name] = rebased(base, own, current)
        wanted[name] = column.encode(values[name]) if values[name] else None
    return change._replace(wanted=wanted, values=values, links_asked=asked)
