"""Conversions between text and bytes, and short, printable text for messages."""

from __future__ import annotations

from collections.abc import Iterable

from rom.exceptions import InvalidColumnValue

# The most characters of a value that a message shows. A message quotes two or three values.
_SHOWN = 100
# The same for a part of a longer message, such as a name.
_SHOWN_OF_NAME = 60
_SHOWN_OF_NAMES = 200


class NoUTF8(InvalidColumnValue):
    """Text that UTF-8 cannot store."""


def as_bytes(value: str | bytes) -> bytes:
    """Encode text as UTF-8; return bytes unchanged.

    Raises:
        InvalidColumnValue: the text holds a lone surrogate, which UTF-8 cannot store.

    >>> as_bytes('é'), as_bytes(b'\\xff')
    (b'\\xc3\\xa9', b'\\xff')
    """
    if type(value) is bytes:
        return value
    try:
        return value.encode('utf-8') if type(value) is str else _binary(value)
    except UnicodeEncodeError as error:
        raise NoUTF8(
            f'{show(value)} holds a lone surrogate at position {error.start}, '
            'which UTF-8 cannot store; replace or remove it'
        ) from None


def _binary(value: str | bytes) -> bytes:
    import six  # imported late, because few programs pass subclasses of str or bytes

    return six.ensure_binary(value, 'utf-8')


def show(value: object) -> str:
    """Return the repr of any value for a message, shortened and escaped.

    Messages reach logs and terminals, and the value may be hostile. So the result has at most 100
    characters, and no control characters.

    >>> show('x'), len(show('x' * 10_000)), show(10**5000)
    ("'x'", 100, '<an int>')
    """
    kind = type(value)
    try:
        # Slice first: the repr of a long string would copy all of it.
        shown = repr(value[: _SHOWN + 1] if kind is str or kind is bytes else value)  # type: ignore[index]
    except Exception:
        # An int with too many digits, lists nested too deep, or a __repr__ with a bug.
        return f'<{"an" if type(value).__name__[0] in "aeiou" else "a"} {type(value).__name__}>'
    return shorten(shown, _SHOWN)


def show_name(name: str) -> str:
    """Return a name for a message, without quotes: shortened and escaped.

    >>> show_name('age'), show_name('a' + chr(27)), len(show_name('x' * 10_000))
    ('age', 'a\\\\x1b', 60)
    """
    return shorten(name, _SHOWN_OF_NAME)


def shorten(text: str, most: int) -> str:
    """Return at most `most` characters of a text, with unprintable ones escaped.

    >>> shorten('a' + chr(10) + 'b', 100), shorten('abcdefgh', 7)
    ('a\\\\nb', 'abc ...')
    """
    head = text[: most + 1]
    if not head.isprintable():
        head = ''.join(map(_printable, head))
    return head if len(head) <= most else head[: most - 4] + ' ...'


def show_names(names: Iterable[str]) -> str:
    """Return the names of columns, models or files for a message, in at most 200 characters.

    >>> show_names(['id', 'name']), len(show_names(map(str, range(1000))))
    ('id, name', 200)
    """
    return shorten(', '.join(names), _SHOWN_OF_NAMES)


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def as_text(value: str | bytes) -> str:
    """Decode bytes as UTF-8, with surrogates for invalid bytes; return text unchanged.

    For messages and names only, because text with surrogates cannot be encoded again.

    >>> as_text(b'caf\\xc3\\xa9'), as_text('x')
    ('café', 'x')
    """
    if type(value) is str:
        return value
    if type(value) is bytes:
        return value.decode('utf-8', 'surrogateescape')
    import six

    return six.ensure_text(value, 'utf-8', 'surrogateescape')
