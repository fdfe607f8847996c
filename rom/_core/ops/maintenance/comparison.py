"""Comparison: reads all entries and all rows once, and then only those that differ.

First both are weighed (see digests.py). Where the sums of an index differ, the entries are weighed
once more, by buckets of ids. A bucket that differs, or has a row that could not be weighed, names
ten ids. Their entries in the indexes that differ are suspects. An atomic snapshot shows whether a
suspect is wrong (see snapshots.py), because rows that were written meanwhile differ as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.digests import RowDigests
from rom._core.ops.maintenance.entries import Scan, bucket_of, found_in, subtract, total_of
from rom._core.ops.maintenance.keyspace import Maker
from rom._core.ops.maintenance.snapshots import Member
from rom._core.ops.requests import Command, Operation
from rom._core.ops.rows import Row
from rom._core.ops.shared_trips import together
from rom._core.schema import Index, Schema, Unique
from rom.exceptions import CorruptRowError

# Most ids whose suspects are returned together.
_MOST_SUSPECTS = 2000
_TYPES = {
    b'uidx': (b'hash', b'none'),
    b'idx': (b'set', b'zset', b'none'),
    b'len': (b'set', b'none'),
}
_SORTED = (b'zset', b'none')
# Ids from here on have no bit in a bitmap, because a string of Redis has at most 2**32 bits.
_MOST_BITS = 2**32

#: Entries that may be wrong, by id, each with what makes the entries of its index.
Suspicious = dict[bytes, dict[Member, Maker]]


class Comparison:
    """Compares rows and indexes.

    Args:
        schema: the schema of the model.
        indexes: the keys to compare, each with the index or constraint that makes its entries.
        surplus: the keys whose entries are all suspects, in the same form.
        makers: the indexes and constraints of `indexes`; default: all that the model declares.
        whole: decode columns without an index as well, to find corrupt values.
        count: the number of ids whose suspects are returned together, at most 2,000.

    Attributes:
        rows: the weights of the rows.
        buckets: the buckets that differ, once `locate` has run.
        foreign: the keys of indexes that hold another type.
    """

    def __init__(
        self,
        schema: Schema,
        indexes: Mapping[bytes, Maker],
        surplus: Mapping[bytes, Maker],
        makers: Collection[Index | Unique] | None = None,
        whole: bool = False,
        count: int = _MOST_SUSPECTS,
    ) -> None:
        every = (*schema.every_index, *schema.uniques) if makers is None else makers
        self.schema, self.indexes, self.surplus = schema, indexes, surplus
        self.rows = RowDigests(schema, every, whole)
        self.buckets: set[bytes] = set()
        self.foreign: list[bytes] = []
        self._count = min(count, _MOST_SUSPECTS)
        self._totals = self.rows.totals
        self._scan = Scan(schema, indexes)
        self._suspecting: Scan | None = None
        self._suspicious: Suspicious = {}

    # Weighing.

    def read(self, ids: Sequence[int]) -> Operation[None]:
        """Read rows in one round trip, and weigh each page while Redis reads the next."""
        there: set[int] = set()

        def weigh(rows: list[Row]) -> list[Row]:
            self.rows.add(rows)
            there.update(row.id for row in rows)
            return []

        with suppress(CorruptRowError):  # keys of another type become doubtful below
            yield from load(self.schema, ids, with_expired=True, make=weigh)
        # These rows were deleted or are unreadable; a snapshot decides.
        self.rows.doubtful.update(id for id in ids if id not in there)

    def find_bits(self, ids: Sequence[int]) -> Operation[None]:
        """Note rows without a bit in the live bitmap as doubtful; one round trip."""
        most = [id for id in ids if id < _MOST_BITS]
        asked = [word for id in most for word in (b'GET', b'u1', b'%d' % id)]
        bits = (yield Command('BITFIELD_RO', self.schema.keys.live, *asked)) if most else []
        lost = {id for id, bit in zip(most, bits, strict=True) if not bit}
        self.rows.doubtful |= lost.union(id for id in ids if id >= _MOST_BITS)

    def read_with_entries(
        self, ids: Sequence[int], share: float, has_bits: bool = False
    ) -> Operation[None]:
        """Read rows, their bits, and entries of indexes, in one round trip if possible.

        Args:
            ids: the ids of the rows.
            share: weigh entries until this share of the indexes (0 to 1) is done.
            has_bits: note rows without a bit in the live bitmap as doubtful.
        """
        asked = [self.read(ids), self.scan(share)]
        if has_bits:
            asked.append(self.find_bits(ids))
        yield from together(*asked)

    def scan(self, share: float = 1.0) -> Operation[None]:
        """Read entries and weigh them, until this share of the indexes (0 to 1) is done."""
        while not self._scan.is_over and self._scan.done < share * len(self.indexes):
            yield from self._scan.step(self._weigh)

    @property
    def is_weighed(self) -> bool:
        """True once all entries were weighed."""
        return self._scan.is_over

    def _weigh(self, key: bytes, kind: bytes, flat: Sequence[bytes]) -> None:
        if kind not in _TYPES.get(key.rpartition(b':')[2], _SORTED):
            self.foreign.append(key)
        if flat:
            self._totals[id(self.indexes[key])] -= total_of(key, kind, flat)

    # Finding out where they differ.

    @property
    def differing(self) -> set[int]:
        """The `id()` of each index or constraint whose entries and rows differ in weight."""
        return {place for place, total in self._totals.items() if total}

    def locate(self) -> Operation[None]:
        """Find the buckets of ids that differ; no round trip where the sums are equal."""
        differing = self.differing
        if differing:
            buckets = self.rows.buckets
            scan = Scan(self.schema, self.indexes)
            while not scan.is_over:
                yield from scan.step(partial(subtract, buckets))
            self.buckets = {bucket for bucket, total in buckets.items() if total}
        self.buckets |= {bucket_of(b'%d' % id) for id in self.rows.doubtful}
        keys = [key for key, maker in self.indexes.items() if id(maker) in differing]
        if not self.buckets:
            keys = []
        self._suspecting = Scan(self.schema, [*self.surplus, *keys])

    def ids_among(self, ids: Iterable[int]) -> list[int]:
        """Return those of the ids that are in a bucket that differs."""
        if not self.buckets:
            return []
        return [id for id in ids if bucket_of(b'%d' % id) in self.buckets]

    @property
    def has_suspects(self) -> bool:
        """True while there may be more suspects; valid after `locate`."""
        return bool(self._suspicious) or not (self._suspecting is None or self._suspecting.is_over)

    def suspects(self) -> Operation[Suspicious]:
        """Return some suspects, possibly none, in at most one round trip."""
        assert self._suspecting is not None, 'located first'
        if not self._suspicious:
            yield from self._suspecting.step(self._suspect)
        some = dict(islice(self._suspicious.items(), self._count))
        for id in some:
            del self._suspicious[id]
        return some

    def _suspect(self, key: bytes, kind: bytes, flat: Sequence[bytes]) -> None:
        is_surplus = key in self.surplus
        maker = (self.surplus if is_surplus else self.indexes)[key]
        for member, id, _ in found_in(key, kind, flat):
            if is_surplus or bucket_of(id) in self.buckets:
                self._suspicious.setdefault(id, {})[key, member] = maker


def blocks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut ids into blocks."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
