"""The names of a model's keys in Redis: the layout of rom 1.x data, and `live`, which is new."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from rom._core.encoding.text import as_bytes


class _Names(NamedTuple):
    namespace: str
    primary: str
    #: Columns with another name in Redis than their attribute, as (attribute, stored name).
    renamed: tuple[tuple[str, str], ...] = ()
    #: The namespace that programs see, if these are the keys of one of its partitions.
    whole: str | None = None


class Keys(_Names):
    """The keys of one model.

    >>> keys = Keys('users', 'id')
    >>> keys.row(5), keys.counter, keys.word('name', 'cat')
    (b'users:5', b'users:id:', b'users:name:cat:idx')
    """

    @property
    def seen(self) -> str:
        """The namespace in errors."""
        return self.namespace if self.whole is None else self.whole

    @cached_property
    def _stored_names(self) -> dict[str, str]:
        return dict(self.renamed)

    @cached_property
    def _attributes(self) -> dict[str, str]:
        return {stored: attribute for attribute, stored in self.renamed}

    def stored_name(self, column: str) -> str:
        """Return the name of a column, or of its sub-index as in `col:x`, in rows and keys.

        >>> Keys('users', 'id', (('nick', 'alias'),)).stored_name('nick')
        'alias'
        """
        if not self.renamed:
            return column
        name, colon, part = column.partition(':')
        return self._stored_names.get(name, name) + colon + part

    def attribute(self, stored: str) -> str:
        """Return the attribute of a column with this name in rows and keys."""
        return self._attributes.get(stored, stored)

    def field(self, column: str) -> bytes:
        """Return the field of a column in rows."""
        return as_bytes(self.stored_name(column))

    @cached_property
    def head(self) -> bytes:
        """Prefix of every key of the model."""
        return as_bytes(self.namespace) + b':'

    @cached_property
    def counter(self) -> bytes:
        """String: the last id taken."""
        return self.head + as_bytes(self.primary) + b':'

    @cached_property
    def live(self) -> bytes:
        """Bitmap: the live bitmap, a bit for each id that has a row."""
        return self.counter + b'live'

    @cached_property
    def live_draft(self) -> bytes:
        """Bitmap: the live bitmap while it is being built for data that has none."""
        return self.live + b':draft'

    @cached_property
    def indexes(self) -> bytes:
        """String: the fingerprint, the indexes that the stored data has."""
        return self.counter + b'indexes'

    @cached_property
    def reindexing(self) -> bytes:
        """String: the progress of a reindex; deleted when the reindex is done."""
        return self.counter + b'reindex'

    @cached_property
    def migrations(self) -> bytes:
        """Hash: the record of each migration that was begun, as JSON by its name."""
        return self.counter + b'migrations'

    @cached_property
    def listed(self) -> bytes:
        """Hash: lists of index entries by id; early rom 1.x kept them here, not in the rows."""
        return self.head + b':'

    @cached_property
    def epochs(self) -> bytes:
        """String: the epochs: which server process gave ids, since when and from which id."""
        return self.counter + b'epochs'

    @cached_property
    def attempts(self) -> bytes:
        """Prefix of strings that expire after three minutes: the notes of attempts."""
        return self.counter + b'done:'

    def cached(self, token: bytes) -> bytes:
        """Sorted set that expires: the ids that a query found, by their position in its order."""
        return self.counter + b'cached:' + token

    def row(self, id: int | bytes) -> bytes:
        """Hash: an entity's columns."""
        return self.head + (id if isinstance(id, bytes) else b'%d' % id)

    def unsafe(self, id: int | bytes, column: str) -> bytes:
        """Any type: the data of an entity's UnsafeColumn."""
        return self.row(id) + b':' + as_bytes(column)

    def word(self, column: str, word: str | bytes) -> bytes:
        """Set: the ids that have the word. (A sub-index's sorted set has the same form.)"""
        return self.words(column) % as_bytes(word)

    def words(self, column: str) -> bytes:
        """Template of the keys of a column's words.

        >>> Keys('users', 'id').words('name') % b'cat'
        b'users:name:cat:idx'
        """
        return (self.head + self.field(column)).replace(b'%', b'%%') + b':%b:idx'

    def scores(self, column: str) -> bytes:
        """Sorted set: id by number. `column` may name a sub-index, as in `col:x`."""
        return self.head + self.field(column) + b':idx'

    def prefixes(self, column: str) -> bytes:
        """Sorted set: value, NUL, id."""
        return self.head + self.field(column) + b':pre'

    def suffixes(self, column: str) -> bytes:
        """Sorted set: reversed value, NUL, id."""
        return self.head + self.field(column) + b':suf'

    def postings(self, column: str, term: str) -> bytes:
        """Sorted set: id by frequency and length, of a word in a ranked column."""
        return self.head + self.field(column) + b':' + as_bytes(term) + b':tf'

    def lengths(self, column: str, digit: bytes) -> bytes:
        """Set: the ids whose text in a ranked column has a length with this binary digit."""
        return self.head + self.field(column) + b':' + digit + b':len'

    def vocabulary(self, column: str) -> bytes:
        """Sorted set: all words of a ranked column, with the score 0."""
        return self.head + self.field(column) + b':voc'

    def geo(self, name: str) -> bytes:
        """Sorted set: id by geohash."""
        return self.head + as_bytes(name) + b':geo'

    def compound_name(self, columns: Sequence[str]) -> str:
        """Return the name of a compound index: the stored names of its columns."""
        return '+'.join(map(self.stored_name, columns))

    def compound(self, name: str, value: bytes) -> bytes:
        """Sorted set: id by the number of the second column, for a value of the first one.

        >>> Keys('users', 'id').compound('city+age', b'Oslo')
        b'users:city+age:Oslo:cidx'
        """
        return self.head + as_bytes(name) + b':' + value + b':cidx'

    def group(self, columns: Sequence[str]) -> bytes:
        """Name of a group of columns: the stored names, sorted."""
        return as_bytes(':'.join(sorted(map(self.stored_name, columns))))

    def unique(self, columns: Sequence[str]) -> bytes:
        """Hash: unique value to id; for a group of columns, their names sorted."""
        return self.head + self.group(columns) + b':uidx'


def hash_tag(key: bytes) -> bytes:
    """Return the part of a key between braces, which decides its slot on a cluster; or b''.

    >>> hash_tag(b'{users}:5'), hash_tag(b'users:5'), hash_tag(b'{}users:5')
    (b'users', b'', b'')
    """
    start = key.find(b'{')
    end = key.find(b'}', start + 1)
    return key[start + 1 : end] if 0 <= start < end else b''
