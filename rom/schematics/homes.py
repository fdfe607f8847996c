"""Homes: the names of a model's keys in Redis.

They come from what a model says (`__prefix__`, `__key_pattern__`, `key`, `__set_key__`), any of
which may be a property that looks at fields. So an instance is asked; where there is none, one that
has the defaults, and what a call says of the fields.
"""

from __future__ import annotations

import re
from typing import Any

from rom.encoding.text import as_bytes, as_text

_SPECIAL = re.compile(rb'([\[\]*?\\])')
# Stands for the primary key while the form of the keys is found out. No key of a program has it.
_MARK = '\ue000pk\ue000'


class Home:
    """Where a model's objects are, as seen from one instance.

    Attributes:
        model: the model.
        prefix: what `__prefix__` says.
        set_key: the one hash, in layers that have one, or what the names of several begin with.
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
                f'{self.model.__name__}.key must hold the primary key, and {key!r} does not'
            )
        self._head, self._tail = as_bytes(head), as_bytes(tail)

    def key(self, pk: str, *field: str) -> bytes:
        """The key of an object, or of one of its fields."""
        return b':'.join((self._head + as_bytes(pk) + self._tail, *map(as_bytes, field)))

    def hash(self, field: str) -> bytes:
        """The hash that has one field of all objects."""
        return self.set_key + b':' + as_bytes(field)

    def pk_of(self, key: bytes, *field: str) -> str | None:
        """The primary key in a key; None where the key has another form."""
        tail = b':'.join((self._tail, *map(as_bytes, field)))
        if not key.startswith(self._head) or not key.endswith(tail):
            return None
        found = key[len(self._head) : len(key) - len(tail)]
        try:
            return found.decode('utf-8') or None
        except UnicodeDecodeError:
            return None

    def pattern(self, *field: str) -> bytes:
        """What SCAN is asked for."""
        tail = b':'.join((self._tail, *map(as_bytes, field)))
        return _escaped(self._head) + b'*' + _escaped(tail)


def _escaped(text: bytes) -> bytes:
    return _SPECIAL.sub(rb'\\\1', text)
