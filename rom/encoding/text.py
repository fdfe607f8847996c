"""Where text or bytes come in from outside: the one place that asks which of the two it was."""

from __future__ import annotations

from rom.exceptions import InvalidColumnValue

_SHOWN = 200


class NoUTF8(InvalidColumnValue):
    """Text that UTF-8 cannot store."""


def as_bytes(value: str | bytes) -> bytes:
    """UTF-8 for text; bytes as they are.

    Raises:
        InvalidColumnValue: text that UTF-8 cannot say (a lone surrogate).

    >>> as_bytes('é'), as_bytes(b'\\xff')
    (b'\\xc3\\xa9', b'\\xff')
    """
    if type(value) is bytes:
        return value
    try:
        return value.encode('utf-8') if type(value) is str else _binary(value)
    except UnicodeEncodeError as error:
        raise NoUTF8(
            f'{value!r} holds a lone surrogate at position {error.start}, '
            'which UTF-8 cannot store; replace or remove it'
        ) from None


def _binary(value: str | bytes) -> bytes:
    import six  # few programs have text or bytes of a class of their own

    return six.ensure_binary(value, 'utf-8')


def show(value: object) -> str:
    """A value as a message shows it: no longer than helps, and whatever it is.

    >>> show('x'), len(show('x' * 10_000)), show(10**5000)
    ("'x'", 200, '<an int>')
    """
    try:
        shown = repr(value)
    except Exception:
        # More digits than Python writes, lists too deep, a __repr__ with a bug.
        return f'<{"an" if type(value).__name__[0] in "aeiou" else "a"} {type(value).__name__}>'
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 4] + ' ...'


def as_text(value: str | bytes) -> str:
    """Text as it is; bytes read as UTF-8, and what is none of it kept with surrogates.

    For messages and names only: what it returns need not encode again.

    >>> as_text(b'caf\\xc3\\xa9'), as_text('x')
    ('café', 'x')
    """
    if type(value) is str:
        return value
    if type(value) is bytes:
        return value.decode('utf-8', 'surrogateescape')
    import six

    return six.ensure_text(value, 'utf-8', 'surrogateescape')
