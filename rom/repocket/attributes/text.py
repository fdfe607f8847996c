"""Text and bytes."""

from __future__ import annotations

from typing import Any, NoReturn

from rom.columns import Column, Text
from rom.encoding.keygens import IDENTITY
from rom.encoding.text import as_bytes
from rom.exceptions import InvalidOperation
from rom.repocket.attributes.base import Attribute


class Unicode(Attribute):
    """Text."""

    base_type = str
    empty = ''

    def _cast(self, value: Any) -> str:
        if isinstance(value, str):
            as_bytes(value)
            return value
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        self.refuse(value, 'str, or bytes of such text')

    def _write(self, value: str) -> bytes:
        return as_bytes(value)

    def _read(self, text: bytes) -> str:
        return text.decode('utf-8')

    def column(self) -> Column[Any]:
        return Text(index=True, keygen=IDENTITY)


class Bytes(Attribute):
    """Bytes, of any values. Text is taken as well, and written in the attribute's encoding."""


class ByteStream(Attribute):
    """Bytes that grow: a string of its own, which ``record.append_NAME(data)`` appends to.

    It is read when it is first asked for, and what others have appended since is in the next
    reading, of ``Model.objects.get``.

    Example::

        class Build(ActiveRecord):
            stdout = attributes.ByteStream()

        build.append_stdout(b'done\\n')
    """

    can_be_indexed = False
    is_stream = True

    def column(self) -> NoReturn:
        raise InvalidOperation(f'{self.name}: a ByteStream has no index')
