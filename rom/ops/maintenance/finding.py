"""Finding what there is in the server of a model: its rows, and the keys of its indexes.

Indexes of words have a key a word, which nothing lists; so the server is asked for all keys that
begin as the model's do. A model whose namespace begins as this one's does has keys among them:
those of models that the program knows are left alone, and so is whatever has no form of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from rom.ops.requests import Command, Operation
from rom.registry import MODELS
from rom.schema import Index, Schema, Unique

# Keys that the server looks at between two replies.
_SCAN = 1000

#: What makes the entries of an index. None: nothing does any more.
Maker: TypeAlias = Index | Unique | None


@dataclass(slots=True)
class Found:
    """What there is.

    Attributes:
        ids: of the rows.
        indexes: key to what makes its entries.
        unsafe: keys of UnsafeColumns, to the id that they belong to.
    """

    ids: set[int] = field(default_factory=set)
    indexes: dict[bytes, Maker] = field(default_factory=dict)
    unsafe: dict[bytes, bytes] = field(default_factory=dict)


def find(schema: Schema) -> Operation[Found]:
    """Look at all keys of the server that begin as the model's do."""
    found = Found()
    head = schema.keys.head
    pattern = _literally(head) + b'*'
    others = tuple(_longer_heads(head))
    cursor = 0
    while True:
        position, keys = yield Command('SCAN', cursor, 'MATCH', pattern, 'COUNT', _SCAN)
        for key in keys:
            if not key.startswith(others):
                _note(schema, key, found)
        cursor = int(position)
        if cursor == 0:
            return found


def named(schema: Schema) -> dict[bytes, Maker]:
    """The indexes whose keys follow from the model alone: all but those of words."""
    keys = schema.keys
    found: dict[bytes, Maker] = {unique.key: unique for unique in schema.uniques}
    found |= {place.key: place for place in schema.places.values()}
    for name, index in schema.indexes.items():
        found |= dict.fromkeys((keys.scores(name), keys.prefixes(name), keys.suffixes(name)), index)
    return found


def _literally(text: bytes) -> bytes:
    """Text as a pattern that means just that."""
    special = b'\\*?[]^-'
    return b''.join(b'\\' + bytes([c]) if c in special else bytes([c]) for c in text)


def _longer_heads(head: bytes) -> Iterator[bytes]:
    for model in MODELS.values():
        schema = getattr(model, '_schema', None)
        if schema is not None and schema.keys.head != head and schema.keys.head.startswith(head):
            yield schema.keys.head


def _note(schema: Schema, key: bytes, found: Found) -> None:
    body = key[len(schema.keys.head) :]
    if body.isdigit():
        if b'%d' % int(body) == body:
            found.ids.add(int(body))
        return
    id, colon, name = body.partition(b':')
    if colon and id.isdigit() and _name(name) in schema.unsafe:
        found.unsafe[key] = id
        return
    is_index, maker = _maker(schema, key, body)
    if is_index:
        found.indexes[key] = maker


def _maker(schema: Schema, key: bytes, body: bytes) -> tuple[bool, Maker]:
    """Whether a key is an index of the model's columns, and what makes its entries."""
    rest, _, kind = body.rpartition(b':')
    if kind == b'geo':
        place = next((place for place in schema.places.values() if place.key == key), None)
        return place is not None, place
    parts = [_name(part) for part in rest.split(b':')]
    if kind == b'uidx':
        unique = next((unique for unique in schema.uniques if unique.key == key), None)
        return unique is not None or _all_in(parts, schema.columns), unique
    if kind in (b'pre', b'suf'):
        return len(parts) == 1 and parts[0] in schema.columns, schema.indexes.get(parts[0])
    return kind == b'idx' and parts[0] in schema.columns, schema.indexes.get(parts[0])


def _all_in(names: list[str], known: Collection[str]) -> bool:
    return all(name in known for name in names)


def _name(raw: bytes) -> str:
    return raw.decode('utf-8', 'surrogateescape')
