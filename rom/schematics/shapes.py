"""Shapes: what of a schematics model is stored, and how a single field becomes bytes.

`to_primitive()` is what redis-schematics stores, as JSON. Where each field is stored by itself, a
string is stored as it is, and everything else as JSON, so that a number is its digits. What has no
value is not stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schematics.types import BaseType

from rom.encoding.text import as_bytes, show
from rom.exceptions import CorruptRowError


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: in Python.
        stored: in Redis; the serialized name, where it has one.
        type: its schematics type.
        is_text: its primitive is a string.
    """

    name: str
    stored: str
    type: Any
    is_text: bool

    def encode(self, value: Any) -> bytes | None:
        """A primitive as it is stored; None where there is none.

        Raises:
            InvalidColumnValue: text that UTF-8 cannot say.
        """
        if value is None:
            return None
        return as_bytes(value if self.is_text and isinstance(value, str) else json.dumps(value))

    def decode(self, raw: bytes | None, key: str) -> Any:
        """The primitive that was stored.

        Raises:
            CorruptRowError: it is none.
        """
        if raw is None:
            return None
        try:
            return raw.decode('utf-8') if self.is_text else json.loads(raw)
        except ValueError as error:
            raise corrupt(key, self.stored, raw, error) from None


class Shape:
    """The fields of one model."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model
        self.fields = {
            name: Field(name, kind.serialized_name or name, kind, kind.primitive_type is str)
            for name, kind in model._schema.fields.items()
            if isinstance(kind, BaseType)
        }

    @cached_property
    def stored(self) -> dict[str, Field]:
        """The fields by the names that they have in Redis; the primary key first."""
        fields = sorted(self.fields.values(), key=lambda field: field.name != 'pk')
        return {field.stored: field for field in fields}

    @property
    def pk(self) -> Field:
        """The primary key's field.

        Raises:
            TypeError: the model declares none.
        """
        found = self.fields.get('pk')
        if found is None:
            raise TypeError(
                f'{self.model.__name__} has no field pk: declare pk = types.StringType(), which is '
                'filled in'
            )
        return found


def shape_of(model: type[Any]) -> Shape:
    """The shape of a model; worked out once."""
    found = model.__dict__.get('_shape')
    if found is None or len(model._schema.fields) != found[0]:
        found = (len(model._schema.fields), Shape(model))
        model._shape = found
    shape: Shape = found[1]
    return shape


def corrupt(key: str, column: str | None, raw: bytes, why: object) -> CorruptRowError:
    """The error for something that does not decode."""
    where = f'{key}, field {column!r}' if column else key
    return CorruptRowError(
        f'{where}: {show(raw)} cannot be read ({why}); store the object again, or delete the key',
        key=key,
        column=column,
        value=raw,
    )
