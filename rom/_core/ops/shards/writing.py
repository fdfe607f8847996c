"""Writing: commits of any models, each carried out as its models need it.

A commit of models without partitions is one script. Those of a group of partitions go through a
transaction, because their rows may be locked, and their unique values are in a directory.
"""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.ops.commits import commit as plain
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit import Committed, Guard
from rom._core.ops.requests import Operation
from rom._core.ops.shards.partitions import partitions_of
from rom._core.ops.shards.transact import transact
from rom._core.ops.shards.transaction import Transaction
from rom._core.writes.changes import Change


def attempt_of(changes: Sequence[Change], purpose: object = None) -> Attempt:
    """Return a new attempt to carry out changes.

    Args:
        changes: the changes, in terms of their partitions.
        purpose: the reason for the write, where that is more than saving entities.
    """
    if changes[0].schema.part is None:
        return plain.attempt_of(changes, purpose)
    parts = [part for change in changes if (part := change.schema.part) is not None]
    partitions = partitions_of(parts[0].whole.shards.shards)
    return Transaction(partitions, changes, [part.number for part in parts], purpose)


def commit(
    changes: Sequence[Change],
    attempt: Attempt | None = None,
    guards: Sequence[Guard] = (),
    tell_gone: bool = False,
) -> Operation[Committed]:
    """Carry out changes, all or nothing; see `rom._core.ops.commits.commit` for arguments.

    Raises:
        ORMError: as there, and as `rom._core.ops.shards.transact`.
    """
    if changes[0].schema.part is None:
        return plain.commit(changes, attempt, guards, tell_gone)
    attempt = attempt or attempt_of(changes)
    assert isinstance(attempt, Transaction)
    return transact(attempt, _by_partition(attempt, guards), tell_gone)


def _by_partition(attempt: Transaction, guards: Sequence[Guard]) -> dict[int, list[Guard]]:
    """Return the guards that each partition of a transaction checks.

    Those of links are checked in all partitions; those of relations only where rows are written.
    """
    if not guards:
        return {}
    tags = {attempt.partitions.tag(number): number for number in range(attempt.partitions.size)}
    found: dict[int, list[Guard]] = {}
    for guard in guards:
        number = tags.get(guard.key[: guard.key.find(b'}') + 1])
        if number is not None and (guard.is_links or number in attempt.places):
            found.setdefault(number, []).append(guard)
    attempt.include(found)
    return found
