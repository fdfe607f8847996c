"""Planning: turn the change of a row into a write. Pure.

A write contains only what changed, and compares only the columns that its outcome depends on. So
two writers may change different columns of a row at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, cast

from rom._core.encoding.legacy_entries import list_entries, listed_entries
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entries, Entry, differences
from rom._core.schema import INDEX_DATA, Index, Schema, Unique
from rom._core.writes.changes import NO_ENTRIES, NOTHING, Change, Raw, Write, present
from rom._core.writes.decoded_row import BareValues, RowValues, TrackingMapping
from rom.exceptions import InvalidColumnValue


def plan(change: Change) -> Write:
    """Return the write that carries out a change.

    Raises:
        CorruptRowError: an old value that the write depends on does not decode.
        InvalidColumnValue: a keygen failed.
    """
    if change.schema.keep_index_data or INDEX_DATA in change.stored:
        return _plan_with_list(change)
    if change.kind == 'insert':
        return _plan_insert(change)
    is_usual = not (change.full or change.forced or change.stale)
    # Look for defaults first, here and below: most models have none, and this runs for every row.
    has_defaults = bool(change.schema.indexed_defaults)
    if is_usual and change.kind == 'update' and not (has_defaults and _lacks_default(change)):
        return _plan_update(change)
    old, new, read = _entry_changes(change, change.schema.every_index)
    return _write(change, old, new, read, {})


def _lacks_default(change: Change) -> bool:
    """Return whether the row lacks a column whose default may be in an index.

    The index has the default since the first reindex after its declaration, which rom does not know
    here. So the write removes the entries that the row implies with the default and without it. And
    it adds all new entries, even those that may exist.
    """
    defaults = change.schema.indexed_defaults
    return not change.stored.keys() >= defaults.keys()


def _has_none(values: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Return whether one of these columns has no value; the first test is enough for most rows."""
    return None in values.values() and any(values.get(name) is None for name in names)


def _plan_insert(change: Change) -> Write:
    """Return the write for a new row, which compares nothing and removes no old entries."""
    schema, after, row = change.schema, change.values, _new_row(change)
    if schema.reads_id and change.id is not None:
        after = {**after, schema.primary: schema.seen_id(change.id)}
    is_whole = len(after) >= len(schema.settable) + schema.reads_id
    defaults = schema.indexed_defaults
    if schema.references or not is_whole or (defaults and _has_none(after, defaults)):
        after = RowValues(schema, row, after, change.forced)
    # A stale entry is removed unless the row implies it, so all entries must be known singly.
    alone = schema.every_index if change.stale else schema.tracked_indexes
    come = _entries_in(alone, after) if alone else NO_ENTRIES
    claimed = [
        (unique.key, value)
        for unique in (() if change.expired else schema.uniques)
        for value in _claims(unique, row, after)
    ]
    return Write(
        change,
        expected=NOTHING,
        new_values=row,
        gone={e: s for e, s in change.stale.items() if e not in come} if alone else NO_ENTRIES,
        come=come,
        released=tuple(value for value in change.freed if value not in claimed),
        claimed=claimed,
        indexes=() if change.stale else schema.pure_indexes,
        after=after,
    )


def _new_row(change: Change) -> Raw:
    """Return the fields that an insert writes: in most cases `wanted` itself.

    Not copying it saves a dict for each row of a large commit, and so garbage collections.
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
    """Return the write for an existing row, of the columns that were set."""
    schema, wanted, stored = change.schema, change.wanted, change.stored
    concern = _concern(schema, tuple(wanted))
    gone, come = NO_ENTRIES, NO_ENTRIES
    read: set[str] = set()
    if schema.dependent_indexes:
        old, new, read = _entry_changes(change, schema.dependent_indexes)
        gone, come = differences(old, new)
    released, claimed = _unique_changes(change, read) if concern.has_uniques else ((), ())
    if read or change.depends_on:
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
    """Return some values of a row, decoded now, so that a commit keeps nothing else of its rows."""
    return {name: values[name] for name in names}


def _indexed_after(change: Change, concern: _Concern) -> Mapping[str, Any]:
    values = change.values
    is_known = concern.are_plain and values.keys() >= concern.sources
    if is_known and not (concern.defaulted and _has_none(values, concern.defaulted)):
        return values
    return _only(concern.sources, _values_after(change))


class _Concern(NamedTuple):
    """The effects of an update of certain columns, as far as they follow from the model.

    Attributes:
        indexes: the indexes that depend on one column, and that column is written.
        sources: the columns whose values they index.
        are_plain: none of `sources` is a relation, whose entries depend on the id only.
        defaulted: the columns in `sources` that have an indexed default.
        has_uniques: a unique value may depend on a written column.
        compared: the fields to compare: the written ones, then those that index entries depend on,
            then the list of entries of rom 1.x, even where it was missing.
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
    has_uniques = bool(schema.uniques) and (
        schema.soft_delete in names
        or any(u.made_by or not names.isdisjoint(u.columns) for u in schema.uniques)
    )
    rest = frozenset([INDEX_DATA]).union(*(index.own for index in indexes))
    compared = (*written, *sorted(rest - names - {schema.primary}))
    sources = frozenset(index.source for index in indexes)
    are_plain = sources.isdisjoint(schema.references)
    defaulted = tuple(sources & schema.indexed_defaults.keys())
    return _Concern(indexes, sources, are_plain, defaulted, has_uniques, compared)


def _claims(unique: Unique, row: Raw, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Return the unique values of a row by one constraint."""
    made_by = unique.made_by
    if made_by is not None and unique.unless in row:
        return ()
    return unique.claims(row) if made_by is None else _made(made_by, TrackingMapping(values))


def _made(made_by: ColumnIndex, values: Mapping[str, Any]) -> tuple[bytes, ...]:
    word = made_by.unique_word(values)
    return () if word is None else (word,)


def _plan_with_list(change: Change) -> Write:
    """Return the write for a row that has the list of entries of rom 1.x, or must get one.

    The list may name entries that no value implies any longer. So the write covers all entries, and
    compares the whole row.
    """
    schema = change.schema
    before, after = _values_before(change), _values_after(change)
    old: Entries = {}
    if change.kind != 'insert':
        bare: Mapping[str, Any] = _bare_values(change) if _lacks_default(change) else before
        for index in schema.every_index:
            old.update(_old_entries(index, bare))
            old.update(_old_entries(index, before))
        # 1.x did not reliably remove or list geo entries, so any that may exist counts as old.
        for place in schema.places.values():
            old.setdefault((place.key, b''), b'')
    if INDEX_DATA in change.stored:
        listed = listed_entries(schema.keys, change.stored[INDEX_DATA])
        old.update((entry, score) for entry, score in listed.items() if entry not in old)
    new = _entries_in(schema.every_index, after) if change.kind != 'delete' else {}
    kept = list_entries(schema.keys, new) if schema.keep_index_data else None
    new_values: dict[str, bytes | None] = {}
    if change.kind != 'delete' and kept != change.stored.get(INDEX_DATA):
        new_values[INDEX_DATA] = kept
    # The entries that 1.x wrote may be wrong, so write every entry again.
    return _write(change._replace(full=True), old, new, set(schema.stored), new_values)


def _write(
    change: Change, old: Entries, new: Entries, read: set[str], extra: Mapping[str, bytes | None]
) -> Write:
    schema = change.schema
    released, claimed = _unique_changes(change, read)
    if change.expired:
        claimed = ()
    new_values: dict[str, bytes | None] = {**change.wanted, **extra}
    if change.kind == 'insert':
        new_values = {**present(new_values)}
        new_values.pop(schema.primary, None)
    gone, come = differences({**change.stale, **old}, new)
    if change.full or change.forced or _lacks_default(change):
        come = new
    return Write(
        change, _expected(change, new_values, read), new_values, gone, come, released, claimed
    )


def _expected(
    change: Change, new_values: Mapping[str, bytes | None], read: set[str]
) -> dict[str, bytes | None]:
    """Return the fields to compare: those written, those the outcome depends on, and 1.x's list.

    The list is compared even where it was missing, to notice one that 1.x has written since.
    """
    if change.kind == 'insert':
        return {}
    depends_on = read.union(change.depends_on, [INDEX_DATA])
    others = sorted(depends_on - new_values.keys() - {change.schema.primary})
    return {name: change.stored.get(name) for name in (*new_values, *others)}


def _entry_changes(change: Change, indexes: Sequence[Index]) -> tuple[Entries, Entries, set[str]]:
    """Return old entries, new entries and the columns they depend on, of an existing row.

    Of an update, only indexes count whose entries may change.
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
        # Other indexes read only their own column, so there is nothing to track.
        noting = (
            [TrackingMapping(before), TrackingMapping(after)] if index.depends_on_others else []
        )
        seen_before, seen_after = noting or (before, after)
        if bare is not None:
            old.update(_old_entries(index, bare))
        old.update(_old_entries(index, seen_before))
        if change.kind != 'delete':
            new.update(index.entries(seen_after))
        read = read.union(index.own, *(seen.read for seen in noting))
    if bare is not None:
        read |= bare.read
    # Ignore names that are not stored columns; a keygen may ask for any name.
    return old, new, read & change.schema.in_rows


def _is_concerned(change: Change, index: Index, read: set[str]) -> bool:
    """Return whether an update writes a column that the index depends on.

    Adds the columns that a keygen reads to `read`, so that they are compared in any case: which
    columns it reads may depend on their values, and another writer may have changed those.
    """
    if not index.depends_on_others:
        return not index.own.isdisjoint(change.wanted)
    looked_at = index.own | _looked_at(change, index.entries)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def _looked_at(change: Change, makes: Callable[[Mapping[str, Any]], object]) -> set[str]:
    """Return the columns that a function reads of a row, before an update.

    Only a run of a keygen tells which columns it reads. A value that does not decode raises later,
    where the write depends on it.
    """
    seen = TrackingMapping(RowValues(change.schema, change.stored, _id_of(change), lenient=True))
    with suppress(InvalidColumnValue):
        makes(seen)
    return seen.read


def _old_entries(index: Index, values: Mapping[str, Any]) -> Entries:
    """Return the entries of old values; none where the keygen, changed since, fails on them."""
    try:
        return index.entries(values)
    except InvalidColumnValue:
        return {}


def _entries_in(indexes: Sequence[Index], values: Mapping[str, Any]) -> Entries:
    found: Entries = {}
    for index in indexes:
        found.update(index.entries(TrackingMapping(values) if index.depends_on_others else values))
    return found


def _values_before(change: Change) -> Mapping[str, Any]:
    lenient = change.forced or change.kind == 'delete'
    return RowValues(change.schema, change.stored, _id_of(change), lenient)


def _bare_values(change: Change) -> TrackingMapping:
    """Return the values of the row without defaults, as before a default was declared."""
    lenient = change.forced or change.kind == 'delete'
    known = _id_of(change)
    return TrackingMapping(BareValues(change.schema, change.stored, known, lenient))


def _values_after(change: Change) -> Mapping[str, Any]:
    known = {**change.values, **_id_of(change)}
    return RowValues(change.schema, change.stored, known, change.forced, change.wanted)


def _id_of(change: Change) -> dict[str, int]:
    schema = change.schema
    return {} if change.id is None else {schema.primary: schema.seen_id(change.id)}


def _unique_changes(change: Change, read: set[str]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Return the unique values to release and to claim; add their columns to `read`."""
    released, claimed = [], []
    concerned = [
        unique
        for unique in change.schema.uniques
        if change.kind != 'update' or change.full or _is_written(change, unique, read)
    ]
    outcome = change.outcome if concerned and change.kind != 'delete' else {}
    is_anew = change.full or change.forced or _lacks_default(change)
    for unique in concerned:
        if unique.unless is not None:
            read.add(unique.unless)
        if unique.made_by is None:
            read.update(unique.columns)
            before, after = unique.claims(change.stored), unique.claims(outcome)
            old = (*before, *unique.leftovers(change.stored))
        else:
            before, after = _made_values(change, unique.made_by, read)
            if unique.unless is not None:
                before = () if unique.unless in change.stored else before
                after = () if unique.unless in outcome else after
            old = before
        released += [(unique.key, value) for value in old if value not in after]
        # Claim all forms again, because a row of rom 1.x has claimed only one of two equal forms.
        if before != after or is_anew:
            claimed += [(unique.key, value) for value in after]
    released += [value for value in change.freed if value not in claimed and value not in released]
    return tuple(released), tuple(claimed)


def _is_written(change: Change, unique: Unique, read: set[str]) -> bool:
    """Return whether an update writes a column of a unique value; add what it reads to `read`."""
    if unique.unless is not None and unique.unless in change.wanted:
        return True
    if unique.made_by is None:
        return not change.wanted.keys().isdisjoint(unique.columns)
    looked_at = _looked_at(change, unique.made_by.unique_word)
    read |= looked_at
    return not looked_at.isdisjoint(change.wanted)


def _made_values(
    change: Change, index: ColumnIndex, read: set[str]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return the old and the new value of a unique IndexOnly; add their columns to `read`."""
    before, after = TrackingMapping(_values_before(change)), TrackingMapping(_values_after(change))
    old: tuple[bytes, ...] = ()
    new: tuple[bytes, ...] = ()
    if change.kind != 'insert':
        with suppress(InvalidColumnValue):  # a keygen, changed since, may fail on old values
            old = _made(index, before)
    if change.kind != 'delete':
        new = _made(index, after)
    read.update((before.read | after.read) & change.schema.in_rows)
    return old, new


def claims_of(uniques: Iterable[Unique], row: Raw, values: Mapping[str, Any]) -> list[Entry]:
    """Return the unique values that a row has, each with the key of its hash."""
    return [(unique.key, value) for unique in uniques for value in _claims(unique, row, values)]


def entries_in(schema: Schema, index: Index, id: int, stored: Raw) -> Entries:
    """Return the entries of a row in one index; a value that does not decode counts as None.

    Raises:
        InvalidColumnValue: the keygen failed.
    """
    known = {schema.primary: schema.seen_id(id)}
    return index.entries(RowValues(schema, stored, known, lenient=True))


def entries_of(schema: Schema, stored: Raw) -> Entries:
    """Return all index entries that a row implies.

    Raises:
        CorruptRowError: a value does not decode.
    """
    return _entries_in(schema.every_index, RowValues(schema, stored, {}, lenient=False))
