"""Jobs over the partitions of a model: the job of each partition, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rom._core.ops.index_fingerprint import Stamped, look_up, stamp_of
from rom._core.ops.maintenance.findings import Checked, Finding
from rom._core.ops.maintenance.progress import Finished, Job, Progress, advance
from rom._core.ops.requests import Operation
from rom._core.ops.shards.declaration import compare
from rom._core.ops.shards.lockstep import lockstep
from rom._core.schema import Schema
from rom.exceptions import BulkError


def in_each_partition(schema: Schema, job: Callable[[Schema], Job[Any]]) -> Job[int]:
    """Carry out a job in each partition of a model, and report the progress in all of them.

    Args:
        schema: the schema of the model over all partitions.
        job: makes the job of a partition.

    Returns:
        The number of entities.

    Raises:
        InvalidOperation: the data was stored with another declaration.
        BulkError: at the end: the job of some partition raised it; `errors` has those of all.
    """
    assert schema.placement is not None
    yield from compare(schema.placement.group, [schema], is_write=False)
    failures: list[Exception] = []
    before = 0
    for part in schema.parts:
        running, last = job(part), Progress(0, 0)
        try:
            while isinstance(step := (yield from advance(running)), Progress):
                last = step
                yield _in_all(part, step, before)
            assert isinstance(step, Finished)
        except BulkError as error:
            failures += error.errors
        before += last.total
    if failures:
        raise BulkError(
            f'{len(failures)} rows of {schema.name} failed, all others are done; the first of '
            f'them: {failures[0]}. `errors` has all',
            failures,
        )
    return before


def _in_all(part: Schema, step: Progress, before: int) -> Progress:
    """Return the progress in a partition as that in all of them."""
    if isinstance(step, Checked):
        findings = tuple(_seen(part, finding) for finding in step.findings)
        step = replace(step, findings=findings)
    return replace(step, done=before + step.done, total=before + step.total)


def _seen(part: Schema, finding: Finding) -> Finding:
    """Return a finding with the id that programs see."""
    return finding if finding.id is None else replace(finding, id=part.seen_id(finding.id))


def state_of(schema: Schema) -> Operation[Stamped]:
    """Read the state of a model's data: that of the partition that most needs a reindex."""
    if schema.placement is None:
        return (yield from look_up(schema))
    found: list[Stamped] = yield from lockstep([look_up(part) for part in schema.parts])
    expected = stamp_of(schema)
    stopped = next((one for one in found if one.position is not None), None)
    stale = next((one for one in found if one.has_data and one.raw != expected), None)
    used = next((one for one in found if one.has_data), None)
    return stopped or stale or used or found[0]
