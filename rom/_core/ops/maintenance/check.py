"""Check: compares every index with every row, and every row with every index, beside writers.

All rows and all entries are read once, and compared by digests (see comparison.py). Differences,
and rows without a bit in the live bitmap, are read again in one atomic snapshot before they are
reported or repaired. Last, the live bitmap is searched for bits without a row, the counter is
checked, and the rows that links lead to are looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rom._core.encoding.integers import read_digits
from rom._core.encoding.text import as_text, show
from rom._core.encoding.wire import pack
from rom._core.ops.compound_state import write_fingerprint
from rom._core.ops.index_fingerprint import look_up, read_stamp, stamp_of
from rom._core.ops.maintenance.comparison import Comparison, Suspicious, blocks
from rom._core.ops.maintenance.directories import check_directories
from rom._core.ops.maintenance.findings import Checked, Finding
from rom._core.ops.maintenance.keyspace import Found, find, is_declared
from rom._core.ops.maintenance.linked_rows import without_row
from rom._core.ops.maintenance.partitions import in_each_partition
from rom._core.ops.maintenance.progress import Job
from rom._core.ops.maintenance.suspects import Settler, repaired
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom._core.ops.shards.moved import check_mark
from rom._core.schema import Schema

# Ids whose bits one step checks.
_STEP = 5000
# Rows that one step checks in snapshots.
_CLOSELY = 500


def check(schema: Schema, repair: bool, block_size: int) -> Job[None]:
    """Check the indexes of a model, and report findings with the progress.

    Args:
        schema: the schema of the model.
        repair: repair findings, where that needs no change of a row.
        block_size: rows, or index entries, in one step.
    """
    if schema.placement is not None:
        job = in_each_partition(schema, lambda part: check(part, repair, block_size))
        total = yield from job
        yield from check_directories(schema, repair, block_size, total)
        return
    yield from _Checker(schema, repair, block_size).run()


class _Checker:
    """Runs one check, and holds its state."""

    def __init__(self, schema: Schema, repair: bool, block_size: int) -> None:
        self.schema, self.repair, self.block_size = schema, repair, block_size
        self.done = self.total = 0
        self.unrepaired = 0
        self.settler = Settler(schema, repair)

    def run(self) -> Job[None]:
        """Carry out the check, step by step."""
        stamped = yield from look_up(self.schema)
        check_mark(self.schema, stamped.mark)  # or each mark would be damage, to be deleted
        found = yield from find(self.schema, read_stamp(stamped.raw))
        ids = sorted(found.ids)
        self.total = len(ids)
        yield self._report(self._undeclared(found))
        declared = {key: m for key, m in found.indexes.items() if is_declared(m, key)}
        compared = Comparison(self.schema, declared, {}, whole=True, count=self.block_size)
        yield from self._weigh(compared, ids)
        yield self._report(
            [finding for key in compared.foreign for finding in self.settler.of_other_type(key)]
        )
        yield from compared.locate()
        yield from self._look_closely(compared, ids)
        yield from self._bitmap()
        yield self._report((yield from self._counter()))
        yield self._report((yield from self._links(declared)))
        is_new = stamped.has_data and stamped.raw != stamp_of(self.schema)
        if self.repair and not self.unrepaired and is_new:
            yield from write_fingerprint(self.schema)

    def _report(self, findings: Iterable[Finding]) -> Checked:
        """Return the progress with new findings, and count those that are not repaired."""
        found = tuple(findings)
        self.unrepaired += sum(not finding.repaired for finding in found)
        return Checked(self.done, self.total, found)

    def _undeclared(self, found: Found) -> list[Finding]:
        finding = self.settler.finding
        return [
            finding('undeclared', key, 'rom reindex removes it')
            for key, maker in found.indexes.items()
            if not is_declared(maker, key)
        ]

    def _links(self, keys: Iterable[bytes]) -> Operation[list[Finding]]:
        name = self.schema.name
        return [
            self.settler.finding(
                'unlinked',
                one.key,
                f'links to {as_text(one.row)}, which does not exist; write that row, or '
                f'{name}.query.filter({one.column}={one.id})'
                f'.update({one.column}={name}.{one.column}.remove({one.id}))',
            )
            for one in (yield from without_row(self.schema, keys))
        ]

    # Rows and entries.

    def _weigh(self, compared: Comparison, ids: Sequence[int]) -> Job[None]:
        """Weigh all rows, and after each block an equal share of the entries."""
        has_bits, counted = yield from self._known()
        for block in blocks(ids, self.block_size):
            share = (self.done + len(block)) / self.total
            yield from compared.read_with_entries(block, share, has_bits)
            if counted is not None:
                compared.rows.doubtful.update(id for id in block if id > counted)
            self.done += len(block)
            yield self._report(())
        yield from compared.scan()

    def _known(self) -> Operation[tuple[bool, int | None]]:
        """Return whether there is a live bitmap, and the value of the counter if it is a number."""
        live, counter = self.schema.keys.live, self.schema.keys.counter
        asked = [Command('TYPE', live), Command('TYPE', counter)]
        kinds = [as_text(kind) for kind in (yield Pipeline(tuple(asked)))]
        has_bits = kinds[0] == 'string' and not self.schema.keep_index_data
        has_bits = has_bits and (yield Command('STRLEN', live)) > 0
        counted: bytes = b'0'
        if kinds[1] == 'string':
            counted = (yield Command('GET', counter)) or counted
        return has_bits, read_digits(counted)

    def _look_closely(self, compared: Comparison, ids: Sequence[int]) -> Job[None]:
        """Settle the entries that differ, then the rows, which the progress counts once more."""
        while compared.has_suspects:
            suspicious: Suspicious = yield from compared.suspects()
            yield self._report((yield from self.settler.settle(list(suspicious), suspicious)))
        again = compared.ids_among(ids)
        self.total += len(again)
        for block in blocks(again, min(self.block_size, _CLOSELY)):
            asked = [b'%d' % id for id in block]
            findings = yield from self.settler.settle(asked, {}, whole=True)
            self.done += len(block)
            yield self._report(findings)

    # The bitmap and the counter.

    def _bitmap(self) -> Job[None]:
        keys = self.schema.keys
        request: dict[str, Any] = {'head': keys.head, 'live': keys.live, 'counter': keys.counter}
        request |= {'count': b'%d' % _STEP, 'repair': self.repair}
        after = b'-1'  # 0 is not an id, but its bit may be set
        while after and not self.schema.keep_index_data:
            status, *rest = yield Script(
                'orphan_bits', keys.counter, pack({**request, 'after': after})
            )
            if status == b'none':
                return
            if status != b'ok':
                yield self._report(self.settler.of_other_type(rest[0]))
                return
            after, strays = rest
            what = 'it has a bit, and no row'
            findings = [self.settler.finding('live', keys.live, what, id) for id in strays]
            yield self._report(map(repaired, findings) if self.repair else findings)

    def _counter(self) -> Operation[list[Finding]]:
        counter = self.schema.keys.counter
        kind = yield Command('TYPE', counter)
        if kind in (b'string', 'string'):
            value = yield Command('GET', counter)
            if value is not None and not value.isdigit():
                what = f'it says {show(value)}, and should be the highest id in use: SET it'
                return [self.settler.finding('corrupt', counter, what)]
        elif kind not in (b'none', 'none'):
            return self.settler.of_other_type(counter)
        if self.settler.behind is None:
            return []
        id, counted = self.settler.behind
        what = f'it says {as_text(counted)}, and there is an id {id}'
        finding = self.settler.finding('counter', counter, what, b'%d' % id)
        if not self.repair:
            return [finding]
        yield from self.settler.register([b'%d' % id])
        return [repaired(finding)]
