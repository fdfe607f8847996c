"""Digests: one number that shows whether the entries of an index are those that the rows imply.

The weight of an entry is the hash of its key, stem and score, times the hash of its id plus one.
So the second factor is never 0: in Python the hash of b'' is 0, and no hash is -1. The weight of an
index is the sum of its entries, so rows and entries may come in any order, and none is kept in
memory. The entries of a row differ only in the first factor. So a row is one product, and a word
that many rows share is weighed once. Where both sums are equal, so are the entries: the hashes have
64 bits, and those of bytes differ from process to process.

Sums that differ do not show where. So the rows are also weighed in buckets of ten, by their ids
without the last digit, all indexes together. The entries are weighed in buckets only if needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import mul
from typing import Any, TypeAlias

from rom._core.encoding.stems import Word
from rom._core.indexing.column_index import ColumnIndex
from rom._core.ops.maintenance.entries import weigh
from rom._core.ops.rows import Row
from rom._core.schema import INDEX_DATA, Index, Schema, Unique
from rom._core.writes.decoded_row import TrackingMapping

# Words of an index whose weights are cached.
_REMEMBERED = 50_000

#: The `id()` of the index or constraint that makes entries, used as a key.
Place: TypeAlias = int


class RowDigests:
    """Weights of rows.

    Args:
        schema: the schema of the model.
        makers: the indexes and constraints that are weighed.
        whole: decode every column, so that a row with a corrupt value is doubtful whether or not
            that value is indexed.

    Attributes:
        totals: weights by index or constraint.
        buckets: weights by bucket of ids.
        doubtful: the ids of rows without a weight, because a value does not decode or a keygen
            fails on them.
        listed: the ids of rows that have the list of entries of rom 1.x.
    """

    def __init__(
        self, schema: Schema, makers: Collection[Index | Unique], whole: bool = False
    ) -> None:
        self.totals: defaultdict[Place, int] = defaultdict(int)
        self.buckets: defaultdict[bytes, int] = defaultdict(int)
        self.doubtful: set[int] = set()
        self.listed: set[int] = set()
        self._schema = schema
        singles = [i for i in makers if isinstance(i, ColumnIndex) and not i.depends_on_others]
        self._singles = [_Weigher(index) for index in singles]
        self._uniques = [i for i in makers if isinstance(i, Unique)]
        declared = [maker for maker in makers if not isinstance(maker, Unique)]
        self._dependents = [index for index in declared if index not in singles]
        self._needs_all = bool(self._dependents or any(u.made_by for u in self._uniques))
        self._names = tuple(schema.columns) if whole else needed_by(makers, schema)

    def add(self, rows: Sequence[Row]) -> None:
        """Weigh rows; note rows that cannot be weighed as doubtful."""
        if not rows:
            return
        try:
            weights = list(self._weights(rows))
        # Columns and keygens may be the program's own, and raise any exception, which does not name
        # the row. So halves are tried until one row is left.
        except Exception:
            if len(rows) == 1:
                self.doubtful.add(rows[0].id)
                return
            middle = len(rows) // 2
            self.add(rows[:middle])
            self.add(rows[middle:])
            return
        self.listed.update(row.id for row in rows if INDEX_DATA in row.stored)
        ids = [b'%d' % row.id for row in rows]
        hashes = [hash(id) + 1 for id in ids]
        for place, parts in weights:
            self.totals[place] += sum(map(mul, parts, hashes))
        buckets = self.buckets
        wholes = map(sum, zip(*(parts for _, parts in weights), strict=True))
        for id, number, whole in zip(ids, hashes, wholes, strict=bool(weights)):
            buckets[id[:-1]] += whole * number

    def _weights(self, rows: Sequence[Row]) -> Iterator[tuple[Place, list[int]]]:
        """Yield each index or constraint with the weights of its entries by row, without ids."""
        columns = decoded(self._schema, self._names, rows)
        for weigher in self._singles:
            yield id(weigher.index), weigher.weights(columns[weigher.index.source])
        if self._needs_all:
            names, lists = tuple(columns), columns.values()
            values = [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]
        for index in self._dependents:
            # The callback of a geo index gets the plain values; a keygen gets a TrackingMapping.
            given = map(TrackingMapping, values) if isinstance(index, ColumnIndex) else values
            yield id(index), [weigh(index.entries(row)) for row in given]
        for unique in self._uniques:
            if unique.made_by is None:
                claims = [unique.claims(row.stored) for row in rows]
            else:
                words = map(unique.made_by.unique_word, map(TrackingMapping, values))
                claims = [() if word is None else (word,) for word in words]
            key = unique.key
            yield id(unique), [sum([hash((key, value)) for value in row]) for row in claims]


def needed_by(makers: Collection[Index | Unique], schema: Schema) -> tuple[str, ...]:
    """Return the names of the columns whose values indexes and constraints may read."""
    if any(i.made_by if isinstance(i, Unique) else i.depends_on_others for i in makers):
        return tuple(schema.columns)
    sources = {name for index in makers if not isinstance(index, Unique) for name in index.sources}
    return tuple(name for name in schema.columns if name in sources)


def decoded(schema: Schema, names: Iterable[str], rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the values of columns, each as a list of the rows' values.

    Raises:
        Exception: a value does not decode, or a row's primary key is not its id.
    """
    defaults, primary = schema.indexed_defaults, schema.primary
    found: dict[str, list[Any]] = {}
    for name in names:
        decode, absent = schema.columns[name].decode, defaults.get(name)
        raws = [row.stored.get(name) for row in rows]
        found[name] = [absent if raw is None else decode(raw) for raw in raws]
    if primary in found:
        ids = [b'%d' % row.id for row in rows]
        if any(row.stored.get(primary, id) != id for row, id in zip(rows, ids, strict=True)):
            raise ValueError('a row says that it has another id')
        found[primary] = [row.id for row in rows]
    return found


class _Weigher:
    """Weighs the entries that values imply in the index of a single column."""

    def __init__(self, index: ColumnIndex) -> None:
        self.index = index
        self._words = _Words(index)

    def weights(self, values: Iterable[Any]) -> list[int]:
        """Return the weight of each value's entries."""
        index, weight_of = self.index, self._words.__getitem__
        if index.is_number:
            key, score = index.numbers_key, index.score_of
            return [0 if value is None else hash((key, b'', score(value))) for value in values]
        found: list[int] = []
        for value in values:
            words = index.found(value)
            if not words:
                found.append(0)
            elif isinstance(words, (list, tuple, set, frozenset)):
                found.append(sum(map(weight_of, set(words))))
            else:
                found.append(weigh(index.entries_of(words, value)))
        self._words.forget()
        return found


class _Words(dict[Word, int]):
    """Cache of the weights of words in an index. str and bytes are distinct keys of a dict."""

    def __init__(self, index: ColumnIndex) -> None:
        super().__init__()
        self._index = index

    def __missing__(self, word: Word) -> int:
        weight = self[word] = weigh(self._index.entries_of((word,), word))
        return weight

    def forget(self) -> None:
        """Clear the cache once it is too large."""
        if len(self) > _REMEMBERED:
            self.clear()
