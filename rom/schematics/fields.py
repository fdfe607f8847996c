"""Fields: the stored fields of a schematics model, and their encoding as bytes.

redis-schematics stores `to_primitive()` as JSON. A layer that stores each field by itself keeps
strings unchanged, and encodes all other values as JSON, so that a number is its digits. A field
without a value is not stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schematics.types import BaseType

from rom._core.encoding.text import as_bytes, show
from rom.exceptions import CorruptRowError


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model.

    Attributes:
        name: the name in Python.
        stored: the name in Redis: the serialized name, if it has one.
        type: the schematics type.
        is_text: the primitive is a string.
    """

    name: str
    stored: str
    type: Any
    is_text: bool

    def encode(self, value: Any) -> bytes | None:
        """Encode a primitive; None stays None.

        Raises:
            InvalidColumnValue: the text cannot be encoded as UTF-8.
        """
        if value is None:
            return None
        return as_bytes(value if self.is_text and isinstance(value, str) else json.dumps(value))

    def decode(self, raw: bytes | None, key: str) -> Any:
        """Decode a stored primitive.

        Raises:
            CorruptRowError: the bytes do not decode.
        """
        if raw is None:
            return None
        try:
            return raw.decode('utf-8') if self.is_text else json.loads(raw)
        except ValueError as error:
            raise corrupt(key, self.stored, raw, error) from None


class ModelFields:
    """The fields of one model."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model
        self.by_name = {
            name: Field(name, kind.serialized_name or name, kind, kind.primitive_type is str)
            for name, kind in model._schema.fields.items()
            if isinstance(kind, BaseType)
        }

    @cached_property
    def by_stored_name(self) -> dict[str, Field]:
        """The fields by their names in Redis, the primary key first."""
        fields = sorted(self.by_name.values(), key=lambda field: field.name != 'pk')
        return {field.stored: field for field in fields}

    @property
    def pk(self) -> Field:
        """The field of the primary key.

        Raises:
            TypeError: the model does not declare it.
        """
        found = self.by_name.get('pk')
        if found is None:
            raise TypeError(
                f'{self.model.__name__} has no field pk: declare pk = types.StringType(); set() '
                'fills it in'
            )
        return found


def fields_of(model: type[Any]) -> ModelFields:
    """Return the fields of a model; computed once."""
    found = model.__dict__.get('_rom_fields')
    if found is None or len(model._schema.fields) != found[0]:
        found = (len(model._schema.fields), ModelFields(model))
        model._rom_fields = found
    fields: ModelFields = found[1]
    return fields


def corrupt(key: str, column: str | None, raw: bytes, why: object) -> CorruptRowError:
    """Return the error for bytes that do not decode."""
    where = f'{key}, field {column!r}' if column else key
    return CorruptRowError(
        f'{where}: {show(raw)} does not decode ({why}); store the object again, or delete the key',
        key=key,
        column=column,
        value=raw,
    )
