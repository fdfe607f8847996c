"""The keys of records, as repocket named them, and those of their indexes, which are new.

The indexes stand under a name of their own, so that a program of old, which looks for all keys of a
model, does not meet them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rom.encoding.text import as_bytes, as_text, show

if TYPE_CHECKING:
    from rom.repocket.record import ActiveRecord

PREFIX = 'repocket'
_ID = '????????-????-????-????-????????????'
_SPECIAL = str.maketrans({sign: f'\\{sign}' for sign in '\\*?[]^-'})


def name_of(model: type[ActiveRecord]) -> str:
    """What the keys of a model call it."""
    return f'{model.__module__}:{model.__name__}'


def head_of(name: str) -> bytes:
    """What the keys of a model's records begin with.

    >>> head_of('blog:Post')
    b'repocket:blog:Post:'
    """
    return as_bytes(f'{PREFIX}:{name}:')


def index_namespace(name: str) -> str:
    """The N of rom's index keys, for the indexes of a model."""
    return f'rom:{PREFIX}:{name}'


def pattern_of(name: str) -> bytes:
    """What SCAN finds a model's records by, and next to nothing else.

    >>> pattern_of('blog:Post')
    b'repocket:blog:Post:????????-????-????-????-????????????'
    """
    return as_bytes(f'{PREFIX}:{name.translate(_SPECIAL)}:{_ID}')


def stream_key(key: bytes, field: str) -> bytes:
    """The string of a ByteStream of the record with this key."""
    return key + b':field:' + as_bytes(field)


def as_id(raw: bytes) -> bytes | None:
    """The id in a key behind the head; None for what is none.

    >>> as_id(b'5f3c6f38-9d4b-11ee-b962-0242ac120002'), as_id(b'body:a-word:idx')
    (b'5f3c6f38-9d4b-11ee-b962-0242ac120002', None)
    """
    try:
        return raw if str(uuid.UUID(as_text(raw))) == as_text(raw).lower() else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Reference:
    """Which record a pointer means.

    Attributes:
        name: the model, as `name_of` has it.
        id: the record's.
    """

    name: str
    id: uuid.UUID

    @property
    def key(self) -> str:
        """The key of the record's hash: what is stored."""
        return f'{PREFIX}:{self.name}:{self.id}'

    @classmethod
    def parse(cls, key: str) -> Reference:
        """Read a key.

        Raises:
            ValueError: it is none.

        >>> Reference.parse('repocket:blog:Post:5f3c6f38-9d4b-11ee-b962-0242ac120002').name
        'blog:Post'
        """
        parts = key.split(':')
        if len(parts) != 4 or parts[0] != PREFIX:
            raise ValueError(f'{show(key)} is no key of a record, {PREFIX}:MODULE:CLASS:ID')
        try:
            id = uuid.UUID(parts[3])
        except ValueError:
            raise ValueError(f'{show(key)} ends in no id of a record') from None
        return cls(f'{parts[1]}:{parts[2]}', id)
