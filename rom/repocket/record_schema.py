"""RecordSchema: the frozen attributes and keys of a model, with a rom schema for its indexes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rom._core.columns import Column, PrimaryKey
from rom._core.encoding.text import as_bytes, as_text, show
from rom._core.indexing.entry_lists import Entries
from rom._core.schema import Schema
from rom._core.schema_builder import build
from rom.exceptions import CorruptRowError, InvalidColumnValue
from rom.repocket.attributes.base import Attribute
from rom.repocket.errors import RepocketUnknownField
from rom.repocket.keys import head_of, index_namespace, stream_key

#: The known fields of a record's hash: JSON by field.
Stored = Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class RecordSchema:
    """The attributes and keys of one model.

    Attributes:
        model: the name of the class.
        name: ``module:Class``, as in keys.
        attributes: all attributes by name, in the order of declaration, bases first.
        primary: the name of the AutoUUID.
    """

    model: str
    name: str
    attributes: Mapping[str, Attribute]
    primary: str

    @cached_property
    def fields(self) -> dict[str, Attribute]:
        """The attributes that are fields of the hash."""
        return {name: a for name, a in self.attributes.items() if not a.is_stream}

    @cached_property
    def streams(self) -> dict[str, Attribute]:
        """The attributes that have a string of their own."""
        return {name: a for name, a in self.attributes.items() if a.is_stream}

    @cached_property
    def uniques(self) -> dict[str, Attribute]:
        """The attributes declared unique, without the id, which is unique in any case."""
        return {name: a for name, a in self.fields.items() if a.unique and name != self.primary}

    @cached_property
    def head(self) -> bytes:
        """The prefix of the records' keys."""
        return head_of(self.name)

    @cached_property
    def wire_fields(self) -> list[bytes]:
        """The names of the fields, as requests send them."""
        return [as_bytes(name) for name in self.fields]

    @cached_property
    def index_schema(self) -> Schema:
        """The rom schema of the indexed attributes: columns, keys and indexes."""
        columns: dict[str, Column[Any]] = {self.primary: PrimaryKey()}
        for name, attribute in self.fields.items():
            if attribute.index and name != self.primary:
                columns[name] = attribute.column()
        for name, column in columns.items():
            column.__set_name__(RecordSchema, name)
        return build(self.model, columns, index_namespace(self.name), None, False)

    @property
    def is_indexed(self) -> bool:
        """True if the model has index entries or unique values to write beside the hash."""
        return bool(self.index_schema.indexes or self.uniques)

    def key(self, id: bytes | uuid.UUID) -> bytes:
        """Return the key of a record's hash."""
        return self.head + (id if isinstance(id, bytes) else as_bytes(str(id)))

    def stream(self, id: bytes | uuid.UUID, name: str) -> bytes:
        """Return the key of a record's stream."""
        return stream_key(self.key(id), name)

    def attribute(self, name: str) -> Attribute:
        """Return the attribute with this name.

        Raises:
            RepocketUnknownField: the model has no such attribute.
        """
        try:
            return self.attributes[name]
        except KeyError:
            raise RepocketUnknownField(
                f'{self.model} has no attribute {show(name)}; it has {", ".join(self.attributes)}'
            ) from None

    def missing(self, name: str) -> Any:
        """Return the value of an attribute that was not set: its default, or its empty value.

        Raises:
            InvalidColumnValue: the attribute does not accept its default; names both.
        """
        try:
            return self.attributes[name].missing()
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self.model}.{name}, its default: {error}') from None

    def cast(self, name: str, value: Any) -> Any:
        """Return a value converted to the type of an attribute.

        Raises:
            RepocketUnknownField, InvalidColumnValue: names the model and the attribute.
        """
        attribute = self.attribute(name)
        try:
            cast = attribute.cast(value)
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self.model}.{name}: {error}') from None
        if cast is None and not attribute.null:
            raise InvalidColumnValue(
                f'{self.model}.{name}: expected a value, got None; to allow None, declare the '
                'attribute with null=True'
            )
        return cast

    def value(self, id: bytes | uuid.UUID, name: str, stored: Stored) -> Any:
        """Return the value of a record's field; a pointer gives a reference.

        Raises:
            CorruptRowError: the field does not decode; names the key and the field.
        """
        attribute = self.fields[name]
        raw = stored.get(name)
        if raw is None:
            return self.missing(name)
        try:
            return attribute.from_json(raw)
        except (ValueError, InvalidColumnValue) as error:
            key = as_text(self.key(id))
            raise CorruptRowError(
                f'{key}, field {show(name)}: expected a stored {type(attribute).__name__}, got '
                f'{show(raw[:80])}: {error}; set the field to a valid value and save, or delete '
                'the record',
                key=key,
                column=name,
                value=raw,
            ) from None

    # The index entries and unique values that follow from a hash.

    def entries(self, stored: Stored) -> Entries:
        """Return the index entries of a record. Fields that do not decode have none.

        Raises:
            InvalidColumnValue: a value that no index can hold, such as NaN.
        """
        found: Entries = {}
        for name, index in self.index_schema.indexes.items():
            value = self._indexed(name, stored)
            if value is not None:
                try:
                    found.update(index.entries({name: index.column.check(value)}))
                except InvalidColumnValue as error:
                    raise InvalidColumnValue(f'{self.model}.{error}') from None
        return found

    def _indexed(self, name: str, stored: Stored) -> Any:
        """Return the value to index: the one that a read returns, with the default if it is fixed.

        A default that is a function may return another value each time, so it is not indexed.
        """
        attribute = self.fields[name]
        if name not in stored and callable(attribute.default):
            return None
        try:
            value = self.value(b'', name, stored)
        except CorruptRowError:
            return None
        return None if value is None else attribute.indexed(value)

    def unique_values(self, stored: Stored) -> dict[bytes, bytes]:
        """Return the unique values of a record, by key; an empty one claims nothing."""
        found: dict[bytes, bytes] = {}
        for name, attribute in self.uniques.items():
            if name in stored:
                try:
                    value = self.value(b'', name, stored)
                except CorruptRowError:
                    continue
                identity = b'' if value is None else attribute.identity(value)
                if identity:
                    found[self.index_schema.keys.unique((name,))] = identity
        return found
