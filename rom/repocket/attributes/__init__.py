"""Attributes: the types of a record's fields."""

from rom.repocket.attributes.base import Attribute
from rom.repocket.attributes.references import UUID, AutoUUID, Pointer
from rom.repocket.attributes.values import (
    JSON,
    Bytes,
    ByteStream,
    DateTime,
    Decimal,
    Float,
    Integer,
    Unicode,
)

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
