"""Keys of records, as repocket names them, and of their indexes, which repocket does not have.

The keys of indexes have another prefix, so that repocket itself, which scans for all keys of a
model, does not take them for records.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from rom._core.encoding.text import as_bytes, as_text, show

PREFIX = 'repocket'
_ID = '????????-????-????-????-????????????'
_SPECIAL = str.maketrans({sign: f'\\{sign}' for sign in '\\*?[]^-'})


def name_of(model: type[object]) -> str:
    """Return the name of a model in keys, ``module:Class``."""
    return f'{model.__module__}:{model.__name__}'


def head_of(name: str) -> bytes:
    """Return the prefix of the keys of a model's records.

    >>> head_of('blog:Post')
    b'repocket:blog:Post:'
    """
    return as_bytes(f'{PREFIX}:{name}:')


def index_namespace(name: str) -> str:
    """Return the namespace of a model's index keys."""
    return f'rom:{PREFIX}:{name}'


def pattern_of(name: str) -> bytes:
    """Return the SCAN pattern for a model's records; few other keys match it.

    >>> pattern_of('blog:Post')
    b'repocket:blog:Post:????????-????-????-????-????????????'
    """
    return as_bytes(f'{PREFIX}:{name.translate(_SPECIAL)}:{_ID}')


def stream_key(key: bytes, field: str) -> bytes:
    """Return the key of a ByteStream's string, given the key of the record."""
    return key + b':field:' + as_bytes(field)


def as_id(raw: bytes) -> bytes | None:
    """Return the id if the part of a key after the prefix is one, else None.

    >>> as_id(b'5f3c6f38-9d4b-11ee-b962-0242ac120002'), as_id(b'body:a-word:idx')
    (b'5f3c6f38-9d4b-11ee-b962-0242ac120002', None)
    """
    try:
        return raw if str(uuid.UUID(as_text(raw))) == as_text(raw).lower() else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Reference:
    """Reference to a record: the value of a pointer.

    Attributes:
        name: the name of the model, as of `name_of`.
        id: the id of the record.
    """

    name: str
    id: uuid.UUID

    @property
    def key(self) -> str:
        """The key of the record's hash, which is what a pointer stores."""
        return f'{PREFIX}:{self.name}:{self.id}'

    @classmethod
    def parse(cls, key: str) -> Reference:
        """Return the reference to the record with this key.

        Raises:
            ValueError: the text is not the key of a record.

        >>> Reference.parse('repocket:blog:Post:5f3c6f38-9d4b-11ee-b962-0242ac120002').name
        'blog:Post'
        """
        parts = key.split(':')
        if len(parts) != 4 or parts[0] != PREFIX:
            raise ValueError(f'expected a key {PREFIX}:MODULE:CLASS:ID, got {show(key)}')
        try:
            id = uuid.UUID(parts[3])
        except ValueError:
            raise ValueError(f'expected a key that ends in a UUID, got {show(key)}') from None
        return cls(f'{parts[1]}:{parts[2]}', id)
