"""Keygens: what to index of a value.

A keygen takes a column's value and returns what the index holds for it: a list of words, or a dict
that maps the name of a sub-index to a number ('' is the column's own). Nothing (None, or an
empty result) means no entries; an empty string has none.

Those of rom itself are listed here with their traits, which say how a query's words must be
prepared and what the entries can answer. A program's own keygen is any function of one argument.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Mapping
from types import FunctionType
from typing import NamedTuple, TypeAlias

from rom.encoding.scores import prefix_score

Keys: TypeAlias = 'Collection[str | bytes] | Mapping[str, float | str | None] | None'
Keygen: TypeAlias = Callable[..., Keys]


def FULL_TEXT(value: str | bytes | None) -> list[str] | None:
    """The words of a text: lower-cased, split at white space, ASCII punctuation stripped.

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
    """The whole value, as one word.

    >>> IDENTITY('New York')
    ['New York']
    """
    if not value:
        return None
    return [value if isinstance(value, bytes) else str(value)]


def IDENTITY_CI(value: str | bytes | None) -> list[str | bytes] | None:
    """The whole value, lower-cased.

    >>> IDENTITY_CI('New York')
    ['new york']
    """
    return IDENTITY(value.lower()) if value else None


def IDENTITY_STRING(value: str | bytes | None) -> list[str | bytes] | None:
    """The whole value of a `String` column, as bytes (text is written as latin-1).

    >>> IDENTITY_STRING('caf\\xe9')
    [b'caf\\xe9']
    """
    return IDENTITY(value.encode('latin-1') if isinstance(value, str) else value)


def IDENTITY_STRING_CI(value: str | bytes | None) -> list[str | bytes] | None:
    """The whole value of a `String` column, lower-cased.

    >>> IDENTITY_STRING_CI(b'ABC')
    [b'abc']
    """
    if not value:
        return None
    # Bytes are lower-cased, not text: only ASCII letters have a case here.
    return IDENTITY((value.encode('latin-1') if isinstance(value, str) else value).lower())


def SIMPLE(value: str | bytes | None) -> dict[str, str] | None:
    """A number by which strings sort: for `order_by`, not for look-ups.

    >>> SIMPLE('a')['']
    '2.0189796653424533e-306'
    """
    if not value:
        return None
    return {'': repr(prefix_score(value.decode('latin-1') if isinstance(value, bytes) else value))}


def SIMPLE_CI(value: str | bytes | None) -> dict[str, str] | None:
    """The same, for the lower-cased value.

    >>> SIMPLE_CI('A') == SIMPLE('a')
    True
    """
    return SIMPLE(value.lower()) if value else None


CASE_INSENSITIVE = SIMPLE_CI


class Traits(NamedTuple):
    """What is known of a keygen.

    Attributes:
        lowers: it lower-cases, so what a query asks for is lower-cased too.
        splits: one value may have several words, and a query's text is split the same way.
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
    """What is known of this keygen; of a program's own: that it may return anything."""
    if keygen is None:
        return Traits()
    return TRAITS[keygen] if isinstance(keygen, FunctionType) and keygen in TRAITS else _UNKNOWN
