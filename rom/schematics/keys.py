"""Keys: the keys of a model in Redis, and the primary keys of its objects.

The keys follow from `__prefix__`, `__key_pattern__`, `key` and `__set_key__` of the model. Each of
them may be a property that reads fields. So keys are made from an instance. A search has none, so
it makes one with the defaults and the values of its conditions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schematics.undefined import Undefined

from rom._core.encoding.text import as_bytes, as_text
from rom.schematics.fields import fields_of

_SPECIAL = re.compile(rb'([\[\]*?\\])')
# Placeholder for the primary key, by which `ModelKeys` finds what stands before and after it in a
# key. It is made of private characters, which no program uses in keys.
_MARK = '\ue000pk\ue000'


class ModelKeys:
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


def pk_of_object(instance: Any) -> str | None:
    """Return the primary key: `pk`, else `id`, else the fields that are unique together.

    Returns None if none of them has a value, or if a field of the group lacks one.
    """
    return _pk_of(type(instance), instance._data)


def pk_of_clauses(model: Any, given: Mapping[str, Any]) -> str | None:
    """Return the primary key of objects with these values, or None if the values do not tell it."""
    fields = fields_of(model)
    if given.get('pk') in (None, '') and fields.pk.type.default not in (None, Undefined):
        return None
    if given.get('id') is None and 'id' in fields.by_name and given.get('pk') is None:
        return None
    return _pk_of(model, given)


def _pk_of(model: Any, values: Mapping[str, Any]) -> str | None:
    for name in ('pk', 'id'):
        value = values.get(name)
        if value is not None and value != '':
            return str(value)
    names = unique_together(model)
    parts = [values.get(name) for name in names]
    if not names or any(part is None for part in parts):
        return None
    by_name = fields_of(model).by_name
    pairs = zip(names, parts, strict=True)
    return '.'.join(str(by_name[name].type.to_primitive(value)) for name, value in pairs)


def unique_together(model: Any) -> tuple[str, ...]:
    """Return the names of the fields that are unique together.

    Raises:
        TypeError: the model has no such field.
    """
    found = model.__unique_together__ or model.__unique_args__
    names = (found,) if isinstance(found, str) else tuple(found)
    for name in names:
        if name not in fields_of(model).by_name:
            raise TypeError(
                f'{model.__name__}.__unique_together__: expected names of fields, got {name!r}'
            )
    return names
