"""Attributes for UUIDs and for the ids of records."""

from __future__ import annotations

import uuid
from typing import Any

from rom._core import columns
from rom._core.encoding.keygens import IDENTITY
from rom.repocket.attributes.base import Attribute, text_from


class UUID(Attribute):
    """Attribute of UUIDs; their text is accepted, too."""

    base_type = uuid.UUID
    empty = None
    has_null_words = True

    def _cast(self, value: Any) -> uuid.UUID:
        if isinstance(value, uuid.UUID):
            return value
        if isinstance(value, (str, bytes)):
            return uuid.UUID(text_from(value))
        self.refuse(value, 'a UUID or its text')

    def _write(self, value: uuid.UUID) -> bytes:
        return str(value).encode('ascii')

    def _read(self, text: bytes) -> uuid.UUID:
        return uuid.UUID(text_from(text))

    def column(self) -> columns.Column[Any]:
        return columns.Text(index=True, keygen=IDENTITY)

    def indexed(self, value: Any) -> Any:
        return str(value)


class AutoUUID(UUID):
    """Id of a record; a new record gets one from ``uuid.uuid1`` at once."""

    def missing(self) -> Any:
        return uuid.uuid1() if self.default is None else super().missing()
