"""Layout: what a model's class body says, frozen; what of it is indexed, as rom's own schema."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rom.columns import Column, PrimaryKey
from rom.encoding.text import as_bytes, as_text, show
from rom.exceptions import CorruptRowError, InvalidColumnValue
from rom.members import Entries
from rom.repocket.attributes import Attribute, AutoUUID
from rom.repocket.errors import RepocketUnknownField
from rom.repocket.keys import head_of, index_namespace, stream_key
from rom.schema import Schema, build

#: A record's hash, as far as it is known: JSON by field.
Stored = Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class Layout:
    """One model's attributes and keys.

    Attributes:
        model: the class's name.
        name: ``module:Class``, as keys have it.
        attributes: all of them by name, in the order of declaration, bases first.
        primary: the name of the AutoUUID.
    """

    model: str
    name: str
    attributes: Mapping[str, Attribute]
    primary: str

    @cached_property
    def fields(self) -> dict[str, Attribute]:
        """Those that are in the hash."""
        return {name: a for name, a in self.attributes.items() if not a.is_stream}

    @cached_property
    def streams(self) -> dict[str, Attribute]:
        """Those that have a string of their own."""
        return {name: a for name, a in self.attributes.items() if a.is_stream}

    @cached_property
    def uniques(self) -> dict[str, Attribute]:
        """Those whose values are unique. The id is by itself."""
        return {name: a for name, a in self.fields.items() if a.unique and name != self.primary}

    @cached_property
    def head(self) -> bytes:
        """What the keys of the records begin with."""
        return head_of(self.name)

    @cached_property
    def wire_fields(self) -> list[bytes]:
        """The fields to read."""
        return [as_bytes(name) for name in self.fields]

    @cached_property
    def schema(self) -> Schema:
        """rom's columns, keys and indexes for what is indexed here."""
        columns: dict[str, Column[Any]] = {self.primary: PrimaryKey()}
        for name, attribute in self.fields.items():
            if attribute.index and name != self.primary:
                columns[name] = attribute.column()
        for name, column in columns.items():
            column.__set_name__(Layout, name)
        return build(self.model, columns, index_namespace(self.name), None, False)

    @property
    def is_indexed(self) -> bool:
        """A write of a record may have to write more than its hash."""
        return bool(self.schema.indexes or self.uniques)

    def key(self, id: bytes | uuid.UUID) -> bytes:
        """The key of a record's hash."""
        return self.head + (id if isinstance(id, bytes) else as_bytes(str(id)))

    def stream(self, id: bytes | uuid.UUID, name: str) -> bytes:
        """The key of a record's stream."""
        return stream_key(self.key(id), name)

    def attribute(self, name: str) -> Attribute:
        """The attribute of a name.

        Raises:
            RepocketUnknownField: there is none.
        """
        try:
            return self.attributes[name]
        except KeyError:
            raise RepocketUnknownField(
                f'{self.model} has no attribute {show(name)}; it has {", ".join(self.attributes)}'
            ) from None

    def missing(self, name: str) -> Any:
        """What an attribute is that was given no value.

        Raises:
            InvalidColumnValue: its default is none of its values; names model and attribute.
        """
        try:
            return self.attributes[name].missing()
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self.model}.{name}, its default: {error}') from None

    def cast(self, name: str, value: Any) -> Any:
        """A value as an attribute has it.

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
                f'{self.model}.{name}: None is no value of it; declare it with null=True'
            )
        return cast

    def value(self, id: bytes | uuid.UUID, name: str, stored: Stored) -> Any:
        """What a field of a record says, a pointer as a reference.

        Raises:
            CorruptRowError: nothing that the attribute writes; names the key and the field.
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
                f'{key}, field {show(name)}: the stored {show(raw[:80])} is no '
                f'{type(attribute).__name__}: {error}; set the field to a good value and save, or '
                'delete the record',
                key=key,
                column=name,
                value=raw,
            ) from None

    # What a hash implies in the indexes.

    def entries(self, stored: Stored) -> Entries:
        """The index entries of a record. What does not decode has none.

        Raises:
            InvalidColumnValue: a value that no index can hold, such as NaN.
        """
        found: Entries = {}
        for name, index in self.schema.indexes.items():
            value = self._indexed(name, stored)
            if value is not None:
                try:
                    found.update(index.entries({name: index.column.check(value)}))
                except InvalidColumnValue as error:
                    raise InvalidColumnValue(f'{self.model}.{error}') from None
        return found

    def _indexed(self, name: str, stored: Stored) -> Any:
        """The value to index: what reading it gives, so that a search finds what it says."""
        attribute = self.fields[name]
        if name not in stored and callable(attribute.default):
            return None
        try:
            value = self.value(b'', name, stored)
        except CorruptRowError:
            return None
        return None if value is None else attribute.indexed(value)

    def unique_values(self, stored: Stored) -> dict[bytes, bytes]:
        """The unique values of a record, by the key of their hash. Empty ones take nothing."""
        found: dict[bytes, bytes] = {}
        for name, attribute in self.uniques.items():
            if name in stored:
                try:
                    value = self.value(b'', name, stored)
                except CorruptRowError:
                    continue
                identity = b'' if value is None else attribute.identity(value)
                if identity:
                    found[self.schema.keys.unique((name,))] = identity
        return found


def is_id(attribute: Attribute) -> bool:
    """Whether this is the id of a record."""
    return isinstance(attribute, AutoUUID)
