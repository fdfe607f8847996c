"""Keyspace: finds the rows of a model, and the keys of its indexes, on the server.

An index of words has a key for each word, and nothing lists them. So SCAN reads all keys with the
model's prefix. Among them may be keys of other models whose namespaces begin with this one. Those
of models that the program knows are left alone. So are those of unknown models, recognized by their
id counters, and keys that do not have the form of rom's keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from rom._core.encoding.integers import read_digits
from rom._core.indexing.column_index import ColumnIndex
from rom._core.model_registry import MODELS
from rom._core.ops.index_fingerprint import COMPOUND, GEO, RANK, UNIQUE, Declared
from rom._core.ops.requests import Command, Operation
from rom._core.schema import Index, Schema, Unique

# Keys that Redis scans in one call.
_SCAN = 1000

#: The index or constraint that makes the entries of a key. None: the model no longer has it.
Maker: TypeAlias = Index | Unique | None


@dataclass(slots=True)
class Found:
    """Keys of a model on the server.

    Attributes:
        ids: the ids of the rows.
        indexes: the keys of indexes, each with the index or constraint that makes its entries.
        unsafe: the keys of UnsafeColumns, each with the id that it belongs to.
        others: the prefixes of the keys of models that this program does not know.
    """

    ids: set[int] = field(default_factory=set)
    indexes: dict[bytes, Maker] = field(default_factory=dict)
    unsafe: dict[bytes, bytes] = field(default_factory=dict)
    others: set[bytes] = field(default_factory=set)


def find(schema: Schema, before: Declared | None = None) -> Operation[Found]:
    """Scan all keys of the server with the model's prefix.

    Args:
        schema: the schema of the model.
        before: the indexes in the fingerprint, for columns that the model no longer has.
    """
    found, former = Found(), _Former.of(before or {})
    head = schema.keys.head
    pattern = _literally(head) + b'*'
    others = tuple(_longer_heads(head))
    cursor = 0
    while True:
        scan = Command('SCAN', cursor, 'MATCH', pattern, 'COUNT', _SCAN, key=head)
        position, keys = yield scan
        for key in keys:
            if not key.startswith(others):
                _note(schema, former, key, found)
        cursor = int(position)
        if cursor == 0:
            return _without(found, tuple(found.others))


def named(schema: Schema) -> dict[bytes, Maker]:
    """Return the indexes whose keys follow from the model alone: all but those of words."""
    keys = schema.keys
    found: dict[bytes, Maker] = {unique.key: unique for unique in schema.uniques}
    found |= {place.key: place for place in schema.places.values()}
    for name, index in schema.indexes.items():
        found |= dict.fromkeys((keys.scores(name), keys.prefixes(name), keys.suffixes(name)), index)
    return found


def _without(found: Found, heads: tuple[bytes, ...]) -> Found:
    if heads:
        found.indexes = {k: m for k, m in found.indexes.items() if not k.startswith(heads)}
        found.unsafe = {k: id for k, id in found.unsafe.items() if not k.startswith(heads)}
    return found


def _literally(text: bytes) -> bytes:
    """Return a pattern of SCAN that matches the text literally."""
    special = b'\\*?[]^-'
    return b''.join(b'\\' + bytes([c]) if c in special else bytes([c]) for c in text)


def _longer_heads(head: bytes) -> Iterator[bytes]:
    for model in MODELS.values():
        schema = getattr(model, '_schema', None)
        if schema is not None and schema.keys.head != head and schema.keys.head.startswith(head):
            yield schema.keys.head


def _note(schema: Schema, former: _Former, key: bytes, found: Found) -> None:
    body = key[len(schema.keys.head) :]
    if body.isdigit():
        number = read_digits(body)
        if number is not None and b'%d' % number == body:
            found.ids.add(number)
        return
    if body.endswith(b':') and body.count(b':') > 1:
        # The id counter of another model: namespace, primary key, and nothing behind the colon.
        found.others.add(key[: key.rindex(b':', 0, -1) + 1])
        return
    id, colon, name = body.partition(b':')
    if colon and id.isdigit() and _name(name) in schema.unsafe:
        found.unsafe[key] = id
        return
    is_index, maker = _maker(schema, former, key, body)
    if is_index:
        found.indexes[key] = maker


def _maker(schema: Schema, former: _Former, key: bytes, body: bytes) -> tuple[bool, Maker]:
    """Return whether a key is an index of the model, and what makes its entries."""
    rest, _, kind = body.rpartition(b':')
    if kind == b'geo':
        place = next((place for place in schema.places.values() if place.key == key), None)
        return place is not None or _name(rest) in former.places, place
    parts = [_name(part) for part in rest.split(b':')]
    if kind == b'cidx':
        compound = next((index for index in schema.compounds if index.name == parts[0]), None)
        return compound is not None or parts[0] in former.compounds, compound
    own = [schema.keys.attribute(part) for part in parts]
    is_ours = own[0] in schema.columns or parts[0] in former.columns
    if kind == b'uidx':
        unique = next((unique for unique in schema.uniques if unique.key == key), None)
        is_group = _all_in(own, schema.columns) or _name(rest) in former.uniques
        return unique is not None or is_group, unique
    if kind in _RANKED:
        rank = schema.ranks.get(own[0])
        is_rank = rank is not None or parts[0] in former.ranks
        # A vocabulary has no ids. It is looked at only where it is to be removed.
        return is_rank and not (rank and kind == b'voc'), rank
    if kind in (b'pre', b'suf'):
        return len(parts) == 1 and is_ours, schema.indexes.get(own[0])
    return kind == b'idx' and is_ours, schema.indexes.get(own[0])


def _all_in(names: list[str], known: Collection[str]) -> bool:
    return all(name in known for name in names)


def _name(raw: bytes) -> str:
    return raw.decode('utf-8', 'surrogateescape')


@dataclass(frozen=True, slots=True)
class _Former:
    """Names in a fingerprint, by kind: columns, groups of unique columns, and other indexes."""

    columns: frozenset[str]
    uniques: frozenset[str]
    places: frozenset[str]
    compounds: frozenset[str]
    ranks: frozenset[str]

    @classmethod
    def of(cls, before: Declared) -> _Former:
        columns = frozenset(name for name in before if ' ' not in name)
        kinds = (UNIQUE, GEO, COMPOUND, RANK)
        return cls(columns, *(_without_kind(before, kind) for kind in kinds))


def _without_kind(before: Declared, kind: str) -> frozenset[str]:
    """Return the names of one kind in a fingerprint."""
    return frozenset(name.removeprefix(kind) for name in before if name.startswith(kind))


_RANKED = (b'tf', b'len', b'voc')
_OPTIONS = {
    b'idx': 'index', b'pre': 'prefix', b'suf': 'suffix', **dict.fromkeys(_RANKED, 'rank')
}  # fmt: skip


def is_declared(maker: Maker, key: bytes) -> bool:
    """Return whether the model declares an index of the key's kind (words, prefixes, ...)."""
    if not isinstance(maker, ColumnIndex):
        return maker is not None
    return bool(getattr(maker.column, _OPTIONS[key.rpartition(b':')[2]]))


def was_declared(before: Declared, schema: Schema, key: bytes) -> bool:
    """Return whether the fingerprint names the index with this key."""
    body = _name(key[len(schema.keys.head) :])
    rest, _, kind = body.rpartition(':')
    if kind in ('uidx', 'geo'):
        return (UNIQUE if kind == 'uidx' else GEO) + rest in before
    if kind == 'cidx':
        return COMPOUND + rest.partition(':')[0] in before
    if kind.encode('ascii', 'replace') in _RANKED:
        return RANK + rest.partition(':')[0] in before
    how = before.get(rest.partition(':')[0])
    return how is not None and _OPTIONS[kind.encode('ascii')] in how
