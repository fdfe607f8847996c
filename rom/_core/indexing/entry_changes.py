"""Pouring: the entries of many rows at once, an index at a time, and what changes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.compound_index import CompoundIndex
from rom._core.indexing.entry_lists import Members


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
            index.merge_rows(ids, afters, come)
            continue
        assert isinstance(index, ColumnIndex)  # existing rows have changes in these alone
        source = index.source
        values = [row[source] for row in afters]
        index.pour_changes(ids, [row[source] for row in befores], values, gone, come)
