"""Planning: from what a program wants of a row to the write that brings it about. Pure.

Only what changed is written, and only what the outcome depends on is compared: a column that
another writer changed and that has no part in this write is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, cast

from rom.changes import NO_ENTRIES, NOTHING, Change, Raw, Write, present
from rom.encoding.legacy import list_entries, listed_entries
from rom.entries import ColumnIndex, NotingMapping
from rom.exceptions import InvalidColumnValue
from rom.members import Entries, Entry, differences
from rom.rowvalues import BareValues, RowValues
from rom.schema import INDEX_DATA, Index, Schema, Unique


def plan(change: Change) -> Write:
    """Work out the write that brings a change about.

    Raises:
        CorruptRowError: an old value that the write depends on does not decode.
        InvalidColumnValue: a keygen failed.
    """
    if change.schema.keep_index_data or INDEX_DATA in change.stored:
        return _plan_with_list(change)
    if change.kind == 'insert':
        return _plan_insert(change)
    is_usual = not (change.full or change.forced or change.stale)
    # Whether there are defaults is asked first, here and below: most models have none, and this is
    # done for every row.
    has_defaults = bool(change.schema.indexed_defaults)
    if is_usual and change.kind == 'update' and not (has_defaults and _lacks_default(change)):
        return _plan_update(change)
    old, new, read = _entry_changes(change, change.schema.every_index)
    return _write(change, old, new, read, {})


def _lacks_default(change: Change) -> bool:
    """The row lacks a column whose default indexes may have, or may not have yet.

    They have it from the first reindex after the default was declared. So what goes is what the
    row implies with it and without it, and what comes is written whether it is there or not.
    """
    defaults = change.schema.indexed_defaults
    return not change.stored.keys() >= defaults.keys()


def _has_none(values: Mapping[str, Any], names: Iterable[str]) -> bool:
    """One of these columns has no value. Most rows have all values, which is found out sooner."""
    return None in values.values() and any(values.get(name) is None for name in names)


def _plan_insert(change: Change) -> Write:
    """The write for a row that is not there: nothing is compared, and nothing old goes."""
    schema, after, row = change.schema, change.values, _new_row(change)
    if schema.reads_id and change.id is not None:
        after = {**after, schema.primary: change.id}
    is_whole = len(after) >= len(schema.settable) + schema.reads_id
    defaults = schema.indexed_defaults
    if schema.references or not is_whole or (defaults and _has_none(after, defaults)):
        after = RowValues(schema, row, after, change.forced)
    # What is stale goes unless the row implies it, so its entries must be told apart.
    alone = schema.every_index if change.stale else schema.dependent_indexes
    come = _entries_in(alone, after) if alone else NO_ENTRIES
    claimed = [
        (unique.key, value)
        for unique in (() if change.expired else schema.uniques)
        for value in _claims(unique, row, after)
    ]
    return Write(
        change,
        expected=NOTHING,
        becomes=row,
        gone={e: s for e, s in change.stale.items() if e not in come} if alone else NO_ENTRIES,
        come=come,
        released=tuple(value for value in change.freed if value not in claimed),
        claimed=claimed,
        indexes=() if change.stale else schema.single_indexes,
        after=after,
    )


def _new_row(change: Change) -> Raw:
    """What an insert writes: mostly what is wanted, as it is.

    Of a large commit there is no copy of each row then, for the collector of garbage to count.
    """
    wanted = change.wanted
    if change.schema.primary in wanted or None in wanted.values():
        return {
            name: raw
            for name, raw in wanted.items()
            if raw is not None and name != change.schema.primary
        }
    return cast('Raw', wanted)


def _plan_update(change: Change) -> Write:
    """The write for a row that is there, of the columns that were set."""
    schema, wanted, stored = change.schema, change.wanted, change.stored
    concern = _concern(schema, tuple(wanted))
    gone, come = NO_ENTRIES, NO_ENTRIES
    read: set[str] = set()
    if schema.dependent_indexes:
        old, new, read = _entry_changes(change, schema.dependent_indexes)
        gone, come = differences(old, new)
    released, claimed = _unique_changes(change, read) if concern.has_uniques else ((), ())
    if read or change.rests_on:
        expected = _expected(change, wanted, read.union(concern.compared))
    else:
        expected = {name: stored.get(name) for name in concern.compared}
    return Write(
        change,
        expected,
        wanted,
        gone,
        come,
        released,
        () if change.expired else claimed,
        concern.indexes,
        _only(concern.sources, _values_before(change)) if concern.indexes else None,
        _indexed_after(change, concern) if concern.indexes else None,
    )


def _only(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Some values of a row, decoded now: of all rows of a commit nothing else is kept."""
    return {name: values[name] for name in names}


def _indexed_after(change: Change, concern: _Concern) -> Mapping[str, Any]:
    values = change.values
    is_known = concern.are_plain and values.keys() >= concern.sources
    if is_known and not (concern.defaulted and _has_none(values, concern.defaulted)):
        return values
    return _only(concern.sources, _values_after(change))


class _Concern(NamedTuple):
    """What an update of certain columns is about, as far as the model alone tells.

    Attributes:
        indexes: those of single columns, of which one is written.
        sources: the columns whose values they index.
        are_plain: none of these is a relation, whose entries depend on the id alone.
        defaulted: those of them that have a default when they have no value.
        has_uniques: a unique value may depend on what is written.
        compared: the fields to compare: those written, then those that entries rest on, then
            rom 1.x's list of entries, even where there was none.
    """

    indexes: tuple[ColumnIndex, ...]
    sources: frozenset[str]
    are_plain: bool
    defaulted: tuple[str, ...]
    has_uniques: bool
    compared: tuple[str, ...]


@lru_cache(maxsize=4096)
def _concern(schema: Schema, written: tuple[str, ...]) -> _Concern:
    names = frozenset(written)
    indexes = tuple(index for index in schema.single_indexes if not index.own.isdisjoint(names))
    has_uniques = any(u.made_by or not names.isdisjoint(u.columns) for u in schema.uniques)
    rest = frozenset([INDEX_DATA]).union(*(index.own for index in indexes))
    compared = (*written, *sorted(rest - names - {schema.primary}))
    sources = frozenset(index.source for index in indexes)
    are_plain = sources.isdisjoint(schema.references)
    defaulted = tuple(sources & schema.indexed_defaults.keys())
    return _Concern(indexes, sources, are_plain, defaulted, has_uniques, compared)


def _claims(unique: Unique, row: Raw, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    """The unique values that a row has by one constraint."""
    made_by = unique.made_by
    return unique.claims(row) if made_by is None else _made(made_by, NotingMapping(values))


def _made(made_by: ColumnIndex, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    word = made_by.unique_word(values)
    return () if word is None else (word,)


def _plan_with_list(change: Change) -> Write:
    """The write for a row that has rom 1.x's list of entries, or shall have one.

    The list may name entries that no value implies any more, so all entries are looked at, and the
    whole row is expected to be as it was.
    """
    schema = change.schema
    before, after = _values_before(change), _values_after(change)
    old: Entries = {}
    if change.kind != 'insert':
        bare: Mapping[str, Any] = _bare_values(change) if _lacks_default(change) else before
        for index in schema.every_index:
            old.update(_old_entries(index, bare))
            old.update(_old_entries(index, before))
        # 1.x itself forgot places, and its list of them: whatever there is, is old.
        for place in schema.places.values():
            old.setdefault((place.key, b''), b'')
    if INDEX_DATA in change.stored:
        listed = listed_entries(schema.keys, change.stored[INDEX_DATA])
        old.update((entry, score) for entry, score in listed.items() if entry not in old)
    new = _entries_in(schema.every_index, after) if change.kind != 'delete' else {}
    kept = list_entries(schema.keys, new) if schema.keep_index_data else None
    becomes: dict[str, bytes | None] = {}
    if change.kind != 'delete' and kept != change.stored.get(INDEX_DATA):
        becomes[INDEX_DATA] = kept
    # What 1.x wrote is not to be trusted: every entry is written again.
    return _write(change._replace(full=True), old, new, set(schema.stored), becomes)


def _write(
    change: Change, old: Entries, new: Entries, read: set[str], extra: Mapping[str, bytes | None]
) -> Write:
    schema = change.schema
    released, claimed = _unique_changes(change, read)
    if change.expired:
        claimed = ()
    becomes: dict[str, bytes | None] = {**change.wanted, **extra}
    if change.kind == 'insert':
        becomes = {**present(becomes)}
        becomes.pop(schema.primary, None)
    gone, come = differences({**change.stale, **old}, new)
    if change.full or change.forced or _lacks_default(change):
        come = new
    return Write(change, _expected(change, becomes, read), becomes, gone, come, released, claimed)


def _expected(
    change: Change, becomes: Mapping[str, bytes | None], read: set[str]
) -> dict[str, bytes | None]:
    """The columns to compare: those written, those the outcome rests on, and 1.x's list.

    The list is compared even where there was none, so that one that 1.x has written since is seen.
    """
    if change.kind == 'insert':
        return {}
    rests_on = read.union(change.rests_on, [INDEX_DATA])
    others = sorted(rests_on - becomes.keys() - {change.schema.primary})
    return {name: change.stored.get(name) for name in (*becomes, *others)}


def _entry_changes(change: Change, indexes: Sequence[Index]) -> tuple[Entries, Entries, set[str]]:
    """Old and new entries of a row that is there, in those of these indexes that are concerned.

    And the columns that they depend on.
    """
    old: Entries = {}
    new: Entries = {}
    read: set[str] = set()
    if not indexes:
        return old, new, read
    before, after = _values_before(change), _values_after(change)
    bare = _bare_values(change) if _lacks_default(change) else None
    is_part = change.kind == 'update' and not change.full
    for index in indexes:
        if is_part and not _is_concerned(change, index, read):
            continue
        # What any other index looks at is its own column alone.
        noting = [NotingMapping(before), NotingMapping(after)] if index.depends_on_others else []
        seen_before, seen_after = noting or (before, after)
        if bare is not None:
            old.update(_old_entries(index, bare))
        old.update(_old_entries(index, seen_before))
        if change.kind != 'delete':
            new.update(index.entries(seen_after))
        read = read.union(index.own, *(seen.read for seen in noting))
    if bare is not None:
        read |= bare.read
    # A keygen may ask for what is no column; a field of that name is nobody's business here.
    return old, new, read & change.schema.in_rows


def _is_concerned(change: Change, index: Index, read: set[str]) -> bool:
    """An update writes something that entries depend on; notes what tells that of a keygen.

    Which columns a keygen reads may itself depend on values: were those others by now, it might be
    concerned after all. So they are compared in any case.
    """
    if not index.depends_on_others:
        return not index.own.isdisjoint(change.wanted)
    looked_at = index.own | _looked_at(change, index.entries)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def _looked_at(change: Change, makes: Callable[[Mapping[str, Any]], object]) -> set[str]:
    """The columns that this looks at to make something of a row, before an update.

    What a keygen reads is known once it has run. A column that does not decode is left to those
    that do depend on it.
    """
    seen = NotingMapping(RowValues(change.schema, change.stored, _id_of(change), lenient=True))
    with suppress(InvalidColumnValue):
        makes(seen)
    return seen.read


def _old_entries(index: Index, values: Mapping[str, Any]) -> Entries:
    """The entries of old values. Where the keygen of today fails on them, there are none of it."""
    try:
        return index.entries(values)
    except InvalidColumnValue:
        return {}


def _entries_in(indexes: Sequence[Index], values: Mapping[str, Any]) -> Entries:
    found: Entries = {}
    for index in indexes:
        found.update(index.entries(NotingMapping(values) if index.depends_on_others else values))
    return found


def _values_before(change: Change) -> Mapping[str, Any]:
    lenient = change.forced or change.kind == 'delete'
    return RowValues(change.schema, change.stored, _id_of(change), lenient)


def _bare_values(change: Change) -> NotingMapping:
    """The values of the row without defaults: as a program saw them that knew of none."""
    lenient = change.forced or change.kind == 'delete'
    known = _id_of(change)
    return NotingMapping(BareValues(change.schema, change.stored, known, lenient))


def _values_after(change: Change) -> Mapping[str, Any]:
    known = {**change.values, **_id_of(change)}
    return RowValues(change.schema, change.stored, known, change.forced, change.wanted)


def _id_of(change: Change) -> dict[str, int]:
    return {} if change.id is None else {change.schema.primary: change.id}


def _unique_changes(change: Change, read: set[str]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The unique values given up and claimed; notes the columns that they depend on."""
    released, claimed = [], []
    concerned = [
        unique
        for unique in change.schema.uniques
        if change.kind != 'update' or change.full or _is_written(change, unique, read)
    ]
    outcome = change.outcome if concerned and change.kind != 'delete' else {}
    is_anew = change.full or change.forced or _lacks_default(change)
    for unique in concerned:
        if unique.made_by is None:
            read.update(unique.columns)
            before, after = unique.claims(change.stored), unique.claims(outcome)
            old = (*before, *unique.leftovers(change.stored))
        else:
            before, after = _made_values(change, unique.made_by, read)
            old = before
        released += [(unique.key, value) for value in old if value not in after]
        # All of them: a row of rom 1.x has only one form of what is the same before and after.
        if before != after or is_anew:
            claimed += [(unique.key, value) for value in after]
    released += [value for value in change.freed if value not in claimed and value not in released]
    return tuple(released), tuple(claimed)


def _is_written(change: Change, unique: Unique, read: set[str]) -> bool:
    """An update writes something that a unique value depends on; notes what tells that."""
    if unique.made_by is None:
        return not change.wanted.keys().isdisjoint(unique.columns)
    looked_at = _looked_at(change, unique.made_by.unique_word)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def _made_values(
    change: Change, index: ColumnIndex, read: set[str]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The old and the new value of a unique IndexOnly; notes the columns that they depend on."""
    before, after = NotingMapping(_values_before(change)), NotingMapping(_values_after(change))
    old: tuple[bytes, ...] = ()
    new: tuple[bytes, ...] = ()
    if change.kind != 'insert':
        with suppress(InvalidColumnValue):  # of what today's keygen fails on, nothing is known
            old = _made(index, before)
    if change.kind != 'delete':
        new = _made(index, after)
    read.update((before.read | after.read) & change.schema.in_rows)
    return old, new


def unique_values(schema: Schema, stored: Raw) -> Iterator[tuple[bytes, bytes]]:
    """Every unique value that a row implies, with the key of its hash.

    Raises:
        CorruptRowError: a value does not decode.
    """
    values = RowValues(schema, stored, {}, lenient=False)
    for unique in schema.uniques:
        for value in _claims(unique, stored, values):
            yield unique.key, value


def entries_in(schema: Schema, index: Index, id: int, stored: Raw) -> Entries:
    """The entries that a row implies in one index; a value that does not decode is none.

    Raises:
        InvalidColumnValue: the keygen failed.
    """
    return index.entries(RowValues(schema, stored, {schema.primary: id}, lenient=True))


def entries_of(schema: Schema, stored: Raw) -> Entries:
    """Every index entry that a row implies.

    Raises:
        CorruptRowError: a value does not decode.
    """
    return _entries_in(schema.every_index, RowValues(schema, stored, {}, lenient=False))
