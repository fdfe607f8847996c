"""Batch: many writes as one call of `lua/commit.lua`, which names each key once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import chain, compress
from math import inf
from typing import Any, TypeAlias

from rom._core.encoding.wire import pack
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.compound_index import CompoundIndex
from rom._core.indexing.entry_lists import Lists, Members
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.index_fingerprint import to_begin
from rom._core.ops.requests import Script
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Write, merge_changes
from rom._core.writes.vocabulary import vocabulary_changes

# The parts of the script. Redis creates all functions of a script at each call, and most requests
# need only one or two parts; so the others are left out of the script.
_PARTS = ('new', 'take', 'highest', 'old', 'deletes', 'claims', 'words', 'also', 'targets')

_Column = tuple[list[bytes], list[bytes]]
#: Indexes, and whether the rows had entries; then the rows' ids, old values and new ones.
_Group: TypeAlias = tuple[tuple[ColumnIndex | CompoundIndex, ...], bool]
_Rows: TypeAlias = tuple[list[bytes], list[Mapping[str, Any]], list[Mapping[str, Any]]]


class Old:
    """Collects the writes to existing rows, and the entries and unique values that they give up.

    Args:
        tells_ages: tell of each row how long ago it was read.
    """

    def __init__(self, tells_ages: bool) -> None:
        self._tells_ages = tells_ages
        self.updates: list[Sequence[Any]] = []
        self.deletes: list[Sequence[Any]] = []
        self.released: dict[bytes, _Column] = {}
        self.gone = Members()
        self.died: Lists = defaultdict(list)
        self.dropped: list[bytes] = []
        self.strings: dict[bytes, bytes] = {}
        self.oldest: dict[Schema, float] = {}
        self.seen: dict[Schema, list[tuple[bytes, float]]] = {}
        self._fields: dict[tuple[str, ...], tuple[str, ...]] = {}

    def fields(self, schema: Schema, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the names of a row's fields; rows with the same names share one tuple."""
        names = tuple(row)
        if schema.keys.renamed:
            names = tuple(map(schema.keys.stored_name, names))
        return self._fields.setdefault(names, names)

    def note_seen(self, schema: Schema, seen_at: float, id: bytes) -> None:
        """Note when a row that is to be written was read."""
        if seen_at < self.oldest.get(schema, inf):
            self.oldest[schema] = seen_at
        if self._tells_ages:
            self.seen.setdefault(schema, []).append((id, seen_at))

    def request(self, attempt: Attempt) -> dict[str, Any]:
        """Return the map for `lua/lib/existing_rows.lua`."""
        now = attempt.begun
        return _filled(
            {
                'updates': self.updates,
                'releases': [[key, *columns] for key, columns in self.released.items()],
                'srem': self.gone.sets,
                'zrem': {key: pairs[1::2] for key, pairs in self.gone.zsets.items()},
                'strings': self.strings,
                'ages': [int((now - moment) * 1e6) for moment in self.oldest.values()],
                'read': [_read(now, *item) for item in self.seen.items()],
            }
        )

    def removal(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """Return the map for `lua/lib/deletes.lua`, with the items of `more`; {}: no deletes."""
        if not (self.deletes or self.dropped or more):
            return {}  # the usual case
        rows = {'rows': self.deletes, 'died': self.died, 'dropped': self.dropped}
        return _filled({**rows, **more})


class Batch:
    """Collects writes; `call` returns the call of the script.

    Args:
        tells_ages: as for `Old`.
    """

    # Rows are kept as tuples of bytes, because Python's garbage collector stops tracking those. One
    # container for each row would make its passes slow in commits of many rows.

    def __init__(self, tells_ages: bool = False) -> None:
        self._tells_ages = tells_ages
        self._seen_at: float | None = None
        self._seen_schema: Schema | None = None
        self.take: list[Any] | None = None
        self.inserts: list[Sequence[Any]] = []
        self.highest: dict[Schema, int] = {}
        self.claimed: dict[bytes, tuple[Schema, _Column]] = {}
        self.come = Members()
        self.groups: dict[_Group, _Rows] = {}
        self.born: Lists = defaultdict(list)
        self.targets: dict[Schema, dict[bytes, None]] = {}
        self.joined: dict[bytes, None] = {}
        self.restored: set[bytes] = set()
        self.ranked: dict[Schema, None] = {}

    @cached_property
    def old(self) -> Old:
        """The writes to existing rows; made on first use, so that new rows alone have none."""
        return Old(self._tells_ages)

    @property
    def released(self) -> Mapping[bytes, _Column]:
        """The unique values that are given up, with the ids that had them, by hash."""
        return self.old.released if 'old' in self.__dict__ else {}

    def add(self, write: Write) -> None:
        """Add a write. Without an id, its entries lack the id, which the script appends."""
        change = write.change
        id = b'' if change.id is None else b'%d' % change.id
        getattr(self, f'_{change.kind}')(write, id)
        self._entries(write, id)
        for key, value in write.released:
            values, ids = self.old.released.setdefault(key, ([], []))
            values.append(value)
            ids.append(id)
        if change.schema.has_special_writes or change.references:
            self._note_special(change, id)
        if write.claimed:
            self.claim(write)

    def claim(self, write: Write) -> None:
        """Add the unique values that a write claims."""
        change = write.change
        id = b'' if change.id is None else b'%d' % change.id
        for key, value in write.claimed:
            _, (values, ids) = self.claimed.setdefault(key, (change.schema, ([], [])))
            values.append(value)
            ids.append(id)

    def _note_special(self, change: Change, id: bytes) -> None:
        """Note what the parts of the script for ranks, links and soft deletes need."""
        schema = change.schema
        if schema.ranks:
            self.ranked[schema] = None
        if change.wanted.get(schema.soft_delete or '', b'') is None:
            self.restored.add(schema.keys.row(id))
        for name, links in change.new_links():
            if schema.part is not None:  # the linked rows may be in other partitions: see `look_at`
                self.joined.update(dict.fromkeys(schema.keys.word(name, id) for id in links))
                continue
            column: Any = schema.columns[name]
            self.look_at({column.get_related_model()._schema: links})

    def look_at(self, rows: Mapping[Schema, Iterable[bytes]]) -> None:
        """Add rows that must exist, because new links lead to them: their ids by schema."""
        for schema, ids in rows.items():
            self.targets.setdefault(schema, {}).update(dict.fromkeys(ids))

    def _insert(self, write: Write, id: bytes) -> None:
        schema = write.change.schema
        keys = schema.keys
        live = None if schema.keep_index_data else keys.live
        if not id:
            self.take = [keys.counter, live, to_begin(schema), keys.epochs]
        elif (number := write.change.id or 0) > self.highest.get(schema, 0):
            self.highest[schema] = number
        new_values: Iterable[tuple[str, Any]] = write.new_values.items()
        if keys.renamed:
            new_values = [(keys.stored_name(name), raw) for name, raw in new_values]
        row = chain.from_iterable(new_values)
        self.inserts.append((keys.head, id, keys.primary, *row))
        if live:
            self.born[live].append(id)
        elif self.old.dropped[-1:] != [keys.live]:
            # rom 1.x does not keep the live bitmap, so an existing one would become wrong.
            self.old.dropped.append(keys.live)

    def _update(self, write: Write, id: bytes) -> None:
        new_values = _absent_as_false(write.new_values)
        change = write.change
        expiry = None if change.forced or change.expired else change.schema.expiry_field
        update = (*self._expectation(write, id), new_values)
        self.old.updates.append((*update, expiry) if expiry else update)
        schema, seen_at = change.schema, change.seen_at
        # Rows that were read together have one age; only the first of them is noted.
        is_new = seen_at != self._seen_at or schema is not self._seen_schema or self._tells_ages
        if is_new and seen_at is not None:
            self._seen_at, self._seen_schema = seen_at, schema
            self.old.note_seen(schema, seen_at, id)

    def _delete(self, write: Write, id: bytes) -> None:
        self.old.deletes.append(self._expectation(write, id))
        schema = write.change.schema
        if write.change.seen_at is not None:
            self.old.note_seen(schema, write.change.seen_at, id)
        self.old.died[schema.keys.live].append(id)
        self.old.dropped += [schema.keys.unsafe(id, name) for name in schema.unsafe]

    def _expectation(self, write: Write, id: bytes) -> tuple[Any, ...]:
        schema, expected = write.change.schema, write.expected
        return schema.keys.row(id), self.old.fields(schema, expected), _absent_as_false(expected)

    def _entries(self, write: Write, id: bytes) -> None:
        if write.after is not None:
            group = write.indexes, write.before is not None
            ids, befores, afters = self.groups.setdefault(group, ([], [], []))
            ids.append(id)
            afters.append(write.after)
            if write.before is not None:
                befores.append(write.before)
        if write.gone:
            self.old.gone.add(write.gone, id)
        if write.come:
            self.come.add(write.come, id)

    def _pour(self) -> None:
        """Compute the entries of all rows that write the same indexes together."""
        for (indexes, has_old), (ids, befores, afters) in self.groups.items():
            gone = self.old.gone if has_old else Members()
            merge_changes(indexes, ids, befores if has_old else None, afters, gone, self.come)
        self.groups.clear()

    def call(
        self,
        attempt: Attempt,
        also: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        shard: Mapping[str, Any] | None = None,
    ) -> Script:
        """Return the call of the script.

        Args:
            attempt: the attempt to write this batch.
            also: steps to take with it, as `rom._core.ops.commits.raw_commands.as_map` returns
                them.
            more: further items for deletes, as `lua/lib/deletes.lua` reads them.
            shard: the partition, as `lua/shard_commit.lua` or `lua/shard_prepare.lua` reads it.

        Raises:
            CorruptRowError: an old value does not decode.
            InvalidColumnValue: a keygen failed.
        """
        self._pour()
        has_old = 'old' in self.__dict__
        old = self.old.request(attempt) if has_old else None
        deletes = self.old.removal(more or {}) if has_old or more else None
        new = self._new() if self.inserts else None
        claims = self._claims()
        words = self._words(has_old) if self.ranked else None
        epochs = (
            self.take[3:] if self.take else has_old and [s.keys.epochs for s in self.old.oldest]
        )
        request: dict[str, Any] = {
            'at': attempt.at,
            'epochs': epochs,
            'new': new,
            'old': old,
            'deletes': deletes,
            'claims': claims,
            'sadd': self.come.sets,
            'zadd': self.come.zsets,
            'words': words,
            'also': also,
            'targets': (targets := self._targets() if self.targets else None),
        }
        if shard:
            request['shard'] = {**shard, 'joined': list(self.joined)} if self.joined else shard
        packed = pack(_filled(request))
        asked = new, self.take, self.highest, old, deletes, claims, words, also, targets
        parts = _parts(tuple([bool(part) for part in asked]))
        return Script('commit', attempt.key, packed, parts)

    def sizes(self) -> tuple[int, list[tuple[bytes, int]]]:
        """Return the number of rows, and of members and fields that each key gets or loses."""
        rows = len(self.inserts)
        members = [(key, len(claim[1][0])) for key, claim in self.claimed.items()]
        members += _lengths(self.come)
        if 'old' in self.__dict__:
            old = self.old
            rows += len(old.updates) + len(old.deletes)
            members += [(key, len(values)) for key, (values, _) in old.released.items()]
            members += _lengths(old.gone)
        return rows, members

    def _new(self) -> dict[str, Any]:
        """Return the map for `lua/lib/new_rows.lua`."""
        return _filled(
            {
                'take': self.take and self.take[:3],
                'inserts': self.inserts,
                'highest': self.highest and _highest(self.highest),
                'born': self.born,
            }
        )

    def _targets(self) -> list[list[Any]]:
        """Return the list for `lua/lib/targets.lua`, without rows that this commit makes."""
        shown = {head + id for head, id, *_ in self.inserts} | self.restored
        found = []
        for schema, ids in self.targets.items():
            head = schema.keys.head
            left = [id for id in ids if head + id not in shown]
            if left:
                fields = (schema.expiry_field or False, schema.soft_field or False)
                found.append([head, left, *fields])
        return found

    def _words(self, has_old: bool) -> dict[str, Any]:
        gone = self.old.gone if has_old else None
        return vocabulary_changes(self.ranked, self.come, gone)

    def _claims(self) -> list[list[Any]]:
        return [_claim(key, *claim) for key, claim in self.claimed.items()]


def _lengths(members: Members) -> list[tuple[bytes, int]]:
    sets = [(key, len(ids)) for key, ids in members.sets.items()]
    return sets + [(key, len(pairs) // 2) for key, pairs in members.zsets.items()]


def _read(
    now: float, schema: Schema, rows: list[tuple[bytes, float]]
) -> tuple[bytes, list[bytes], list[int]]:
    """Return a model's prefix, the ids of its rows, and their ages in microseconds."""
    ids = [id for id, _ in rows]
    return schema.keys.head, ids, [int((now - moment) * 1e6) for _, moment in rows]


def _highest(ids: Mapping[Schema, int]) -> dict[bytes, bytes]:
    return {schema.keys.counter: b'%d' % id for schema, id in ids.items()}


@cache
def _parts(asked: tuple[bool, ...]) -> frozenset[str]:
    """Return the names of the parts that a request has."""
    return frozenset(compress(_PARTS, asked))


def _filled(request: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out empty items, because Redis takes as long to read a name as to read an id."""
    return {name: value for name, value in request.items() if value}


def _claim(key: bytes, schema: Schema, columns: _Column) -> list[Any]:
    expiry = [schema.expiry_field] if schema.expiry_field else []
    return [key, *columns, schema.keys.head, *expiry]


def _absent_as_false(row: Mapping[str, bytes | None]) -> tuple[bytes | bool, ...]:
    """Return fields' values as the script's HMGET returns them: false for an absent one."""
    values: Collection[Any] = row.values()
    if None not in values:
        return tuple(values)
    return tuple([False if raw is None else raw for raw in values])
