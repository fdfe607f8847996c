"""Compound indexes: for each value of one column, a sorted set of ids by a number of another.

An equality of the first column with a range or an order of the second one is then one range of one
sorted set, and its count is one ZCOUNT. `rom._core.query.compound_filters` has the queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import write_score
from rom._core.encoding.text import show
from rom._core.indexing.column_index import ColumnIndex
from rom._core.indexing.entry_lists import Entries, Members
from rom.exceptions import ColumnError


def number_in_key(score: bytes) -> bytes:
    """Return a number as it is in keys: equal numbers have one form.

    >>> number_in_key(b'-0.0'), number_in_key(b'5')
    (b'0.0', b'5.0')
    """
    return write_score(float(score) + 0.0)


# Values of these types are compared by what they are, so that their keys can be kept.
_PLAIN: Final = frozenset((str, bytes, int, float, bool))
#: The number of values whose keys an index keeps.
_MOST_KEPT: Final = 4096


class CompoundIndex:
    """One compound index of one model.

    Args:
        first: the index of the first column, whose words or numbers name the sorted sets.
        second: the index of the second column, which has a number for each value.
        keys: the names of the model's keys.

    Attributes:
        name: the stored names of the columns, as in 'city+age'.
        own: the columns that the entries depend on.
        sources: the columns whose values are indexed.
    """

    __slots__ = ('_head', '_kept', 'first', 'name', 'own', 'second', 'sources')

    #: No keygen reads further columns.
    depends_on_others: ClassVar[bool] = False

    def __init__(self, first: ColumnIndex, second: ColumnIndex, keys: Keys) -> None:
        self.first, self.second = first, second
        self.name = keys.compound_name((first.column.name, second.column.name))
        self.own = first.own | second.own
        self.sources = (first.source, second.source)
        self._head = keys.compound(self.name, b'')[: -len(b':cidx')]
        self._kept: dict[object, tuple[bytes, ...]] = {}

    def key(self, value: bytes) -> bytes:
        """Return the key of a value of the first column: a word, or a number as digits."""
        return self._head + value + b':cidx'

    def entries(self, values: Mapping[str, Any]) -> Entries:
        """Return the entries of a row, from the Python values of its columns.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        first, second = self.sources
        number = values[second]
        if number is None:
            return {}
        score = self.second.number_score(number)
        return dict.fromkeys([(key, b'') for key in self._keys_of(values[first])], score)

    def add_rows(
        self, ids: Iterable[bytes], rows: Iterable[Mapping[str, Any]], into: Members
    ) -> None:
        """Add the entries of many rows.

        Args:
            ids: the ids of the rows, as bytes.
            rows: the Python values of each row.
            into: the members to which the entries are added.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        (first, second), zsets, number_score = self.sources, into.zsets, self.second.number_score
        for id, row in zip(ids, rows, strict=True):
            number = row[second]
            if number is not None:
                score = number_score(number)
                for key in self._keys_of(row[first]):
                    zsets[key] += (score, id)

    def _keys_of(self, value: Any) -> tuple[bytes, ...]:
        """Return the keys of the sorted sets for a value of the first column."""
        if type(value) not in _PLAIN:
            return self._new_keys(value)
        keys = self._kept.get(value)
        if keys is None:
            keys = self._new_keys(value)
            if len(self._kept) < _MOST_KEPT:
                self._kept[value] = keys
        return keys

    def _new_keys(self, value: Any) -> tuple[bytes, ...]:
        first = self.first
        entries = first.entries({first.source: value})
        if first.is_number:
            return tuple(self.key(number_in_key(score or b'')) for score in entries.values())
        words = [first.word_in(key) for key, _ in entries if first.has_word(key)]
        return tuple(map(self.key, words))


def compounds_of(
    name: str, keys: Keys, indexes: Mapping[str, ColumnIndex], declared: object
) -> tuple[CompoundIndex, ...]:
    """Return the compound indexes that a class body declares.

    Args:
        name: the class's name.
        keys: the names of the model's keys.
        indexes: the indexes by column.
        declared: the value of `compound_index`, or None.

    Raises:
        ColumnError: the declaration is invalid; the message names the pair.
    """
    found: dict[str, CompoundIndex] = {}
    for first, second in _pairs(name, declared):
        where = f'{name}.compound_index, ({first!r}, {second!r})'
        for column in (first, second):
            if column not in indexes or not indexes[column].column.index:
                raise ColumnError(
                    f'{where}: expected columns of the model with index=True, got {column!r}'
                )
        if first == second:
            raise ColumnError(f'{where}: expected two columns')
        if not indexes[first].is_equalled:
            raise ColumnError(
                f'{where}: the keygen of {first!r} must give words that are known without running '
                'it: use IDENTITY, or a column without a keygen'
            )
        if not indexes[second].is_number:
            raise ColumnError(
                f'{where}: the index of {second!r} has no numbers, which give the order; name a '
                'numeric or date column without a keygen'
            )
        index = CompoundIndex(indexes[first], indexes[second], keys)
        if index.name in found:
            raise ColumnError(f'{where} is declared twice; drop one')
        found[index.name] = index
    return tuple(found.values())


def _pairs(name: str, declared: object) -> list[tuple[str, str]]:
    if declared is None:
        return []
    pairs = list(declared) if isinstance(declared, (list, tuple)) else []
    is_well = pairs and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and all(isinstance(column, str) for column in pair)
        for pair in pairs
    )
    if not is_well and declared not in ([], ()):
        raise ColumnError(
            f'{name}.compound_index: expected a list of pairs of column names, as in '
            f"[('city', 'age')], got {show(declared)}"
        )
    return [(first, second) for first, second in pairs]
