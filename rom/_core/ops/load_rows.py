"""Reading rows by id, or by a unique value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rom._core.encoding.wire import PackedItems, pack_items, pack_with
from rom._core.ops.requests import (
    Command,
    Operation,
    Pipeline,
    ReplyStream,
    Script,
    arriving,
    next_reply,
)
from rom._core.ops.rows import Row, parse_rows, seen_row, unreadable
from rom._core.ops.time_slices import TURN, rest
from rom._core.schema import Schema
from rom._core.sharding.placement import Part
from rom.exceptions import CorruptRowError, ServerError

if TYPE_CHECKING:
    from rom._core.ops.shards.partitions import Partitions

# Rows in one call of the script, which takes Redis from one to some milliseconds. With smaller
# pages, the first rows could be processed sooner, but all rows together would take longer.
SMALLEST_PAGE = 250
LARGEST_PAGE = 1000
PAGES = 8


def load_one(
    schema: Schema, id: int, with_expired: bool = False, with_deleted: bool = False
) -> Operation[Row | None]:
    """Return the row of an entity, or None. One round trip; a script only if it may have expired.

    Args:
        schema: the schema of the model.
        id: the id of the entity.
        with_expired: also return a row that has expired, or was soft-deleted.
        with_deleted: also return a row that was soft-deleted.

    Raises:
        CorruptRowError: the key holds another type than a row.
    """
    if schema.placement is not None:
        part = schema.at_id(id)
        rows = yield from load(part, [part.local_id(id)], with_expired, with_deleted=with_deleted)
        return seen_row(part, rows[0]) if rows else None
    if schema.expiry is not None and not with_expired:
        found = yield from load(schema, [id], with_deleted=with_deleted)
        return found[0] if found else None
    try:
        values = yield Command('HMGET', schema.keys.row(id), *schema.fields)
    except ServerError as error:
        if 'WRONGTYPE' in str(error):
            raise unreadable(schema, id) from None
        raise
    pairs = zip(schema.names, values, strict=True)
    stored = {name: raw for name, raw in pairs if raw is not None}
    if schema.soft_delete in stored and not (with_expired or with_deleted):
        return None
    return Row(id, stored) if stored else None


def load(
    schema: Schema,
    ids: Sequence[int],
    with_expired: bool = False,
    make: Callable[[list[Row]], list[Any]] = list,
    with_deleted: bool = False,
) -> Operation[list[Any]]:
    """Return the rows of those ids that have one, in their order; in pages, in one round trip.

    Args:
        schema: the schema of the model.
        ids: the ids of the entities.
        with_expired: also return rows that have expired, or were soft-deleted.
        make: turns the rows of a page into results, while Redis reads the next page.
        with_deleted: also return rows that were soft-deleted.

    Raises:
        CorruptRowError: a key holds another type than a row; `entities` has the other results.
    """
    if not ids:
        return []
    if schema.placement is not None:
        from rom._core.ops.load_parts import load_parts

        own = partial(load, with_expired=with_expired, with_deleted=with_deleted)
        return make((yield from load_parts(schema, ids, own)))
    asked = [b'%d' % id for id in ids]
    hidden = _hidden(schema, with_expired, with_deleted)
    scripts = tuple(_script(schema, {'ids': page}, hidden) for page in _in_pages(asked))
    return (yield from _load(schema, scripts, make, hidden))


def _in_pages(ids: list[bytes]) -> Iterator[list[bytes]]:
    """Yield pages of ids, the first two half as long, as Redis may answer both calls together."""
    size = min(max(len(ids) // PAGES, SMALLEST_PAGE), LARGEST_PAGE)
    starts = [0, *range(size, len(ids), size), len(ids)]
    if len(ids) > size:
        starts.insert(1, size // 2)
    for start, end in pairwise(starts):
        yield ids[start:end]


def load_unique(schema: Schema, key: bytes, values: Sequence[bytes]) -> Operation[list[Row]]:
    """Return the rows with these unique values, in their order; one round trip at most.

    Rows that have expired, or were soft-deleted, are left out.
    """
    if not values:
        return []
    if schema.placement is not None:
        from rom._core.ops.load_parts import load_unique_parts

        return (yield from load_unique_parts(schema, key, values, load_unique))
    hidden = _hidden(schema)
    scripts = tuple(
        _script(schema, {'unique': key, 'values': values[at : at + LARGEST_PAGE]}, hidden)
        for at in range(0, len(values), LARGEST_PAGE)
    )
    return (yield from _load(schema, scripts, list, hidden))


def load_by_value(schema: Schema, name: str, key: bytes, value: bytes) -> Operation[list[Row]]:
    """Return the row with a unique value as a list, as `load_unique` does; in two round trips.

    Two native commands take the server a third of the time of its script. A commit may be carried
    out between them. So if the row does not hold the value, the script reads it.

    Args:
        schema: the schema of the model.
        name: the unique column.
        key: the key of the hash of its values.
        value: the value, encoded as in that hash.
    """
    if schema.expiry is None and schema.soft_field is None and schema.placement is None:
        row = None
        # The script finds the same error, and names the key.
        with suppress(ServerError, CorruptRowError, ValueError):
            id = yield Command('HGET', key, value)
            if id is None:
                return []
            row = yield from load_one(schema, int(id))
        if row is not None and row.stored.get(name) == value:
            return [row]
    return (yield from load_unique(schema, key, (value,)))


def _hidden(
    schema: Schema, with_expired: bool = False, with_deleted: bool = False
) -> dict[str, bytes]:
    """Return the items of a request that leave out rows."""
    hidden = {}
    if schema.expiry_field and not with_expired:
        hidden['expiry'] = schema.expiry_field
    if schema.soft_field and not (with_expired or with_deleted):
        hidden['deleted'] = schema.soft_field
    return hidden


def _script(schema: Schema, what: Mapping[str, object], hidden: Mapping[str, bytes]) -> Script:
    packed = pack_with(_common(schema, hidden), what)
    name = 'load' if schema.part is None else 'shard_load'
    return Script(name, schema.keys.counter, packed)


def _common(schema: Schema, hidden: Mapping[str, bytes]) -> PackedItems:
    """Return the items of all requests that leave out the same rows, packed once."""
    key = (_common, *hidden)
    packed: PackedItems | None = schema.memo.get(key)
    if packed is None:
        items = {'head': schema.keys.head, 'fields': schema.fields, **hidden}
        if schema.part is not None:
            items['intents'] = _partitions(schema.part).intents(schema.part.number)
        packed = schema.memo[key] = pack_items(items)
    return packed


def _load(
    schema: Schema,
    scripts: tuple[Script, ...],
    make: Callable[[list[Row]], list[Any]],
    hidden: Mapping[str, bytes],
) -> Operation[list[Any]]:
    replies: Iterator[Any] | ReplyStream | None = None
    if len(scripts) == 1:
        reply = yield scripts[0]
    else:
        # A partition may need further requests between the pages.
        replies = yield from arriving(Pipeline(scripts, one_by_one=schema.part is None))
    made: list[Any] = []
    broken: list[bytes] = []
    left: list[tuple[int, list[bytes]]] = []
    worked_on = 0
    for script in scripts:
        if replies is not None:
            reply = yield from next_reply(replies)
        if schema.part is not None:
            reply = yield from _strict(schema.part, script, reply)
        found, packed, unreadable_ids, further = reply
        made += make(parse_rows(schema, found, packed))
        broken += unreadable_ids
        if further:
            left.append((len(made), further))
        worked_on += len(found)
        if worked_on >= TURN:
            worked_on = 0
            yield from rest()
    # Large rows are left over, because each call reads at most a megabyte. They are inserted from
    # the end on, so that the earlier positions stay valid.
    for place, ids in reversed(left):
        more: list[Any] = []
        while ids:
            script = _script(schema, {'ids': ids}, hidden)
            reply = yield script
            if schema.part is not None:
                reply = yield from _strict(schema.part, script, reply)
            found, packed, unreadable_ids, ids = reply
            more += make(parse_rows(schema, found, packed))
            broken += unreadable_ids
        made[place:place] = more
    if broken:
        error = unreadable(schema, broken[0])
        error.entities = made
        raise error
    return made


def _partitions(part: Part) -> Partitions:
    from rom._core.ops.shards.partitions import partitions_of

    return partitions_of(part.whole.placement.group)


def _strict(part: Part, script: Script, reply: Any) -> Operation[Any]:
    """Return a reply with rows as they are once all that is committed is carried out."""
    if reply[0] != b'locked':
        return reply
    from rom._core.ops.shards.strict_reads import read_again

    return (yield from read_again(_partitions(part), part.number, script, reply))
