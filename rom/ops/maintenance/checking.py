"""Checking: every index against every row, and every row against every index, beside writers.

First the indexes are looked through, for entries that no row implies; then the rows, for entries
that they imply and that are not there; then the bitmap of live ids. Whatever looks wrong is looked
at again, at one moment (see looking.py), before it is reported or mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rom.encoding.counts import read_digits
from rom.encoding.text import as_text, show
from rom.encoding.wire import pack
from rom.ops.maintenance.examining import END, KEYS, Implications, looking
from rom.ops.maintenance.finding import Found, Maker, find, is_declared
from rom.ops.maintenance.findings import BEYOND_REPAIR, Checked, Finding, Kind
from rom.ops.maintenance.implying import Claim
from rom.ops.maintenance.judging import Fix, Verdict, judge
from rom.ops.maintenance.looking import MOST_TRIES, Member, Sight, look, number_of
from rom.ops.maintenance.mending import sweep
from rom.ops.maintenance.progress import Job
from rom.ops.maintenance.repairing import repair
from rom.ops.requests import Command, Operation, Script
from rom.ops.rows import Row
from rom.ops.stamps import look_up, read_stamp, stamp_of
from rom.schema import Schema, Unique

# Ids that the bitmap is looked through for in one step.
_STEP = 5000

_TYPES = {b'uidx': (b'hash',), b'idx': (b'set', b'zset')}

Suspicious = dict[bytes, dict[Member, Maker]]


def check(schema: Schema, mend: bool, block_size: int) -> Job[None]:
    """Look for whatever is wrong with the indexes of a model; tells of it as it goes.

    Args:
        schema: the model's.
        mend: put it right, where that can be done without touching a row.
        block_size: rows, or entries of an index, in one look.
    """
    yield from _Checker(schema, mend, block_size).story()


class _Checker:
    """One check, and what it must remember on the way."""

    def __init__(self, schema: Schema, mend: bool, block_size: int) -> None:
        self.schema, self.mend, self.block_size = schema, mend, block_size
        self.done = self.total = 0
        self.left = 0
        self.implications = Implications(schema)
        self.foreign_keys: set[bytes] = set()
        self.behind: tuple[int, bytes] | None = None

    def story(self) -> Job[None]:
        stamped = yield from look_up(self.schema)
        found = yield from find(self.schema, read_stamp(stamped.raw))
        self.total = len(found.indexes) + len(found.ids)
        yield self._tell(())
        yield from self._indexes(found)
        ids = sorted(found.ids)
        for start in range(0, len(ids), self.block_size):
            block = [b'%d' % id for id in ids[start : start + self.block_size]]
            findings = yield from self._settle(block, {}, whole=True)
            self.done += len(block)
            yield self._tell(findings)
        yield from self._bitmap()
        yield self._tell((yield from self._counter()))
        stamp = stamp_of(self.schema)
        if self.mend and not self.left and stamped.has_data and stamped.raw != stamp:
            yield Command('SET', self.schema.keys.indexes, stamp)

    def _tell(self, findings: Iterable[Finding]) -> Checked:
        told = tuple(findings)
        self.left += sum(not finding.mended for finding in told)
        return Checked(self.done, self.total, told)

    # The indexes.

    def _indexes(self, found: Found) -> Job[None]:
        waiting = []
        for key, maker in found.indexes.items():
            if is_declared(maker, key):
                waiting.append(key)
                continue
            self.done += 1
            yield self._tell([self._finding('undeclared', key, 'rom reindex removes it')])
        open_keys: dict[bytes, bytes] = {}
        while waiting or open_keys:
            while waiting and len(open_keys) < KEYS:
                open_keys[waiting.pop()] = END
            findings: list[Finding] = []
            suspicious: Suspicious = {}
            replies = yield looking(self.schema, open_keys, self.block_size)
            for key, reply in zip(list(open_keys), replies, strict=True):
                findings += self._type_of(key, reply[0])
                for id, member in self._suspects(key, found.indexes[key], reply):
                    suspicious.setdefault(id, {})[key, member] = found.indexes[key]
                open_keys[key] = reply[1]
                if reply[1] == END:
                    del open_keys[key]
                    self.done += 1
            findings += yield from self._settle(list(suspicious), suspicious)
            yield self._tell(findings)

    def _type_of(self, key: bytes, kind: bytes) -> list[Finding]:
        wanted = _TYPES.get(key.rpartition(b':')[2], (b'zset',))
        return [] if kind in (b'none', *wanted) else self._of_other_type(key)

    def _of_other_type(self, key: bytes) -> list[Finding]:
        if key in self.foreign_keys:
            return []
        self.foreign_keys.add(key)
        name = as_text(key)
        what = f'it is of another type than rom keeps there: look at it with TYPE {name}, and '
        what += 'rename or delete it; then check again'
        return [self._finding('corrupt', key, what)]

    def _suspects(
        self, key: bytes, maker: Maker, reply: Sequence[Any]
    ) -> Iterator[tuple[bytes, bytes]]:
        """The entries of an index that the rows do not seem to imply: (id, member)."""
        schema = self.schema
        kind, _, members, _, ids, there, values = reply
        width = len(schema.fields)
        for place, (member, id) in enumerate(zip(members, ids, strict=True)):
            number = number_of(id)
            if not there[place]:
                yield id, member
            elif number is not None:
                pairs = zip(schema.names, values[place * width : (place + 1) * width], strict=True)
                row = Row(number, {name: raw for name, raw in pairs if raw is not None})
                if kind == b'hash':
                    is_right = (key, member) in self.implications.claims(maker, row)
                else:
                    entry = (key, member[: -len(id)])
                    is_right = entry in self.implications.entries(maker, row)
                if not is_right:
                    yield id, member

    # The rows.

    def _settle(
        self, ids: Sequence[bytes], suspicious: Suspicious, whole: bool = False
    ) -> Operation[list[Finding]]:
        """Look at ids until what is wrong with them is known, and mended if that is wanted."""
        findings: list[Finding] = []
        left: list[Finding] = []
        waiting = list(ids)
        for _ in range(MOST_TRIES):
            if not waiting:
                break
            sights = yield from look(self.schema, waiting, suspicious)
            groups: list[tuple[Verdict, list[Fix]]] = []
            for id, sight in sights.items():
                verdict = judge(self.schema, sight, suspicious.get(id, {}), whole)
                self._note_counter(sight)
                freeing: list[Fix] = []
                for claim, holder in verdict.taken.items():
                    freeing += yield from self._taken(verdict, claim, holder)
                for key in verdict.foreign_keys:
                    findings += self._of_other_type(key)
                groups.append((verdict, [*([verdict.fix] if verdict.fix else ()), *freeing]))
            raced = (yield from self._mend(groups)) if self.mend else set()
            waiting = [verdict.id for verdict, _ in groups if verdict.id in raced]
            left = [f for verdict, _ in groups if verdict.id in raced for f in verdict.findings]
            # Their bits are set already, and not missed again.
            findings += [_mended(finding) for finding in left if finding.kind == 'live']
            findings += [
                f for verdict, _ in groups if verdict.id not in raced for f in verdict.findings
            ]
        # Each time, another writer was there in between.
        return findings + [finding for finding in left if waiting and finding.kind != 'live']

    def _taken(self, verdict: Verdict, claim: Claim, holder: bytes) -> Operation[list[Fix]]:
        """Another id has a unique value of the row: find out whether it has it by right.

        Returns what makes it free: the holder's claim given up.
        """
        key, value = claim
        holder_is_ours = number_of(holder) is not None
        pair = [verdict.id, holder] if holder_is_ours else [verdict.id]
        suspicious: Suspicious = {holder: {claim: None}}
        sights = yield from look(self.schema, pair, suspicious, together=True)
        sight, other = sights.get(verdict.id), sights.get(holder)
        if sight is None or sight.states.get(claim) != holder or sight.expired:
            return []  # it has changed since
        shown = f'{show(as_text(value))} belongs to {as_text(self.schema.keys.row(holder))}'
        is_doubtful = other is not None and (
            not other.is_readable
            or any(isinstance(m, Unique) and m.key == key for m in other.implied.unsure)
        )
        has_it_too = other is not None and claim in other.implied.claims and not other.expired
        if has_it_too or is_doubtful:
            what = f'{shown}, which has it too' if has_it_too else f'{shown}, which is corrupt'
            what += ': give one of them another value, or delete one; then check again'
            verdict.findings.append(self._finding('shared', key, what, verdict.id))
            return []
        what = f'{shown}, which has it not'
        verdict.findings.append(self._finding('unclaimed', key, what, verdict.id))
        if verdict.fix is not None:
            verdict.fix.claimed.append(claim)
        if other is None or other.row is None:
            return []  # whose row is gone is in nobody's way
        return [Fix(other.row, released=[claim])]

    def _mend(self, groups: Sequence[tuple[Verdict, list[Fix]]]) -> Operation[set[bytes]]:
        """Carry out what mends these ids; those that are to be looked at again."""
        raced: set[bytes] = set()
        left_over = [entry for verdict, _ in groups for entry in verdict.left_over]
        yield from sweep(self.schema, left_over)
        lost = [verdict.id for verdict, _ in groups if not verdict.is_enrolled]
        yield from self._enrol(lost)
        fixing = [(verdict, fixes) for verdict, fixes in groups if fixes]
        replies = yield from repair(self.schema, [fixes for _, fixes in fixing])
        failed: set[bytes] = set()
        for (verdict, _), (status, *details) in zip(fixing, replies, strict=True):
            if status in (b'race', b'deleted', b'unique'):
                raced.add(verdict.id)
            elif status != b'ok':
                verdict.foreign_keys.add(details[0])
                verdict.findings += self._of_other_type(details[0])
                failed.add(verdict.id)
        for verdict, _ in groups:
            if verdict.id not in failed | raced:
                verdict.findings[:] = map(_mended, verdict.findings)
        return raced

    def _enrol(self, ids: Sequence[bytes]) -> Operation[None]:
        if ids:
            keys = self.schema.keys
            live = None if self.schema.keep_index_data else keys.live
            request = {'head': keys.head, 'live': live, 'counter': keys.counter, 'ids': ids}
            yield Script('enrol', keys.counter, pack(request))

    # The bitmap and the counter.

    def _bitmap(self) -> Job[None]:
        keys = self.schema.keys
        request: dict[str, Any] = {'head': keys.head, 'live': keys.live, 'counter': keys.counter}
        request |= {'count': b'%d' % _STEP, 'mend': self.mend}
        after = b'-1'  # no id is 0, but a bit may be
        while after and not self.schema.keep_index_data:
            status, *rest = yield Script('strays', keys.counter, pack({**request, 'after': after}))
            if status == b'none':
                return
            if status != b'ok':
                yield self._tell(self._of_other_type(rest[0]))
                return
            after, strays = rest
            what = 'it has a bit, and no row'
            findings = [self._finding('live', keys.live, what, id) for id in strays]
            yield self._tell(map(_mended, findings) if self.mend else findings)

    def _note_counter(self, sight: Sight) -> None:
        """The counter was read at the same moment as the row was seen to be there."""
        raw, id = sight.counter or b'0', number_of(sight.id)
        counted = read_digits(raw)
        if sight.row is None or id is None or counted is None:
            return
        if id > counted and (self.behind is None or id > self.behind[0]):
            self.behind = (id, raw)

    def _counter(self) -> Operation[list[Finding]]:
        counter = self.schema.keys.counter
        kind = yield Command('TYPE', counter)
        if kind in (b'string', 'string'):
            value = yield Command('GET', counter)
            if value is not None and not value.isdigit():
                what = f'it says {show(value)}, and should be the highest id in use: SET it'
                return [self._finding('corrupt', counter, what)]
        elif kind not in (b'none', 'none'):
            return self._of_other_type(counter)
        if self.behind is None:
            return []
        id, counted = self.behind
        what = f'it says {as_text(counted)}, and there is an id {id}'
        finding = self._finding('counter', counter, what, b'%d' % id)
        if not self.mend:
            return [finding]
        yield from self._enrol([b'%d' % id])
        return [_mended(finding)]

    def _finding(self, kind: Kind, key: bytes, what: str, id: bytes | None = None) -> Finding:
        number = None if id is None else number_of(id)
        return Finding(self.schema.name, kind, as_text(key), number, what)


def _mended(finding: Finding) -> Finding:
    return finding if finding.kind in BEYOND_REPAIR else replace(finding, mended=True)
