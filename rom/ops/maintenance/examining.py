"""Examining indexes: which of their entries no row implies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rom.encoding.counts import LARGEST_ID, read_digits
from rom.encoding.legacy import listed_entries
from rom.encoding.wire import pack
from rom.exceptions import CorruptRowError, InvalidColumnValue, ORMError
from rom.members import Entries
from rom.ops.maintenance.finding import Maker
from rom.ops.maintenance.mending import Surplus, mend, mend_ids, sweep
from rom.ops.maintenance.progress import Job, Progress
from rom.ops.requests import Command, Operation, Script
from rom.ops.rows import Row
from rom.planning import entries_in, unique_values
from rom.schema import Index, Schema, Unique

# Indexes looked at in one trip, a block of entries each.
KEYS = 10
END = b'0'
# Rows of which it is remembered what they imply.
_REMEMBERED = 10_000


@dataclass(slots=True)
class Findings:
    """What one look brought.

    Attributes:
        gone: entries of entities that have no row, as (index, member, id).
        rows: rows that some index has wrong.
        surplus: what it has too much of them, by id.
    """

    gone: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    surplus: dict[int, Surplus] = field(default_factory=dict)


def examine(
    schema: Schema, indexes: Mapping[bytes, Maker], block_size: int, done: int, total: int
) -> Job[list[ORMError]]:
    """Remove from indexes what no row implies.

    Args:
        schema: the model's.
        indexes: key to what makes its entries.
        block_size: entries of an index in one look.
        done: what to count on from; each index is one.
        total: of that count.
    """
    failures: list[ORMError] = []
    implications = Implications(schema)
    waiting = list(indexes)
    open_keys: dict[bytes, bytes] = {}
    while waiting or open_keys:
        while waiting and len(open_keys) < KEYS:
            open_keys[waiting.pop()] = END
        findings = Findings()
        replies = yield looking(schema, open_keys, block_size)
        for key, reply in zip(list(open_keys), replies, strict=True):
            _judge(schema, key, indexes[key], reply, findings, implications)
            open_keys[key] = reply[1]
            if reply[1] == END:
                del open_keys[key]
                done += 1
        yield from sweep(schema, findings.gone)
        failures += yield from mend(schema, list(findings.rows.values()), findings.surplus)
        yield Progress(done, total)
    return failures


def looking(schema: Schema, positions: Mapping[bytes, bytes], count: int) -> Script:
    """Look at some entries of several indexes, and at their rows."""
    request = {
        'head': schema.keys.head,
        'fields': schema.fields,
        'keys': [
            [key, position, key.endswith((b':pre', b':suf'))] for key, position in positions.items()
        ],
        'count': b'%d' % count,
    }
    return Script('examine', schema.keys.counter, pack(request))


def _judge(
    schema: Schema,
    key: bytes,
    maker: Maker,
    reply: Sequence[Any],
    findings: Findings,
    implications: Implications,
) -> None:
    """Compare what the server has in an index with what the rows imply."""
    kind, _, members, scores, ids, there, values = reply
    width = len(schema.fields)
    for place, (member, id) in enumerate(zip(members, ids, strict=True)):
        if not there[place]:
            findings.gone.append((key, member, id))
            continue
        number = read_digits(id)
        if number is None or number > LARGEST_ID:
            continue  # nothing of ours
        pairs = zip(schema.names, values[place * width : (place + 1) * width], strict=True)
        row = Row(number, {name: raw for name, raw in pairs if raw is not None})
        if kind == b'hash':
            if (key, member) not in implications.claims(maker, row):
                findings.rows[row.id] = row
                findings.surplus.setdefault(row.id, Surplus()).unique.append((key, member))
            continue
        entry = (key, member[: len(member) - len(id)])
        score = scores[place] if kind == b'zset' else None
        implied = implications.entries(maker, row)
        if entry not in implied:
            findings.rows[row.id] = row
            findings.surplus.setdefault(row.id, Surplus()).entries[entry] = score
        elif not _are_equal(implied[entry], score):
            findings.rows[row.id] = row


def _are_equal(implied: bytes | None, found: bytes | None) -> bool:
    if implied is None or found is None:
        return implied is found
    return float(implied) == float(found)


class Implications:
    """What rows imply, worked out once for as long as they stay the same: a row has many entries.

    Of what is wrong with a row, it implies nothing; mending or looking at the row will say so.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._entries: dict[tuple[int, int], tuple[Mapping[str, bytes], Entries]] = {}
        self._claims: dict[int, tuple[Mapping[str, bytes], set[tuple[bytes, bytes]]]] = {}

    def entries(self, maker: Maker, row: Row) -> Entries:
        """The entries of a row in one index."""
        if maker is None or isinstance(maker, Unique):
            return {}
        place = (id(maker), row.id)
        known = self._entries.get(place)
        if known is None or known[0] != row.stored:
            if len(self._entries) >= _REMEMBERED:
                self._entries.clear()
            known = self._entries[place] = (row.stored, self._make_entries(maker, row))
        return known[1]

    def _make_entries(self, maker: Index, row: Row) -> Entries:
        try:
            return entries_in(self._schema, maker, row.id, row.stored)
        except InvalidColumnValue:
            return {}

    def claims(self, maker: Maker, row: Row) -> set[tuple[bytes, bytes]]:
        """The unique values of a row; none in an index that nothing makes any more."""
        if maker is None:
            return set()
        known = self._claims.get(row.id)
        if known is None or known[0] != row.stored:
            if len(self._claims) >= _REMEMBERED:
                self._claims.clear()
            known = self._claims[row.id] = (row.stored, self._make_claims(row))
        return known[1]

    def _make_claims(self, row: Row) -> set[tuple[bytes, bytes]]:
        try:
            return set(unique_values(self._schema, row.stored))
        except (CorruptRowError, InvalidColumnValue):
            return set()


def examine_lists(schema: Schema, block_size: int) -> Operation[list[ORMError]]:
    """Remove what early versions of rom 1.x listed of each row in a hash, and the hash."""
    failures: list[ORMError] = []
    key = schema.keys.listed
    kind = yield Command('TYPE', key)
    if kind not in (b'hash', 'hash'):
        return failures
    cursor = 0
    while True:
        position, found = yield Command('HSCAN', key, cursor, 'COUNT', block_size)
        lists = dict(found) if isinstance(found, Mapping) else _pairs(found)
        surplus = {
            number: Surplus(listed_entries(schema.keys, text))
            for id, text in lists.items()
            if (number := read_digits(id)) is not None and number <= LARGEST_ID
        }
        failed = yield from mend_ids(schema, list(surplus), surplus)
        failures += failed
        if lists and not failed:
            yield Command('HDEL', key, *lists)
        cursor = int(position)
        if cursor == 0:
            return failures


def _pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
