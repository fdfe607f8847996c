"""Attributes for text and bytes."""

from __future__ import annotations

from typing import Any, NoReturn

from rom._core.columns import Column, Text
from rom._core.encoding.keygens import IDENTITY
from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidOperation
from rom.repocket.attributes.base import Attribute


class Unicode(Attribute):
    """Attribute of str; bytes are decoded."""

    base_type = str
    empty = ''

    def _cast(self, value: Any) -> str:
        if isinstance(value, str):
            as_bytes(value)
            return value
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        self.refuse(value, 'str or bytes')

    def _write(self, value: str) -> bytes:
        return as_bytes(value)

    def _read(self, text: bytes) -> str:
        return text.decode('utf-8')

    def column(self) -> Column[Any]:
        return Text(index=True, keygen=IDENTITY)


class Bytes(Attribute):
    """Attribute of bytes; text is encoded with the attribute's encoding."""


class ByteStream(Attribute):
    """Attribute of bytes with a key of its own, to which ``record.append_NAME(data)`` appends.

    It is loaded on first access. To see what other programs have appended since, load the record
    again with ``Model.objects.get``.

    Example::

        class Build(ActiveRecord):
            stdout = attributes.ByteStream()

        build.append_stdout(b'done\\n')
    """

    can_be_indexed = False
    is_stream = True

    def column(self) -> NoReturn:
        raise InvalidOperation(f'{self.name}: a ByteStream has no index')
