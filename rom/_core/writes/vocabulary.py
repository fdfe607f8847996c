"""Vocabularies: the words that a commit adds to the vocabulary of ranked columns, or may remove.

The words follow from the keys of the postings that a commit writes. So an update that keeps a word
does not name it, unless the frequency or the length of the text changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rom._core.indexing.entry_lists import Members
from rom._core.schema import Schema


def vocabulary_changes(
    schemas: Iterable[Schema], come: Members, gone: Members | None
) -> dict[str, Any]:
    """Return the map for `lua/lib/vocabulary.lua`; {} without words.

    Args:
        schemas: models with ranked columns.
        come: the entries that the commit writes.
        gone: the entries that it removes; None: it removes nothing.
    """
    added: dict[bytes, list[bytes]] = {}
    removed: list[list[Any]] = []
    for schema in schemas:
        for index in schema.ranks.values():
            if words := index.words_of(come.zsets):
                added[index.vocabulary] = [part for word in words for part in (b'0', word)]
            if gone is not None and (words := index.words_of(gone.zsets)):
                removed.append([index.vocabulary, index.head, words])
    return {name: value for name, value in (('come', added), ('gone', removed)) if value}
