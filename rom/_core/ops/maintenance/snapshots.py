"""Looking: rows, and what the server has of them in indexes, all at one moment.

What a row should have in the indexes is worked out here, so the row is read first. The script that
then looks at the indexes makes sure that it still is what was read; where it is not, it is read
again. So a writer in between is no alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rom._core.encoding.integers import read_digits
from rom._core.encoding.wire import pack
from rom._core.ops.load_rows import load
from rom._core.ops.maintenance.expected_entries import Implied, implied_in
from rom._core.ops.maintenance.keyspace import Maker
from rom._core.ops.requests import Operation, Pipeline, Script
from rom._core.ops.rows import Row
from rom._core.schema import Schema
from rom.exceptions import CorruptRowError

# Between two tries another writer must have changed the row again. It is writing its indexes, too.
MOST_TRIES = 50
# Entries looked at in one call of the script: some milliseconds of the server's time.
MOST_MEMBERS = 5000

#: An entry, as (index, member); of unique values, the member is the value.
Member = tuple[bytes, bytes]
#: Entries that may be wrong, and what makes the entries of their index.
Suspects = Mapping[Member, Maker]
#: An id, the row that was read, and what to look at.
Asked = tuple[bytes, Row | None, list[Member]]


@dataclass(slots=True)
class Sight:
    """What was seen of one id.

    Attributes:
        id: as entries have it; it need not be one of ours.
        row: None where there is none.
        is_readable: the key holds a row, or nothing.
        implied: what the row implies.
        states: what the server has: a score, '' in a set, the holder of a unique value; None for
            what is not there; 0 where the index's key is of another type.
        expired: the row has expired.
        bit: its bit among the live ids; -1 without a bitmap.
        counter: what the id counter says.
    """

    id: bytes
    row: Row | None
    is_readable: bool
    implied: Implied
    states: dict[Member, Any]
    expired: bool
    bit: int
    counter: bytes | None


def number_of(id: bytes) -> int | None:
    """The number that an id is, if it is one as rom writes them.

    >>> number_of(b'7'), number_of(b'07'), number_of(b'x')
    (7, None, None)
    """
    number = read_digits(id)
    return number if number is not None and b'%d' % number == id else None


def look(
    schema: Schema,
    ids: Sequence[bytes],
    suspects: Mapping[bytes, Suspects],
    together: bool = False,
) -> Operation[dict[bytes, Sight]]:
    """Look at rows, at all that they imply, and at suspects.

    Args:
        schema: the model's.
        ids: whose rows.
        suspects: entries by id.
        together: all of them at the same moment, and not only each by itself.

    Returns:
        What was seen, by id. One that is written all the time may be left out.
    """
    seen: dict[bytes, Sight] = {}
    waiting = list(dict.fromkeys(ids))
    for _ in range(MOST_TRIES):
        if not waiting:
            break
        sights = yield from _look_once(schema, waiting, suspects, together)
        waiting = [id for id in waiting if id not in sights]
        if together and waiting:
            waiting = list(dict.fromkeys(ids))
        else:
            seen |= sights
    return seen


def _look_once(
    schema: Schema, ids: Sequence[bytes], suspects: Mapping[bytes, Suspects], together: bool
) -> Operation[dict[bytes, Sight]]:
    rows = yield from _rows(schema, ids)
    implied = {id: implied_in(schema, rows[id]) if id in rows else Implied() for id in ids}
    members = {id: _members(id, implied[id], suspects.get(id, {})) for id in ids}
    asked = [(id, rows.get(id), members[id]) for id in ids]
    replies = yield from _verified(schema, [asked] if together else list(_shared_out(asked)))
    sights: dict[bytes, Sight] = {}
    for id, (counter, (status, *rest)) in zip(ids, replies, strict=True):
        if status == b'changed':
            continue
        expired, bit, *states = rest or (0, -1)
        sights[id] = Sight(
            id,
            rows.get(id),
            status == b'same',
            implied[id],
            dict(zip(members[id], states, strict=status == b'same')),
            bool(expired),
            bit,
            counter,
        )
    return sights


def _rows(schema: Schema, ids: Sequence[bytes]) -> Operation[dict[bytes, Row]]:
    numbers = [number for id in ids if (number := number_of(id)) is not None]
    if not numbers:
        return {}
    try:
        rows = yield from load(schema, numbers, with_expired=True)
    except CorruptRowError as error:
        rows = error.entities  # the others; the script says which of them has none
    return {b'%d' % row.id: row for row in rows}


def _members(id: bytes, implied: Implied, suspects: Suspects) -> list[Member]:
    of_row = [(key, stem + id) for _, entries in implied.entries for key, stem in entries]
    return list(dict.fromkeys([*of_row, *implied.claims, *suspects]))


def _shared_out(asked: Iterable[Asked]) -> Iterator[list[Asked]]:
    """So many in one call of the script that the server is not held up."""
    block: list[Asked] = []
    size = 0
    for one in asked:
        if block and size + len(one[2]) > MOST_MEMBERS:
            yield block
            block, size = [], 0
        block.append(one)
        size += len(one[2])
    if block:
        yield block


def _verified(
    schema: Schema, blocks: Sequence[Sequence[Asked]]
) -> Operation[list[tuple[bytes | None, Any]]]:
    """For each row what the script says of it, and what the counter said at that moment."""
    scripts = tuple(_script(schema, block) for block in blocks)
    replies = (yield Pipeline(scripts)) if len(scripts) > 1 else [(yield scripts[0])]
    return [(counter, row) for counter, *rows in replies for row in rows]


def _script(schema: Schema, asked: Sequence[Asked]) -> Script:
    keys = schema.keys
    request: dict[str, Any] = {
        'head': keys.head,
        'live': keys.live,
        'counter': keys.counter,
        'fields': schema.fields,
        'rows': [
            [id, _expected(schema, row), [part for member in members for part in member]]
            for id, row, members in asked
        ],
    }
    if schema.expiry_field is not None:
        request['expiry'] = schema.expiry_field
    return Script('verify', keys.counter, pack(request))


def _expected(schema: Schema, row: Row | None) -> list[bytes | bool] | bool:
    if row is None:
        return False
    return [row.stored.get(name, False) for name in schema.names]
