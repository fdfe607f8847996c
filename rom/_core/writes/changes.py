"""Changes of rows, and the writes that carry them out. Pure.

A :class:`Change` holds the known values of a row and the wanted ones. A :class:`Write` holds the
steps: the values to compare, the values to write, the index entries to remove and add, the unique
values to release and claim. `rom._core.writes.planner` makes a write from a change. All writes of
a commit have the same :class:`Instant`.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from rom._core.columns.links import added_ids
from rom._core.encoding.plain_values import plain
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.compound_index import CompoundIndex
from rom._core.indexing.entry_lists import Entries, Entry, Members
from rom._core.schema import Schema

Kind: TypeAlias = Literal['insert', 'update', 'delete']
Raw: TypeAlias = Mapping[str, bytes]


NOTHING: Mapping[str, bytes | None] = MappingProxyType({})
NO_ENTRIES: Mapping[Entry, bytes | None] = MappingProxyType({})
NOTHING_ASKED: Mapping[str, tuple[bytes | None, bytes | None]] = MappingProxyType({})


def present(row: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Return a row without its None values.

    >>> present({'a': b'1', 'b': None})
    {'a': b'1'}
    """
    return {name: raw for name, raw in row.items() if raw is not None}


def changed(row: Raw, wanted: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Return a row with these columns written; None removes one.

    >>> changed({'a': b'1', 'b': b'2'}, {'b': None, 'c': b'3'})
    {'a': b'1', 'c': b'3'}
    """
    outcome = {**row, **wanted} if row else dict(wanted)
    return present(outcome) if None in wanted.values() else cast('dict[str, bytes]', outcome)


class Change(NamedTuple):
    """The change of one row that a program asks for.

    A commit makes a `Change` and a `Write` for each entity. They are named tuples, because a frozen
    dataclass takes ten times as long to make.

    Attributes:
        schema: the model's schema.
        kind: insert, update or delete.
        id: the entity's id; None if the server must give one.
        stored: the row as it was last read, by column.
        wanted: the columns to write, encoded; None removes one.
        values: the Python values of `wanted`.
        full: write every index entry again, not only those that changed.
        depends_on: columns that must not have changed since the row was read.
        forced: write even if another writer changed the row, or old values do not decode.
        stale: entries that were found in an index, to remove unless the row implies them.
        freed: unique values found with the row's id, to release unless the row has them.
        expired: the row has expired, and is written nevertheless. It claims no unique values,
            because others may have taken them.
        seen_at: the time when the row was read, by `rom._core.support.clock.elapsed`; None: just
            now.
        stamps: the columns of `wanted` to which the commit itself gives the current time.
        checks_links: the entities that new links lead to must exist.
        references: the relations whose new entities must exist: those on the same server.
        links_asked: the links that were read and those that were wanted, stored, of each column
            whose links were merged with those of another writer.
    """

    schema: Schema
    kind: Kind
    id: int | None
    stored: Raw
    wanted: Mapping[str, bytes | None]
    values: Mapping[str, Any]
    full: bool = False
    forced: bool = False
    depends_on: tuple[str, ...] = ()
    stale: Mapping[Entry, bytes | None] = NO_ENTRIES
    freed: tuple[Entry, ...] = ()
    expired: bool = False
    seen_at: float | None = None
    stamps: tuple[str, ...] = ()
    checks_links: bool = False
    references: tuple[str, ...] = ()
    links_asked: Mapping[str, tuple[bytes | None, bytes | None]] = NOTHING_ASKED

    def new_links(self) -> Iterator[tuple[str, list[bytes]]]:
        """Yield each column with new links or a new reference to check, and the ids."""
        for name in self.references:
            raw = self.wanted.get(name)
            if raw is not None and raw != self.stored.get(name):
                yield name, [raw]
        for name in self.schema.links if self.checks_links else ():
            ids = added_ids(self.stored.get(name), self.wanted.get(name))
            if ids:
                yield name, ids

    @property
    def outcome(self) -> dict[str, bytes]:
        """The row after the change, as far as it is known."""
        return changed(self.stored, self.wanted)


class Write(NamedTuple):
    """The steps that carry out a change in Redis.

    Attributes:
        change: the change.
        expected: the values that the row must still have; None for a column that it must lack.
            The columns of `becomes` come first, in the same order.
        becomes: the columns to write; None removes one.
        gone, come: index entries to remove and to add, computed for this row alone.
        released, claimed: unique values, as (key, value).
        indexes: the indexes whose entries depend on columns that are known beforehand. A commit
            computes their entries from `before` and `after`, for all of its rows at once.
        before: the old values of the row; None where it had no entries.
        after: the new values of the row; None without such indexes.
    """

    change: Change
    expected: Mapping[str, bytes | None]
    new_values: Mapping[str, bytes | None]
    gone: Mapping[Entry, bytes | None]
    come: Mapping[Entry, bytes | None]
    released: Sequence[Entry]
    claimed: Sequence[Entry]
    indexes: tuple[ColumnIndex | CompoundIndex, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def removed(self) -> Entries:
        """Index entries to remove, of all indexes."""
        return {**self.gone, **self._together[0].entries()}

    @property
    def added(self) -> Entries:
        """Index entries to add, or to give another score, of all indexes."""
        return {**self.come, **self._together[1].entries()}

    @property
    def _together(self) -> tuple[Members, Members]:
        """Entries of `indexes` to remove and to add, without the id of the row."""
        gone, come = Members(), Members()
        if self.after is not None:
            befores = None if self.before is None else [self.before]
            merge_changes(self.indexes, [b''], befores, [self.after], gone, come)
        return gone, come

    @property
    def outcome(self) -> dict[str, bytes]:
        """The row after the write, as far as it is known."""
        if self.change.kind == 'insert':
            return cast('dict[str, bytes]', self.new_values)  # an insert removes no columns
        return changed(self.change.stored, self.new_values)


def merge_changes(
    indexes: Sequence[ColumnIndex | CompoundIndex],
    ids: Sequence[bytes],
    befores: Sequence[Mapping[str, Any]] | None,
    afters: Sequence[Mapping[str, Any]],
    gone: Members,
    come: Members,
) -> None:
    """Add the entries of many rows, an index at a time.

    Args:
        indexes: indexes with entries that depend on one column; for new rows, compound ones as
            well.
        ids: the ids of the rows, as at the end of their members.
        befores: the old values of the rows; None for new rows.
        afters: the new values.
        gone: takes the entries to remove.
        come: takes the entries to add, or to add again with another score.

    Raises:
        CorruptRowError: an old value does not decode.
        InvalidColumnValue: a keygen failed.
    """
    for index in indexes:
        if befores is None:
            index.add_rows(ids, afters, come)
            continue
        assert isinstance(index, ColumnIndex)  # existing rows have changes in these alone
        source = index.source
        values = [row[source] for row in afters]
        index.add_changes(ids, [row[source] for row in befores], values, gone, come)


class Instant:
    """The current time, the same for all rows that a commit writes.

    >>> now = Instant()
    >>> now.utc is now.utc
    True
    """

    @cached_property
    def utc(self) -> dt.datetime:
        """The time in UTC, without a zone, by this program's clock."""
        # Libraries that freeze the time of a test replace the class.
        moment: dt.datetime = plain(dt.datetime.now(dt.UTC)).replace(tzinfo=None)
        return moment
