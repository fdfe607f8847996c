"""Changes: what a program wants of a row, and the write that brings it about. Pure.

A :class:`Change` says what was known of a row and what it shall be. A :class:`Write` says how:
which values the row must still have for it to be right, what the row becomes, which index entries
go and come, which unique values are given up and claimed. `rom.planning` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from rom.entries import ColumnIndex
from rom.members import Entries, Entry, Members
from rom.pouring import pour
from rom.schema import Schema

Kind: TypeAlias = Literal['insert', 'update', 'delete']
Raw: TypeAlias = Mapping[str, bytes]


NOTHING: Mapping[str, bytes | None] = MappingProxyType({})
NO_ENTRIES: Mapping[Entry, bytes | None] = MappingProxyType({})


def present(row: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """A row without the columns that it lacks.

    >>> present({'a': b'1', 'b': None})
    {'a': b'1'}
    """
    return {name: raw for name, raw in row.items() if raw is not None}


def changed(row: Raw, wanted: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """A row as it is when these columns have been written, or removed.

    >>> changed({'a': b'1', 'b': b'2'}, {'b': None, 'c': b'3'})
    {'a': b'1', 'c': b'3'}
    """
    outcome = {**row, **wanted} if row else dict(wanted)
    return present(outcome) if None in wanted.values() else cast('dict[str, bytes]', outcome)


class Change(NamedTuple):
    """What a program wants of one row.

    A named tuple, and so is `Write`: one of each is made for every entity of a commit, and a frozen
    dataclass takes ten times as long to make.

    Attributes:
        schema: the model's.
        kind: what is to happen to the row.
        id: the entity's; None when the server shall give one.
        stored: the row as it was last seen, by column.
        wanted: the columns to write, encoded; None removes one.
        values: the Python values behind `wanted`.
        full: write every index entry again, not only those that changed.
        rests_on: columns that must not have changed, for this change to make sense.
        forced: write even though another writer was there, or the old values make no sense.
        stale: entries that were found, and go unless the row implies them.
        freed: unique values that were found to be the row's, and go unless it has them.
        expired: the row has expired, and is written all the same; it claims no unique value then,
            for others may have taken it.
        seen_at: when the row was read, as `rom.clock.elapsed` has it; None: just now.
    """

    schema: Schema
    kind: Kind
    id: int | None
    stored: Raw
    wanted: Mapping[str, bytes | None]
    values: Mapping[str, Any]
    full: bool = False
    forced: bool = False
    rests_on: tuple[str, ...] = ()
    stale: Mapping[Entry, bytes | None] = NO_ENTRIES
    freed: tuple[Entry, ...] = ()
    expired: bool = False
    seen_at: float | None = None

    @property
    def outcome(self) -> dict[str, bytes]:
        """The row afterwards, as far as it is known."""
        return changed(self.stored, self.wanted)


class Write(NamedTuple):
    """How a change is carried out, in the terms of Redis.

    Attributes:
        change: what it brings about.
        expected: the values that the row must still have; None for a column that it must lack.
            The columns of `becomes` come first, in the same order.
        becomes: the columns to write; None removes one.
        gone, come: index entries that were worked out for this row alone.
        released, claimed: unique values, as (key, value).
        indexes: those whose entries depend on one column alone. They are worked out for all rows
            of a commit at once, from `before` and `after`.
        before: the row's values as they were; None where no entry was.
        after: as they shall be; None if there are no such indexes.
    """

    change: Change
    expected: Mapping[str, bytes | None]
    becomes: Mapping[str, bytes | None]
    gone: Mapping[Entry, bytes | None]
    come: Mapping[Entry, bytes | None]
    released: Sequence[Entry]
    claimed: Sequence[Entry]
    indexes: tuple[ColumnIndex, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def removed(self) -> Entries:
        """All entries that go."""
        return {**self.gone, **self._together[0].entries()}

    @property
    def added(self) -> Entries:
        """All entries that come, or come again with another score."""
        return {**self.come, **self._together[1].entries()}

    @property
    def _together(self) -> tuple[Members, Members]:
        """What goes and what comes, of a row without an id, by the indexes of one column."""
        gone, come = Members(), Members()
        if self.after is not None:
            befores = None if self.before is None else [self.before]
            pour(self.indexes, [b''], befores, [self.after], gone, come)
        return gone, come

    @property
    def outcome(self) -> dict[str, bytes]:
        """The row afterwards, as far as it is known."""
        if self.change.kind == 'insert':
            return cast('dict[str, bytes]', self.becomes)  # it removes nothing
        return changed(self.change.stored, self.becomes)
