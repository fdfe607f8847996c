"""Reindexing: a model's indexes made those that it declares, in steps between which it may end.

Where it has got to is kept beside the data (`N:P:reindex`), with the declaration that it is for. So
whoever comes next goes on there, unless the declaration is another by then. Only at the end does
the stamp say that the data has these indexes.

Rows are taken by their ids, ascending: what is written meanwhile is indexed by whoever writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rom.exceptions import BulkError, ORMError
from rom.ops.maintenance.examining import examine, examine_lists
from rom.ops.maintenance.finding import Maker, find, is_declared, was_declared
from rom.ops.maintenance.living import relive
from rom.ops.maintenance.mending import mend_ids
from rom.ops.maintenance.progress import Job, Progress
from rom.ops.requests import Command, Operation, Pipeline
from rom.ops.stamps import Declared, changes, counted_in, declared_by, look_up, read_stamp, stamp_of
from rom.schema import Schema

State: TypeAlias = Literal['right', 'stale', 'unknown', 'empty']


@dataclass(frozen=True, slots=True)
class Reindexed(Progress):
    """So far a reindex has got, with so many rows since it last told."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a model's data has the indexes that the model declares.

    Attributes:
        model: the model's name.
        state: 'right'; 'stale': it has others; 'unknown': there is data, and nothing says which
            indexes it has, as with data of rom 1.x; 'empty': there never was any data.
        changes: what differs, a line each.
        stopped_at: the id at which a reindex stopped half way; None if none did.
    """

    model: str
    state: State
    changes: tuple[str, ...] = ()
    stopped_at: int | None = None

    @property
    def is_due(self) -> bool:
        """A reindex is needed, or has not come to its end."""
        return self.state in ('stale', 'unknown') or self.stopped_at is not None


def status(schema: Schema) -> Operation[Status]:
    """Compare what a model declares with what its data has; one trip."""
    stamped = yield from look_up(schema)
    stopped_at = None
    if stamped.position is not None:
        position = _read(stamped.position)
        stopped_at = 0 if position is None else position[1]
    before = read_stamp(stamped.raw)
    if before is None:
        return Status(schema.name, 'unknown' if stamped.has_data else 'empty', (), stopped_at)
    differing = changes(before, declared_by(schema))
    return Status(schema.name, 'stale' if differing else 'right', differing, stopped_at)


def reindex(schema: Schema, block_size: int, restart: bool) -> Job[None]:
    """Write all entries of all rows again, and remove those that nothing implies.

    Args:
        schema: the model's.
        block_size: rows, or entries of an index, in one batch.
        restart: begin at the beginning, even if one stopped half way.

    Raises:
        BulkError: at the end: some rows could not be indexed. All others are.
    """
    stamped = yield from look_up(schema)
    before = read_stamp(stamped.raw) or {}
    position = _read(stamped.position) if not restart else None
    if position is not None and position[0] != declared_by(schema):
        position = None
    after = 0 if position is None else position[1]
    found = yield from find(schema, before)
    indexes = yield from _drop(schema, before, found.indexes, block_size)
    ids = sorted(found.ids)
    total = len(indexes) + len(ids)
    failures: list[ORMError] = []
    if position is None:
        yield Command('DEL', schema.keys.reindexing)
        failures += yield from examine_lists(schema, block_size)
        # Before the rows: a unique value that is nobody's must not be in the way of its owner.
        failures += yield from examine(schema, indexes, block_size, 0, total)
        yield _keep(schema, 0)
    left = [id for id in ids if id > after]
    done = total - len(left)
    yield Reindexed(done, total)
    for start in range(0, len(left), block_size):
        block = left[start : start + block_size]
        failures += yield from mend_ids(schema, block, {})
        yield _keep(schema, block[-1])
        done += len(block)
        yield Reindexed(done, total, len(block))
    counted = yield Command('GET', schema.keys.counter)
    highest = max(counted_in(schema, counted), max(ids, default=0))
    if highest:
        yield from relive(schema, len(ids), highest, done, total)
    yield from _finish(schema, has_data=highest > 0)
    yield Reindexed(total, total)
    # What is wrong with one row may be met more than once.
    failures = list({str(failure): failure for failure in failures}.values())
    if failures:
        raise BulkError(
            f'{len(failures)} rows of {schema.name} could not be indexed, all others are; the '
            f'first of them: {failures[0]}. `errors` has all; mend or delete those rows, and run '
            'rom check --repair',
            failures,
        )


def _drop(
    schema: Schema, before: Declared, indexes: dict[bytes, Maker], block_size: int
) -> Operation[dict[bytes, Maker]]:
    """Remove the indexes that the model declared once and declares no more; returns the others.

    Of those, some are of no declaration that is known: they are gone through, entry by entry.
    """
    dropped = [
        key
        for key, maker in indexes.items()
        if not is_declared(maker, key) and was_declared(before, schema, key)
    ]
    for start in range(0, len(dropped), block_size):
        yield Command('UNLINK', *dropped[start : start + block_size])
    return {key: maker for key, maker in indexes.items() if key not in set(dropped)}


def _finish(schema: Schema, has_data: bool) -> Operation[None]:
    over = Command('DEL', schema.keys.reindexing)
    stamp = Command('SET', schema.keys.indexes, stamp_of(schema))
    # Without data there is nothing to say; the first id will.
    yield Pipeline((stamp, over) if has_data else (over,))


def _keep(schema: Schema, after: int) -> Command:
    position = json.dumps({'declared': declared_by(schema), 'after': str(after)}, sort_keys=True)
    return Command('SET', schema.keys.reindexing, position)


def _read(raw: bytes | None) -> tuple[Declared, int] | None:
    """The declaration that a position is for, and the last id that is done."""
    try:
        found = json.loads(raw or b'')
        return found['declared'], int(found['after'])
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None


class Pace:
    """So many rows a second at most. It reads no clock, but is told the time.

    >>> pace = Pace(10)
    >>> pace.wait(20, now=100.0), pace.wait(5, now=101.0), pace.wait(10, now=110.0)
    (2.0, 1.5, 1.0)
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._free_at = 0.0

    def wait(self, rows: int, now: float) -> float:
        """For how many seconds to do nothing, after so many rows."""
        if self._rate is None:
            return 0.0
        # Time that was lost is not made up for: a burst is what a rate is to prevent.
        self._free_at = max(self._free_at, now) + rows / self._rate
        return self._free_at - now
