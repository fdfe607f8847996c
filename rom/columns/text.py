"""Strings: text, and bytes."""

from __future__ import annotations

from typing import Any

from rom.columns.base import Column
from rom.encoding.keygens import IDENTITY, IDENTITY_STRING
from rom.encoding.plain import plain
from rom.encoding.text import as_bytes, show
from rom.exceptions import InvalidColumnValue


class Text(Column[str]):
    """Unicode text, stored as UTF-8.

    Example::

        name = rom.Text(index=True, keygen=rom.FULL_TEXT, prefix=True)
    """

    accepts = str
    kind = 'a str, or bytes of UTF-8'
    is_string = True
    whole = staticmethod(IDENTITY)
    can_be_unique = True

    def check(self, value: Any) -> str:
        if type(value) is str and value.isascii():
            return value  # as most are
        given = plain(value)
        if isinstance(given, bytes):
            try:
                return given.decode('utf-8')
            except UnicodeDecodeError:
                self.refuse(value)
        text: str = given if isinstance(given, str) else super().check(value)
        try:
            as_bytes(text)
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self.name or "Text"}: {error}') from None
        return text

    def encode(self, value: str) -> bytes:
        return value.encode('utf-8')

    def decode(self, raw: bytes) -> str:
        return raw.decode('utf-8')


class NoLatin1(InvalidColumnValue, UnicodeEncodeError):
    """Text that latin-1 cannot say was set in a `String`."""

    def __init__(self, name: str, text: str, error: UnicodeEncodeError) -> None:
        UnicodeEncodeError.__init__(
            self, error.encoding, text, error.start, error.end, error.reason
        )
        self.message = (
            f'{name}: {show(text)}: at position {error.start} is {show(text[error.start])}, which '
            'is not in latin-1; encode the text to bytes first, or declare the column as Text'
        )

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Any:
        error = UnicodeEncodeError(*self.args)
        return type(self), (self.message.partition(':')[0], self.object, error)


class String(Column[bytes]):
    """Bytes. Text is taken as latin-1.

    Raises:
        InvalidColumnValue: text that latin-1 cannot say is set. It is a UnicodeEncodeError, too.

    Example::

        digest = rom.String(unique=True)
    """

    accepts = (bytes, str)
    kind = 'bytes, or a str of latin-1'
    is_string = True
    whole = staticmethod(IDENTITY_STRING)
    can_be_unique = True

    def check(self, value: Any) -> bytes:
        if type(value) is bytes:
            return value  # as most are
        string: bytes | str = plain(super().check(value))
        if not isinstance(string, str):
            return string
        try:
            return string.encode('latin-1')
        except UnicodeEncodeError as error:
            raise NoLatin1(self.name or 'String', string, error) from None

    def encode(self, value: bytes) -> bytes:
        return value.decode('latin-1').encode('utf-8')

    def decode(self, raw: bytes) -> bytes:
        return raw.decode('utf-8').encode('latin-1')
