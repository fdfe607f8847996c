"""Entries: what a value implies in the indexes. Pure functions of the row.

All index keys have one form of member: something, then the id. A set of a word holds the bare id, a
numeric index the bare id with a score, a prefix index the value, a NUL and the id, with a score. So
an entry is (key, stem): the member is the stem and the id put together. Its score is None in a set.

As entries are worked out from values alone, nothing about them needs to be kept: the old ones
follow from the old values, and what a save must remove and add is a difference of two dicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rom.columns.base import Column
from rom.encoding.keygens import Keys as KeygenResult
from rom.encoding.keys import Keys
from rom.encoding.scores import prefix_score, write_score
from rom.encoding.text import as_bytes
from rom.exceptions import InvalidColumnValue

Entry: TypeAlias = tuple[bytes, bytes]
Entries: TypeAlias = dict[Entry, 'bytes | None']

Word: TypeAlias = 'str | bytes'


def prefix_stem(word: Word) -> bytes:
    """How a word stands in a prefix index, without the NUL and the id.

    >>> prefix_stem('é'), prefix_stem(b'\\xff')
    (b'\\xc3\\xa9', b'\\xff')
    """
    return as_bytes(word)


def whole_stem(value: Word) -> bytes:
    """How a whole value stands in the prefix index of a sorting keygen: bytes as latin-1 text.

    >>> whole_stem(b'\\xff')
    b'\\xc3\\xbf'
    """
    return as_bytes(value.decode('latin-1') if isinstance(value, bytes) else value)


def suffix_stem(word: Word) -> bytes:
    """How a word stands in a suffix index: text reversed by characters, bytes by bytes.

    Reversed bytes are written as latin-1 text is, as rom 1.x did; that keeps their order.

    >>> suffix_stem('né'), suffix_stem(b'n\\xff')
    (b'\\xc3\\xa9n', b'\\xc3\\xbfn')
    """
    return whole_stem(word[::-1])


@dataclass(frozen=True)
class ColumnIndex:
    """The indexes of one column of one model."""

    column: Column[Any]
    keys: Keys

    @property
    def depends_on_others(self) -> bool:
        """The keygen looks at other columns than its own."""
        return self.column.keygen2 is not None

    def entries(self, values: Mapping[str, Any]) -> Entries:
        """The entries of a row, given its columns' Python values.

        Raises:
            InvalidColumnValue: the keygen failed, or gave what no index can hold.
        """
        column = self.column
        try:
            if column.keygen2 is not None:
                found = column.keygen2(column.name, values)
                value = values.get(column.name)
            else:
                value = values.get(column.name)
                if value is None:
                    return {}
                found = column.keygen(value) if column.keygen else column.default_keys(value)
        except Exception as error:
            raise InvalidColumnValue(
                f'{self.keys.namespace}.{column.name}: the keygen failed on '
                f'{values.get(column.name)!r}: {error!r}'
            ) from error
        return dict(self._entries(found, value)) if found else {}

    def _entries(self, found: KeygenResult, value: Any) -> Iterator[tuple[Entry, bytes | None]]:
        words, numbers = self._sort_out(found)
        stem: Callable[[Word], bytes] = prefix_stem
        column, keys, name = self.column, self.keys, self.column.name
        if column.index:
            for word in words:
                yield (keys.word(name, word), b''), None
            for part, number in numbers:
                yield (keys.scores(f'{name}:{part}' if part else name), b''), number
        if column.traits.sorts:
            words, stem = [value.lower() if column.traits.lowers else value], whole_stem
        elif isinstance(found, Mapping):
            return
        if column.prefix:
            key = keys.prefixes(name)
            for word in words:
                yield (key, stem(word) + b'\0'), write_score(prefix_score(word))
        if column.suffix:
            key = keys.suffixes(name)
            for word in words:
                yield (key, suffix_stem(word) + b'\0'), write_score(prefix_score(word[::-1]))

    def _sort_out(self, found: Any) -> tuple[list[Word], list[tuple[str, bytes]]]:
        """A keygen's result as words, and as numbers by the name of their sub-index."""
        if isinstance(found, Mapping):
            words = [part for part, number in found.items() if number is None]
            numbers = [
                (part, self._score(number)) for part, number in found.items() if number is not None
            ]
            return words, numbers
        if isinstance(found, (list, tuple, set, frozenset)) and all(
            isinstance(word, (str, bytes)) for word in found
        ):
            return list(found), []
        raise InvalidColumnValue(
            f'{self.keys.namespace}.{self.column.name}: its keygen returned {found!r}; '
            'it must return a list of words (str or bytes), a dict of numbers, or None'
        )

    def _score(self, number: Any) -> bytes:
        score = float(number)
        if math.isnan(score):
            raise InvalidColumnValue(
                f'{self.keys.namespace}.{self.column.name}: NaN has no place in an index'
            )
        return write_score(score)


class NotingMapping(Mapping[str, Any]):
    """A row's values that notes which columns were looked at.

    A keygen that sees all columns depends on those it read: they are part of the race check, and
    when one of them changes the entries are worked out again.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.read.update(self._values)
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return name in self._values
