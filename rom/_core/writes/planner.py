"""Planning: turn the change of a row into a write. Pure.

A write contains only what changed, and compares only the columns that its outcome depends on. So
two writers may change different columns of a row at the same time.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from rom._core.encoding.legacy_entries import list_entries, listed_entries
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entries, differences
from rom._core.schema import INDEX_DATA, Schema
from rom._core.writes.changes import NO_ENTRIES, NOTHING, Change, Raw, Write, present
from rom._core.writes.decoded_row import RowValues
from rom._core.writes.entry_changes import entry_changes, implied_entries, old_entries
from rom._core.writes.row_values import bare_values, lacks_default, values_after, values_before
from rom._core.writes.unique_changes import unique_changes, unique_values


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
    if is_usual and change.kind == 'update' and not (has_defaults and lacks_default(change)):
        return _plan_update(change)
    old, new, read = entry_changes(change, change.schema.every_index)
    return _write(change, old, new, read, {})


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
    come = implied_entries(alone, after) if alone else NO_ENTRIES
    claimed = [
        (unique.key, value)
        for unique in (() if change.expired else schema.uniques)
        for value in unique_values(unique, row, after)
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
        old, new, read = entry_changes(change, schema.dependent_indexes)
        gone, come = differences(old, new)
    released, claimed = unique_changes(change, read) if concern.has_uniques else ((), ())
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
        _only(concern.sources, values_before(change)) if concern.indexes else None,
        _indexed_after(change, concern) if concern.indexes else None,
    )


def _only(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return some values of a row, decoded now, so that a commit keeps nothing else of its rows."""
    return {name: values[name] for name in names}


def _indexed_after(change: Change, concern: '_Concern') -> Mapping[str, Any]:
    values = change.values
    is_known = concern.are_plain and values.keys() >= concern.sources
    if is_known and not (concern.defaulted and _has_none(values, concern.defaulted)):
        return values
    return _only(concern.sources, values_after(change))


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


def _plan_with_list(change: Change) -> Write:
    """Return the write for a row that has the list of entries of rom 1.x, or must get one.

    The list may name entries that no value implies any longer. So the write covers all entries, and
    compares the whole row.
    """
    schema = change.schema
    before, after = values_before(change), values_after(change)
    old: Entries = {}
    if change.kind != 'insert':
        bare: Mapping[str, Any] = bare_values(change) if lacks_default(change) else before
        for index in schema.every_index:
            old.update(old_entries(index, bare))
            old.update(old_entries(index, before))
        # 1.x did not reliably remove or list geo entries, so any that may exist counts as old.
        for place in schema.places.values():
            old.setdefault((place.key, b''), b'')
    if INDEX_DATA in change.stored:
        listed = listed_entries(schema.keys, change.stored[INDEX_DATA])
        old.update((entry, score) for entry, score in listed.items() if entry not in old)
    new = implied_entries(schema.every_index, after) if change.kind != 'delete' else {}
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
    released, claimed = unique_changes(change, read)
    if change.expired:
        claimed = ()
    new_values: dict[str, bytes | None] = {**change.wanted, **extra}
    if change.kind == 'insert':
        new_values = {**present(new_values)}
        new_values.pop(schema.primary, None)
    gone, come = differences({**change.stale, **old}, new)
    if change.full or change.forced or lacks_default(change):
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
