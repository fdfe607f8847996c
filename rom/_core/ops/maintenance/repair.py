"""Repair: writes and removes entries and unique values, and changes no row.

A repair uses the script of all commits, as an update that writes no column. So the script checks
that the row is as it was in the diagnosis, and that unique values to be claimed are free.
"""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.commits.commit_request import Batch
from rom._core.ops.maintenance.diagnosis import Fix
from rom._core.ops.requests import Operation
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Write


def repair(schema: Schema, fixes: Sequence[Sequence[Fix]]) -> Operation[list[Sequence[bytes]]]:
    """Carry out fixes, each group of them all or nothing.

    Returns:
        The script's answer for each group: 'ok', or its objection.
    """
    if not fixes:
        return []
    together = yield from _written(schema, [fix for group in fixes for fix in group])
    if together[0] == b'ok' or len(fixes) == 1:
        return [together] * len(fixes)
    replies: list[Sequence[bytes]] = []
    for group in fixes:
        replies.append((yield from _written(schema, group)))
    return replies


def _written(schema: Schema, fixes: Sequence[Fix]) -> Operation[Sequence[bytes]]:
    batch = Batch()
    for fix in fixes:
        batch.add(_write(schema, fix))
    return (yield from Attempt(schema.keys.attempts).carry_out(batch.call))


def _write(schema: Schema, fix: Fix) -> Write:
    row = fix.row
    # `expired=True` lets the script write the entries of an expired row. The snapshot told whether
    # it has expired, and the diagnosis claims no unique values for it then.
    change = Change(schema, 'update', row.id, row.stored, {}, {}, full=True, expired=True)
    return Write(
        change,
        expected={name: row.stored.get(name) for name in schema.names},
        new_values={},
        gone=fix.removed,
        come=fix.added,
        released=tuple(fix.released),
        claimed=tuple(fix.claimed),
    )
