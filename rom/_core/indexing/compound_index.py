"""Compound indexes: for each value of one column, a sorted set of ids by a number of another.

An equality of the first column with a range or an order of the second one is then one range of one
sorted set, and its count is one ZCOUNT. `rom._core.query.compound_filters` has the queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import write_score
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entries


class CompoundIndex:
    """One compound index of one model.

    Args:
        first: the index of the first column, whose words or numbers name the sorted sets.
        second: the index of the second column, which has a number for each value.
        keys: the names of the model's keys.

    Attributes:
        name: the stored names of the columns, as in 'city+age'.
        own: the columns that the entries depend on.
    """

    __slots__ = ('_head', 'first', 'name', 'own', 'second')

    #: The entries follow from two columns, so a commit compares both.
    depends_on_others: ClassVar[bool] = True

    def __init__(self, first: ColumnIndex, second: ColumnIndex, keys: Keys) -> None:
        self.first, self.second = first, second
        self.name = keys.compound_name((first.column.name, second.column.name))
        self.own = first.own | second.own
        self._head = keys.compound(self.name, b'')[: -len(b':cidx')]

    def key(self, value: bytes) -> bytes:
        """Return the key of a value of the first column: a word, or a number as digits."""
        return self._head + value + b':cidx'

    def entries(self, values: Mapping[str, Any]) -> Entries:
        """Return the entries of a row, from the Python values of its columns.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        scores = list(self.second.entries(values).values())
        if not scores:
            return {}
        return {(self.key(value), b''): scores[0] for value in self._values(values)}

    def _values(self, values: Mapping[str, Any]) -> Iterator[bytes]:
        """Yield the values of the first column as they are in keys."""
        first = self.first
        for (key, _), score in first.entries(values).items():
            if first.is_number:
                assert score is not None
                yield write_score(float(score))
            elif first.has_word(key):
                yield first.word_in(key)
