"""Index statistics: the number of keys of each index, and an estimate of its memory.

SCAN reads all keys of the server once, about a thousand at a time. A random sample of the keys of
each index, and of the rows, is measured. Where an index has more keys than its sample, the numbers
are estimates. The keys of all partitions that a server has are those of one model.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rom._core.encoding.keys import hash_tag
from rom._core.encoding.text import as_bytes
from rom._core.model_registry import MODELS
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema

# Keys that Redis scans in one call.
_SCAN = 1000
# Elements of a large key from which Redis estimates its size.
_SAMPLES = 5
# Keys that one round trip measures.
_ASKED = 100

#: 'words': a set for each word; 'numbers': sorted sets; 'compound': a sorted set for each value;
#: 'unique': a hash; 'live': the live bitmap; 'ranks': the postings, lengths and vocabulary of a
#: ranked column; 'directory': the hashes that name the partition of a unique value.
Kind: TypeAlias = Literal[
    'rows',
    'live',
    'unique',
    'directory',
    'words',
    'numbers',
    'prefixes',
    'suffixes',
    'places',
    'compound',
    'ranks',
    'unsafe',
]

_ENDINGS: dict[bytes, Kind] = {
    b'idx': 'words',
    b'pre': 'prefixes',
    b'suf': 'suffixes',
    b'geo': 'places',
    b'cidx': 'compound',
    b'uidx': 'unique',
    b'dir': 'directory',
    b'tf': 'ranks',
    b'len': 'ranks',
    b'voc': 'ranks',
}
_CARDINALITY = {b'set': 'SCARD', b'zset': 'ZCARD', b'hash': 'HLEN'}


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


@dataclass(slots=True)
class Gauge:
    """Statistics of an index, or of the rows.

    Attributes:
        kind: the kind of index.
        name: the name of the column, columns or geo index; the primary key for 'live'; '' for rows.
        keys: the number of keys.
        entries: the number of entries of all keys; None if not known.
        memory: the bytes of all keys, as Redis counts them; None if not known.
        sampled: the number of keys that were measured. If it is less than `keys`, the other keys
            are taken to be like them.
    """

    kind: Kind
    name: str = ''
    keys: int = 0
    entries: int | None = None
    memory: int | None = None
    sampled: int = 0
    _drawn: list[bytes] = field(default_factory=list)

    def draw(self, key: bytes, sample: int, lot: random.Random) -> None:
        """Count a key, and keep it if it falls into the random sample (reservoir sampling)."""
        self.keys += 1
        if len(self._drawn) < sample:
            self._drawn.append(key)
        elif (place := lot.randrange(self.keys)) < sample:
            self._drawn[place] = key

    def plus(self, other: Gauge) -> Gauge:
        """Return the sum of the gauges of an index on two servers."""
        return Gauge(
            self.kind,
            self.name,
            self.keys + other.keys,
            _sum(self.entries, other.entries),
            _sum(self.memory, other.memory),
            self.sampled + other.sampled,
        )

    def drawn(self) -> Sequence[bytes]:
        """Return the keys of the sample."""
        return self._drawn


Survey: TypeAlias = dict[tuple[Kind, str], Gauge]
# The schemas of models, or of their partitions, by the prefix of their keys; None for models that
# are left out.
_Heads: TypeAlias = Sequence[tuple[bytes, Schema | None]]


def survey(schemas: Sequence[Schema], sample: int) -> Job[dict[Schema, Survey]]:
    """Scan all keys, and measure a sample of each index.

    Args:
        schemas: the schemas of models, or of partitions, on one connection; on a cluster, on one
            node.
        sample: the most keys of each index that are measured.

    Returns:
        The surveys by the schema of the model.
    """
    found: dict[Schema, Survey] = {schema.whole: {} for schema in schemas}
    heads = _heads_by_tag(schemas)
    lot = random.Random()
    at = schemas[0].keys.head
    total = int((yield Command('DBSIZE', key=at)))
    cursor = done = 0
    while True:
        position, keys = yield Command('SCAN', cursor, 'COUNT', _SCAN, key=at)
        for key in keys:
            _note(key, heads.get(hash_tag(key)) or heads[b''], found, sample, lot)
        cursor, done = int(position), done + len(keys)
        yield Progress(min(done, total), total)
        if cursor == 0:
            break
    for gauges in found.values():
        for gauge in list(gauges.values()):
            yield from _weigh(gauge)
    return found


def merged(surveys: Iterable[Survey]) -> Survey:
    """Return the survey of a model whose partitions are on several servers."""
    found: Survey = {}
    for survey in surveys:
        for what, gauge in survey.items():
            known = found.get(what)
            found[what] = gauge if known is None else known.plus(gauge)
    return found


def _heads_by_tag(schemas: Sequence[Schema]) -> Mapping[bytes, _Heads]:
    """Return the prefixes of keys, longest first, by their hash tag.

    There are many partitions, each with a tag of its own. So a key is compared only with the
    prefixes that have its tag, and with those that have none.
    """
    others = {getattr(model, '_schema', None) for model in MODELS.values()}
    heads: dict[bytes, Schema | None] = {
        other.keys.head: None for other in others if other is not None
    }
    heads |= {one.keys.head: one for one in schemas}
    by_tag: dict[bytes, list[tuple[bytes, Schema | None]]] = {b'': []}
    for head, schema in heads.items():
        by_tag.setdefault(hash_tag(head), []).append((head, schema))
    for tag, items in by_tag.items():
        if tag:
            items += by_tag[b'']
        items.sort(key=lambda item: -len(item[0]))
    return by_tag


def _note(
    key: bytes, heads: _Heads, found: dict[Schema, Survey], sample: int, lot: random.Random
) -> None:
    head, schema = next((item for item in heads if key.startswith(item[0])), (b'', None))
    if schema is None:
        return
    what = _what(schema, key, key[len(head) :])
    if what is not None:
        found[schema.whole].setdefault(what, Gauge(*what)).draw(key, sample, lot)


def _what(schema: Schema, key: bytes, body: bytes) -> tuple[Kind, str] | None:
    """Return the kind and the name of a key; None if it is neither an index nor a row."""
    if body.isdigit():
        return 'rows', ''
    if key == schema.keys.live:
        return 'live', schema.primary
    id, _, column = body.partition(b':')
    if id.isdigit() and _name(column) in schema.unsafe:
        return 'unsafe', _name(column)
    rest, _, ending = body.rpartition(b':')
    kind = _ENDINGS.get(ending)
    if kind in ('words', 'ranks'):
        name = schema.keys.attribute(_name(rest.partition(b':')[0]))
        if name not in schema.columns:
            return None
        if kind == 'ranks':
            return kind, name
        return ('numbers' if key == schema.keys.scores(name) else 'words'), name
    if kind == 'directory' and schema.part is None:
        return None
    if kind == 'compound':
        return kind, _name(rest.partition(b':')[0])
    return None if kind is None else (kind, schema.keys.attribute(_name(rest)))


def _name(raw: bytes) -> str:
    return raw.decode('utf-8', 'backslashreplace')


def _weigh(gauge: Gauge) -> Operation[None]:
    """Measure the keys of the sample; ignore those that no longer exist."""
    drawn = gauge.drawn()
    entries = size = there = 0
    is_counted, kinds = gauge.kind != 'rows', set[bytes]()
    for start in range(0, len(drawn), _ASKED):
        keys = drawn[start : start + _ASKED]
        replies = yield Pipeline(tuple(Command('TYPE', key) for key in keys))
        types = [as_bytes(kind) for kind in replies]
        sizes = yield Pipeline(
            tuple(Command('MEMORY', 'USAGE', key, 'SAMPLES', _SAMPLES, key=key) for key in keys)
        )
        kinds |= set(types)
        is_counted = is_counted and kinds <= _CARDINALITY.keys() | {b'none'}
        counted = [
            Command(_CARDINALITY[type_], key)
            for type_, key in zip(types, keys, strict=True)
            if type_ in _CARDINALITY
        ]
        if counted:
            entries += sum(map(int, (yield Pipeline(tuple(counted)))))
        there += sum(found is not None for found in sizes)
        size += sum(int(found or 0) for found in sizes)
    gauge.sampled = there
    if gauge.kind == 'words' and kinds == {b'zset'}:
        gauge.kind = 'numbers'  # the scores of a named sub-index, not a word
    if there:
        gauge.memory = round(size / there * gauge.keys)
        gauge.entries = round(entries / there * gauge.keys) if is_counted else None
