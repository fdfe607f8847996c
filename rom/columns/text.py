"""Strings: text, and bytes."""

from __future__ import annotations

from typing import Any

from rom.columns.base import Column
from rom.encoding.keygens import IDENTITY, IDENTITY_STRING
from rom.encoding.plain import plain
from rom.encoding.text import as_bytes
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


class String(Column[bytes]):
    """Bytes. Text is taken as latin-1.

    Raises:
        UnicodeEncodeError: text that latin-1 cannot say is set.

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
        return string.encode('latin-1') if isinstance(string, str) else string

    def encode(self, value: bytes) -> bytes:
        return value.decode('latin-1').encode('utf-8')

    def decode(self, raw: bytes) -> bytes:
        return raw.decode('utf-8').encode('latin-1')
