"""Keygens: functions that make index entries from a column's value.

A keygen returns a list of words, or a dict that maps the name of a sub-index to a number ('' is the
column's own index). None or an empty result means no index entries; so does an empty string.

The keygens of rom are listed here with their traits: how the words of a query must be prepared, and
which queries the index entries can answer. Any other function of one argument is a keygen, too.
"""

import string
from collections.abc import Callable, Collection, Mapping
from types import FunctionType
from typing import NamedTuple, TypeAlias

from rom._core.encoding.scores import prefix_score

Keys: TypeAlias = 'Collection[str | bytes] | Mapping[str, float | str | None] | None'
Keygen: TypeAlias = Callable[..., Keys]


def FULL_TEXT(value: str | bytes | None) -> list[str] | None:
    """Return the words of a text: lower-cased, split at white space, ASCII punctuation stripped.

    >>> FULL_TEXT('The cat (and the Dog!)')
    ['and', 'cat', 'dog', 'the']
    """
    if value is None or value == '':
        return None
    text = value.decode('latin-1') if isinstance(value, bytes) else str(value)
    words = {word.strip(string.punctuation) for word in text.lower().split()}
    words.discard('')
    return sorted(words)


def IDENTITY(value: str | bytes | None) -> list[str | bytes] | None:
    """Return the whole value as one word.

    >>> IDENTITY('New York')
    ['New York']
    """
    if not value:
        return None
    return [value if isinstance(value, bytes) else str(value)]


def IDENTITY_CI(value: str | bytes | None) -> list[str | bytes] | None:
    """Return the whole value as one word, lower-cased.

    >>> IDENTITY_CI('New York')
    ['new york']
    """
    return IDENTITY(value.lower()) if value else None


def IDENTITY_STRING(value: str | bytes | None) -> list[str | bytes] | None:
    """Return the whole value of a `String` column, as bytes (text is encoded as latin-1).

    >>> IDENTITY_STRING('caf\\xe9')
    [b'caf\\xe9']
    """
    return IDENTITY(value.encode('latin-1') if isinstance(value, str) else value)


def IDENTITY_STRING_CI(value: str | bytes | None) -> list[str | bytes] | None:
    """Return the whole value of a `String` column, lower-cased.

    >>> IDENTITY_STRING_CI(b'ABC')
    [b'abc']
    """
    if not value:
        return None
    # Lower the bytes, not the text, so that only ASCII letters have a case.
    return IDENTITY((value.encode('latin-1') if isinstance(value, str) else value).lower())


def SIMPLE(value: str | bytes | None) -> dict[str, str] | None:
    """Return a number that sorts as the string does: for `order_by`, not for look-ups.

    >>> SIMPLE('a')['']
    '2.0189796653424533e-306'
    """
    if not value:
        return None
    return {'': repr(prefix_score(value.decode('latin-1') if isinstance(value, bytes) else value))}


def SIMPLE_CI(value: str | bytes | None) -> dict[str, str] | None:
    """Return the number of `SIMPLE` for the lower-cased value.

    >>> SIMPLE_CI('A') == SIMPLE('a')
    True
    """
    return SIMPLE(value.lower()) if value else None


CASE_INSENSITIVE = SIMPLE_CI


class Traits(NamedTuple):
    """The traits of a keygen, by which queries are prepared.

    Attributes:
        lowers: it lower-cases, so the values of a query are lower-cased, too.
        splits: one value may have several words, so the text of a query is split the same way.
        sorts: its number sorts values as strings.
        reads_bytes: its words are bytes.
    """

    lowers: bool = False
    splits: bool = False
    sorts: bool = False
    reads_bytes: bool = False


_UNKNOWN = Traits(splits=True)

TRAITS: Mapping[Keygen, Traits] = {
    FULL_TEXT: Traits(lowers=True, splits=True),
    IDENTITY: Traits(),
    IDENTITY_CI: Traits(lowers=True),
    IDENTITY_STRING: Traits(reads_bytes=True),
    IDENTITY_STRING_CI: Traits(lowers=True, reads_bytes=True),
    SIMPLE: Traits(sorts=True),
    SIMPLE_CI: Traits(sorts=True, lowers=True),
}


def traits(keygen: Keygen | None) -> Traits:
    """Return the traits of a keygen; one that rom does not know may return anything."""
    if keygen is None:
        return Traits()
    return TRAITS[keygen] if isinstance(keygen, FunctionType) and keygen in TRAITS else _UNKNOWN
