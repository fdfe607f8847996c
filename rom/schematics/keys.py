"""Homes: the keys of a model in Redis.

They follow from `__prefix__`, `__key_pattern__`, `key` and `__set_key__` of the model. Each of them
may be a property that reads fields. So a home is made from an instance. A search has none, so it
makes one with the defaults and the values of its conditions.
"""

from __future__ import annotations

import re
from typing import Any

from rom._core.encoding.text import as_bytes, as_text

_SPECIAL = re.compile(rb'([\[\]*?\\])')
# Placeholder for the primary key, by which `Home` finds what stands before and after it in a key.
# It is made of private characters, which no program uses in keys.
_MARK = '\ue000pk\ue000'


class Home:
    """The keys of a model's objects, as one instance gives them.

    Attributes:
        model: the model.
        prefix: the value of `__prefix__`.
        set_key: the key of the one hash, or the prefix of several hashes, in layers with hashes.
    """

    __slots__ = ('_head', '_tail', 'model', 'prefix', 'set_key')

    def __init__(self, instance: Any) -> None:
        self.model = type(instance)
        self.prefix: str = instance.__prefix__
        self.set_key = as_bytes(getattr(instance, '__set_key__', self.prefix))
        values = instance._data.converted
        before = values.get('pk', _MARK)
        values['pk'] = _MARK
        try:
            key = instance.key
        finally:
            if before is _MARK:
                del values['pk']
            else:
                values['pk'] = before
        head, mark, tail = as_text(key).partition(_MARK)
        if not mark:
            raise TypeError(
                f'{self.model.__name__}.key: expected a key that contains the primary key, got '
                f'{key!r}'
            )
        self._head, self._tail = as_bytes(head), as_bytes(tail)

    def key(self, pk: str, *field: str) -> bytes:
        """Return the key of an object, or of one of its fields."""
        return b':'.join((self._head + as_bytes(pk) + self._tail, *map(as_bytes, field)))

    def hash(self, field: str) -> bytes:
        """Return the key of the hash that has one field of all objects."""
        return self.set_key + b':' + as_bytes(field)

    def pk_of(self, key: bytes, *field: str) -> str | None:
        """Return the primary key in a key, or None if the key has another form."""
        tail = b':'.join((self._tail, *map(as_bytes, field)))
        if not key.startswith(self._head) or not key.endswith(tail):
            return None
        found = key[len(self._head) : len(key) - len(tail)]
        try:
            return found.decode('utf-8') or None
        except UnicodeDecodeError:
            return None

    def pattern(self, *field: str) -> bytes:
        """Return the SCAN pattern for the keys of objects."""
        tail = b':'.join((self._tail, *map(as_bytes, field)))
        return _escaped(self._head) + b'*' + _escaped(tail)


def _escaped(text: bytes) -> bytes:
    return _SPECIAL.sub(rb'\\\1', text)
