"""Attributes: the types of a record's fields."""

from rom.repocket.attributes.base import Attribute
from rom.repocket.attributes.ids import UUID, AutoUUID
from rom.repocket.attributes.json import JSON
from rom.repocket.attributes.numbers import Decimal, Float, Integer
from rom.repocket.attributes.pointer import Pointer
from rom.repocket.attributes.temporal import DateTime
from rom.repocket.attributes.text import Bytes, ByteStream, Unicode

__all__ = [
    'Attribute',
    'AutoUUID',
    'ByteStream',
    'Bytes',
    'DateTime',
    'Decimal',
    'Float',
    'Integer',
    'JSON',
    'Pointer',
    'UUID',
    'Unicode',
]
