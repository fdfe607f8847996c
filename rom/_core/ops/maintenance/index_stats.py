"""Surveying: how many keys each index of some models has, and about how much memory.

All keys of the server are gone through once, a thousand at a time, as SCAN does. Of each index
(and of the rows) some keys are drawn by lot, and the server is asked about those; where there are
more of them, the numbers are estimates.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rom._core.encoding.text import as_bytes
from rom._core.model_registry import MODELS
from rom._core.ops.maintenance.progress import Job, Progress
from rom._core.ops.requests import Command, Operation, Pipeline
from rom._core.schema import Schema

# Keys that the server looks at between two replies.
_SCAN = 1000
# Elements of a large key that the server looks at for its size.
_SAMPLES = 5
# Keys asked about in one trip.
_ASKED = 100

#: 'words' are sets, a key each; 'numbers' sorted sets; 'unique' a hash; 'live' the bitmap of ids.
Kind: TypeAlias = Literal[
    'rows', 'live', 'unique', 'words', 'numbers', 'prefixes', 'suffixes', 'places', 'unsafe'
]

_ENDINGS: dict[bytes, Kind] = {
    b'idx': 'words',
    b'pre': 'prefixes',
    b'suf': 'suffixes',
    b'geo': 'places',
    b'uidx': 'unique',
}
_CARDINALITY = {b'set': 'SCARD', b'zset': 'ZCARD', b'hash': 'HLEN'}


@dataclass(slots=True)
class Gauge:
    """An index, or the rows.

    Attributes:
        kind: what it is.
        name: of the column, columns or geo index; '' for rows and ids.
        keys: how many there are.
        entries: how many those have in all; None: not known.
        memory: how many bytes they take, as the server counts them; None: not known.
        sampled: how many of the keys were looked at. Fewer than `keys`: the others are taken to be
            like them.
    """

    kind: Kind
    name: str = ''
    keys: int = 0
    entries: int | None = None
    memory: int | None = None
    sampled: int = 0
    _drawn: list[bytes] = field(default_factory=list)

    def draw(self, key: bytes, sample: int, lot: random.Random) -> None:
        """Count a key, and keep it for looking at if the lot falls on it."""
        self.keys += 1
        if len(self._drawn) < sample:
            self._drawn.append(key)
        elif (place := lot.randrange(self.keys)) < sample:
            self._drawn[place] = key

    def drawn(self) -> Sequence[bytes]:
        """The keys on which the lot fell."""
        return self._drawn


Survey: TypeAlias = dict[tuple[Kind, str], Gauge]


def survey(schemas: Sequence[Schema], sample: int) -> Job[dict[Schema, Survey]]:
    """Go through all keys, and look at some of each index.

    Args:
        schemas: of models on one connection.
        sample: at most so many keys of each index are looked at.
    """
    found: dict[Schema, Survey] = {schema: {} for schema in schemas}
    heads = _heads(schemas)
    lot = random.Random()
    total = int((yield Command('DBSIZE')))
    cursor = done = 0
    while True:
        position, keys = yield Command('SCAN', cursor, 'COUNT', _SCAN)
        for key in keys:
            _note(key, heads, found, sample, lot)
        cursor, done = int(position), done + len(keys)
        yield Progress(min(done, total), total)
        if cursor == 0:
            break
    for gauges in found.values():
        for gauge in list(gauges.values()):
            yield from _weigh(gauge)
    return found


def _heads(schemas: Sequence[Schema]) -> list[tuple[bytes, Schema | None]]:
    """What keys begin with, the longest first; those of other models, so as to leave them out."""
    others = {getattr(model, '_schema', None) for model in MODELS.values()}
    heads = {other.keys.head: None for other in others if other is not None}
    wanted = {schema.keys.head: schema for schema in schemas}
    return sorted({**heads, **wanted}.items(), key=lambda item: -len(item[0]))


def _note(
    key: bytes,
    heads: Iterable[tuple[bytes, Schema | None]],
    found: dict[Schema, Survey],
    sample: int,
    lot: random.Random,
) -> None:
    head, schema = next((item for item in heads if key.startswith(item[0])), (b'', None))
    if schema is None:
        return
    what = _what(schema, key, key[len(head) :])
    if what is not None:
        found[schema].setdefault(what, Gauge(*what)).draw(key, sample, lot)


def _what(schema: Schema, key: bytes, body: bytes) -> tuple[Kind, str] | None:
    """What a key is; None for one that is no index of the model, and no row."""
    if body.isdigit():
        return 'rows', ''
    if key == schema.keys.live:
        return 'live', schema.primary
    id, _, column = body.partition(b':')
    if id.isdigit() and _name(column) in schema.unsafe:
        return 'unsafe', _name(column)
    rest, _, ending = body.rpartition(b':')
    kind = _ENDINGS.get(ending)
    if kind == 'words':
        name = _name(rest.partition(b':')[0])
        if name not in schema.columns:
            return None
        return ('numbers' if key == schema.keys.scores(name) else 'words'), name
    return None if kind is None else (kind, _name(rest))


def _name(raw: bytes) -> str:
    return raw.decode('utf-8', 'backslashreplace')


def _weigh(gauge: Gauge) -> Operation[None]:
    """Ask about the keys that were drawn. One that is gone by now counts for nothing."""
    drawn = gauge.drawn()
    entries = size = there = 0
    is_counted, kinds = gauge.kind != 'rows', set[bytes]()
    for start in range(0, len(drawn), _ASKED):
        keys = drawn[start : start + _ASKED]
        told = yield Pipeline(tuple(Command('TYPE', key) for key in keys))
        types = [as_bytes(kind) for kind in told]
        sizes = yield Pipeline(
            tuple(Command('MEMORY', 'USAGE', key, 'SAMPLES', _SAMPLES) for key in keys)
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
        gauge.kind = 'numbers'  # a named sub-index, and no word
    if there:
        gauge.memory = round(size / there * gauge.keys)
        gauge.entries = round(entries / there * gauge.keys) if is_counted else None
