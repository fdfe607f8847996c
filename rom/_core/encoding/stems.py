"""Stems of strings: the beginnings of the members of prefix and suffix indexes.

The member is the stem, a NUL and the id.
"""

from __future__ import annotations

from typing import TypeAlias

from rom._core.encoding.text import as_bytes

Word: TypeAlias = 'str | bytes'


def prefix_stem(word: Word) -> bytes:
    """Return the stem of a word in a prefix index, without the NUL.

    >>> prefix_stem('é'), prefix_stem(b'\\xff')
    (b'\\xc3\\xa9', b'\\xff')
    """
    return as_bytes(word)


def whole_stem(value: Word) -> bytes:
    """Return the stem of a value in the prefix index of a sorting keygen: bytes as latin-1 text.

    >>> whole_stem(b'\\xff')
    b'\\xc3\\xbf'
    """
    return as_bytes(value.decode('latin-1') if isinstance(value, bytes) else value)


def suffix_stem(word: Word) -> bytes:
    """Return the stem of a word in a suffix index: text reversed by characters, bytes by bytes.

    Reversed bytes are written as latin-1 text, as in rom 1.x; that keeps their order.

    >>> suffix_stem('né'), suffix_stem(b'n\\xff')
    (b'\\xc3\\xa9n', b'\\xc3\\xbfn')
    """
    return whole_stem(word[::-1])


def bounds_of(head: bytes) -> tuple[bytes, bytes]:
    """Return the lexical range of all strings that start with a text.

    A member of an index is a string, a NUL and an id, and the index should be sorted by the
    string. Redis compares whole members, which gives the same order for bounds without a NUL. So
    the range uses only the part of *head* before a NUL, and the server compares each member.

    >>> bounds_of(b'ab'), bounds_of(b'a\\xff'), bounds_of(b'\\xff'), bounds_of(b'a\\x00b')
    ((b'[ab', b'(ac'), (b'[a\\xff', b'(b'), (b'[\\xff', b'+'), (b'[a', b'(b'))
    """
    head = head.partition(b'\0')[0]
    if not head:
        return b'-', b'+'
    stem = head.rstrip(b'\xff')
    after = b'(' + stem[:-1] + bytes([stem[-1] + 1]) if stem else b'+'
    return b'[' + head, after
