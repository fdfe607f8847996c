"""Primary keys: how they follow from the fields of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schematics.undefined import Undefined

from rom.schematics.fields import shape_of


def own_pk(instance: Any) -> str | None:
    """Return the primary key: `pk`, else `id`, else the fields that are unique together.

    Returns None if none of them has a value, or if a field of the group lacks one.
    """
    return _pk_of(type(instance), instance._data)


def asked_pk(model: Any, given: Mapping[str, Any]) -> str | None:
    """Return the primary key of objects with these values, or None if the values do not tell it."""
    shape = shape_of(model)
    if given.get('pk') in (None, '') and shape.pk.type.default not in (None, Undefined):
        return None
    if given.get('id') is None and 'id' in shape.fields and given.get('pk') is None:
        return None
    return _pk_of(model, given)


def _pk_of(model: Any, values: Mapping[str, Any]) -> str | None:
    for name in ('pk', 'id'):
        value = values.get(name)
        if value is not None and value != '':
            return str(value)
    names = unique_group(model)
    parts = [values.get(name) for name in names]
    if not names or any(part is None for part in parts):
        return None
    fields = shape_of(model).fields
    pairs = zip(names, parts, strict=True)
    return '.'.join(str(fields[name].type.to_primitive(value)) for name, value in pairs)


def unique_group(model: Any) -> tuple[str, ...]:
    """Return the names of the fields that are unique together.

    Raises:
        TypeError: the model has no such field.
    """
    found = model.__unique_together__ or model.__unique_args__
    names = (found,) if isinstance(found, str) else tuple(found)
    for name in names:
        if name not in shape_of(model).fields:
            raise TypeError(
                f'{model.__name__}.__unique_together__: expected names of fields, got {name!r}'
            )
    return names
