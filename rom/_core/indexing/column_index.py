"""Index entries that the values of a row imply. Pure functions of the row.

Each member of an index key is a stem followed by the id. The set of a word and a numeric index have
an empty stem; in a prefix index the stem is the value and a NUL. Sorted sets add a score.

Because index entries follow from values, rom stores no list of them. The old ones follow from the
old values, and a save removes and adds the difference of the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NoReturn

from rom._core.columns.base import Column
from rom._core.encoding.keygens import IDENTITY, TRAITS, Keygen, traits
from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import (
    PREFIX_BYTES,
    nearest_double,
    write_score,
    written_prefix_score,
)
from rom._core.encoding.stems import Word, suffix_stem, whole_stem
from rom._core.encoding.text import NoUTF8, as_bytes, show
from rom._core.indexing.entry_lists import Entries, Members
from rom.exceptions import InvalidColumnValue, ORMError


def _score_of(raw: bytes) -> bytes:
    return written_prefix_score(raw[:PREFIX_BYTES])


_SOMETHING: Mapping[str, None] = MappingProxyType({'': None})


def _is_there(value: Any) -> Mapping[str, None] | None:
    """Return a stand-in for the result of a sorting keygen, without computing its number."""
    return _SOMETHING if value else None


def _of_indexed(keygen: Keygen, indexed: Callable[[Any], Any]) -> Keygen:
    """Return a keygen of a column whose values are indexed in another form."""
    return lambda value: keygen(indexed(value))


class ColumnIndex:
    """The indexes of one column of one model.

    There is one object for each indexed column of a model, so that everything that follows from the
    declaration is computed once.

    Attributes:
        column: the column.
        keys: the names of the model's keys.
        own: the columns that the entries depend on, whatever the keygen reads.
        source: the column whose value is indexed; `sources` has it alone.
        depends_on_others: the keygen reads other columns than its own.
        may_read_any: the keygen gets all columns, so it may read any.
        is_number: each value is one number.
        numbers_key: the key of the numeric index.
    """

    __slots__ = (
        '_head', '_indexed', '_is_index_alone', '_is_stored', '_is_word', '_keys_of',
        '_number_of', '_prefixes_key', '_suffixes_key', '_take', '_traits', 'column',
        'depends_on_others', 'is_number', 'keys', 'may_read_any', 'numbers_key', 'own', 'source',
        'sources',
    )  # fmt: skip

    def __init__(self, column: Column[Any], keys: Keys) -> None:
        name = column.name
        self.column, self.keys = column, keys
        self.own = frozenset((name,))
        self.depends_on_others = column.keygen2 is not None
        self.may_read_any = self.depends_on_others and column.source == name
        self.source, self._is_stored = column.source, column.is_stored
        self.sources = (column.source,)
        self._take = itemgetter(column.source)
        self.is_number = column.is_numeric and column.keygen is None
        self._number_of = column.number if self.is_number else None
        self._traits = traits(column.keygen)
        self._is_index_alone = column.index and not (column.prefix or column.suffix)
        # The only word is the text itself.
        is_whole = column.keygen is IDENTITY and column.indexes_itself
        self._is_word = is_whole and self._is_index_alone
        # Only `index` needs the number of a sorting keygen; prefix and suffix use the value.
        needs_no_number = self._traits.sorts and not column.index
        # Most columns index the value itself, and make no call for that.
        self._indexed = None if column.indexes_itself else column.indexed
        keygen = column.keygen
        if keygen is not None and self._indexed is not None:
            keygen = _of_indexed(keygen, self._indexed)
        self._keys_of = _is_there if needs_no_number else keygen or column.default_keys
        self._head = keys.head + keys.field(name) + b':'
        self.numbers_key = keys.scores(name)
        self._prefixes_key = keys.prefixes(name)
        self._suffixes_key = keys.suffixes(name)

    def add_rows(
        self, ids: Iterable[bytes], rows: Iterable[Mapping[str, Any]], into: Members
    ) -> None:
        """Add the entries of many rows, given as the Python values of their columns.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        self.add_values(ids, map(self._take, rows), into)

    def add_values(self, ids: Iterable[bytes], values: Iterable[Any], into: Members) -> None:
        """Add the entries of many rows.

        Args:
            ids: the ids of the rows, as bytes.
            values: the value of each row in the indexed column.
            into: the members to which the entries are added.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        if self._number_of is not None:
            self._add_numbers(self._number_of, ids, values, into)
            return
        keys_of, is_stored, is_word = self._keys_of, self._is_stored, self._is_word
        sets, head = into.sets, self._head
        for id, value in zip(ids, values, strict=True):
            # As in rom 1.x, the keygen of a stored column is not called for None.
            if value is None and is_stored:
                continue
            # The code below would do the same for these texts, with five calls for each.
            if is_word and value and type(value) is str and value.isascii():
                sets[head + value.encode() + b':idx'].append(id)
                continue
            try:
                found = keys_of(value)
            except ORMError:
                raise
            except Exception as error:
                raise self._failed(value, error) from error
            if found:
                self._add(id, found, value, into)

    def _add_numbers(
        self,
        number_of: Callable[[Any], float],
        ids: Iterable[bytes],
        values: Iterable[Any],
        into: Members,
    ) -> None:
        """Add the entries of many rows, for a column with one number for each value."""
        pairs: list[bytes] = []
        value: Any = None
        try:
            for id, value in zip(ids, values, strict=True):
                if value is None:
                    continue
                number = number_of(value)
                # This is `_score` for most numbers, without a call for each.
                is_usual = type(number) is float and number == number
                pairs += (repr(number).encode() if is_usual else self._score(number), id)
        except ORMError:
            raise
        except Exception as error:
            raise self._failed(value, error) from error
        if pairs:
            into.zsets[self.numbers_key] += pairs

    def number_score(self, value: Any) -> bytes:
        """Return the score of a value of a column with one number for each value.

        Raises:
            InvalidColumnValue: no index can hold it.
        """
        assert self._number_of is not None
        return self._number_score(self._number_of, value)

    def _number_score(self, number_of: Callable[[Any], float], value: Any) -> bytes:
        try:
            number = number_of(value)
            is_usual = type(number) is float and number == number
            return repr(number).encode() if is_usual else self._score(number)
        except ORMError:
            raise
        except Exception as error:
            raise self._failed(value, error) from error

    def _old_score(self, number_of: Callable[[Any], float], value: Any) -> bytes | None:
        try:
            return self._number_score(number_of, value)
        except InvalidColumnValue:
            return None

    def add_changes(
        self,
        ids: Sequence[bytes],
        befores: Sequence[Any],
        afters: Sequence[Any],
        removed: Members,
        added: Members,
    ) -> None:
        """Add the entries of many rows that are to be removed, and those to be added.

        An entry with another score counts as added. An old value on which the keygen, changed
        since, fails has no entries.

        Raises:
            CorruptRowError: an old value does not decode.
            InvalidColumnValue: the keygen failed on a new value.
        """
        if self._number_of is not None:
            self._add_changed_numbers(self._number_of, ids, befores, afters, removed, added)
            return
        old, new = self._old_members(ids, befores), Members()
        self.add_values(ids, afters, new)
        added.take_over(old, new, removed)

    def _add_changed_numbers(
        self,
        number_of: Callable[[Any], float],
        ids: Sequence[bytes],
        befores: Sequence[Any],
        afters: Sequence[Any],
        removed: Members,
        added: Members,
    ) -> None:
        """Add changes for a column with one number for each value, whose members are bare ids."""
        joined: list[bytes] = []
        left: list[bytes] = []
        for id, before, after in zip(ids, befores, afters, strict=True):
            old = None if before is None else self._old_score(number_of, before)
            new = None if after is None else self._number_score(number_of, after)
            if new is None:
                if old is not None:
                    left += (old, id)
            elif new != old:
                joined += (new, id)
        if left:
            removed.zsets[self.numbers_key] += left
        if joined:
            added.zsets[self.numbers_key] += joined

    def _old_members(self, ids: Sequence[bytes], values: Sequence[Any]) -> Members:
        try:
            old = Members()
            self.add_values(ids, values, old)
        except InvalidColumnValue:
            old = Members()
            for id, value in zip(ids, values, strict=True):
                with suppress(InvalidColumnValue):
                    self.add_values((id,), (value,), old)
        return old

    def entries(self, values: Mapping[str, Any]) -> Entries:
        """Return the entries of one row, from the Python values of its columns.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something that no index can hold.
        """
        value = values[self.source]
        if value is None and self._is_stored:
            return {}
        found = self._found(value, values)
        return self.entries_of(found, value) if found else {}

    def entries_of(self, found: Any, value: Any) -> Entries:
        """Return the entries of what a keygen gave of a value.

        Raises:
            InvalidColumnValue: no index can hold it.
        """
        alone = Members()
        self._add(b'', found, value, alone)
        return alone.entries()

    def found(self, value: Any) -> Any:
        """Return what the keygen of a single column gives of a value; None where it is not asked.

        Raises:
            InvalidColumnValue: the keygen failed.
        """
        return None if value is None and self._is_stored else self._found(value, {})

    def score_of(self, value: Any) -> float:
        """Return the score of a value that stands for one number.

        Raises:
            InvalidColumnValue: no index can hold it.
        """
        number = self._number_of(value) if self._number_of is not None else math.nan
        return number if type(number) is float and number == number else float(self._score(number))

    def unique_word(self, values: Mapping[str, Any]) -> bytes | None:
        """Return the unique value of an IndexOnly: the first word of its keygen, or None.

        Raises:
            InvalidColumnValue: the keygen failed, or returned something other than words.
        """
        found = self._found(values[self.column.source], values)
        if not found:
            return None
        if not isinstance(found, (list, tuple, set, frozenset)):
            self._refuse(found)
        words = [word if isinstance(word, (str, bytes)) else self._refuse(found) for word in found]
        try:
            encoded = [as_bytes(word) for word in words]
        except NoUTF8 as error:
            raise self._unwritable(error) from None
        # As with all unique values, an empty one claims nothing.
        return (min(encoded) if isinstance(found, (set, frozenset)) else encoded[0]) or None

    def _found(self, value: Any, values: Mapping[str, Any]) -> Any:
        """Return the result of the keygen."""
        column = self.column
        try:
            if column.keygen2 is not None:
                return column.keygen2(column.name, values)
            return self._keys_of(value)
        except ORMError:
            raise
        except Exception as error:
            raise self._failed(value, error) from error

    def _failed(self, value: Any, error: Exception) -> InvalidColumnValue:
        return InvalidColumnValue(
            f'{self.keys.seen}.{self.column.name}: the keygen failed on {show(value)}: {error!r}'
        )

    def _unwritable(self, error: NoUTF8) -> InvalidColumnValue:
        return InvalidColumnValue(
            f'{self.keys.seen}.{self.column.name}: a word that its keygen returned: {error}'
        )

    def _add(self, id: bytes, found: Any, value: Any, into: Members) -> None:
        """Add the entries of a keygen's result."""
        try:
            if type(found) is list or isinstance(found, (tuple, set, frozenset, list)):
                self._add_words(id, found, into)
            elif isinstance(found, (dict, Mapping)):
                self._add_mapping(id, found, value, into)
            else:
                self._refuse(found)
        except NoUTF8 as error:
            raise self._unwritable(error) from None

    def _add_words(self, id: bytes, found: Collection[Any], into: Members) -> None:
        column, head = self.column, self._head
        if self._is_index_alone:
            for word in found:
                if type(word) is not str and not isinstance(word, (str, bytes)):
                    self._refuse(found)
                into.sets[head + as_bytes(word) + b':idx'].append(id)
            return
        for word in found:
            if not isinstance(word, (str, bytes)):
                self._refuse(found)
            raw = as_bytes(word)
            if column.index:
                into.sets[head + raw + b':idx'].append(id)
            if column.prefix:
                into.zsets[self._prefixes_key] += (_score_of(raw), raw + b'\0' + id)
            if column.suffix:
                turned = raw[::-1] if raw.isascii() else suffix_stem(word)  # most are ASCII
                scored = turned if isinstance(word, str) else raw[::-1]
                into.zsets[self._suffixes_key] += (_score_of(scored), turned + b'\0' + id)

    def _add_mapping(self, id: bytes, found: Mapping[str, Any], value: Any, into: Members) -> None:
        """Add numbers by the name of their sub-index; a name without a number is a word."""
        if self.column.index:
            for part, number in found.items():
                if not isinstance(part, (str, bytes)):
                    self._refuse(found)
                if number is None:
                    into.sets[self._word_key(part)].append(id)
                else:
                    key = self._word_key(part) if part else self.numbers_key
                    into.zsets[key] += (self._score(number), id)
        if self._traits.sorts:
            self._add_whole(id, value, into)

    def _add_whole(self, id: bytes, value: Word, into: Members) -> None:
        """Add the whole value to the prefix and suffix indexes of a sorting keygen."""
        # Reverse before lower(), as rom 1.x does: lower() may change the number of characters.
        if self._indexed is not None:
            value = self._indexed(value)
        backwards = value[::-1]
        if self._traits.lowers:
            value, backwards = value.lower(), backwards.lower()
        if self.column.prefix:
            stem, score = whole_stem(value), _score_of(as_bytes(value))
            into.zsets[self._prefixes_key] += (score, stem + b'\0' + id)
        if self.column.suffix:
            stem, score = whole_stem(backwards), _score_of(as_bytes(backwards))
            into.zsets[self._suffixes_key] += (score, stem + b'\0' + id)

    @property
    def is_equalled(self) -> bool:
        """True if the entries of a value are those that a filter for the value looks up."""
        keygen = self.column.keygen
        is_own = keygen is None or (keygen in TRAITS and not self._traits.sorts)
        return is_own and not self.depends_on_others

    def has_word(self, key: bytes) -> bool:
        """Return whether a key is that of the set of a word."""
        is_long = len(key) >= len(self._head) + len(b':idx')
        return is_long and key.startswith(self._head) and key.endswith(b':idx')

    def word_in(self, key: bytes) -> bytes:
        """Return the word whose ids the key of a set holds, as Oslo of `users:city:Oslo:idx`."""
        return key[len(self._head) : -len(b':idx')]

    def _word_key(self, word: Word) -> bytes:
        return self._head + as_bytes(word) + b':idx'

    def _refuse(self, found: Any) -> NoReturn:
        raise InvalidColumnValue(
            f'{self.keys.seen}.{self.column.name}: its keygen returned {show(found)}; '
            'expected a list of words (str or bytes), a dict of numbers, or None'
        )

    def _score(self, number: Any) -> bytes:
        if type(number) is float and not math.isnan(number):
            return repr(number).encode('ascii')
        try:
            score = nearest_double(number) if isinstance(number, int) else float(number)
        except (TypeError, ValueError, OverflowError):
            score = math.nan
        if math.isnan(score):
            raise InvalidColumnValue(
                f'{self.keys.seen}.{self.column.name}: expected a number to index, '
                f'got {show(number)}'
            )
        return write_score(score)
