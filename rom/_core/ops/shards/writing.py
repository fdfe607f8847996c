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
from rom._core.writes.changes import Change


def attempt_of(changes: Sequence[Change], purpose: object = None) -> Attempt:
    """Return a new attempt to carry out changes.

    Args:
        changes: the changes, in terms of their partitions.
        purpose: the reason for the write, where that is more than saving entities.
    """
    if changes[0].schema.part is None:
        return plain.attempt_of(changes, purpose)
    from rom._core.ops.shards.transaction import Transaction

    return Transaction.of(changes, purpose)


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
    from rom._core.ops.shards.transact import guards_by_partition, transact
    from rom._core.ops.shards.transaction import Transaction

    attempt = attempt or Transaction.of(changes)
    assert isinstance(attempt, Transaction)
    return transact(attempt, guards_by_partition(attempt, guards), tell_gone)
