"""Batch: many writes as one request of `lua/commit.lua`, which names each key once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

from rom.changes import Write
from rom.entries import ColumnIndex
from rom.members import Members
from rom.ops.stamps import to_begin
from rom.pouring import pour
from rom.schema import Schema

# For how long the server remembers a commit, in case it is sent again, in seconds. The client
# library gives up after two minutes and a half at most.
REMEMBER = b'180'

_Lists = defaultdict[bytes, list[bytes]]
_Column = tuple[list[bytes], list[bytes]]
#: Indexes, and whether the rows had entries; then the rows' ids, old values and new ones.
_Group: TypeAlias = tuple[tuple[ColumnIndex, ...], bool]
_Rows: TypeAlias = tuple[list[bytes], list[Mapping[str, Any]], list[Mapping[str, Any]]]


class Batch:
    """Collects writes; `request` gives the map that the script reads.

    What it keeps of a row is tuples of bytes, which Python's collector of garbage passes over.
    """

    def __init__(self) -> None:
        self.take: list[Any] | None = None
        self.inserts: list[Sequence[Any]] = []
        self.updates: list[Sequence[Any]] = []
        self.deletes: list[Sequence[Any]] = []
        self.released: dict[bytes, _Column] = {}
        self.claimed: dict[bytes, tuple[Schema, _Column]] = {}
        self.gone = Members()
        self.come = Members()
        self.groups: dict[_Group, _Rows] = {}
        self.born: _Lists = defaultdict(list)
        self.died: _Lists = defaultdict(list)
        self.dropped: list[bytes] = []

    def add(self, write: Write) -> None:
        """Add a write. One without an id leaves its place free: the script appends the id."""
        change = write.change
        id = b'' if change.id is None else b'%d' % change.id
        getattr(self, f'_{change.kind}')(write, id)
        self._entries(write, id)
        for key, value in write.released:
            values, ids = self.released.setdefault(key, ([], []))
            values.append(value)
            ids.append(id)
        for key, value in write.claimed:
            _, (values, ids) = self.claimed.setdefault(key, (change.schema, ([], [])))
            values.append(value)
            ids.append(id)

    def _insert(self, write: Write, id: bytes) -> None:
        schema = write.change.schema
        keys = schema.keys
        live = None if schema.keep_index_data else keys.live
        if not id:
            self.take = [keys.counter, live, to_begin(schema)]
        row = tuple(chain.from_iterable(write.becomes.items()))
        self.inserts.append((keys.head, id, keys.primary, row))
        if live:
            self.born[live].append(id)
        elif self.dropped[-1:] != [keys.live]:
            self.dropped.append(keys.live)  # 1.x keeps none: one from before would be wrong

    def _update(self, write: Write, id: bytes) -> None:
        becomes = _absent_as_false(write.becomes)
        change = write.change
        expiry = None if change.forced or change.expired else change.schema.expiry_field
        update = (*self._expectation(write, id), becomes)
        self.updates.append((*update, expiry) if expiry else update)

    def _delete(self, write: Write, id: bytes) -> None:
        self.deletes.append(self._expectation(write, id))
        schema = write.change.schema
        self.died[schema.keys.live].append(id)
        self.dropped += [schema.keys.unsafe(id, name) for name in schema.unsafe]

    @staticmethod
    def _expectation(write: Write, id: bytes) -> tuple[Any, ...]:
        row = write.change.schema.keys.row(id)
        return row, tuple(write.expected), _absent_as_false(write.expected)

    def _entries(self, write: Write, id: bytes) -> None:
        if write.after is not None:
            group = write.indexes, write.before is not None
            ids, befores, afters = self.groups.setdefault(group, ([], [], []))
            ids.append(id)
            afters.append(write.after)
            if write.before is not None:
                befores.append(write.before)
        if write.gone or write.come:
            self.gone.add(write.gone, id)
            self.come.add(write.come, id)

    def _pour(self) -> None:
        """Work out the entries of rows that have the same indexes to write, all at once."""
        for (indexes, has_old), (ids, befores, afters) in self.groups.items():
            pour(indexes, ids, befores if has_old else None, afters, self.gone, self.come)
        self.groups.clear()

    def request(self, done: bytes) -> dict[str, Any]:
        """The map for the script.

        Args:
            done: the key under which it notes that it was carried out.

        Raises:
            CorruptRowError: an old value does not decode.
            InvalidColumnValue: a keygen failed.
        """
        self._pour()
        gone = {key: pairs[1::2] for key, pairs in self.gone.zsets.items()}
        return {
            'done': done,
            'remember': REMEMBER,
            'take': self.take,
            'inserts': self.inserts,
            'updates': self.updates,
            'deletes': self.deletes,
            'releases': [[key, *columns] for key, columns in self.released.items()],
            'claims': [_claim(key, *claim) for key, claim in self.claimed.items()],
            'sets': {'remove': self.gone.sets, 'add': self.come.sets},
            'zsets': {'remove': gone, 'add': self.come.zsets},
            'born': self.born,
            'died': self.died,
            'dropped': self.dropped,
        }


def _claim(key: bytes, schema: Schema, columns: _Column) -> list[Any]:
    expiry = [schema.expiry_field] if schema.expiry_field else []
    return [key, *columns, schema.keys.head, *expiry]


def _absent_as_false(row: Mapping[str, bytes | None]) -> tuple[bytes | bool, ...]:
    """Fields' values as the script's HMGET gives them: false for one that is not there."""
    return tuple([False if raw is None else raw for raw in row.values()])
