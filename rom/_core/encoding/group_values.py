"""Unique values of groups of columns: one text for the values of all columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def group_value(parts: Iterable[bytes]) -> bytes:
    """Return the unique value of a group of columns, in the form of rom 1.x.

    >>> group_value([b'x', b'\\xff'])
    b'\\x00\\x00x\\x00\\x00\\x00\\xc3\\xbf'
    """
    return b'\0'.join(b'\0\0' + part for part in parts).decode('latin-1').encode('utf-8')


def unambiguous_value(parts: Sequence[bytes]) -> bytes:
    """Return the unique value of a group, in a form that differs for different parts.

    The form of rom 1.x separates the parts by NULs, so a part with a NUL is ambiguous. Then this
    uses another form, which has the length of each part.

    >>> unambiguous_value([b'x', b'y']) == group_value([b'x', b'y'])
    True
    >>> unambiguous_value([b'x\\0', b'y'])
    b'\\x012:x\\x001:y'
    """
    if b'\0' not in b''.join(parts):
        return group_value(parts)
    told = b''.join(b'%d:%b' % (len(part), part) for part in parts)
    return (b'\1' + told).decode('latin-1').encode('utf-8')
