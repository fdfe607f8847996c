"""Suspects: diagnoses rows and entries that may be wrong, and repairs them.

Each suspect is read in an atomic snapshot (see snapshots.py), diagnosed, and repaired if the caller
wants that. Where another writer was faster than the repair, it is read and diagnosed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rom._core.encoding.integers import read_digits
from rom._core.encoding.text import as_text, show
from rom._core.encoding.wire import pack
from rom._core.ops.maintenance.comparison import Suspicious
from rom._core.ops.maintenance.diagnosis import Diagnosis, Fix, diagnose
from rom._core.ops.maintenance.findings import BEYOND_REPAIR, Finding, Kind
from rom._core.ops.maintenance.repair import repair, sweep
from rom._core.ops.maintenance.snapshots import (
    MOST_TRIES,
    Claim,
    RowSnapshot,
    number_of,
    read_snapshots,
)
from rom._core.ops.requests import Operation, Script
from rom._core.schema import Schema, Unique


class Settler:
    """Diagnoses suspects until each is settled, and holds the state of that.

    Args:
        schema: the schema of the model.
        repair: repair findings, where that needs no change of a row.

    Attributes:
        behind: the highest id above the counter, with the counter's value at that moment.
    """

    def __init__(self, schema: Schema, repair: bool) -> None:
        self.schema, self.repair = schema, repair
        self.behind: tuple[int, bytes] | None = None
        self._foreign_keys: set[bytes] = set()

    def settle(
        self, ids: Sequence[bytes], suspicious: Suspicious, whole: bool = False
    ) -> Operation[list[Finding]]:
        """Return the findings of ids, repaired if the caller wants that.

        Args:
            ids: the ids, in the form that entries have.
            suspicious: entries that may be wrong, by id.
            whole: check everything that the rows imply, and not only the suspects.
        """
        findings: list[Finding] = []
        left: list[Finding] = []
        waiting = list(ids)
        for _ in range(MOST_TRIES):
            if not waiting:
                break
            snapshots = yield from read_snapshots(self.schema, waiting, suspicious)
            groups: list[tuple[Diagnosis, list[Fix]]] = []
            for id, snapshot in snapshots.items():
                diagnosis = diagnose(self.schema, snapshot, suspicious.get(id, {}), whole)
                self._note_counter(snapshot)
                freeing: list[Fix] = []
                for claim, holder in diagnosis.taken.items():
                    freeing += yield from self._taken(diagnosis, claim, holder)
                for key in diagnosis.foreign_keys:
                    findings += self.of_other_type(key)
                groups.append((diagnosis, [*([diagnosis.fix] if diagnosis.fix else ()), *freeing]))
            raced = (yield from self._repair(groups)) if self.repair else set()
            waiting = [diagnosis.id for diagnosis, _ in groups if diagnosis.id in raced]
            left = [
                f for diagnosis, _ in groups if diagnosis.id in raced for f in diagnosis.findings
            ]
            # `_repair` has set the bits of raced rows already, so the next try does not find them.
            findings += [repaired(finding) for finding in left if finding.kind == 'live']
            findings += [
                f
                for diagnosis, _ in groups
                if diagnosis.id not in raced
                for f in diagnosis.findings
            ]
        # Rows that are still waiting met another writer at each try.
        return findings + [finding for finding in left if waiting and finding.kind != 'live']

    def _taken(self, diagnosis: Diagnosis, claim: Claim, holder: bytes) -> Operation[list[Fix]]:
        """Diagnose a unique value of the row that is registered to another id.

        Returns the fix that frees the value, where the holder's row does not have it.
        """
        key, value = claim
        is_an_id = number_of(holder) is not None
        pair = [diagnosis.id, holder] if is_an_id else [diagnosis.id]
        suspicious: Suspicious = {holder: {claim: None}}
        snapshots = yield from read_snapshots(self.schema, pair, suspicious, together=True)
        snapshot, other = snapshots.get(diagnosis.id), snapshots.get(holder)
        if snapshot is None or snapshot.states.get(claim) != holder or snapshot.expired:
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
            diagnosis.findings.append(self.finding('shared', key, what, diagnosis.id))
            return []
        what = f'{shown}, which does not have it'
        diagnosis.findings.append(self.finding('unclaimed', key, what, diagnosis.id))
        if diagnosis.fix is not None:
            diagnosis.fix.claimed.append(claim)
        if other is None or other.row is None:
            return []  # the commit takes over a unique value whose holder has no row
        return [Fix(other.row, released=[claim])]

    def _repair(self, groups: Sequence[tuple[Diagnosis, list[Fix]]]) -> Operation[set[bytes]]:
        """Carry out repairs; return the ids that must be read and diagnosed again."""
        raced: set[bytes] = set()
        left_over = [entry for diagnosis, _ in groups for entry in diagnosis.left_over]
        yield from sweep(self.schema, left_over)
        lost = [diagnosis.id for diagnosis, _ in groups if not diagnosis.is_registered]
        yield from self.register(lost)
        fixing = [(diagnosis, fixes) for diagnosis, fixes in groups if fixes]
        replies = yield from repair(self.schema, [fixes for _, fixes in fixing])
        failed: set[bytes] = set()
        for (diagnosis, _), (status, *details) in zip(fixing, replies, strict=True):
            if status in (b'race', b'deleted', b'unique'):
                raced.add(diagnosis.id)
            elif status != b'ok':
                diagnosis.foreign_keys.add(details[0])
                diagnosis.findings += self.of_other_type(details[0])
                failed.add(diagnosis.id)
        for diagnosis, _ in groups:
            if diagnosis.id not in failed | raced:
                diagnosis.findings[:] = map(repaired, diagnosis.findings)
        return raced

    def register(self, ids: Sequence[bytes]) -> Operation[None]:
        """Set the bits of rows in the live bitmap, and raise the counter to their ids."""
        if ids:
            keys = self.schema.keys
            live = None if self.schema.keep_index_data else keys.live
            request = {'head': keys.head, 'live': live, 'counter': keys.counter, 'ids': ids}
            yield Script('register_ids', keys.counter, pack(request))

    def _note_counter(self, snapshot: RowSnapshot) -> None:
        """Note a counter below the id of an existing row; both were read at the same moment."""
        raw, id = snapshot.counter or b'0', number_of(snapshot.id)
        counted = read_digits(raw)
        if snapshot.row is None or id is None or counted is None:
            return
        if id > counted and (self.behind is None or id > self.behind[0]):
            self.behind = (id, raw)

    def of_other_type(self, key: bytes) -> list[Finding]:
        """Return the finding of a key of another type; nothing for a key reported before."""
        if key in self._foreign_keys:
            return []
        self._foreign_keys.add(key)
        name = as_text(key)
        what = f'it is of another type than rom keeps there: look at it with TYPE {name}, and '
        what += 'rename or delete it; then check again'
        return [self.finding('corrupt', key, what)]

    def finding(self, kind: Kind, key: bytes, what: str, id: bytes | None = None) -> Finding:
        """Return a finding about the model."""
        number = None if id is None else number_of(id)
        return Finding(self.schema.name, kind, as_text(key), number, what)


def repaired(finding: Finding) -> Finding:
    """Return the finding marked as repaired, unless its kind is beyond repair."""
    return finding if finding.kind in BEYOND_REPAIR else replace(finding, repaired=True)
