"""Requests of commits of one row: lists, see `lua/lib/lone_commands.lua`.

Most commits of a web program insert or change one row. A list takes the server a quarter of the
time of the map that `Batch` makes, and takes less time to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any, Final
from weakref import WeakKeyDictionary

from rom._core.encoding.wire import pack
from rom._core.indexing.entry_lists import Members
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.index_fingerprint import to_begin
from rom._core.ops.requests import Script
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Write, merge_changes

#: Items of a request, at most, because the script passes them to commands all at once.
MOST_ITEMS: Final = 4000
_PARTS_OF_INSERT: Final = frozenset(('lone_insert', 'new', 'take', 'claims'))
_PARTS_OF_UPDATE: Final = frozenset(('lone_update', 'old'))
_TARGETS: Final = frozenset(('targets',))

_constants: WeakKeyDictionary[Schema, list[Any]] = WeakKeyDictionary()


def request_of(write: Write, attempt: Attempt, intents: bytes | None = None) -> Script | None:
    """Return the call of the script; None for a write that needs the map of `Batch`.

    Args:
        write: the only write of a commit.
        attempt: the attempt to write it.
        intents: the key of the intents of the partition; None for models without partitions.

    Raises:
        CorruptRowError: an old value does not decode.
        InvalidColumnValue: a keygen failed.
    """
    change = write.change
    if change.schema.has_special_writes or write.released:
        return None
    targets = _rows_referred_to(change) if change.references else ()
    if change.kind == 'insert':
        parts, items = _PARTS_OF_INSERT, _insert(write, attempt, intents)
    elif change.kind == 'update':
        parts, items = _PARTS_OF_UPDATE, _update(write, attempt, intents)
    else:
        return None
    if targets is None or items is None or len(items) > MOST_ITEMS:
        return None
    if targets:
        parts |= _TARGETS
        # After all others: the script does not look at the first command.
        items += chain.from_iterable((2, 'EXISTS', row) for row in targets)
    return Script('commit', attempt.key, pack(items), parts)


def _rows_referred_to(change: Change) -> list[bytes] | None:
    """Return the rows of new references; None if more than their existence is to be checked."""
    rows = []
    for name, ids in change.new_links():
        column: Any = change.schema.columns[name]
        target = column.get_related_model()._schema
        if target.expiry_field or target.soft_delete:
            return None
        rows += [target.keys.row(id) for id in ids]
    return rows


def _insert(write: Write, attempt: Attempt, intents: bytes | None) -> list[Any] | None:
    """Return the list for `lua/lib/lone_insert.lua`."""
    schema = write.change.schema
    if write.change.id is not None or schema.keep_index_data or write.gone:
        return None
    row = _stored(schema, write.new_values)
    items = [attempt.at, *_constants_of(schema), intents or False]
    items += chain.from_iterable(row.items())
    items[9] = len(items) + 1
    for key, value in write.claimed:
        items += (4, 'HSETNX', key, value, b'')
    come = Members()
    if write.come:
        come.add(write.come, b'')
    merge_changes(write.indexes, (b'',), None, (write.after or {},), come, come)
    for key in come.sets:
        items += (3, 'SADD', key, b'')
    for key, pairs in come.zsets.items():
        items += (len(pairs) + 2, 'ZADD', key, *pairs)
    return items


def _constants_of(schema: Schema) -> list[Any]:
    """Return the items of an insert between the time and the fields, but for a position."""
    found = _constants.get(schema)
    if found is None:
        keys = schema.keys
        names = [keys.epochs, keys.counter, keys.live, keys.head, keys.primary]
        stamp = to_begin(schema) or (False, False)
        found = _constants[schema] = [*names, schema.expiry_field or False, *stamp, 0]
    return found


def _update(write: Write, attempt: Attempt, intents: bytes | None) -> list[Any] | None:
    """Return the list for `lua/lib/lone_update.lua`."""
    change, schema = write.change, write.change.schema
    if write.claimed or schema.expiry_field or attempt.tells_ages:
        return None
    id = b'%d' % (change.id or 0)
    row = schema.keys.row(id)
    expected = _stored(schema, write.expected)
    read: tuple[Any, Any] = False, False
    if change.seen_at is not None:
        read = schema.keys.epochs, int((attempt.begun - change.seen_at) * 1e6)
    items = [attempt.at, *read, row, len(expected), 0, intents or False, *expected]
    items += [False if raw is None else raw for raw in expected.values()]
    items[5] = len(items) + 1
    gone, come = Members(), Members()
    if write.gone:
        gone.add(write.gone, id)
    if write.come:
        come.add(write.come, id)
    if write.after is not None:
        befores = None if write.before is None else (write.before,)
        merge_changes(write.indexes, (id,), befores, (write.after,), gone, come)
    for key, members in gone.sets.items():
        items += (len(members) + 2, 'SREM', key, *members)
    for key, pairs in gone.zsets.items():
        items += (len(pairs) // 2 + 2, 'ZREM', key, *pairs[1::2])
    for key, members in come.sets.items():
        items += (len(members) + 2, 'SADD', key, *members)
    for key, pairs in come.zsets.items():
        items += (len(pairs) + 2, 'ZADD', key, *pairs)
    new = _stored(schema, write.new_values)
    set_ = [part for item in new.items() if item[1] is not None for part in item]
    if set_:
        items += (len(set_) + 2, 'HSET', row, *set_)
    unset = [name for name, raw in new.items() if raw is None]
    if unset:
        items += (len(unset) + 2, 'HDEL', row, *unset)
    return items


def _stored(schema: Schema, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row by the names that its fields have in Redis."""
    if not schema.keys.renamed:
        return row
    return {schema.keys.stored_name(name): raw for name, raw in row.items()}
