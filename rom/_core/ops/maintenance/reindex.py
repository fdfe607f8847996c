"""Reindex: builds the indexes that a model declares, in steps, and can be interrupted between them.

Its position is stored beside the data (`N:P:reindex`), with the declaration that it builds. The
next run continues there, unless the model's declaration has changed. The fingerprint, which says
that the data has these indexes, is written only at the end.

Only indexes that differ from the fingerprint are built (see rebuild.py). Rows are read in ascending
order of their ids. Rows that are written meanwhile are indexed by their writers.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from rom._core.encoding.text import as_bytes
from rom._core.ops.compound_state import write_fingerprint
from rom._core.ops.index_fingerprint import (
    COMPOUND,
    GEO,
    RANK,
    UNIQUE,
    Declared,
    changes,
    counted_in,
    declared_by,
    look_up,
    named_in_stamp,
    read_stamp,
)
from rom._core.ops.maintenance.comparison import Comparison, blocks
from rom._core.ops.maintenance.keyspace import Maker, find, is_declared, was_declared
from rom._core.ops.maintenance.partitions import in_each_partition, state_of
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.maintenance.rebuild import Builder
from rom._core.ops.maintenance.repair import relive, repair_listed
from rom._core.ops.requests import Command, Operation
from rom._core.ops.shards.moved import check_mark, group_moved_into
from rom._core.schema import Index, Schema, Unique
from rom._core.support.public_names import publish
from rom.exceptions import BulkError, ORMError

# Keys that one UNLINK removes, in the background.
_DROPPED = 500

State: TypeAlias = Literal['right', 'stale', 'unknown', 'empty']


@dataclass(frozen=True, slots=True)
class Reindexed(Progress):
    """Progress of a reindex, with the number of rows since the last report."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Comparison of the indexes that a model declares with those that its data has.

    Attributes:
        model: the name of the model.
        state: 'right'; 'stale': the indexes differ; 'unknown': there is data without a
            fingerprint, such as that of rom 1.x; 'empty': there never was any data.
        changes: the differences, as one line each.
        stopped_at: the id at which a reindex was interrupted; None if none was.
    """

    model: str
    state: State
    changes: tuple[str, ...] = ()
    stopped_at: int | None = None

    @property
    def is_due(self) -> bool:
        """True if a reindex is needed, or was interrupted."""
        return self.state in ('stale', 'unknown') or self.stopped_at is not None


def status(schema: Schema) -> Operation[Status]:
    """Compare the declared indexes with the fingerprint; one round trip."""
    stamped = yield from state_of(schema)
    stopped_at = None
    if stamped.position is not None:
        position = _read(stamped.position)
        stopped_at = 0 if position is None else position.after
    before = read_stamp(stamped.raw)
    if before is None:
        return Status(schema.name, 'unknown' if stamped.has_data else 'empty', (), stopped_at)
    group = group_moved_into(before)
    if group is not None:
        moved = f'the rows are moved into the partitions of the group {group!r}: declare _shards'
        return Status(schema.name, 'stale', (moved,), stopped_at)
    differing = changes(before, declared_by(schema))
    return Status(schema.name, 'stale' if differing else 'right', differing, stopped_at)


def reindex(schema: Schema, block_size: int, restart: bool, everything: bool = False) -> Job[None]:
    """Build the indexes whose declaration differs from the fingerprint, and no others.

    Where nothing differs, or the data has no fingerprint, all indexes are built.

    Args:
        schema: the schema of the model.
        block_size: rows, or index entries, in one step.
        restart: begin at the first id, even if an earlier reindex was interrupted.
        everything: build all indexes in any case.

    Raises:
        BulkError: some rows could not be indexed. It is raised at the end; all others are.
    """
    if schema.placement is not None:
        yield from in_each_partition(
            schema, lambda part: reindex(part, block_size, restart, everything)
        )
        return
    stamped = yield from look_up(schema)
    check_mark(schema, stamped.mark)
    before = read_stamp(stamped.raw) or {}
    found = yield from find(schema, before)
    indexes = yield from _drop(schema, before, found.indexes)
    ids = sorted(found.ids)
    position = None if restart else _read(stamped.position)
    put_off: Collection[int] = ()
    compared = 0
    if position is None or not position.built or position.declared != declared_by(schema):
        weighing = _Weighing(schema, before, everything, indexes)
        yield from weighing.weigh(ids, block_size)
        position, put_off = weighing.position(), weighing.put_off
        compared = len(ids) if weighing.is_needed and position.built else 0
    failures: list[ORMError] = []
    if position.after == 0:
        yield Command('DEL', schema.keys.reindexing)
        failures += yield from repair_listed(schema, block_size)
    makers = _makers(schema)
    builder = Builder(
        schema,
        [makers[name] for name in position.built],
        indexes,
        [makers[name] for name in position.compared],
        block_size,
    )
    builder.put_off += put_off
    yield from _build(schema, builder, position, ids, block_size, compared)
    failures += yield from builder.finish()
    counted = yield Command('GET', schema.keys.counter)
    highest = max(counted_in(schema, counted), max(ids, default=0))
    if highest:
        yield from relive(schema, len(ids), highest, compared + len(ids), compared + len(ids))
    yield from _finish(schema, has_data=highest > 0)
    yield Reindexed(compared + len(ids), compared + len(ids))
    _raise(schema, failures)


def _build(
    schema: Schema,
    builder: Builder,
    position: '_Position',
    ids: Sequence[int],
    block_size: int,
    compared: int,
) -> Job[None]:
    """Build the rows behind the position in steps, and weigh those before it, built earlier.

    Args:
        compared: the rows that were compared before, which the progress counts as well.
    """
    left = [id for id in ids if id > position.after] if position.built else []
    total = compared + len(ids)
    done = total - len(left)
    yield Reindexed(done, total)
    for block in blocks(left, block_size):
        yield from builder.build(block)
        position = position._replace(after=block[-1])
        yield _keep(schema, position)
        done += len(block)
        yield Reindexed(done, total, len(block))
    for block in blocks(ids[: len(ids) - len(left)], block_size):
        yield from builder.weigh(block)
        yield Reindexed(done, total)


def _makers(schema: Schema) -> dict[str, Index | Unique]:
    """Return the indexes and constraints by their names in fingerprints."""
    keys = schema.keys
    found: dict[str, Index | Unique] = {
        keys.stored_name(name): index for name, index in schema.indexes.items()
    }
    found |= {named_in_stamp(keys, unique): unique for unique in schema.uniques}
    found |= {RANK + keys.stored_name(name): rank for name, rank in schema.ranks.items()}
    found |= {GEO + name: place for name, place in schema.places.items()}
    found |= {COMPOUND + index.name: index for index in schema.compounds}
    return found


class _Weighing:
    """Finds the indexes to build, and those of them that may have entries that no row implies.

    Indexes that differ from the fingerprint are built in any case. For the others, if they are to
    be built as well, rows and entries are compared first: where these are equal, the index is left
    as it is.
    """

    def __init__(
        self, schema: Schema, before: Declared, everything: bool, indexes: Mapping[bytes, Maker]
    ) -> None:
        self.put_off: set[int] = set()
        self._schema, self._makers = schema, _makers(schema)
        after = self._declared = declared_by(schema)
        differing = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        self._has_entries = {id(maker) for key, maker in indexes.items() if is_declared(maker, key)}
        same = [name for name in after if name not in differing]
        is_all = everything or not differing
        self._unsure = [name for name in same if is_all and self._has(name)]
        self._built = {
            name for name in after if name in differing or (is_all and not self._has(name))
        }
        makers = [self._makers[name] for name in self._unsure]
        places = {*map(id, makers)}
        unsure = {k: m for k, m in indexes.items() if id(m) in places and is_declared(m, k)}
        self._compared = Comparison(schema, unsure, {}, makers)

    @property
    def is_needed(self) -> bool:
        """True if there is any index to compare."""
        return bool(self._unsure)

    def _has(self, name: str) -> bool:
        return id(self._makers[name]) in self._has_entries

    def weigh(self, ids: Sequence[int], block_size: int) -> Job[None]:
        """Compare rows and entries of indexes that need not be built if these are equal."""
        if not self.is_needed:
            return
        done = 0
        for block in blocks(ids, block_size):
            done += len(block)
            yield from self._compared.read_with_entries(block, done / len(ids))
            yield Reindexed(done, len(ids), len(block))
        yield from self._compared.scan()
        # Rows that cannot be weighed are built one by one, and their errors are reported.
        self.put_off = self._compared.rows.doubtful | self._compared.rows.listed

    def position(self) -> '_Position':
        """Return the position at which the build begins, after `weigh`."""
        differing = self._compared.differing
        built = self._built | {n for n in self._unsure if id(self._makers[n]) in differing}
        compared = [name for name in built if self._has(name)]
        return _Position(self._declared, 0, sorted(built), sorted(compared))


def _raise(schema: Schema, failures: Sequence[ORMError]) -> None:
    # The same error of a row may come from several steps.
    failures = list({str(failure): failure for failure in failures}.values())
    if failures:
        raise BulkError(
            f'{len(failures)} rows of {schema.name} could not be indexed, all others are; the '
            f'first of them: {failures[0]}. `errors` has all; repair or delete those rows, and run '
            'rom check --repair',
            failures,
        )


def _drop(
    schema: Schema, before: Declared, indexes: dict[bytes, Maker]
) -> Operation[dict[bytes, Maker]]:
    """Remove the indexes of the fingerprint that the model no longer declares; return the others.

    Undeclared indexes that the fingerprint does not name are kept: their entries become suspects.
    """
    dropped = [
        key
        for key, maker in indexes.items()
        if not is_declared(maker, key) and was_declared(before, schema, key)
    ]
    dropped += _former_directories(schema, before)
    for start in range(0, len(dropped), _DROPPED):
        yield Command('UNLINK', *dropped[start : start + _DROPPED])
    return {key: maker for key, maker in indexes.items() if key not in set(dropped)}


def _former_directories(schema: Schema, before: Declared) -> list[bytes]:
    """Return the directories that a partition has of constraints which no longer exist."""
    if schema.part is None:
        return []
    head = schema.keys.head
    former = [head + as_bytes(n.removeprefix(UNIQUE)) for n in before if n.startswith(UNIQUE)]
    declared = {unique.key for unique in schema.uniques}
    return [key + b':dir' for key in former if key + b':uidx' not in declared]


def _finish(schema: Schema, has_data: bool) -> Operation[None]:
    over = Command('DEL', schema.keys.reindexing)
    if has_data:
        yield from write_fingerprint(schema, over)
    else:  # there is no fingerprint without data; taking the first id writes it
        yield over


class _Position(NamedTuple):
    """Position of a reindex, as it is stored beside the data.

    Attributes:
        declared: the declaration that it builds.
        after: the last id that is done.
        built: the indexes that are built, by their names in fingerprints.
        compared: those of `built` whose entries are compared with the rows at the end.
    """

    declared: Declared
    after: int
    built: list[str] = []
    compared: list[str] = []


def _keep(schema: Schema, position: _Position) -> Command:
    kept = {**position._asdict(), 'after': str(position.after)}
    return Command('SET', schema.keys.reindexing, json.dumps(kept, sort_keys=True))


def _read(raw: bytes | None) -> _Position | None:
    """Return the stored position; None if it is absent or malformed."""
    try:
        found = json.loads(raw or b'')
        position = _Position(**{**found, 'after': int(found['after'])})
        names = {*position.declared}
        return position if names.issuperset((*position.built, *position.compared)) else None
    except (ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None


class Pace:
    """Limits the rows per second; the caller passes the time, so that it reads no clock.

    >>> pace = Pace(10)
    >>> pace.wait(20, now=100.0), pace.wait(5, now=101.0), pace.wait(10, now=110.0)
    (2.0, 1.5, 1.0)
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._free_at = 0.0

    def wait(self, rows: int, now: float) -> float:
        """Return the seconds to wait after a number of rows."""
        if self._rate is None:
            return 0.0
        # Lost time is not made up for, because that would be a burst, which the rate must prevent.
        self._free_at = max(self._free_at, now) + rows / self._rate
        return self._free_at - now


publish('rom.maintenance', Status)
