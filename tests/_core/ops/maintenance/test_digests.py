"""Rows and entries weigh the same where the entries are what the rows imply, and only there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import rom
from rom._core.ops.maintenance.digests import RowDigests
from rom._core.ops.maintenance.entries import subtract, total_of
from rom._core.ops.rows import Row
from tests._core.ops.search.search_support import model_of

MODEL = model_of(
    words=rom.Text(index=True, prefix=True, suffix=True, keygen=lambda v: (v or '').split()),
    parts=rom.Integer(index=True, keygen=lambda n: {'': n, 'odd' if n % 2 else 'even': None}),
    number=rom.Float(index=True),
    code=rom.Text(unique=True),
    both=rom.IndexOnly(keygen2=lambda name, row: [f'{row["code"]}x']),
)
SCHEMA = MODEL._schema
MAKERS = (*SCHEMA.every_index, *SCHEMA.uniques)
ROWS = [
    Row(n, {'words': b'a \xc3\xa9 a w%d' % n, 'parts': b'%d' % n, 'number': b'%d.5' % n,
            'code': b'c%d' % n})
    for n in range(1, 40)
]  # fmt: skip

Keyspace = dict[bytes, tuple[bytes, Any]]


def weigh(rows: list[Row], whole: bool = False) -> RowDigests:
    digests = RowDigests(SCHEMA, MAKERS, whole)
    digests.add(rows)
    return digests


def server() -> Keyspace:
    """The indexes of the rows, worked out entry by entry, as the server would have them."""
    found: Keyspace = {}
    for row in ROWS:
        id = b'%d' % row.id
        values: dict[str, Any] = {n: SCHEMA.columns[n].decode(r) for n, r in row.stored.items()}
        for index in SCHEMA.every_index:
            for (key, stem), score in index.entries({**values, 'both': None, 'id': row.id}).items():
                kind = b'set' if score is None else b'zset'
                found.setdefault(key, (kind, {}))[1][stem + id] = score
        for unique in SCHEMA.uniques:
            for value in unique.claims(row.stored):
                found.setdefault(unique.key, (b'hash', {}))[1][value] = id
    return found


def flat(kind: bytes, entries: Mapping[bytes, Any]) -> list[bytes]:
    return list(entries) if kind == b'set' else [part for pair in entries.items() for part in pair]


def difference(digests: RowDigests, keyspace: Keyspace) -> tuple[int, set[bytes]]:
    """What is left of all sums, and the buckets that differ."""
    total = sum(digests.totals.values())
    for key, (kind, entries) in keyspace.items():
        total -= total_of(key, kind, flat(kind, entries))
        subtract(digests.buckets, key, kind, flat(kind, entries))
    return total, {bucket for bucket, left in digests.buckets.items() if left}


def test_what_rows_imply_weighs_what_they_weigh() -> None:
    assert difference(weigh(ROWS), server()) == (0, set())
    digests = RowDigests(SCHEMA, MAKERS)
    for row in reversed(ROWS):
        digests.add([row])
    assert difference(digests, server()) == (0, set()), 'in any order, one by one'


@pytest.mark.parametrize('key', sorted(server()))
def test_one_entry_more_less_or_other(key: bytes) -> None:
    """In every index; and the bucket is that of the id."""
    kind, entries = server()[key]
    some = sorted(entries)[0]
    id = entries[some] if kind == b'hash' else some.rpartition(b'\0')[2]
    less = {**server(), key: (kind, {m: s for m, s in entries.items() if m != some})}
    left, buckets = difference(weigh(ROWS), less)
    assert left and buckets == {id[:-1]}
    new = b'new' if kind == b'hash' else b'new\x00777' if b'\0' in some else b'777'
    more = {**server(), key: (kind, {**entries, new: None if kind == b'set' else b'777'})}
    left, buckets = difference(weigh(ROWS), more)
    assert left and buckets == {b'77'}
    if kind != b'set':
        other = {**server(), key: (kind, {**entries, some: b'38'})}
        assert difference(weigh(ROWS), other)[0]


@pytest.mark.parametrize('member', [b'', b'x', b'07'])
def test_members_that_are_no_ids(member: bytes) -> None:
    keyspace = server()
    keyspace[SCHEMA.keys.head + b'words:a:idx'][1][member] = None
    assert difference(weigh(ROWS), keyspace)[0]


def test_rows_that_cannot_be_weighed_are_named() -> None:
    broken = [Row(100, {'number': b'many'}), Row(101, {'id': b'7'}), Row(102, {'parts': b'1'})]
    digests = weigh([*ROWS, *broken], whole=True)
    assert digests.doubtful == {100, 101}
    assert not weigh([Row(5, {'code': b'c', 'id': b'5'})], whole=True).doubtful
