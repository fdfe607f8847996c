"""Diagnosis: the findings of a snapshot of a row, and the fix that would repair them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rom._core.encoding.text import as_text, show
from rom._core.indexing.entry_lists import Entries, Entry
from rom._core.ops.maintenance.findings import Finding, Kind
from rom._core.ops.maintenance.keyspace import Maker
from rom._core.ops.maintenance.snapshots import Claim, Member, RowSnapshot, Suspects, number_of
from rom._core.ops.rows import Row
from rom._core.schema import Schema

# The state of an entry whose key holds another type.
_OTHER_TYPE = 0


@dataclass(slots=True)
class Fix:
    """Repair of the indexes of one row, valid while the row is as in the snapshot."""

    row: Row
    removed: Entries = field(default_factory=dict)
    added: Entries = field(default_factory=dict)
    released: list[Entry] = field(default_factory=list)
    claimed: list[Entry] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.released or self.claimed)


@dataclass(slots=True)
class Diagnosis:
    """Result of the diagnosis of one id.

    Attributes:
        id: the id, in the form that entries have.
        findings: the faults.
        fix: the repair of the row's indexes, if there is a row.
        left_over: entries (index, member, id) of a row that does not exist.
        taken: unique values of the row that are registered to another id, each with that id.
        is_registered: False if the row has no bit in the live bitmap.
        foreign_keys: the keys of indexes that hold another type.
    """

    id: bytes
    findings: list[Finding] = field(default_factory=list)
    fix: Fix | None = None
    left_over: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    taken: dict[Claim, bytes] = field(default_factory=dict)
    is_registered: bool = True
    foreign_keys: set[bytes] = field(default_factory=set)


def diagnose(schema: Schema, snapshot: RowSnapshot, suspects: Suspects, whole: bool) -> Diagnosis:
    """Return the diagnosis of an id.

    Args:
        schema: the schema of the model.
        snapshot: the snapshot of the id.
        suspects: entries that may be surplus.
        whole: diagnose everything that the row implies, and not only the suspects.
    """
    diagnosis = Diagnosis(snapshot.id)
    diagnosis.foreign_keys = {
        key for (key, _), state in snapshot.states.items() if state == _OTHER_TYPE
    }
    note = _notes(schema, snapshot, diagnosis)
    key = schema.keys.row(snapshot.id)
    if snapshot.row is None and snapshot.is_readable:
        _diagnose_leftovers(schema, snapshot, suspects, diagnosis, note)
    elif snapshot.row is not None and snapshot.is_readable:
        diagnosis.fix = Fix(snapshot.row)
        _diagnose_suspects(schema, snapshot, suspects, diagnosis.fix, note)
        if whole:
            _diagnose_row(schema, snapshot, diagnosis, diagnosis.fix, note)
    elif whole:
        note('corrupt', key, f'it holds no row: look at it with TYPE {as_text(key)}, and delete it')
    return diagnosis


_Note = Callable[[Kind, bytes, str], None]


def _notes(schema: Schema, snapshot: RowSnapshot, diagnosis: Diagnosis) -> _Note:
    id = number_of(snapshot.id)

    def note(kind: Kind, key: bytes, what: str) -> None:
        diagnosis.findings.append(Finding(schema.name, kind, as_text(key), id, what))

    return note


def _kind(schema: Schema, key: bytes, kind: Kind) -> Kind:
    is_expiry = schema.expiry is not None and key == schema.keys.scores(schema.expiry)
    return 'expiry' if is_expiry else kind


def _shown(key: bytes, member: bytes, id: bytes) -> str:
    """Return the string of an entry of prefixes or suffixes; '' for others, which are plain ids."""
    return f'{show(as_text(member[: -len(id) - 1]))}, ' if key.endswith((b':pre', b':suf')) else ''


def _diagnose_leftovers(
    schema: Schema, snapshot: RowSnapshot, suspects: Suspects, diagnosis: Diagnosis, note: _Note
) -> None:
    for key, member in suspects:
        state = snapshot.states.get((key, member))
        if state in (None, _OTHER_TYPE):
            continue
        if not key.endswith(b':uidx'):
            what = f'{_shown(key, member, snapshot.id)}an entry without a row'
            note(_kind(schema, key, 'dangling'), key, f'{what} ({show(as_text(snapshot.id))})')
        elif state == snapshot.id:
            note('unique', key, f'{show(as_text(member))} belongs to a deleted entity')
        else:
            continue
        diagnosis.left_over.append((key, member, snapshot.id))


def _diagnose_row(
    schema: Schema, snapshot: RowSnapshot, diagnosis: Diagnosis, fix: Fix, note: _Note
) -> None:
    for fault in snapshot.implied.faults:
        note('corrupt', schema.keys.row(snapshot.id), fault)
    _diagnose_implied(schema, snapshot, diagnosis, fix, note)
    _diagnose_claims(snapshot, diagnosis, fix, note)
    if snapshot.bit == 0 and not schema.keep_index_data:
        diagnosis.is_registered = False
        note('live', schema.keys.live, 'the row has no bit')


def _diagnose_implied(
    schema: Schema, snapshot: RowSnapshot, diagnosis: Diagnosis, fix: Fix, note: _Note
) -> None:
    for _, entries in snapshot.implied.entries:
        for entry, score in entries.items():
            key, member = entry[0], entry[1] + snapshot.id
            state = snapshot.states[key, member]
            if state == _OTHER_TYPE:
                continue
            if state is None:
                what = f'{_shown(key, member, snapshot.id)}the row implies it'
                note(_kind(schema, key, 'missing'), key, f'{what}, and it is not there')
            elif (score is None) != (state == b''):
                diagnosis.foreign_keys.add(key)
                continue
            elif score is not None and float(state) != float(score):
                what = f'{_shown(key, member, snapshot.id)}its number is {as_text(state)}'
                note(_kind(schema, key, 'score'), key, f'{what}, and should be {as_text(score)}')
            else:
                continue
            fix.added[entry] = score


def _diagnose_suspects(
    schema: Schema, snapshot: RowSnapshot, suspects: Suspects, fix: Fix, note: _Note
) -> None:
    implied: dict[Member, bytes | None] = {
        (key, stem + snapshot.id): score
        for _, entries in snapshot.implied.entries
        for (key, stem), score in entries.items()
    }
    for (key, member), maker in suspects.items():
        state = snapshot.states.get((key, member))
        if state in (None, _OTHER_TYPE) or _is_among(maker, snapshot.implied.unsure):
            continue
        if key.endswith(b':uidx'):
            if state == snapshot.id and (key, member) not in snapshot.implied.claims:
                note('unique', key, f'{show(as_text(member))} belongs to a row that has it not')
                fix.released.append((key, member))
        elif (key, member) not in implied:
            kind: Kind = 'doubled' if _is_there_too(snapshot, maker, key) else 'dangling'
            what = f'{_shown(key, member, snapshot.id)}the row does not imply it'
            note(_kind(schema, key, kind), key, what)
            fix.removed[key, member[: -len(snapshot.id)]] = state or None


def _is_among(maker: Maker, makers: list[Maker]) -> bool:
    return any(maker is other for other in makers)


def _is_there_too(snapshot: RowSnapshot, maker: Maker, key: bytes) -> bool:
    """Return whether the row also has a right entry in this index, of the key's kind."""
    kind = key.rpartition(b':')[2]
    return any(
        other.endswith(b':' + kind) and snapshot.states[other, stem + snapshot.id] is not None
        for index, entries in snapshot.implied.entries
        if index is maker
        for other, stem in entries
    )


def _diagnose_claims(snapshot: RowSnapshot, diagnosis: Diagnosis, fix: Fix, note: _Note) -> None:
    if snapshot.expired:
        return  # an expired row claims nothing, because others may have its values by now
    for claim in snapshot.implied.claims:
        state = snapshot.states[claim]
        if state in (snapshot.id, _OTHER_TYPE):
            continue
        if state is None:
            key, value = claim
            note('unclaimed', key, f'{show(as_text(value))}, which the row has, is not claimed')
            fix.claimed.append(claim)
        else:
            diagnosis.taken[claim] = state
